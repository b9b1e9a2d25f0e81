package doctor

import (
	"bytes"
	"context"
	"crypto/rand"
	"crypto/tls"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"net"
	"net/http"
	"net/url"
	"strconv"
	"strings"
	"time"

	"zoom-attendance/sidecar/zoom"
)

const (
	webhookPath = "/api/zoom/webhook"

	zoomWaits   = 3 * time.Second  // how long Zoom waits for an answer
	slowAnswer  = time.Second      // from here on somebody should look
	publicWait  = 10 * time.Second // how long we wait
	certificate = 14 * 24 * time.Hour
)

// unsignedEvent means nothing to anybody, should it be let in after all.
var unsignedEvent = []byte(`{"event":"sidecar.doctor","payload":{}}`)

// knock is a request to the public address, and what came of it.
type knock struct {
	status   int
	location string // of a redirect
	body     []byte
	took     time.Duration
	expires  time.Time // of the certificate; zero without TLS
}

// public looks at what Zoom meets: a challenge with each secret, one event that
// nobody signed, one visit with a slash too many. Only what is refused counts
// against us at the door.
func (e *examination) public(ctx context.Context, address string) {
	rest := []string{checkRedirect, checkChallenge, checkUnsigned, checkTime}
	base, found := e.publicAddress(address)
	if found.Reason != "" {
		e.fail(checkAddress, found)
		e.skip(checkAddress, rest...)
		return
	}
	client := &http.Client{Transport: e.Transport, Timeout: publicWait,
		CheckRedirect: func(*http.Request, []*http.Request) error { return http.ErrUseLastResponse }}
	unsigned, err := e.knock(ctx, client, base+webhookPath, unsignedEvent, "")
	if err != nil {
		e.fail(checkAddress, unreached(err))
		e.skip(checkAddress, rest...)
		return
	}
	e.address(base, unsigned)

	slash, err := e.knock(ctx, client, base+webhookPath+"/", unsignedEvent, "")
	e.redirect(unsigned, slash, err)
	if unsigned.redirects() {
		e.skip(checkRedirect, rest[1:]...)
		return
	}
	slowest := e.challenge(ctx, client, base)
	e.unsigned(unsigned)
	e.time(max(slowest, unsigned.took))
}

func (k knock) redirects() bool { return k.status >= 300 && k.status < 400 }

// redirect judges two visits, the second with a slash too many, or why that got no
// answer.
func (e *examination) redirect(unsigned, slash knock, err error) {
	if !unsigned.redirects() {
		unsigned = slash
	}
	switch {
	case unsigned.redirects():
		e.fail(checkRedirect, Fault{fmt.Sprintf("answered %d to %s: Zoom does not follow it", unsigned.status, unsigned.location),
			"give Zoom the address that it leads to, or have what stands before the sidecar (force https, trailing slash, www) let this path through"})
	case err != nil:
		e.fail(checkRedirect, Fault{"no answer to a visit with a slash too many: " + reason(err), "see what stands before the sidecar"})
	default:
		e.ok(checkRedirect, "none, with a slash too many either")
	}
}

// publicAddress is the address alone, for whoever gives all that Zoom was given.
func (e *examination) publicAddress(address string) (string, Fault) {
	u, err := url.Parse(strings.TrimSpace(address))
	if err != nil || u.Host == "" || u.Scheme != "https" && u.Scheme != "http" {
		return "", Fault{fmt.Sprintf("%q is not an address", address), "--url https://sidecar.school.example, as Zoom was given it"}
	}
	if ip := net.ParseIP(u.Hostname()); u.Scheme == "http" && u.Hostname() != "localhost" && !ip.IsLoopback() {
		return "", Fault{"it has no TLS, and Zoom delivers to https alone", "put something that ends TLS before the sidecar, and give its https address"}
	}
	return u.Scheme + "://" + u.Host, Fault{}
}

// address tells what answered, and how long its certificate is good.
func (e *examination) address(base string, k knock) {
	if k.expires.IsZero() {
		e.look(checkAddress, Fault{base + " answers without TLS, which is for this machine alone", "try the public https address too"})
		return
	}
	left := k.expires.Sub(e.Now())
	says := fmt.Sprintf("%s answers, with a certificate that is good for %d days", base, int(left.Hours()/24))
	if left < certificate {
		e.look(checkAddress, Fault{says + " more", "see why it is not renewed; when it runs out Zoom delivers nothing"})
		return
	}
	e.ok(checkAddress, says)
}

// unreached is why there was no answer.
func unreached(err error) Fault {
	if _, ok := errors.AsType[*tls.CertificateVerificationError](err); ok {
		return Fault{reason(err), "a certificate of a known authority, for this name, with its chain; Zoom takes no other"}
	}
	return Fault{reason(err), "see that the name leads here (DNS), that what ends TLS runs, and that no firewall is between"}
}

// reason is an error without the request it was of.
func reason(err error) string {
	if e, ok := errors.AsType[*url.Error](err); ok {
		err = e.Err
	}
	return oneLine(err.Error())
}

