package main

import (
	"bytes"
	"context"
	"encoding/base64"
	"io"
	"net/http"
	"net/http/httptest"
	"net/http/httputil"
	"net/url"
	"os"
	"path/filepath"
	"strconv"
	"strings"
	"testing"
	"time"

	"github.com/nats-io/nats-server/v2/server"
	"github.com/stretchr/testify/require"

	"zoom-attendance/scripts/stack/stacktest"
	"zoom-attendance/sidecar/inbox"
	"zoom-attendance/sidecar/operator/doctor"
)

func TestEachFaultOfTheSettingsIsALineAndHidesOnlyWhatLeansOnIt(t *testing.T) {
	t.Parallel()
	p := stacktest.NewProject(t)
	all := examined(t, settingsOf(t, p), doctor.Question{})
	for _, c := range []struct {
		set     string
		skipped []string
	}{
		{"ZOOM_WEBHOOK_SECRET=", nil},
		{"LOG_FORMAT=prose", nil},
		{"SIGNATURE_WINDOW=never", []string{"clock"}},
		{"INBOX_MAX_BYTES=1", []string{"inbox", "free space", "sync speed"}},
		{"ATTENDANCE_TIMEZONE=Mars", []string{"round trip", "own rows"}},
		{"SUPABASE_URL=school", []string{"project", "clock", "key", "database", "migrations", "functions", "grants", "row security",
			"primary keys", "policies", "guards", "realtime", "attendance", "risks", "round trip", "own rows", "meetings"}},
	} {
		t.Run(c.set, func(t *testing.T) {
			r := examined(t, settingsOf(t, p, c.set), doctor.Question{})
			name, _, _ := strings.Cut(c.set, "=")
			found := ill(t, r, doctor.Failed, "settings")
			require.Contains(t, found.Faults[0].Reason, name)
			require.Contains(t, found.Faults[0].Remedy, name)
			var skipped []string
			for _, f := range r.Findings {
				if f.State == doctor.Skipped {
					skipped = append(skipped, f.Check)
					require.Contains(t, f.Says, name)
				}
			}
			require.ElementsMatch(t, c.skipped, skipped)
			require.Len(t, r.Findings, len(all.Findings))
		})
	}
	r := examined(t, settingsOf(t, p, "PORT=0", "LOG_FORMAT=prose"), doctor.Question{})
	require.Equal(t, doctor.Failed, r.Findings[0].State)
	require.Equal(t, doctor.Failed, r.Findings[1].State)
	require.Equal(t, []string{"settings"}, r.Failures())
}

func TestTheInboxIsTriedAndLeftAsItWas(t *testing.T) {
	t.Parallel()
	p := stacktest.NewProject(t)
	inTheWay := filepath.Join(t.TempDir(), "file")
	require.NoError(t, os.WriteFile(inTheWay, nil, 0o600))

	found := ill(t, examined(t, settingsOf(t, p, "INBOX_DIR="+inTheWay+"/inbox"), doctor.Question{}), doctor.Failed, "inbox")
	require.Contains(t, found.Faults[0].Reason, inTheWay)
	require.Contains(t, found.Faults[0].Remedy, "INBOX_DIR")

	above := t.TempDir()
	dir := filepath.Join(above, "inbox")
	settings := settingsOf(t, p, "INBOX_DIR="+dir)
	well(t, examined(t, settings, doctor.Question{}))
	require.Empty(t, names(t, above), "it is not made")

	kept, err := inbox.Open(t.Context(), inbox.Options{Dir: dir})
	require.NoError(t, err)
	require.NoError(t, kept.Accept(t.Context(), inbox.Event{Body: []byte(`{"event":"one"}`)}))
	before := names(t, dir)
	r := examined(t, settings, doctor.Question{})
	well(t, r)
	require.Contains(t, said(r, "inbox"), "a running sidecar has it open")
	require.Equal(t, before, names(t, dir))
	require.NoError(t, kept.Close(t.Context()))

	r = examined(t, settings, doctor.Question{})
	well(t, r)
	require.Contains(t, said(r, "inbox"), "whole")

	require.NoError(t, os.Remove(filepath.Join(dir, "inbox.db")))
	found = ill(t, examined(t, settings, doctor.Question{}), doctor.Failed, "inbox")
	require.Contains(t, found.Faults[0].Reason, "damaged: inbox.db is missing")
	require.Contains(t, found.Faults[0].Remedy, "sidecar inbox check")
}

