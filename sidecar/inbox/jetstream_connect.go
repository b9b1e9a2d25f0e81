package inbox

import (
	"context"
	"errors"
	"fmt"
	"net/url"
	"strings"
	"time"

	"github.com/nats-io/nats.go"
	"github.com/nats-io/nats.go/jetstream"

	"zoom-attendance/sidecar/zoom"
)

const (
	connectTimeout = 5 * time.Second
	answerTimeout  = 8 * time.Second // for one answer of the servers
	maxEvent       = 1 << 20         // bytes of the largest event that the door lets in
	maxHeaders     = 4 << 10         // bytes of its headers
	consumerName   = "relay"
	formatKey      = "zoom-attendance-format" // in the metadata of each stream
	format         = "1"
)

// connect connects to the servers. While a connection is lost nothing is buffered:
// what needs it fails at once.
func (in *jetStreamInbox) connect() (err error) {
	in.nc, err = nats.Connect(in.options.URL,
		nats.Name("zoom-attendance inbox"),
		nats.Timeout(connectTimeout),
		nats.MaxReconnects(-1),
		nats.ReconnectWait(time.Second),
		nats.ReconnectBufSize(-1),
		nats.NoCallbacksAfterClientClose(),
		nats.DisconnectErrHandler(func(_ *nats.Conn, err error) {
			if err != nil { // else we closed it
				in.log.Warn("inbox lost its connection, reconnecting", zoom.LogServer, in.where, zoom.LogError, withoutURL(err))
			}
		}),
		nats.ReconnectHandler(func(*nats.Conn) {
			in.log.Info("inbox is connected again", zoom.LogServer, in.where)
		}),
		nats.ErrorHandler(func(_ *nats.Conn, _ *nats.Subscription, err error) {
			in.log.Warn("inbox connection error", zoom.LogServer, in.where, zoom.LogError, withoutURL(err))
		}))
	if err != nil {
		return fmt.Errorf("%w: connect to %s: %w; see that it runs and that NATS_URL is right", ErrUnavailable, in.where, withoutURL(err))
	}
	if most := in.nc.MaxPayload(); most < maxEvent+maxHeaders {
		return fmt.Errorf("%w: %s takes messages of %d bytes at most, one event may need %d; raise its max_payload to 2MB",
			ErrUnavailable, in.where, most, maxEvent+maxHeaders)
	}
	in.js, err = jetstream.New(in.nc, jetstream.WithDefaultTimeout(answerTimeout), jetstream.WithPublishAsyncTimeout(answerTimeout))
	return err
}

// serversOf names the servers of a URL in logs and errors, without users and passwords.
func serversOf(urls string) string {
	names := strings.Split(urls, ",")
	for i, name := range names {
		if name = strings.TrimSpace(name); !strings.Contains(name, "://") {
			name = "nats://" + name
		}
		names[i] = "a server of NATS_URL"
		if u, err := url.Parse(name); err == nil && u.Host != "" {
			names[i] = u.Host
		}
	}
	return strings.Join(names, ", ")
}

// withoutURL is an error that does not quote the URL, which may hold a password.
func withoutURL(err error) error {
	if _, ok := errors.AsType[*url.Error](err); ok {
		return errors.New("not a URL")
	}
	return err
}

// streamConfigs are the four streams in the order in which they are made: the one that
// Accept needs comes last.
func streamConfigs(o Options) []jetstream.StreamConfig {
	config := func(name, subjects string) jetstream.StreamConfig {
		return jetstream.StreamConfig{
			Name: name, Subjects: []string{subjects + ">"}, Storage: jetstream.FileStorage, Replicas: o.Replicas,
			MaxBytes: o.MaxBytes, Discard: jetstream.DiscardNew, Retention: jetstream.LimitsPolicy,
			Duplicates: min(2*time.Minute, o.Retention), Metadata: map[string]string{formatKey: format},
		}
	}
	dead := config(streamDead, subjectDead)
	done := config(streamDone, subjectDone)
	done.Discard, done.MaxAge = jetstream.DiscardOld, o.Retention
	later := config(streamLater, subjectLater)
	later.Retention = jetstream.WorkQueuePolicy
	events := config(streamEvents, subjectWait)
	events.Retention = jetstream.WorkQueuePolicy
	return []jetstream.StreamConfig{dead, done, later, events}
}

