// Package cases holds the rows to account: each case is a small story of a
// school and what Zoom told of it, with the attendance that the school would
// expect. A case is one text file in testdata; its name is the sentence that it
// proves. A new case needs no Go.
//
//	# Why this case is here: lines like this are comments.
//	school:
//	  update zoom_meetings set meeting_type = 'recurring';
//
//	zoom 2026-03-02 [w1]: S 08:00, J(a,1,08:00), L(a,1,08:40), E 08:45
//	change 2026-03-05 10:00 as teacher: update zoom_meetings set start_time = '2026-03-09 08:00Z' where id = :meeting
//	zoom 2026-03-09 [w2]: S 08:00, J(b,2,08:00), L(b,2,08:40), E 08:45
//
//	expect:
//	  attendance 2026-03-02: a present, b absent, c absent
//	  attendance 2026-03-09: a absent, b present, c absent
//
// # The school
//
// Everybody has a symbol. Students a, b and c (Ana Alves, Ben Brandt, Chi Chen) are
// enrolled in class 7b (:class), whose teacher (Tia Thorn) hosts meeting
// 8300006275 (:meeting): one-off, planned for Monday 2 March 2026, 08:00 to 09:00
// UTC. Students d and e (Dora Diaz, Eli Evans), teacher2 (Uma Ude, of class 8a,
// :class2), parent (Pia Alves) and admin are users and no more. The e-mail of each
// is the symbol before @school.test. All of it was written on 1 February 2026.
// "school:" writes more on that day; "without the meeting" leaves its row out.
//
// # What Zoom tells
//
// "zoom DATE [RUN] ATTRIBUTES: EVENTS" are events of one run; "[-]" are events
// without a uuid.
//
//	S 08:00         started             J(a,1,08:00)   joined(person, segment, time)
//	E 08:45         ended               L(a,1,08:40)   left
//	E(-,told=08:46) without a time      WJ, WL         the same of the waiting room
//
// A person is a symbol, which shows that user's e-mail and name, or - for neither.
// A segment or a time may be - too. 24:10 is ten past midnight of the next day.
// Attributes follow in the parentheses, or for all events of a line before its
// colon: name= email= account= id= registrant= key= conn= of a person, start= host=
// host_email= number= told= of the event, approximate. Every event states the start
// of its run if some S of the file tells it, unless start=- says otherwise. told= is
// when the door accepted it: two seconds after it happened, "now", a time, or a date
// and a time (2026-03-05T10:00).
//
// "page DATE: joined(a,07:59:30), left(a,08:40)" is what the app's server saw on the
// meeting's page.
//
// # What the school does
//
// "change DATE TIME: SQL" is a statement of the school at that moment, or "change
// now"; "as teacher" makes it in the session of that user. It must change something.
// A symbol after a colon is an id; any other name may be used for a new row.
// "settings DATE TIME: JSON" changes the policy, "database: SQL" the schema, which has
// to be as before in the end. "rejudge: JSON" is what `sidecar rejudge` asks for.
//
// "now is DATE TIME" at the top lets the story happen around the present: for runs
// that are not over. Then at(DATE TIME) is a moment in SQL, and a date is that of
// 08:00.
//
// # What is expected
//
// "expect:" may stand more than once.
//
//	attendance DATE [CLASS]: a present, b absent      all records there are; or "attendance: none"
//	participant a: left, 2400 s, "Ana Alves", segment 1, joined 08:00, left 08:40
//	guest "Ana": left                                 with any such line, all who joined or left
//	participants: none
//	meeting: ended
//	explain a 2026-03-02: words                       they are somewhere in the explanation; "explain a DATE not: words"
//	refused: d attendance_records                     rows that the database refused; or "refused: none"
//
// # How it is played
//
// In three orders: as told; with what Zoom told after all that the school did, and
// backwards; and as told, each event alone and then once more. Only expectations, changes of
// attendance_records, "database" and "rejudge" keep their place. What the school did
// is moved to the moment of the story: see dated. The database catches up before
// each expectation.
package cases