// The same with the servers of NATS_URL.
func TestServersAreTriedAndLeftAsTheyWere(t *testing.T) {
	t.Parallel()
	p := stacktest.NewProject(t)
	running, err := server.NewServer(&server.Options{Host: "127.0.0.1", Port: server.RANDOM_PORT, JetStream: true, StoreDir: t.TempDir(), MaxPayload: 4 << 20, NoSigs: true})
	require.NoError(t, err)
	running.Start()
	t.Cleanup(func() { running.Shutdown(); running.WaitForShutdown() })
	require.True(t, running.ReadyForConnections(30*time.Second))
	settings := settingsOf(t, p, "NATS_URL="+running.ClientURL())

	found := ill(t, examined(t, settings, doctor.Question{}), doctor.Look, "inbox")
	require.Contains(t, found.Faults[0].Reason, "do not tell whether they sync always")
	kept, err := running.Jsz(nil)
	require.NoError(t, err)
	require.Zero(t, kept.Streams, "none is left")

	found = ill(t, examined(t, append(settings, "NATS_REPLICAS=3"), doctor.Question{}), doctor.Failed, "inbox")
	require.Contains(t, found.Faults[0].Remedy, "NATS_REPLICAS")
	found = ill(t, examined(t, append(settings, "NATS_URL=nats://operator:hunter2@127.0.0.1:1"), doctor.Question{}), doctor.Failed, "inbox")
	require.Contains(t, found.Faults[0].Remedy, "NATS_URL")
	require.NotContains(t, found.Faults[0].Reason, "hunter2")
}

// names are those of a directory.
func names(t *testing.T, dir string) (names []string) {
	entries, err := os.ReadDir(dir)
	require.NoError(t, err)
	for _, e := range entries {
		names = append(names, e.Name())
	}
	return names
}

func TestTheDiskIsJudged(t *testing.T) {
	t.Parallel()
	p := stacktest.NewProject(t)
	with := func(spoil func(*inbox.Trial)) doctor.Report {
		return examined(t, settingsOf(t, p), doctor.Question{}, func(place *doctor.Place) {
			try := place.Store
			place.Store = func(ctx context.Context) (inbox.Trial, error) {
				s, err := try(ctx)
				spoil(&s)
				return s, err
			}
		})
	}
	well(t, with(func(*inbox.Trial) {}))
	found := ill(t, with(func(s *inbox.Trial) { s.Free = 10 << 20 }), doctor.Failed, "free space")
	require.Contains(t, found.Faults[0].Reason, "10 MiB left")
	ill(t, with(func(s *inbox.Trial) { s.Sync = 2e8 }), doctor.Look, "sync speed")
	found = ill(t, examined(t, settingsOf(t, p, "INBOX_MAX_BYTES=1152921504606846976"), doctor.Question{}), doctor.Look, "free space")
	require.Contains(t, found.Faults[0].Remedy, "INBOX_MAX_BYTES")
}

func TestAKeyOfTheWrongKindIsNamed(t *testing.T) {
	t.Parallel()
	p := stacktest.NewProject(t)
	claim := func(claims string) string { return "x." + base64.RawURLEncoding.EncodeToString([]byte(claims)) + ".x" }
	for _, c := range []struct{ sentence, key, check, reason string }{
		{"a publishable one where the secret one belongs", "SUPABASE_SECRET_KEY=" + p.PublishableKey, "settings", "SUPABASE_SECRET_KEY does not begin sb_secret_"},
		{"a publishable one in the other place", "SUPABASE_SERVICE_ROLE_KEY=" + p.PublishableKey, "key", "publishable"},
		{"the legacy key of visitors", "SUPABASE_SERVICE_ROLE_KEY=" + p.AnonKey, "key", `"anon"`},
		{"one that ran out", "SUPABASE_SERVICE_ROLE_KEY=" + claim(`{"role":"service_role","exp":1700000000}`), "key", "ran out on 14 November 2023"},
		{"one that is none", "SUPABASE_SERVICE_ROLE_KEY=hunter2", "key", "neither"},
		{"one that was revoked", "SUPABASE_SECRET_KEY=sb_secret_of-nobody", "key", "revoked"},
		{"a legacy one that is not genuine", "SUPABASE_SERVICE_ROLE_KEY=" + claim(`{"role":"service_role"}`), "key", "revoked"},
	} {
		t.Run(c.sentence, func(t *testing.T) {
			r := examined(t, settingsOf(t, p, "SUPABASE_SECRET_KEY=", c.key), doctor.Question{As: "maria@school.test"})
			require.Contains(t, ill(t, r, doctor.Failed, c.check).Faults[0].Reason, c.reason)
		})
	}
	other := examined(t, settingsOf(t, p, "SUPABASE_URL=https://abcdefgh.supabase.co", "SUPABASE_SECRET_KEY=",
		"SUPABASE_SERVICE_ROLE_KEY="+claim(`{"role":"service_role","ref":"hgfedcba"}`)), doctor.Question{})
	require.Contains(t, ill(t, other, doctor.Failed, "key").Faults[0].Reason, "it is of the project hgfedcba")

	legacy := examined(t, settingsOf(t, p, "SUPABASE_SECRET_KEY=", "SUPABASE_SERVICE_ROLE_KEY="+p.ServiceRoleKey), doctor.Question{})
	require.Contains(t, ill(t, legacy, doctor.Look, "key").Faults[0].Reason, "until the end of 2026")
}

