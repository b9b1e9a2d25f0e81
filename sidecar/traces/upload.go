package traces

import (
	"bytes"
	"context"
	"errors"
	"fmt"
	"io"
	"net/http"
	"net/url"
	"strconv"
	"time"

	"github.com/cenkalti/backoff/v5"
	"go.opentelemetry.io/proto/otlp/trace/v1"
	"google.golang.org/protobuf/proto"
)

const (
	tryTimeout = 10 * time.Second // of one request
	maxAnswer  = 64 << 10         // of an answer that is read on, to keep the connection
	maxWait    = 30 * time.Second // that a collector may ask for
)

// uploader brings spans to a collector: otlptrace's Client. It tries again what may
// succeed later, until the context ends or closing is closed.
// https://opentelemetry.io/docs/specs/otlp/#otlphttp
type uploader struct {
	address string
	headers http.Header
	client  *http.Client
	closing chan struct{}
}

// Start does nothing: a collector that is down is weather.
func (u *uploader) Start(context.Context) error { return nil }

// Stop lets go of the connections.
func (u *uploader) Stop(context.Context) error {
	u.client.CloseIdleConnections()
	return nil
}

// UploadTraces sends spans. A message of type TracesData is, byte for byte, the
// request that a collector takes.
func (u *uploader) UploadTraces(ctx context.Context, spans []*v1.ResourceSpans) error {
	body, err := proto.Marshal(&v1.TracesData{ResourceSpans: spans})
	if err != nil {
		return fmt.Errorf("write spans: %w", err)
	}
	waits := backoff.NewExponentialBackOff()
	for {
		again, wait, err := u.send(ctx, body)
		if err == nil || !again {
			return err
		}
		select {
		case <-time.After(max(wait, waits.NextBackOff())):
		case <-u.closing:
			return err
		case <-ctx.Done():
			return err
		}
	}
}

// send makes one request, and says whether another may succeed.
func (u *uploader) send(ctx context.Context, body []byte) (again bool, wait time.Duration, err error) {
	ctx, cancel := context.WithTimeout(ctx, tryTimeout)
	defer cancel()
	request, err := http.NewRequestWithContext(ctx, http.MethodPost, u.address, bytes.NewReader(body))
	if err != nil {
		return false, 0, errors.New("the address is none")
	}
	request.Header = u.headers.Clone()
	request.Header.Set("Content-Type", "application/x-protobuf")
	request.Header.Set("User-Agent", "zoom-attendance-sidecar")
	response, err := u.client.Do(request)
	if err != nil {
		return true, 0, cause(err)
	}
	defer func() { _ = response.Body.Close() }()
	_, _ = io.Copy(io.Discard, io.LimitReader(response.Body, maxAnswer))
	switch s := response.StatusCode; s {
	case http.StatusTooManyRequests, http.StatusBadGateway, http.StatusServiceUnavailable, http.StatusGatewayTimeout:
		seconds, _ := strconv.Atoi(response.Header.Get("Retry-After")) // none, or a date: our own
		return true, min(max(time.Duration(seconds), 0)*time.Second, maxWait), fmt.Errorf("the collector answered %d", s)
	default:
		if s < 200 || s >= 300 {
			return false, 0, fmt.Errorf("the collector answered %d", s)
		}
		return false, 0, nil
	}
}

// cause is an error without the address, which somebody's key may be a part of.
func cause(err error) error {
	if e, ok := errors.AsType[*url.Error](err); ok {
		return e.Err
	}
	return err
}
