// Package oracle is the independent model of the rules: it says which rows a
// school must end in. It keeps the last part of the sentence, "what we write is what
// happened in the lesson", by saying a second time what that is. The database decides
// it in SQL, set by set; here it is decided in memory, slowly, one small function a
// rule, from the words of the rules alone. Tests and the simulator compare the two.
//
//	history of the school's data ─┐
//	facts that Zoom told ─────────┼─▶ Expect ─▶ rows: status, participants, attendance
//	what people wrote, the time ──┘
//
// The rows are a function of sets: neither the order of the facts nor how often each
// is given makes a difference, nor when they arrived between the changes of the
// school's data. One file is one rule:
//
//	history.go       what the school's data was at a moment, and what counts then
//	runs.go          facts become runs, connections, segments and marks
//	meeting.go       which meeting a run is of
//	lesson.go        which lesson a run belongs to
//	class.go         which class a meeting counts for
//	date.go          which date a lesson is of
//	identity.go      who a connection is
//	staff.go         who is staff
//	intervals.go     when somebody was there, and when a run is over
//	lessontime.go    which time and which runs count for attendance
//	verdict.go       present, partial, absent, or nothing yet
//	people.go        what people wrote outranks it
//	participants.go  the rows of zoom_participants
//	status.go        the status of a meeting
//
// It imports nothing that it judges.
package oracle
