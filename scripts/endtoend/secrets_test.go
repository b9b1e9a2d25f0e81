package endtoend_test

import (
	"bytes"
	"context"
	"fmt"
	"io"
	"net/http"
	"net/http/httptrace"
	"os"
	"path/filepath"
	"strconv"
	"sync"
	"sync/atomic"
	"syscall"
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"zoom-attendance/sidecar/zoom"
)

const (
	oldSecret = zoom.Secret("invented-old-secret")
	newSecret = zoom.Secret("invented-new-secret")
)

// signers post events as fast as they can, signed with any of the secrets that
// Zoom has at the time.
type signers struct {
	url      string
	client   *http.Client
	mu       sync.RWMutex // held for reading while an event is on its way
	secrets  []zoom.Secret
	answered atomic.Int64
	dialled  atomic.Int64
	progress chan struct{}
}

func (s *signers) run(ctx context.Context, t *testing.T, stop <-chan struct{}) {
	for n := 0; ; n++ {
		select {
		case <-stop:
			return
		default:
		}
		s.mu.RLock()
		secret := s.secrets[n%len(s.secrets)]
		status, err := s.post(ctx, secret)
		s.mu.RUnlock()
		if err != nil || status != http.StatusOK {
			t.Errorf("an event signed as it should be was answered %d, %v", status, err)
			return
		}
		s.answered.Add(1)
		select {
		case s.progress <- struct{}{}:
		default:
		}
	}
}

func (s *signers) post(ctx context.Context, secret zoom.Secret) (status int, err error) {
	ctx = httptrace.WithClientTrace(ctx, &httptrace.ClientTrace{GotConn: func(got httptrace.GotConnInfo) {
		if !got.Reused {
			s.dialled.Add(1)
		}
	}})
	timestamp := strconv.FormatInt(time.Now().Unix(), 10)
	request, err := http.NewRequestWithContext(ctx, http.MethodPost, s.url, bytes.NewReader([]byte(started)))
	if err != nil {
		return 0, err
	}
	request.Header.Set(zoom.HeaderTimestamp, timestamp)
	request.Header.Set(zoom.HeaderSignature, zoom.Sign(secret, timestamp, []byte(started)))
	response, err := s.client.Do(request)
	if err != nil {
		return 0, err
	}
	defer func() { _ = response.Body.Close() }()
	_, err = io.Copy(io.Discard, response.Body)
	return response.StatusCode, err
}

// sign changes what Zoom signs with; nothing signed otherwise is on its way
// when it returns.
func (s *signers) sign(secrets ...zoom.Secret) {
	s.mu.Lock()
	defer s.mu.Unlock()
	s.secrets = secrets
}

// some returns when so many more events were answered.
func (s *signers) some(ctx context.Context, t *testing.T) {
	for range 50 {
		wait(ctx, t, s.progress)
	}
}

func TestASecretIsChangedUnderLoadAndNothingIsLost(t *testing.T) {
	const senders = 8
	ctx, cancel := context.WithTimeout(t.Context(), time.Minute)
	defer cancel()
	p := newSidecar(t, "http://127.0.0.1:1", "sb_secret_invented")
	file := filepath.Join(t.TempDir(), "secrets")
	write := func(text string) { require.NoError(t, os.WriteFile(file, []byte(text), 0o600)) }
	p.env = append(p.env, "ZOOM_WEBHOOK_SECRET=", "ZOOM_WEBHOOK_SECRET_FILE="+file)
	write(string(oldSecret) + "\n")
	p.start(ctx, t)

	s := &signers{url: p.url, secrets: []zoom.Secret{oldSecret}, progress: make(chan struct{}, 1),
		client: &http.Client{Transport: &http.Transport{MaxIdleConnsPerHost: senders}}}
	defer s.client.CloseIdleConnections()
	stop := make(chan struct{})
	var running sync.WaitGroup
	for range senders {
		running.Go(func() { s.run(ctx, t, stop) })
	}
	s.some(ctx, t)

	write(fmt.Sprintf("%s,\n%s\n", string(newSecret), string(oldSecret)))
	p.signal(t, syscall.SIGHUP)
	p.hears(ctx, t, 1, "secrets=2")
	s.sign(oldSecret, newSecret)
	s.some(ctx, t)

	write("\n")
	p.signal(t, syscall.SIGHUP)
	p.hears(ctx, t, 1, "could not be read again")
	s.some(ctx, t)

	s.sign(newSecret)
	write(string(newSecret))
	p.signal(t, syscall.SIGHUP)
	p.hears(ctx, t, 1, "secrets=1")
	s.some(ctx, t)
	status, err := s.post(ctx, oldSecret)
	require.NoError(t, err)
	require.Equal(t, http.StatusUnauthorized, status, "the old one is good no longer")

	close(stop)
	running.Wait()
	require.LessOrEqual(t, s.dialled.Load(), int64(senders+1), "no connection was closed")
	p.stop(t)
	require.NotContains(t, p.said(), string(oldSecret))
	require.NotContains(t, p.said(), string(newSecret))
	said, code := p.offline(ctx, t, "", "inbox", "check")
	require.Zero(t, code, said)
	require.Contains(t, said, fmt.Sprintf(" %d events waiting", s.answered.Load()), "every answered one is kept")
}

func TestSighupWithoutAFileOfSecretsDoesNothing(t *testing.T) {
	ctx, cancel := context.WithTimeout(t.Context(), time.Minute)
	defer cancel()
	p := startSidecar(ctx, t, "http://127.0.0.1:1", "sb_secret_invented")
	p.signal(t, syscall.SIGHUP)
	p.hears(ctx, t, 1, "SIGHUP changes nothing")
	p.deliver(ctx, t, []byte(started))
	p.stop(t)
}
