// Package room is the meeting room: what the app's page asks before, during and
// after a meeting. It answers
//
//	GET  /api/zoom/meetings/{id}/join          how to get in, and the key that proves who came
//	POST /api/zoom/meetings/{id}/join          {"action":"join"} or {"action":"leave"}: note it
//	GET  /api/zoom/meetings/{id}/participants  who is there and who is expected, for those who oversee it
//
// where id is that of the row in zoom_meetings.
//
// Of the promise (an event we answered 200 to is never lost, takes effect once,
// and is seen only by those entitled) it keeps the end: who may see and enter is
// decided by the database for the user whose token came, and never here. The
// token is not verified here either. It is forwarded to PostgREST, which checks the
// signature, whatever the project signs with; the SQL functions decide by it. Our
// own key is used for one thing, to record what a user did whom the database has
// just named.
//
// # The answers
//
// The rows of [answers] are all there is; one place, [room.serve], picks from
// them. In the order of checking:
//
//	another path ────────────────────────────────────────────▶ 404
//	another method ──────────────────────────────────────────▶ 405, or 204 to a preflight
//	POST, not from a page of ours ───────────────────────────▶ 403 Invalid Origin
//	nothing that looks like a token ─────────────────────────▶ 401, or 429 Retry-After
//	a new token, of an address where too many failed ────────▶ 429 Retry-After
//	too many with this token ────────────────────────────────▶ 429 Retry-After
//	id is no uuid ───────────────────────────────────────────▶ 404 Meeting not found
//	POST, body over 4 KiB ───────────────────────────────────▶ 413
//	POST, not JSON, or no action that we know ───────────────▶ 400
//	Supabase does not accept the token, or it is no user's ──▶ 401
//	the meeting is not theirs to see, or is none ────────────▶ 404 Meeting not found
//	it is cancelled ─────────────────────────────────────────▶ 400
//	they may not enter, or not look ─────────────────────────▶ 403, with a code
//	  (not enrolled, registration denied, other domain)
//	Supabase is down, slow, or refuses our key ──────────────▶ 503 Retry-After
//	else ────────────────────────────────────────────────────▶ 200
//
// # Who is asking
//
// The token is that of "Authorization: Bearer", else that of the cookies in which
// @supabase/ssr keeps the session: one cookie or several chunks, base64url or plain
// JSON. Only what has the form of a JSON Web Token is forwarded, and an API key of
// the project never is. A legacy key has that form; its role may not call the
// functions, and its bearer is told 401 like a stranger. So is whoever has a token
// that Supabase signed for nobody: one whose sub is no uuid.
//
// # What the page is told
//
// All fields are always there; what there is not, is null. testdata has a schema of
// each answer. An address that is not of http or https is never handed out. A
// signature for the Meeting SDK is only made for a number of digits, and for a host
// only if no other row has that number in any spelling: else a teacher could make a
// row with the number of a colleague's meeting, and start it.
//
// # Other people's pages
//
// A browser sends cookies along whoever made the page. So a POST must name in
// Origin, or without one in Referer, a page of [Options.AllowedOrigins] or of the
// host it was sent to. That host is the request's own, or the one that a proxy
// such as a Next.js rewrite names in X-Forwarded-Host: a page of another origin
// cannot set that header without asking us in a preflight, which is refused. The
// webhook is not asked for an origin, because it is another route and never
// gets here. Pages of allowed origins may read the answers (CORS); pages of others
// may not, and no answer has a star for an origin.
//
// # Who comes too often
//
// Each token has a bucket, under a hash of the token: it cannot be emptied by
// who only knows the user's name. Each address has one for what failed there: a
// request that is refused (below 500) with a token that Supabase has not taken. When
// it is empty, tokens that are new to us wait; a token that Supabase took lately
// passes, whatever others of its address do. Requests without any token are counted
// apart, and stand in nobody's way. See [Options.Users] and [Options.Addresses].
//
// A refusal is one line in the log, and then one a minute for each client and
// reason, which says how many had none.
//
// # When things fail
//
//   - Supabase is down or slow: 503 after [Options.Timeout] at the latest. The
//     page may ask again; nothing takes effect twice that should not.
//   - Our own key is refused, or the migrations are missing: 503 too, since no
//     user can help it, and an error in the log.
//   - The client hangs up: what was begun is finished, as a page that leaves does
//     not wait for the answer to that.
//   - A panic: 500, and a log line with the stack and without the request.
package meetings
