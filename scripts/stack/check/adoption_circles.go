package main

// circle is a write or a read of a table of testdata/twin_circles.sql, where a
// policy asks the very table it stands on, or two ask each other. The admin does
// it, and 42P17 would stop anybody.
func circle(what, sql string) attempt { return attempt{who: "1", what: what, sql: sql} }

// What happens in the school of testdata/twin_circles.sql.
var circleAttempts = []attempt{
	circle("reads users", `select from users`),
	circle("adds a user", `insert into users (id, email, name, role) values (@user(777), 'new@school.test', 'New', 'student')`),
	circle("changes a user", `update users set name = 'Renamed' where id = @user(125)`),
	circle("deletes a user", `delete from users where id = @user(126)`),
	{who: "125", what: "changes their own row", sql: `update users set avatar = 'x' where id = @user(125)`},
	circle("reads classes", `select from classes`),
	circle("adds a class", `insert into classes (name, grade, section, subject) values ('New', '7', 'A', 'Art')`),
	circle("changes a class", `update classes set room = 'R9' where id = @class(6)`),
	circle("deletes a class", `delete from classes where id = @class(7)`),
	circle("reads enrolments", `select from class_students`),
	circle("enrols", `insert into class_students (class_id, student_id) values (@class(7), @user(125))`),
	circle("changes an enrolment", `update class_students set enrolled_at = '2026-01-01' where student_id = @user(125)`),
	circle("unenrols", `delete from class_students where student_id = @user(125)`),
	circle("reads families", `select from parent_children`),
	circle("adds a family", `insert into parent_children (parent_id, student_id) values (@user(522), @user(126))`),
	circle("changes a family", `update parent_children set relationship = 'other' where student_id = @user(125)`),
	circle("parts a family", `delete from parent_children where student_id = @user(125)`),

	circle("reads attendance", `select from attendance_records`),
	circle("adds attendance", `insert into attendance_records (student_id, class_id, date, status)
		values (@user(125), @class(6), '2026-08-24', 'present')`),
	circle("changes attendance", `update attendance_records set status = 'late' where student_id = @user(125)`),
	{who: "1", what: "deletes attendance", sql: `delete from attendance_records where student_id = @user(125)`,
		ends: "nobody deletes attendance"},
	circle("reads codes", `select from qr_attendance_sessions`),
	circle("shows a code", `insert into qr_attendance_sessions (class_id, teacher_id, date, start_time, qr_code)
		values (@class(6), @user(16), '2026-08-24', '08:00', 'new')`),
	circle("ends a code", `update qr_attendance_sessions set status = 'expired' where id = @code(6)`),
	circle("deletes a code", `delete from qr_attendance_sessions where id = @code(7)`),
	circle("reads check-ins", `select from qr_checkins`),
	{who: "125", what: "checks in", sql: `insert into qr_checkins (session_id, student_id) values (@code(6), @user(125))`},
	{who: "1", what: "changes a check-in", sql: `update qr_checkins set location_verified = true where student_id = @user(126)`,
		ends: "nobody changes a check-in"},
	circle("deletes a check-in", `delete from qr_checkins where student_id = @user(126)`),
	circle("reads meetings", `select from zoom_meetings`),
	circle("plans a meeting", `insert into zoom_meetings (zoom_meeting_id, host_id, title, start_time, join_url)
		values ('84100000001', @user(1), 'New', '2027-01-11', 'https://zoom.test/j/1')`),
	circle("moves a meeting", `update zoom_meetings set start_time = '2027-01-11' where id = @meeting(6)`),
	circle("deletes a meeting", `delete from zoom_meetings where id = @meeting(6)`),
	{who: "16", what: "moves their meeting", sql: `update zoom_meetings set start_time = '2027-01-11' where id = @meeting(6)`},
	circle("reads participants", `select from zoom_participants`),
	{who: "125", what: "enters a meeting", sql: `insert into zoom_participants (meeting_id, user_id, status)
		values (@meeting(7), @user(125), 'joined')`},
	{who: "125", what: "leaves a meeting", sql: `update zoom_participants set status = 'left' where user_id = @user(125)`},
	{who: "1", what: "throws a participant out", sql: `delete from zoom_participants where user_id = @user(125)`,
		ends: "nobody deletes participants"},
	circle("reads registrations", `select from meeting_registrants`),
	circle("registers somebody", `insert into meeting_registrants (meeting_id, user_id) values (@meeting(6), @user(126))`),
	circle("approves", `update meeting_registrants set status = 'approved' where user_id = @user(125)`),
	{who: "1", what: "deletes a registration", sql: `delete from meeting_registrants where user_id = @user(125)`,
		ends: "nobody deletes registrations"},
}
