// Package explain is `sidecar explain`: it says in plain words why a student's
// attendance is what it is.
//
// It is a tool beside the rooms: no event passes through it, and it decides
// nothing. The database's explain_attendance answers from the same facts and by
// the same rules as the rows, in one call; this package puts that into words for
// whoever has to answer a parent at eight in the morning:
//
//	the answer         Maria Oliveira is marked partial for Mathematics 7b on 2 March 2026: …
//	the rule           which one decided, and in which of the day's meetings
//	the lesson         which it was and why, its runs, and a bar with the time that counts and where it is enough
//	what Zoom told     each event, and why it does not count if it does not
//	what the app saw   and what that was worth
//	the record         what stood there before, who outranks whom, and what is still expected
//
// [Describe] gives the same in pieces, for a page to arrange.
//
// What a name holds is shown, never obeyed: a terminal's control characters come
// out as their code.
package explain
