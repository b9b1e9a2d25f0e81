package hook

import (
	"context"
	"errors"
	"fmt"
	"net/http"
	"strconv"
	"strings"
	"time"

	"github.com/gin-gonic/gin"
	"go.opentelemetry.io/otel/trace"

	"zoom-attendance/sidecar/zoom"
)

// visit is what the door learns of one request on the way to its answer.
type visit struct {
	verified bool   // one of our secrets signed the body; never limited
	reason   string // of a 200: why; errors bring their own
	body     any    // of a 200
	event    string // of a verified request: Zoom's event name
	meeting  string // of a verified request: Zoom's meeting number
	began    time.Time
	span     trace.Span // of a verified request, if there are traces
}

// received is the body of every 200 to an event.
var received = gin.H{"received": true}

// webhook answers Zoom. See the package documentation for the order of checks.
func (d *door) webhook(c *gin.Context, v *visit) error {
	body, done, err := d.readBody(c)
	defer done()
	if err != nil {
		return err
	}
	proof := d.verify(c.Request.Header, body)
	v.verified = proof.err == nil
	ctx := c.Request.Context()
	if v.verified {
		ctx = d.begin(c, v)
	}
	e, err := zoom.Open(body)
	if err != nil {
		return err
	}
	if e.Event == zoom.EventURLValidation {
		return d.challenge(v, e, proof)
	}
	if proof.err != nil {
		return proof.err
	}
	v.event, v.meeting, v.body = e.Event, e.MeetingID, received
	switch {
	case !e.Used():
		v.reason = reasonUnused
	case e.MeetingID == "":
		v.reason = reasonNoMeeting
	default:
		v.reason = reasonKept
		return d.keep(ctx, body, e)
	}
	return nil
}

// proof is what came of checking a signature.
type proof struct {
	claimed bool        // any signature header was there
	secret  zoom.Secret // the one that matched, if err is nil, else the newest
	err     error       // why the request is not verified
}

// verify checks the signature headers against every secret. A header given twice
// is malformed, even if one of the two would do.
func (d *door) verify(h http.Header, body []byte) proof {
	signatures, timestamps := h.Values(zoom.HeaderSignature), h.Values(zoom.HeaderTimestamp)
	secrets := d.Secrets()
	p := proof{claimed: len(signatures)+len(timestamps) > 0, secret: secrets[0]}
	if len(signatures) > 1 || len(timestamps) > 1 {
		p.err = zoom.ErrMalformed
		return p
	}
	now, timestamp := d.Now(), h.Get(zoom.HeaderTimestamp)
	signature := h.Get(zoom.HeaderSignature)
	which, err := zoom.Verify(secrets, signature, timestamp, body, now, d.Window)
	if p.err = err; err == nil {
		p.secret = secrets[which]
		d.metrics.matched(which, timestamp, now)
	}
	if errors.Is(err, zoom.ErrStale) && signedThen(secrets, signature, timestamp, body) {
		d.metrics.late.Inc()
	}
	return p
}

// signedThen says whether a request would have been verified at the time that it
// names. It is refused all the same; that our clock is wrong can be told by it.
func signedThen(secrets []zoom.Secret, signature, timestamp string, body []byte) bool {
	sent, err := strconv.ParseInt(timestamp, 10, 64)
	if err != nil {
		return false
	}
	_, err = zoom.Verify(secrets, signature, timestamp, body, time.Unix(sent, 0), 0)
	return err == nil
}

// challenge proves to Zoom that the endpoint is ours: with the secret that signed
// the challenge, or the newest if it came without signature headers.
func (d *door) challenge(v *visit, e zoom.Envelope, p proof) error {
	switch {
	case !e.HasToken:
		return errNoToken
	case p.claimed && p.err != nil:
		return p.err
	}
	encrypted, err := zoom.AnswerChallenge(p.secret, e.PlainToken)
	if err != nil {
		return err
	}
	switch v.reason = reasonChallenge; {
	case p.err != nil:
		v.reason = reasonUnsigned // anybody's, and no sign that Zoom still asks
	case strings.HasPrefix(e.PlainToken, zoom.TrialToken):
		v.reason = reasonTrial
	}
	v.body = gin.H{"plainToken": e.PlainToken, "encryptedToken": encrypted}
	return nil
}

// keep hands the event to the inbox. A client that hangs up does not stop it: the
// event is here, and kept is kept.
func (d *door) keep(ctx context.Context, body []byte, e zoom.Envelope) error {
	ctx, cancel := context.WithTimeout(context.WithoutCancel(ctx), d.AcceptTimeout)
	defer cancel()
	if err := d.Keeper.Accept(ctx, body, e); err != nil {
		return fmt.Errorf("%w: accept event: %w", errNotKept, err)
	}
	return nil
}

func (d *door) live(_ *gin.Context, v *visit) error {
	v.reason, v.body = reasonAlive, gin.H{"status": "alive"}
	return nil
}

func (d *door) ready(_ *gin.Context, v *visit) error {
	if err := d.Ready(); err != nil {
		return fmt.Errorf("%w: %w", errNotReady, err)
	}
	v.reason, v.body = reasonReady, gin.H{"status": "ready"}
	return nil
}
