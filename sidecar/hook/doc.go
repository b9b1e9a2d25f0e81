// Package hook is the door: Zoom knocks, we look at the signature, hand the
// event to the inbox and answer.
//
// It keeps the beginning of the promise "an event we answered 200 to is never
// lost, takes effect once, and is seen only by those entitled": it says 200 to a
// used event only after [Keeper.Accept] returned without an error, so that a 200
// means "kept". And it keeps strangers out: nothing unsigned gets past it, and
// it tells them, and the log, no more than they need.
//
// # The answers
//
// Zoom waits 3 seconds, tries 5xx and broken connections again (after 5, 25 and
// 85 minutes), and never 4xx. So our own trouble is always 5xx, and 4xx is
// said only to what can never become good. The rows of [answers] are all
// there is; one place, [door.serve], picks from them. In the order of checking:
//
//	body over Options.MaxBody ───────────────────────────────▶ 413
//	no room for another large body ──────────────────────────▶ 503 Retry-After
//	body breaks off ─────────────────────────────────────────▶ 503
//	verify the raw bytes (the result is used further down)
//	not one JSON object ─────────────────────────────────────▶ 400
//	endpoint.url_validation
//	    no plainToken ───────────────────────────────────────▶ 400
//	    any signature header there, and not verified ────────▶ 401
//	    plainToken not of the allowed form ──────────────────▶ 400
//	    else ────────────────────────────────────────────────▶ 200 encryptedToken
//	any other event
//	    not verified ────────────────────────────────────────▶ 401
//	    not used, or no meeting id ──────────────────────────▶ 200 received
//	    the inbox keeps it ──────────────────────────────────▶ 200 received
//	    the inbox does not, or not in time ──────────────────▶ 503 Retry-After
//
// # While a secret is changed
//
// Each request asks [Options.Secrets] once and is judged by that list from its
// beginning to its end. So secrets are changed by having the function give
// another list (an atomic pointer beneath it is enough): no request sees half a
// change, none waits for it, and no connection is closed. Zoom signs with the old
// or the new one for a while; both in the list is what makes the change safe.
//
// # What an answer tells a stranger
//
// That a body is not JSON, or that a challenge lacks a good token, the sender knows
// already. Every unverified event gets the same 401, whatever it is and
// whatever was wrong with the signature: which events we use, which secrets exist
// and how our clock stands cannot be asked. An unsigned challenge is answered,
// since Zoom's own documents allow for one; the allowed form of a token has no
// colon, so that no answer can serve as the signature of an event (see
// [zoom.AnswerChallenge]). One signature header of the two, or a header given
// twice, is "there, and not verified".
//
// Clients that keep failing these checks get 429 in place of their 400, 401 or
// 413: per client a bucket of [Failures], 20 of them, refilled by one every 3
// seconds, for the 4,096 clients seen last. The signature is always checked first, and a
// verified request is never limited, whoever shares its address; Zoom itself
// would lose an event by a 429. What was never checked (404, 405, a body that
// breaks off) does not count.
//
// # What strangers can take of our memory
//
// A body must be read before it can be refused, so all that strangers send is
// bounded: the connections (beyond [ServerOptions.MaxConnections] the longest quiet
// one is closed, so that nobody holds the door by staying), the headers, a body,
// and all bodies together ([Options.MaxBodies]; the first 16 KiB of each are not
// counted, so that an event of Zoom's needs no room that a stranger could have
// taken). Timeouts cut off who takes his time; see [ServerOptions].
//
// # What is kept of a client
//
// A client is its IP address, or the /64 network of an IPv6 address, hashed with
// a salt; the hash is in memory and in the log, the address is in neither. It
// is the address of the connection unless [Options.TrustedProxies] says whose
// X-Forwarded-For to believe. A forged header can at worst move a stranger's own
// failures into another bucket.
//
// # Traces
//
// With an [Options.Tracer] a verified request has a span, from when it came, beneath
// the one that Zoom's traceparent names, and the inbox is called in it. Nothing that
// nobody signed is traced: strangers cannot make us work or write.
//
// # When things fail
//
//   - The inbox refuses, or takes longer than [Options.AcceptTimeout]: 503, and
//     Zoom comes back. The event may have been kept after all; the same bytes a
//     second time do no harm further on.
//   - The client hangs up: what is in hand is still given to the inbox.
//   - A panic: 500, a log line with the stack and without the request; Zoom
//     comes back.
//   - The database is down: not noticed here, and the door stays open.
//
// It leans on package zoom for signatures and on [Keeper] for durability.
package hook
