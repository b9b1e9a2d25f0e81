package main

import (
	"context"
	"fmt"
	"io"
	"log/slog"
	"os"
	"os/signal"
	"strings"
	"sync/atomic"
	"syscall"

	"github.com/prometheus/client_golang/prometheus"
	"github.com/prometheus/client_golang/prometheus/promauto"

	"zoom-attendance/sidecar/zoom"
)

// maxSecretFile is the longest file of secrets, in bytes: more is another file.
const maxSecretFile = 64 << 10

// secrets are the webhook secrets as they are now. A request takes the whole
// list once, so that it never sees half a change.
type secrets struct {
	file     string // empty: they came from the environment and stay
	now      atomic.Pointer[[]zoom.Secret]
	reread   chan os.Signal
	log      *slog.Logger
	reloaded *prometheus.CounterVec
}

// newSecrets are those of the settings. From here on a SIGHUP does not end the
// process.
func newSecrets(c Config, log *slog.Logger, metrics prometheus.Registerer) *secrets {
	s := &secrets{file: c.WebhookSecretFile, reread: make(chan os.Signal, 1), log: log}
	s.now.Store(&c.WebhookSecrets)
	s.reloaded = promauto.With(metrics).NewCounterVec(prometheus.CounterOpts{
		Name: "sidecar_secrets_reloaded_total",
		Help: "Times that SIGHUP had the webhook secrets read again, by result: ok, or kept for the old ones.",
	}, []string{"result"})
	signal.Notify(s.reread, syscall.SIGHUP)
	return s
}

// current is the list, newest first.
func (s *secrets) current() []zoom.Secret { return *s.now.Load() }

// run reads the file again on every SIGHUP until ctx ends.
func (s *secrets) run(ctx context.Context) error {
	for {
		select {
		case <-s.reread:
			s.reload()
		case <-ctx.Done():
			return nil
		}
	}
}

// reload takes what the file holds now. With any fault the old ones stay.
func (s *secrets) reload() {
	if s.file == "" {
		s.log.Warn("SIGHUP changes nothing: set ZOOM_WEBHOOK_SECRET_FILE for secrets that can be read again")
		return
	}
	list, err := readSecrets(s.file)
	if err != nil {
		s.reloaded.WithLabelValues("kept").Inc()
		s.log.Error("the webhook secrets could not be read again; the old ones stay", zoom.LogError, err)
		return
	}
	s.now.Store(&list)
	s.reloaded.WithLabelValues("ok").Inc()
	s.log.Info("the webhook secrets were read again", zoom.LogSecrets, len(list))
}

// readSecrets reads a file of secrets: newest first, with commas or white space
// between. Its error never quotes the file.
func readSecrets(path string) ([]zoom.Secret, error) {
	f, err := os.Open(path)
	if err != nil {
		return nil, err
	}
	defer func() { _ = f.Close() }()
	text, err := io.ReadAll(io.LimitReader(f, maxSecretFile+1))
	if err != nil {
		return nil, err
	}
	if len(text) > maxSecretFile {
		return nil, fmt.Errorf("%s is longer than %d bytes", path, maxSecretFile)
	}
	var list []zoom.Secret
	for _, word := range strings.FieldsFunc(string(text), func(r rune) bool { return strings.ContainsRune(", \t\r\n", r) }) {
		list = append(list, zoom.Secret(word))
	}
	if len(list) == 0 {
		return nil, fmt.Errorf("%s holds no secret", path)
	}
	return list, nil
}

// takeSecrets reads ZOOM_WEBHOOK_SECRET_FILE into the settings, if it is set,
// and takes the blanks off a list such as "new, old".
func (c *Config) takeSecrets() (faults []string) {
	for i, secret := range c.WebhookSecrets {
		c.WebhookSecrets[i] = zoom.Secret(strings.TrimSpace(string(secret)))
	}
	if c.WebhookSecretFile == "" {
		return nil
	}
	if c.hasSecrets() {
		return []string{"ZOOM_WEBHOOK_SECRET_FILE is set, and ZOOM_WEBHOOK_SECRET too: one of them is enough"}
	}
	list, err := readSecrets(c.WebhookSecretFile)
	if err != nil {
		return []string{fmt.Sprintf("ZOOM_WEBHOOK_SECRET_FILE cannot be read: %v", err)}
	}
	c.WebhookSecrets = list
	return nil
}