// openStreams finds the streams, or makes them if there are none.
func (in *jetStreamInbox) openStreams(ctx context.Context) error {
	configs := streamConfigs(in.options)
	found := map[string]*jetstream.StreamInfo{}
	var missing []string
	for _, c := range configs {
		s, err := in.js.Stream(ctx, c.Name)
		switch {
		case errors.Is(err, jetstream.ErrStreamNotFound):
			missing = append(missing, c.Name)
		case err != nil:
			return fmt.Errorf("%w: look for stream %s at %s: %w", ErrUnavailable, c.Name, in.where, err)
		default:
			found[c.Name] = s.CachedInfo()
		}
	}
	if err := in.checkStreams(configs, found, missing); err != nil {
		return err
	}
	in.made = len(missing) > 0
	for _, c := range configs {
		s, err := in.js.CreateOrUpdateStream(ctx, c)
		if err != nil {
			return fmt.Errorf("%w: make stream %s with %d copies at %s: %w", ErrUnavailable, c.Name, c.Replicas, in.where, err)
		}
		in.streams[c.Name] = s
	}
	return in.checkNumbers(ctx)
}

// checkStreams refuses streams of somebody else, and too few of them. A start that was
// broken off while it made them, which nothing was kept in yet, goes on.
func (in *jetStreamInbox) checkStreams(configs []jetstream.StreamConfig, found map[string]*jetstream.StreamInfo, missing []string) error {
	used := false
	for _, c := range configs {
		info := found[c.Name]
		if info == nil {
			continue
		}
		used = used || info.State.LastSeq > 0
		if info.Config.Retention != c.Retention || info.Config.Metadata[formatKey] != format {
			return fmt.Errorf("%w: stream %s at %s was not made by this version of the sidecar; "+
				"delete it if nothing in it is needed, or give the sidecar an account of its own", ErrVersion, c.Name, in.where)
		}
	}
	if used && len(missing) > 0 {
		return fmt.Errorf("%w: %s missing at %s while other streams of the inbox are there; "+
			"restore what is missing from a backup (nats stream restore), or give up what was in it and delete the others: %s",
			ErrDamaged, strings.Join(missing, ", "), in.where, strings.Join(namesOf(found), ", "))
	}
	return nil
}

func namesOf(found map[string]*jetstream.StreamInfo) (names []string) {
	for _, name := range []string{streamEvents, streamLater, streamDone, streamDead} {
		if found[name] != nil {
			names = append(names, name)
		}
	}
	return names
}

// checkNumbers refuses a ZOOM_EVENTS that ends before an event which the other streams
// have: it was made anew, or an older copy of it was put back.
func (in *jetStreamInbox) checkNumbers(ctx context.Context) error {
	last := in.streams[streamEvents].CachedInfo().State.LastSeq
	for _, name := range []string{streamLater, streamDone, streamDead} {
		s := in.streams[name]
		if s.CachedInfo().State.Msgs == 0 {
			continue
		}
		m, err := s.GetMsg(ctx, s.CachedInfo().State.LastSeq)
		if errors.Is(err, jetstream.ErrMsgNotFound) {
			continue // it went just now
		}
		if err != nil {
			return fmt.Errorf("%w: read stream %s at %s: %w", ErrUnavailable, name, in.where, err)
		}
		if number := readRaw(name, m).number; number > last {
			return fmt.Errorf("%w: stream %s at %s ends with event %d, but %s has event %d; events were lost with it: "+
				"restore it from a backup (nats stream restore), or give them up and delete all four streams",
				ErrDamaged, streamEvents, in.where, last, name, number)
		}
	}
	return nil
}

// consumer is the one that all processes share.
func (in *jetStreamInbox) consumer(ctx context.Context, stream string) (jetstream.Consumer, error) {
	c := jetstream.ConsumerConfig{
		Durable: consumerName, AckPolicy: jetstream.AckExplicitPolicy, AckWait: in.options.AckWait, MaxAckPending: maxInFlight,
	}
	if stream == streamLater {
		c.MaxAckPending = -1 // all of them wait there for their time
	}
	consumer, err := in.js.CreateOrUpdateConsumer(ctx, stream, c)
	if err != nil {
		return nil, fmt.Errorf("%w: make the consumer of stream %s at %s: %w", ErrUnavailable, stream, in.where, err)
	}
	return consumer, nil
}
