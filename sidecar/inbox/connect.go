package inbox

import (
	"context"
	"fmt"
	"log/slog"
	"net/url"
	"strings"
	"time"

	"github.com/nats-io/nats.go"
	"github.com/nats-io/nats.go/jetstream"

	"zoom-attendance/sidecar/zoom"
)

const (
	connectWait = 5 * time.Second
	greatest    = 1 << 20 // bytes of the greatest event that the door lets in
	headerRoom  = 1 << 10 // bytes that our headers may take beside it
)

// connect opens the connection to the embedded server or to the cluster.
// While a connection is lost nothing is buffered: Accept fails at once.
func (b *Inbox) connect() (err error) {
	options := []nats.Option{
		nats.Name("zoom-attendance inbox"),
		nats.Timeout(connectWait),
		nats.MaxReconnects(-1),
		nats.ReconnectBufSize(-1),
		nats.NoCallbacksAfterClientClose(),
		nats.DisconnectErrHandler(b.disconnected),
		nats.ReconnectHandler(b.reconnected),
		nats.ErrorHandler(b.asyncError),
	}
	if b.dir != nil {
		options = append(options, nats.InProcessServer(b.dir.server))
	}
	if b.nc, err = nats.Connect(b.options.URL, options...); err != nil {
		return fmt.Errorf("%w: connect to %s: %w; see that it runs and that NATS_URL is right", ErrUnavailable, b.where(), err)
	}
	if most := b.nc.MaxPayload(); most < greatest+headerRoom {
		return fmt.Errorf("%s takes messages of %d bytes at most, one event may need %d; raise its max_payload to 2MB",
			b.where(), most, greatest+headerRoom)
	}
	b.js, err = jetstream.New(b.nc, jetstream.WithDefaultTimeout(publishWait))
	return err
}

// where names the store in errors: the directory, or the servers without
// their passwords.
func (b *Inbox) where() string {
	if b.dir != nil {
		return b.dir.path
	}
	names := strings.Split(b.options.URL, ",")
	for i, name := range names {
		if u, err := url.Parse(strings.TrimSpace(name)); err == nil && u.Host != "" {
			names[i] = u.Host
		} else {
			names[i] = "the servers of NATS_URL"
		}
	}
	return strings.Join(names, ", ")
}

func (b *Inbox) disconnected(_ *nats.Conn, err error) {
	if err == nil { // we closed it
		return
	}
	b.log.LogAttrs(context.Background(), slog.LevelWarn, "inbox lost its connection, reconnecting",
		slog.String(zoom.LogServer, b.where()), slog.String(zoom.LogError, err.Error()))
}

func (b *Inbox) reconnected(*nats.Conn) {
	b.log.LogAttrs(context.Background(), slog.LevelInfo, "inbox is connected again", slog.String(zoom.LogServer, b.where()))
}

func (b *Inbox) asyncError(_ *nats.Conn, _ *nats.Subscription, err error) {
	b.log.LogAttrs(context.Background(), slog.LevelWarn, "inbox connection error",
		slog.String(zoom.LogServer, b.where()), slog.String(zoom.LogError, err.Error()))
}
