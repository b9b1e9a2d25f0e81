// Package monitor is a page that shows one meeting live: who is in, who is
// missing, who left, and the attendance as it settles. It is the end of the
// sentence made visible, "seen only by those entitled": one chooses a person of
// the invented school, and what that person may not see does not come.
//
// It belongs to the local stack alone, and is served on the origin of its
// gateway, at /monitor/?as=<e-mail>&meeting=<Zoom's number>. It is written as
// the school's front end is: the unmodified supabase-js, the publishable key, a
// signed-in user's token, select, subscribe. So whatever works on it works in
// the app, and a browser test of it tests the whole way of an event.
//
//	GET /monitor/                  the page; style.css, monitor.js, icon.svg, supabase.js beside it
//	GET /monitor/people            [{id, email, name, role}], for the picker
//	GET /monitor/session?as=       {access_token, user: {id, email, name, role}}; 404 {message} for nobody
//
// # Only on loopback
//
// /session gives the token of anybody to whoever asks: it stands in for Supabase
// Auth, which the local stack lacks. That is harmless only where the people are
// invented, the keys are the published ones of every `supabase start`, and nobody
// but the developer can ask. So the handler answers connections from loopback
// alone, and only under a loopback name, against a page elsewhere whose name is
// made to lead here; no other origin may read what it says; and nothing of this
// package is in the sidecar.
//
// # What the page keeps to
//
//   - It subscribes signed in, always with a schema, and to what concerns this
//     person: whoever runs the meeting to all of it, others to their own rows or
//     those of their children.
//   - Realtime replays nothing. Everything is selected anew each time the channel
//     is ready, which the message `system` (postgres_changes, ok) says and
//     SUBSCRIBED does not; changes that arrive meanwhile are applied on top.
//   - Realtime loses in silence. Everything is selected anew when the lesson ends,
//     once a minute until it is over, and once more after that.
//   - It says Live only if what it shows was selected after that message.
//   - With row level security a delete carries the primary key alone and matches no
//     other filter: whoever sees guests hears of the deletes of all meetings, and
//     those of unknown rows are ignored.
//   - A row's duration counts visits that ended. For who is in, the page adds the time
//     since they came, by its own clock.
//   - The date of the lesson follows the rule of the rows as far as the person can
//     see: the plan of a meeting held once, else that of the first visible join, else
//     of the meeting's last change or of the newest record.
//   - Any number of changes is one repaint per frame, and a row that did not change is
//     not touched.
//
// # For tests and measurements
//
// On body:
//
//	data-ready   "true" once rows that were selected after Realtime said ok are painted; stays
//	data-link    connecting, live or reconnecting
//
// On main, after each repaint; the numbers count what this person sees:
//
//	data-view                  loading; runs (host, class teacher, admin), self, family,
//	                           stranger (no such meeting for them); nobody (no such person)
//	data-meeting, data-status  the id and status of the meeting; empty for a stranger
//	data-date                  the lesson's date, 2026-11-22
//	data-joined, data-left     rows of zoom_participants with that status, guests too
//	data-guests                those of them without a user
//	data-enrolled              the enrolled; of them
//	data-here, data-missing    are joined; have no row, or are invited
//	data-present, data-partial, data-absent, data-late, data-excused, data-undecided
//
// A person is an li in a section with data-group (missing, left, here or others;
// for self and family all are in here); one li each:
//
//	data-user         the user's id; empty for a guest
//	data-participant  the id of the row in zoom_participants; empty if there is none
//	data-status       joined, left, invited; empty without a row
//	data-seconds      the row's duration; empty if null
//	data-verdict      present, partial, absent, late, excused; empty for not yet
//
// with spans of the classes name, time, since and verdict. Ids: title, status,
// about, note, count and of (the headline), facts, heard (the last change),
// attendance (its [data-tally] cells, the one for not yet being empty), link (the
// connection, data-state), person and meeting (the pickers), elsewhere (the
// meetings a stranger may see instead).
//
// window.repaints tells of each change from Realtime that was applied: {table, type,
// id, commit_timestamp, at}, where at is Date.now() when the document had it. It
// keeps the last 3,000 at least, 4,000 at most. A hidden tab repaints at most twice
// a second.
package monitor