// spoiled is a project behind something that spoils one thing about it.
func spoiled(t *testing.T, p *stacktest.Project, rewrite func(*http.Request), answer func(*http.Response) error) string {
	to, err := url.Parse(p.URL)
	require.NoError(t, err)
	pool := &http.Transport{}
	front := httptest.NewServer(&httputil.ReverseProxy{
		Transport: pool,
		Rewrite: func(r *httputil.ProxyRequest) {
			r.SetURL(to)
			if rewrite != nil {
				rewrite(r.Out)
			}
		},
		ModifyResponse: answer,
	})
	t.Cleanup(func() { front.Close(); pool.CloseIdleConnections() })
	return "SUPABASE_URL=" + front.URL
}

func TestWhatStandsBeforeTheProjectIsNamed(t *testing.T) {
	t.Parallel()
	p := stacktest.NewProject(t)
	date := func(by time.Duration) func(*http.Response) error {
		return func(r *http.Response) error {
			r.Header.Set("Date", time.Now().UTC().Add(by).Format(http.TimeFormat))
			return nil
		}
	}
	instead := func(path, kind, body string, status int) func(*http.Response) error {
		return func(r *http.Response) error {
			if strings.Contains(r.Request.URL.Path, path) {
				_ = r.Body.Close()
				r.StatusCode, r.Body, r.ContentLength = status, io.NopCloser(strings.NewReader(body)), int64(len(body))
				r.Header.Set("Content-Type", kind)
				r.Header.Set("Content-Length", strconv.Itoa(len(body)))
				r.Header.Set("Location", "https://elsewhere.test/")
			}
			return nil
		}
	}
	older := func(r *http.Response) error {
		body, err := io.ReadAll(r.Body)
		body = bytes.Replace(body, []byte(`"version":"1`), []byte(`"version":"9.1`), 1)
		r.Body, r.ContentLength = io.NopCloser(bytes.NewReader(body)), int64(len(body))
		r.Header.Set("Content-Length", strconv.Itoa(len(body)))
		return err
	}
	for _, c := range []struct {
		sentence string
		rewrite  func(*http.Request)
		answer   func(*http.Response) error
		state    doctor.State
		check    string
		reason   string
	}{
		{"our clock is behind", nil, date(5 * time.Minute), doctor.Failed, "clock", "behind Supabase's"},
		{"our clock is ahead", nil, date(-5 * time.Minute), doctor.Failed, "clock", "ahead of"},
		{"our clock begins to differ", nil, date(time.Minute), doctor.Look, "clock", "behind"},
		{"the time is not told", nil, func(r *http.Response) error { r.Header.Set("Date", "soon"); return nil }, doctor.Look, "clock", "does not tell"},
		{"a browser seems to ask", func(r *http.Request) { r.Header.Set("User-Agent", "Mozilla/5.0") }, nil, doctor.Failed, "key", "does not take it"},
		{"somebody else answers", nil, instead("/", "text/html", "<h1>Welcome</h1>", 200), doctor.Failed, "project", "the answer is not PostgREST's"},
		{"it is redirected", nil, instead("/", "text/html", "", 301), doctor.Failed, "project", "301"},
		{"there is no Data API", nil, instead("/", "application/json", "{}", 404), doctor.Failed, "project", "404"},
		{"the project is over its quota", nil, instead("/", "application/json", "{}", 402), doctor.Failed, "project", "quota"},
		{"it describes nothing", nil, func(r *http.Response) error {
			if r.Request.URL.Path == "/rest/v1/" {
				return instead("/", "application/json", `{"code":"PGRST126","message":"Root endpoint metadata is disabled"}`, 404)(r)
			}
			return nil
		}, doctor.OK, "project", ""},
		{"the database has trouble", nil, instead("inspect_zoom_project", "application/json", `{"code":"57P03"}`, 503), doctor.Failed, "database", "57P03"},
		{"PostgREST is old", nil, older, doctor.Look, "project", "9.1"},
	} {
		t.Run(c.sentence, func(t *testing.T) {
			var q doctor.Question
			if c.state == doctor.Failed && c.check != "clock" {
				q.As = "nobody@school.test" // which nobody gets to ask
			}
			r := examined(t, settingsOf(t, p, spoiled(t, p, c.rewrite, c.answer)), q)
			if c.state == doctor.OK {
				well(t, r)
				return
			}
			found := ill(t, r, c.state, c.check)
			require.Contains(t, found.Faults[0].Reason, c.reason)
		})
	}
	ill(t, examined(t, settingsOf(t, p, "SUPABASE_URL=http://127.0.0.1:1"), doctor.Question{}), doctor.Failed, "project")
	ill(t, examined(t, settingsOf(t, p, "SUPABASE_URL="+p.URL+"/rest/v1"), doctor.Question{}), doctor.Failed, "project")
	p.StopPostgREST()
	ill(t, examined(t, settingsOf(t, p), doctor.Question{}), doctor.Failed, "project")
}
