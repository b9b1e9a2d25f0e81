// What a school app's own webhook route does, as a plain Node server: the contestant of ./scripts/bench.
//
// It follows what such apps describe, and what their Next.js route handlers do: check the signature, then work through
// supabase-js with the service key, one awaited call after another, and answer 200 when the work is done.
//
//   meeting.started             find the meeting, set its status
//   meeting.participant_joined  find the meeting, find the user by e-mail, upsert their row
//   meeting.participant_left    find the meeting, find their row, set when they left and how long they stayed
//   meeting.ended               find the meeting, set its status, close the rows still open one by one, then upsert a record of
//                               attendance for each enrolled student
//
// Nothing here is slow on purpose. There is no framework around it, Node reuses its connections to the project, and none of
// what the sidecar promises is asked of it: no inbox, no repeats, no disorder, no guests.

import { createHmac, timingSafeEqual } from "node:crypto";
import { createServer } from "node:http";
import { createClient } from "@supabase/supabase-js";
import ws from "ws";

const { HOST, PORT, ZOOM_WEBHOOK_SECRET, SUPABASE_URL, SUPABASE_SECRET_KEY } = process.env;
const PRESENT_FROM = 15 * 60; // seconds
const SIGNATURE_WINDOW = 10 * 60; // seconds

const supabase = createClient(SUPABASE_URL, SUPABASE_SECRET_KEY, {
  auth: { persistSession: false, autoRefreshToken: false },
  realtime: { transport: ws }, // never used; Node 20 has none of its own
});

const hmac = (text) => createHmac("sha256", ZOOM_WEBHOOK_SECRET).update(text).digest("hex");

function isSigned(request, body) {
  const timestamp = request.headers["x-zm-request-timestamp"] ?? "";
  const given = Buffer.from(request.headers["x-zm-signature"] ?? "");
  const right = Buffer.from("v0=" + hmac(`v0:${timestamp}:${body}`));
  const off = Math.abs(Date.now() / 1000 - Number(timestamp));
  return off <= SIGNATURE_WINDOW && given.length === right.length && timingSafeEqual(given, right);
}

// ask awaits a call and returns its data.
async function ask(call) {
  const { data, error } = await call;
  if (error) throw new Error(`${error.code} ${error.message}`);
  return data;
}

const findMeeting = (number) =>
  ask(supabase.from("zoom_meetings").select("id, class_id, start_time").eq("zoom_meeting_id", String(number)).maybeSingle());

const setStatus = (meeting, status) =>
  ask(supabase.from("zoom_meetings").update({ status, updated_at: new Date().toISOString() }).eq("id", meeting.id));

const secondsBetween = (from, to) => Math.max(0, Math.round((new Date(to) - new Date(from)) / 1000));

async function joined(meeting, who) {
  const user = await ask(supabase.from("users").select("id, name").eq("email", who.email).maybeSingle());
  await ask(
    supabase.from("zoom_participants").upsert(
      {
        meeting_id: meeting.id,
        user_id: user?.id ?? null,
        zoom_participant_id: who.participant_uuid,
        name: who.user_name,
        email: who.email,
        join_time: who.join_time,
        status: "joined",
      },
      { onConflict: "meeting_id,user_id" },
    ),
  );
}

async function left(meeting, who) {
  const row = await ask(
    supabase.from("zoom_participants").select("id, join_time").eq("meeting_id", meeting.id).eq("email", who.email).maybeSingle(),
  );
  if (row) await close(row, who.leave_time);
}

// close says of a row when its person left, and how long they stayed.
const close = (row, at) =>
  ask(
    supabase
      .from("zoom_participants")
      .update({ leave_time: at, duration: secondsBetween(row.join_time, at), status: "left" })
      .eq("id", row.id),
  );

async function ended(meeting, object) {
  await setStatus(meeting, "ended");
  const open = await ask(supabase.from("zoom_participants").select("id, join_time").eq("meeting_id", meeting.id).eq("status", "joined"));
  for (const row of open) await close(row, object.end_time);
  if (meeting.class_id) await recordAttendance(meeting, object);
}

async function recordAttendance(meeting, object) {
  const there = await ask(supabase.from("zoom_participants").select("user_id, duration").eq("meeting_id", meeting.id));
  const durations = new Map(there.map((row) => [row.user_id, row.duration ?? 0]));
  const enrolled = await ask(supabase.from("class_students").select("student_id").eq("class_id", meeting.class_id));
  for (const { student_id } of enrolled) {
    const duration = durations.get(student_id);
    const status = duration === undefined ? "absent" : duration >= PRESENT_FROM ? "present" : "partial";
    await ask(
      supabase
        .from("attendance_records")
        .upsert(
          { student_id, class_id: meeting.class_id, date: object.start_time.slice(0, 10), status },
          { onConflict: "student_id,class_id,date" },
        ),
    );
  }
}

// handle does what an event asks for and returns the body of the answer.
async function handle({ event, payload }) {
  if (event === "endpoint.url_validation") {
    return { plainToken: payload.plainToken, encryptedToken: hmac(payload.plainToken) };
  }
  const object = payload?.object;
  const meeting = object?.id && (await findMeeting(object.id));
  if (meeting) {
    if (event === "meeting.started") await setStatus(meeting, "started");
    if (event === "meeting.participant_joined") await joined(meeting, object.participant);
    if (event === "meeting.participant_left") await left(meeting, object.participant);
    if (event === "meeting.ended") await ended(meeting, object);
  }
  return { received: true };
}

async function readBody(request) {
  const parts = [];
  for await (const part of request) parts.push(part);
  return Buffer.concat(parts).toString();
}

async function route(request) {
  if (request.method !== "POST") return [200, { alive: true }];
  const body = await readBody(request);
  if (!isSigned(request, body)) return [401, { error: "Invalid signature" }];
  return [200, await handle(JSON.parse(body))];
}

const server = createServer(async (request, response) => {
  const [status, body] = await route(request).catch((error) => {
    console.error(error);
    return [500, { error: "Internal error" }];
  });
  const text = JSON.stringify(body);
  response.writeHead(status, { "Content-Type": "application/json", "Content-Length": Buffer.byteLength(text) });
  response.end(text);
});

server.listen(Number(PORT), HOST);
process.on("SIGTERM", () => {
  server.close(() => process.exit(0));
  server.closeAllConnections();
});