// challenge has the endpoint prove that it knows each of our secrets, as Zoom
// does. It returns how long the slowest answer took.
func (e *examination) challenge(ctx context.Context, client *http.Client, base string) (slowest time.Duration) {
	if name := e.wrong("ZOOM_WEBHOOK_SECRET"); name != "" {
		e.skip(name, checkChallenge)
		return 0
	}
	for i, secret := range e.Secrets {
		which := "the one of these settings"
		if len(e.Secrets) > 1 {
			which = fmt.Sprintf("secret %d of %d of these settings", i+1, len(e.Secrets))
		}
		token := zoom.TrialToken + rand.Text() // so that it is not taken for one of Zoom's
		k, err := e.knock(ctx, client, base+webhookPath, fmt.Appendf(nil,
			`{"event":"endpoint.url_validation","payload":{"plainToken":%q},"event_ts":%d}`, token, e.Now().UnixMilli()), secret)
		if err != nil {
			e.fail(checkChallenge, Fault{"no answer: " + reason(err), "see what the sidecar logs, and what stands before it"})
			return slowest
		}
		slowest = max(slowest, k.took)
		f := challenged(k, secret, token, which)
		if because := e.failed(checkClock); k.status == http.StatusUnauthorized && because != "" {
			e.skip(because, checkChallenge)
			return slowest
		}
		if f.Reason != "" {
			e.fail(checkChallenge, f)
			return slowest
		}
	}
	e.ok(checkChallenge, "answered rightly, as Zoom asks every 72 hours")
	return slowest
}

// challenged is what is wrong with the answer to a challenge, or nothing.
func challenged(k knock, secret zoom.Secret, token, which string) Fault {
	var said struct{ PlainToken, EncryptedToken string }
	right, err := zoom.AnswerChallenge(secret, token)
	switch {
	case k.status == http.StatusOK && err == nil && json.Unmarshal(k.body, &said) == nil && said.PlainToken == token && said.EncryptedToken == right:
		return Fault{}
	case k.status == http.StatusUnauthorized:
		return Fault{"refused: whoever answers there has another secret than " + which + ", or another clock",
			"set the same ZOOM_WEBHOOK_SECRET there and start it anew (or SIGHUP, if it comes from a file)"}
	case k.status == http.StatusTooManyRequests:
		return tooOften
	case k.status == http.StatusOK:
		return Fault{"answered, and not rightly: Zoom takes the endpoint away after some days", "see that a sidecar answers at that address, and not another program"}
	}
	return Fault{fmt.Sprintf("answered %d: %s", k.status, oneLine(string(k.body))), "see that a sidecar answers at that address; its log says why"}
}

var tooOften = Fault{"answered 429: this machine was refused there too often", "wait a minute, then again"}

// unsigned judges the answer to an event that nobody signed.
func (e *examination) unsigned(k knock) {
	var said struct{ Error string }
	switch _ = json.Unmarshal(k.body, &said); {
	case k.status == http.StatusUnauthorized && said.Error == "Invalid signature":
		e.ok(checkUnsigned, "an event that nobody signed is refused")
	case k.status == http.StatusTooManyRequests:
		e.fail(checkUnsigned, tooOften)
	case k.status >= 200 && k.status < 300:
		e.fail(checkUnsigned, Fault{fmt.Sprintf("an event that nobody signed is answered %d: anybody could write attendance", k.status),
			"see what answers at that address: a sidecar refuses it, so something before it answers, or changes what comes"})
	default:
		e.fail(checkUnsigned, Fault{fmt.Sprintf("an event that nobody signed is answered %d, and not 401 as a sidecar does", k.status),
			"see what answers at that address, and what stands before it"})
	}
}

// time judges the slowest answer.
func (e *examination) time(took time.Duration) {
	remedy := "run the sidecar nearer to who ends TLS, and never asleep (on Fly: auto_stop_machines off); its metrics say how long it takes itself"
	switch {
	case took >= zoomWaits:
		e.fail(checkTime, Fault{fmt.Sprintf("%s: Zoom gives up after %s, and delivers again in 5 minutes", short(took), zoomWaits), remedy})
	case took > slowAnswer:
		e.look(checkTime, Fault{fmt.Sprintf("%s of the %s that Zoom waits", short(took), zoomWaits), remedy})
	default:
		e.ok(checkTime, fmt.Sprintf("%s of the %s that Zoom waits", short(took), zoomWaits))
	}
}

// knock posts a body, signed if there is a secret.
func (e *examination) knock(ctx context.Context, client *http.Client, address string, body []byte, secret zoom.Secret) (knock, error) {
	r, err := http.NewRequestWithContext(ctx, http.MethodPost, address, bytes.NewReader(body))
	if err != nil {
		return knock{}, err
	}
	r.Header.Set("Content-Type", "application/json")
	r.Header.Set("User-Agent", "zoom-attendance-doctor")
	if secret != "" {
		at := strconv.FormatInt(e.Now().Unix(), 10)
		r.Header.Set(zoom.HeaderTimestamp, at)
		r.Header.Set(zoom.HeaderSignature, zoom.Sign(secret, at, body))
	}
	began := e.Now()
	answer, err := client.Do(r)
	if err != nil {
		return knock{}, err
	}
	defer func() { _ = answer.Body.Close() }()
	k := knock{status: answer.StatusCode, location: answer.Header.Get("Location")}
	k.body, err = io.ReadAll(io.LimitReader(answer.Body, 64<<10))
	k.took = e.Now().Sub(began)
	if answer.TLS != nil && len(answer.TLS.PeerCertificates) > 0 {
		k.expires = answer.TLS.PeerCertificates[0].NotAfter
	}
	return k, err
}
