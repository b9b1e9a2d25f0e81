// Package watch looks out for what nobody would notice otherwise: that Zoom has
// fallen silent, and what would soon make it so.
//
// The promise (an event we answered 200 to is never lost, takes effect once, and
// is seen only by those entitled) begins with an event that is sent. Zoom
// switches a subscription off without a word, and a door at which nobody knocks
// looks like a quiet day. Once a minute the watch looks for
//
//	no_challenge   Zoom has not checked the endpoint for 78 hours; it does every 72
//	zoom_silent    three lessons or more should be running, and Zoom has told nothing since they should have begun
//	lesson_silent  a lesson should be running, and Zoom has told nothing of it
//	not_settling   an event has waited for five minutes
//	meeting_held_up  for a minute the database has not taken the events of one meeting, or cannot judge its lessons anew, while it does so for others
//	clock_skew     our clock and Zoom's differ by a third of the window, or by a minute
//	old_secret     for an hour only an older webhook secret has matched, twenty times or more
//
// What it finds is a [Mark] for as long as it is so: a log line when it begins, once
// a day, and when it is over; the metric sidecar_watch_mark; and, with
// [Options.AlertURL], a signed request at the same moments.
//
// # Where it looks
//
// What this process counts (its Prometheus metrics) tells of waiting events, the
// clock and the secrets. Whether Zoom is silent no process can tell alone: several
// share the work, each challenge and each event reaches one of them, and a new start
// forgets. So that is kept in the database, with [Project]: each sidecar says what
// it saw, and hears what all saw.
//
// # When it cannot tell
//
// A look finds each thing wrong, or right, or cannot tell, and then a mark stays as
// it was. Nobody can tell of lessons while a sidecar has events that are not applied
// yet, nor in the first ten minutes after nobody looked: what came meanwhile
// may be on its way. Of a meeting that is held up nobody says that Zoom is silent. zoom_silent is over when an event comes, and not when the
// school day is. And each has a gap between what begins it and what ends it, so
// that it does not come and go.
//
// Of a recurring meeting the app's row has the first time alone, so that is the only
// lesson of it that can be missed; and an instant meeting was never planned. A teacher
// who is ten minutes late is none of our business.
//
// # Who is told, and how often
//
// An alert is sent when a mark begins, once a day while it lasts, and when nobody
// has found it so for ten minutes. Of several sidecars one sends it: the first to
// claim it in the database, which has ten minutes to say that it was delivered
// before another may try. A lesson has an alert of its own; if three or more
// are silent, one alert counts them. While the database does not answer, each sidecar
// sends what it finds by itself: better twice than never.
//
// The request is signed by the Standard Webhooks specification
// (https://www.standardwebhooks.com), is tried five times within some minutes, with
// one webhook-id, and follows no redirect. It holds nothing personal. Its address may
// hold a token and is never logged. Nothing waits for it, but the end of [Watch.Run].
package watch
