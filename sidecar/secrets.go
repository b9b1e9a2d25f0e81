package main

import (
	"context"
	"fmt"
	"io"
	"log/slog"
	"os"
	"os/signal"
	"reflect"
	"slices"
	"strings"
	"sync/atomic"
	"syscall"
	"unicode"

	"github.com/prometheus/client_golang/prometheus"
	"github.com/prometheus/client_golang/prometheus/promauto"

	"zoom-attendance/sidecar/zoom"
)

// howQuotes says where the quotes around a secret come from.
const howQuotes = "an env file kept what was around it, as docker's --env-file does; write the secret alone"

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
	if slices.ContainsFunc(list, isSpoilt) {
		return nil, fmt.Errorf("%s has a quote, or a character that cannot be seen, in a secret: write the secrets alone, one to a line", path)
	}
	return list, nil
}

// isSpoilt says whether a secret holds what none is made with: a quote, a blank or
// a character that cannot be seen, such as the byte order mark of an editor.
func isSpoilt(secret zoom.Secret) bool {
	return strings.ContainsFunc(string(secret), func(r rune) bool {
		return strings.ContainsRune("\"'`", r) || unicode.IsSpace(r) || unicode.In(r, unicode.Pi, unicode.Pf, unicode.Cc, unicode.Cf)
	})
}

// spoiltSecrets names the settings whose secret has quotes or blanks in it. With
// them it is another secret than the one that was meant, and every event and every
// call would be refused.
func (c Config) spoiltSecrets() (faults []string) {
	values := reflect.ValueOf(c)
	for _, field := range reflect.VisibleFields(values.Type()) {
		var list []zoom.Secret
		switch value := values.FieldByIndex(field.Index).Interface().(type) {
		case []zoom.Secret:
			list = value
		case zoom.Secret:
			list = []zoom.Secret{value}
		}
		switch name := field.Tag.Get("env"); {
		case name == "OTEL_EXPORTER_OTLP_HEADERS": // not a secret but a list with secrets in it, checked with the traces
		case slices.ContainsFunc(list, isSpoilt):
			faults = append(faults, name+" has quotes or blanks in it: "+howQuotes)
		}
	}
	return faults
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
