// What the school's app does in its users' own sessions, with supabase-js alone. Prints one line of JSON per step: what it
// was and what came of it. Its argument is {url, key, tokens: {teacher, student, office}, ids: {…}}.

import { createClient } from "@supabase/supabase-js";
import ws from "ws";

const { url, key, tokens, ids } = JSON.parse(process.argv[2]);
const as = (who) => createClient(url, key, { realtime: { transport: ws }, accessToken: async () => tokens[who] });
const [teacher, student, office] = ["teacher", "student", "office"].map(as);

async function step(name, request) {
  const { data, error, status } = await request;
  console.log(JSON.stringify({ step: name, data, status, error: error?.message ?? "" }));
  return data;
}

// A teacher plans a meeting and registers the class and the staff for it.
const withNames = "*, host:users!zoom_meetings_host_id_fkey(id, name, email, avatar), class:classes(id, name)";
const planned = await step(
  "plan",
  teacher
    .from("zoom_meetings")
    .insert({ zoom_meeting_id: "70000000001", host_id: ids.teacher, title: "Planned", start_time: "2026-12-01T08:00:00Z", join_url: "https://zoom.test/j/1", class_id: ids.class })
    .select(withNames)
    .single(),
);
const seats = await step("the class", teacher.from("class_students").select("student_id, student:users!class_students_student_id_fkey(id, name, email)").eq("class_id", ids.class));
const staff = await step("the staff", teacher.from("users").select("id, name, email").in("role", ["teacher", "admin"]));
const registrant = (user) => ({ meeting_id: planned.id, user_id: user, zoom_registrant_id: `reg-${user}`, join_url: "https://zoom.test/w/1", status: "approved" });
await step("register the class", teacher.from("meeting_registrants").insert(seats.map((seat) => registrant(seat.student_id))));
const again = { onConflict: "meeting_id,user_id", ignoreDuplicates: true };
await step("register the staff", teacher.from("meeting_registrants").upsert(staff.map((person) => registrant(person.id)), again));
await step("change", teacher.from("zoom_meetings").update({ title: "Changed", status: "cancelled" }).eq("id", planned.id).select(withNames).single());
await step("the office registers", office.from("meeting_registrants").upsert([registrant(ids.otherStudent)], again));

// A student opens the lesson, joins and leaves.
const meeting = await step("open", student.from("zoom_meetings").select("*").eq("id", ids.lesson).single());
const mine = { meeting_id: meeting.id, user_id: ids.student };
const one = { onConflict: "meeting_id,user_id" };
await step("invited", student.from("zoom_participants").upsert({ ...mine, name: "Maria", email: "maria@school.test", status: "invited" }, { ...one, ignoreDuplicates: true }));
await step("join", student.from("zoom_participants").upsert({ ...mine, join_time: "2026-11-20T08:00:00Z", status: "joined" }, one));
await step("mine", student.from("zoom_participants").select("join_time, status").match(mine).single());
await step("leave", student.from("zoom_participants").update({ leave_time: "2026-11-20T08:40:00Z", duration: 2400, status: "left" }).match(mine));

// A student checks in by QR code; the teacher ends the code, and saves the attendance of the class.
const today = new Date().toISOString().slice(0, 10);
const shown = { class_id: ids.class, teacher_id: ids.teacher, date: today, start_time: "08:00", end_time: "08:45", qr_code: "code", require_location: true };
const code = await step("show a code", teacher.from("qr_attendance_sessions").insert(shown).select().single());
await step("the code", student.from("qr_attendance_sessions").select("id, class_id, date, status").eq("id", code.id).single());
await step("check in", student.from("qr_checkins").insert({ session_id: code.id, student_id: ids.student, location_verified: true }));
const lesson = { student_id: ids.student, class_id: ids.class, date: today };
await step("no record yet", student.from("attendance_records").select("id").match(lesson).maybeSingle());
await step("present", student.from("attendance_records").insert({ ...lesson, status: "present" }));
await step("end the code", teacher.from("qr_attendance_sessions").update({ status: "expired" }).eq("id", code.id));
await step(
  "save the attendance",
  teacher
    .from("attendance_records")
    .upsert(seats.map((seat) => ({ student_id: seat.student_id, class_id: ids.class, date: today, status: "late" })), { onConflict: "student_id,class_id,date" })
    .select("status"),
);

await step("delete", teacher.from("zoom_meetings").delete().eq("id", planned.id).select("id"));
process.exit();
