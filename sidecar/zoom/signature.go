package zoom

import (
	"crypto/hmac"
	"crypto/sha256"
	"encoding/hex"
	"errors"
	"regexp"
	"strconv"
	"time"
)

// The headers a webhook carries. Only the first two are proof of anything.
const (
	HeaderSignature  = "X-Zm-Signature"         // "v0=" and 64 hex digits
	HeaderTimestamp  = "X-Zm-Request-Timestamp" // Unix seconds; part of what is signed
	HeaderRequestID  = "X-Zm-Request-Id"        // the same for every try of one delivery
	HeaderTrackingID = "X-Zm-Trackingid"        // another for every try
)

// Why a signature was refused. See [Verify].
var (
	ErrNoSignature = errors.New("signature or timestamp missing")
	ErrMalformed   = errors.New("signature or timestamp malformed")
	ErrStale       = errors.New("timestamp outside the window")
	ErrMismatch    = errors.New("no secret matches the signature")
)

// ErrToken says that a challenge's token is not one we sign. See
// [AnswerChallenge].
var ErrToken = errors.New("plainToken is not 1 to 128 characters of A-Za-z0-9+/=_-")

// signatureVersion opens both the signed message and the signature.
const signatureVersion = "v0"

var (
	signatureForm = regexp.MustCompile(`^v0=[0-9a-f]{64}$`)
	timestampForm = regexp.MustCompile(`^[0-9]{1,12}$`)
	tokenForm     = regexp.MustCompile(`^[A-Za-z0-9+/=_-]{1,128}$`)
)

// Sign returns the signature that Zoom puts on a body: "v0=" and the lower-case
// hex of HMAC-SHA256(secret, "v0:" + timestamp + ":" + body). The timestamp is
// the header's text as it stands; the body is the raw bytes as they came (Zoom
// escapes emoji, so a body that was parsed and written again signs otherwise).
func Sign(secret Secret, timestamp string, body []byte) string {
	return signatureVersion + "=" + hex.EncodeToString(mac(secret, signatureVersion+":"+timestamp+":", body))
}

// Verify checks a signature and returns the index of the secret that made it.
// Otherwise the index is -1 and the error is, in the order of checking:
//
//   - [ErrNoSignature]: signature or timestamp is empty;
//   - [ErrMalformed]: the signature is not "v0=" and 64 lower-case hex digits,
//     or the timestamp is not 1 to 12 ASCII digits (milliseconds have 13);
//   - [ErrStale]: the timestamp, in Unix seconds, is further than window from
//     now in either direction (Zoom's clock may be ahead of ours);
//   - [ErrMismatch]: none of the secrets made it.
//
// Comparison takes constant time. An empty secret matches nothing.
func Verify(secrets []Secret, signature, timestamp string, body []byte, now time.Time, window time.Duration) (which int, err error) {
	if signature == "" || timestamp == "" {
		return -1, ErrNoSignature
	}
	if !signatureForm.MatchString(signature) || !timestampForm.MatchString(timestamp) {
		return -1, ErrMalformed
	}
	seconds, err := strconv.ParseInt(timestamp, 10, 64)
	if err != nil {
		return -1, ErrMalformed
	}
	if now.Sub(time.Unix(seconds, 0)).Abs() > window {
		return -1, ErrStale
	}
	for i, secret := range secrets {
		if secret != "" && hmac.Equal([]byte(Sign(secret, timestamp, body)), []byte(signature)) {
			return i, nil
		}
	}
	return -1, ErrMismatch
}

// TrialToken begins the token of a challenge that is no challenge of Zoom's: a
// trial of ours, signed as Zoom's are.
const TrialToken = "sidecar-trial-"

// AnswerChallenge returns what an endpoint.url_validation event wants to hear:
// the lower-case hex of HMAC-SHA256(secret, token).
//
// The token is chosen by whoever sends the challenge, and that same formula
// signs events: a token "v0:<timestamp>:<body>" would be answered with a valid
// signature for that body. So a token must match [A-Za-z0-9+/=_-]{1,128}, which
// leaves no room for a colon; any other is refused with [ErrToken].
func AnswerChallenge(secret Secret, token string) (encrypted string, err error) {
	if !tokenForm.MatchString(token) {
		return "", ErrToken
	}
	return hex.EncodeToString(mac(secret, token, nil)), nil
}

// mac returns HMAC-SHA256(secret, prefix + body).
func mac(secret Secret, prefix string, body []byte) []byte {
	h := hmac.New(sha256.New, []byte(secret))
	h.Write([]byte(prefix))
	h.Write(body)
	return h.Sum(nil)
}
