// Package admin is the room for operators: what is served on the admin address,
// and the commands that talk to it. No event passes through it.
//
// Of the promise (an event we answered 200 to is never lost, takes effect once,
// and is seen only by those entitled) it keeps "never lost" where a person has
// to help, a dead letter or a database restored from a backup, and "seen only
// by those entitled" at this address. It leans on the inbox, which holds the
// events, and on the database, which makes it harmless to apply them again.
//
//	sidecar dead …    ──▶ /dead    ──▶ list, show, put back, drop ──▶ the inbox's dead letters
//	sidecar replay …  ──▶ /replay  ──▶ count, hand out again      ──▶ its settled events
//	Prometheus        ──▶ /metrics
//	a browser         ──▶ /        ──▶ the pages that main gave it: the board
//
// # Who may
//
// Everything needs the header "Authorization: Bearer ADMIN_TOKEN", or is
// answered 401. Without a token in the settings the address is the machine's
// own; then /metrics is open there and all else is answered 403. A list of dead
// letters holds nothing personal. One that is shown is the body as Zoom sent it,
// with names and e-mails. Each action is one log line: what, which numbers, how
// many; never a body.
//
// A browser signs in once: a form posts the token to /sign-in and gets a cookie
// (HttpOnly, SameSite=Strict, Secure behind TLS) with a random id, which opens
// all that the header does, for 12 hours or until it signs out; a restart ends
// every session. The token is in no URL and no log. With the cookie, what changes
// something must come from our own page, by Sec-Fetch-Site or Origin, or is
// answered 403; so is whatever another page's script or picture asks for. Signing
// out ends what is still being answered.
//
// An address that keeps trying tokens, in the form or in the header, is answered 429
// for a few seconds at a time. The right token is let in all the same: nobody can
// lock an operator out who comes by the same proxy. Guessing it is hopeless at any
// speed, with 16 characters or more. A refusal is one line in the log, and then one a
// minute for each address and reason.
//
// # The interface
//
//	GET    /dead?after=N&most=N        dead letters behind a number, the oldest first, and how many there are
//	GET    /dead/{number}              one, with its body
//	POST   /dead/{number}/replay       put it back among the events that wait
//	POST   /dead/replay                put all back; progress
//	DELETE /dead/{number}              remove it for good
//	GET    /unknown                    the unknown meetings of which there are events
//	GET    /replay?since=TIME&meeting=N&outcome=NAME   how many events a replay would hand out
//	POST   /replay?…                   hand them out again; progress
//	GET    /metrics                    for Prometheus
//	GET    /, /board/…                 the pages
//	GET    /sign-in, POST /sign-in     the form, and what it sends
//	POST   /sign-out                   ends the session
//
// An answer is JSON; one that is not 200 has an "error". Progress is a line of
// JSON a few times a second, of which the last has "ended" or an "error". One
// of these works at a time; another is answered 409.
//
// # When things fail
//
//   - The client goes away, or the process stops: the work ends soon, what is
//     in hand is still settled or comes again, and the rest is as it was. Doing
//     it again is safe: at worst events are applied twice.
//   - The database is down: a replay waits, the progress stands still.
//   - The inbox is full or out of reach: 503 with the reason, or as the last line.
package admin
