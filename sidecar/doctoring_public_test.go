package main

import (
	"crypto/ecdsa"
	"crypto/elliptic"
	"crypto/rand"
	"crypto/tls"
	"crypto/x509"
	"io"
	"log"
	"math/big"
	"net"
	"net/http"
	"net/http/httptest"
	"net/http/httputil"
	"net/url"
	"strings"
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"zoom-attendance/scripts/stack/stacktest"
	"zoom-attendance/sidecar/operator/doctor"
)

// face is what Zoom meets: a real sidecar behind something that ends TLS.
type face struct {
	url       string
	transport *http.Transport // that knows its certificate
}

// newFace has a handler of the test's before the sidecar, which may answer in its
// place, and a certificate that is good for so long.
func newFace(t *testing.T, to string, good time.Duration, before func(http.ResponseWriter, *http.Request) bool) *face {
	t.Helper()
	target, err := url.Parse(to)
	require.NoError(t, err)
	pool := &http.Transport{}
	sidecar := &httputil.ReverseProxy{Transport: pool, Rewrite: func(r *httputil.ProxyRequest) { r.SetURL(target) }}
	f := &face{}
	server := httptest.NewUnstartedServer(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		if before == nil || !before(w, r) {
			sidecar.ServeHTTP(w, r)
		}
	}))
	certificate := selfSigned(t, good)
	server.TLS = &tls.Config{Certificates: []tls.Certificate{certificate}}
	server.Config.ErrorLog = log.New(io.Discard, "", 0)
	server.StartTLS()
	known := x509.NewCertPool()
	known.AddCert(certificate.Leaf)
	f.url, f.transport = server.URL, &http.Transport{TLSClientConfig: &tls.Config{RootCAs: known}}
	t.Cleanup(func() {
		f.transport.CloseIdleConnections()
		server.Close()
		pool.CloseIdleConnections()
	})
	return f
}

func selfSigned(t *testing.T, good time.Duration) tls.Certificate {
	t.Helper()
	key, err := ecdsa.GenerateKey(elliptic.P256(), rand.Reader)
	require.NoError(t, err)
	template := &x509.Certificate{
		SerialNumber: big.NewInt(1), NotBefore: time.Now().Add(-time.Hour), NotAfter: time.Now().Add(good),
		IPAddresses: []net.IP{net.IPv4(127, 0, 0, 1)}, IsCA: true, BasicConstraintsValid: true,
	}
	der, err := x509.CreateCertificate(rand.Reader, template, template, key.Public(), key)
	require.NoError(t, err)
	leaf, err := x509.ParseCertificate(der)
	require.NoError(t, err)
	return tls.Certificate{Certificate: [][]byte{der}, PrivateKey: key, Leaf: leaf}
}

const aYear = 365 * 24 * time.Hour

func TestWhatZoomMeetsIsJudged(t *testing.T) {
	t.Parallel()
	p := stacktest.NewProject(t)
	// One client fails here more often than Zoom ever would.
	running := p.StartSidecar("MAX_FAILURES=1000", "ZOOM_WEBHOOK_SECRET=newer, "+stacktest.WebhookSecret)
	redirect := func(to string) func(http.ResponseWriter, *http.Request) bool {
		return func(w http.ResponseWriter, r *http.Request) bool {
			w.Header().Set("Location", to)
			w.WriteHeader(http.StatusPermanentRedirect)
			return true
		}
	}
	isUnsigned := func(r *http.Request) bool { return r.Header.Get("X-Zm-Signature") == "" }
	for _, c := range []struct {
		sentence string
		before   func(http.ResponseWriter, *http.Request) bool
		good     time.Duration
		set      string
		state    doctor.State
		check    string // empty: all is well
		reason   string
	}{
		{sentence: "all is well"},
		{sentence: "with either secret", set: "ZOOM_WEBHOOK_SECRET=newer," + stacktest.WebhookSecret},
		{sentence: "every visit is redirected", before: redirect("https://www.sidecar.test/"), state: doctor.Failed, check: "redirect", reason: "308 to https://www.sidecar.test/"},
		{sentence: "a slash too many is", before: func(w http.ResponseWriter, r *http.Request) bool {
			return strings.HasSuffix(r.URL.Path, "/") && redirect("/api/zoom/webhook")(w, r)
		}, state: doctor.Failed, check: "redirect", reason: "308"},
		{sentence: "another secret", set: "ZOOM_WEBHOOK_SECRET=another", state: doctor.Failed, check: "challenge", reason: "another secret"},
		{sentence: "one of two secrets is another", set: "ZOOM_WEBHOOK_SECRET=" + stacktest.WebhookSecret + ",another", state: doctor.Failed, check: "challenge", reason: "secret 2 of 2"},
		{sentence: "a challenge is answered wrongly", before: func(w http.ResponseWriter, r *http.Request) bool {
			if !isUnsigned(r) {
				_, _ = w.Write([]byte(`{"plainToken":"x","encryptedToken":"y"}`))
			}
			return !isUnsigned(r)
		}, state: doctor.Failed, check: "challenge", reason: "not rightly"},
		{sentence: "a challenge is not found", before: func(w http.ResponseWriter, r *http.Request) bool {
			if !isUnsigned(r) {
				http.Error(w, "no such page", http.StatusNotFound)
			}
			return !isUnsigned(r)
		}, state: doctor.Failed, check: "challenge", reason: "404: no such page"},
		{sentence: "what nobody signed is accepted", before: func(w http.ResponseWriter, r *http.Request) bool {
			if isUnsigned(r) {
				_, _ = w.Write([]byte(`{"received":true}`))
			}
			return isUnsigned(r)
		}, state: doctor.Failed, check: "unsigned", reason: "anybody could write attendance"},
		{sentence: "what nobody signed is refused by another", before: func(w http.ResponseWriter, r *http.Request) bool {
			if isUnsigned(r) {
				w.WriteHeader(http.StatusUnauthorized)
			}
			return isUnsigned(r)
		}, state: doctor.Failed, check: "unsigned", reason: "401"},
		{sentence: "this machine was there too often", before: func(w http.ResponseWriter, r *http.Request) bool {
			if isUnsigned(r) {
				w.WriteHeader(http.StatusTooManyRequests)
			}
			return isUnsigned(r)
		}, state: doctor.Failed, check: "unsigned", reason: "429"},
		{sentence: "the certificate runs out", good: 5 * 24 * time.Hour, state: doctor.Look, check: "address", reason: "4 days more"},
		{sentence: "the certificate ran out", good: -time.Minute, state: doctor.Failed, check: "address", reason: "expired"},
	} {
		t.Run(c.sentence, func(t *testing.T) {
			if c.good == 0 {
				c.good = aYear
			}
			f := newFace(t, running.Base, c.good, c.before)
			r := examined(t, settingsOf(t, p, c.set), doctor.Question{URL: f.url}, func(place *doctor.Place) { place.Transport = f.transport })
			require.Len(t, r.Findings, 26)
			if c.check == "" {
				well(t, r)
				return
			}
			require.Contains(t, ill(t, r, c.state, c.check).Faults[0].Reason, c.reason)
		})
	}
}

