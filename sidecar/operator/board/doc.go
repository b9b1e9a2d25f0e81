// Package board is what operators see in a browser: how the sidecar does now,
// who was in a lesson and why they are marked as they are, the dead letters, and
// the last 24 hours.
//
// No event passes through it and nothing is decided in it. Of the promise (an
// event we answered 200 to is never lost, takes effect once, and is seen only by
// those entitled) it shows whether it is kept, and keeps "seen only by those
// entitled" for what it shows. Who may look is for the admin room to say, which
// serves these pages; what it shows comes from where it is true already:
//
//	Now            the process's own metrics; the lessons by rpc/recent_lessons; the marks of the watch; what an
//	               admin should look at by rpc/unmatched_zoom
//	a lesson       rpc/lesson_timeline, with a click rpc/explain_attendance in words
//	dead letters   the admin room's JSON interface, asked by the page
//	history        a ring of one sample a minute for 24 hours, in memory, made of the metrics
//
// # The pages
//
//	GET  /                      the one page; its views are behind the # of the address
//	GET  /board/…               its script, style and pictures, embedded in the binary; nothing comes from elsewhere
//	GET  /board/live            server-sent events: "now" every two seconds, "lessons" and "unmatched" when they changed
//	GET  /board/lesson?meeting=N&date=D
//	POST /board/why             {"meeting","student","date"}: the explanation in words; the student is a user's id
//	GET  /board/history
//
// Names appear in a lesson's view and in an explanation, and those of hosts and of
// users who share an e-mail among what an admin should look at; in no address and no
// log. A strict Content-Security-Policy with trusted types keeps what a
// participant calls themselves from ever being more than text.
//
// # What it costs
//
// With nobody looking: one look at the metrics a minute. While somebody looks, one
// clock for all: a look at the metrics every two seconds, and one call to the
// database, every ten seconds two, of which there is never more than one under way.
//
// # When things fail
//
//   - The database is away: the numbers go on, and in the place of the lessons is
//     the reason.
//   - The connection breaks: the page says that it is not live, since when, and
//     comes back by itself. When the session is over it shows the door.
//   - More pages than there may be: 503, which the page shows, and it tries again.
//   - The process stops: [Board.Stop] ends every stream, so that a server can
//     shut down.
package board