// The clock is the test's: it goes on when a visit is answered.
func TestASlowAnswerIsJudged(t *testing.T) {
	t.Parallel()
	p := stacktest.NewProject(t)
	running := p.StartSidecar()
	for _, c := range []struct {
		takes time.Duration
		state doctor.State
	}{{999 * time.Millisecond, doctor.OK}, {2 * time.Second, doctor.Look}, {3 * time.Second, doctor.Failed}} {
		f := newFace(t, running.Base, aYear, nil)
		clock := time.Now()
		r := examined(t, settingsOf(t, p), doctor.Question{URL: f.url}, func(place *doctor.Place) {
			place.Now = func() time.Time { return clock }
			place.Transport = transport(func(r *http.Request) (*http.Response, error) {
				if r.Header.Get("X-Zm-Signature") != "" {
					clock = clock.Add(c.takes)
				}
				return f.transport.RoundTrip(r)
			})
		})
		if c.state == doctor.OK {
			well(t, r)
			continue
		}
		require.Contains(t, ill(t, r, c.state, "answer time").Faults[0].Reason, "3s")
	}
}

// A clock that is wrong spoils the signature of the challenge too, and is named
// once.
func TestAWrongClockIsOneFailure(t *testing.T) {
	t.Parallel()
	p := stacktest.NewProject(t)
	f := newFace(t, p.StartSidecar().Base, aYear, nil)
	late := spoiled(t, p, nil, func(r *http.Response) error {
		r.Header.Set("Date", time.Now().UTC().Add(20*time.Minute).Format(http.TimeFormat))
		return nil
	})
	r := examined(t, settingsOf(t, p, late), doctor.Question{URL: f.url}, func(place *doctor.Place) {
		now := time.Now().Add(-20 * time.Minute)
		place.Transport, place.Now = f.transport, func() time.Time { return now }
	})
	ill(t, r, doctor.Failed, "clock")
	require.Equal(t, "because of clock", said(r, "challenge"))
}

type transport func(*http.Request) (*http.Response, error)

func (f transport) RoundTrip(r *http.Request) (*http.Response, error) { return f(r) }

func TestAnAddressThatZoomCannotReachIsNamed(t *testing.T) {
	t.Parallel()
	p := stacktest.NewProject(t)
	running := p.StartSidecar()
	f := newFace(t, running.Base, aYear, nil)
	for _, c := range []struct{ sentence, url, reason string }{
		{"a certificate that nobody knows", f.url, "certificate"},
		{"no TLS", "http://sidecar.school.test", "no TLS"},
		{"nobody there", "https://127.0.0.1:1", "refused"},
		{"no address", "sidecar.school.test", "not an address"},
	} {
		t.Run(c.sentence, func(t *testing.T) {
			pool := &http.Transport{}
			t.Cleanup(pool.CloseIdleConnections)
			r := examined(t, settingsOf(t, p), doctor.Question{URL: c.url}, func(place *doctor.Place) { place.Transport = pool })
			require.Contains(t, ill(t, r, doctor.Failed, "address").Faults[0].Reason, c.reason)
		})
	}
	// On this machine, and with all that Zoom was given.
	ill(t, examined(t, settingsOf(t, p), doctor.Question{URL: running.URL}), doctor.Look, "address")
}

// Zoom's own visits must not be refused because the doctor was there.
func TestTheDoctorVisitsSeldom(t *testing.T) {
	t.Parallel()
	p := stacktest.NewProject(t)
	running := p.StartSidecar("MAX_FAILURES=1", "FAILURE_REFILL=1h")
	ill(t, examined(t, settingsOf(t, p), doctor.Question{URL: running.Base}), doctor.Look, "address")
}
