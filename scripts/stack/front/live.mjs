// Runs the lines of sidecar/operating/nextjs.md for several people at once, with the unmodified supabase-js, and prints what
// each page looks at, one JSON value per line. Its argument is {url, key, code, meeting, people: [{name, user, token, students}]},
// code being those lines; a token may be empty. A line of input lets a minute pass; it ends when its input does.

import { createInterface } from "node:readline";
import { createClient } from "@supabase/supabase-js";
import ws from "ws";

const { url, key, code, meeting, people } = JSON.parse(process.argv[2]);
const say = (what) => console.log(JSON.stringify(what));
const { live } = await import(`data:text/javascript,${encodeURIComponent(code)}`);

const minutes = []; // what a page does once a minute
globalThis.setInterval = ((real) => (act, after) => (after === 60_000 ? minutes.push(act) : real(act, after)))(setInterval);

async function open({ name, user, token, students }) {
  // What @supabase/ssr has of a user who is signed in.
  const session = { access_token: token, refresh_token: "invented", token_type: "bearer", expires_in: 86400, expires_at: Date.now() / 1000 + 86400, user };
  class Transport extends ws {
    send(data, ...more) {
      const [, , , event, payload] = JSON.parse(data);
      if (event === "phx_join") say({ who: name, joins: payload.access_token === token ? "signed in" : "as a visitor" });
      super.send(data, ...more);
    }
  }
  const supabase = createClient(url, key, {
    realtime: { transport: Transport },
    auth: {
      autoRefreshToken: false,
      storage: { getItem: () => (token ? JSON.stringify(session) : null), setItem() {}, removeItem() {} },
    },
  });
  const refetch = async () => {
    const [{ data: lesson }, { data: participants }, { data: records }] = await Promise.all([
      supabase.from("zoom_meetings").select("status").eq("id", meeting.id).maybeSingle(),
      supabase.from("zoom_participants").select("user_id, status").eq("meeting_id", meeting.id),
      supabase.from("attendance_records").select("student_id, status").eq("class_id", meeting.class_id),
    ]);
    say({ who: name, status: lesson?.status ?? "", participants: participants ?? [], records: records ?? [] });
    return lesson?.status;
  };
  const stop = await live(supabase, { meeting, students, refetch });
  say({ who: name, channels: supabase.getChannels().map(({ topic }) => topic), connected: supabase.realtime.isConnected() || supabase.realtime.isConnecting() });
  return stop;
}

const stops = await Promise.all(people.map(open));
for await (const _ of createInterface({ input: process.stdin })) {
  await Promise.all(minutes.map((act) => act()));
  say({ minute: true });
}
await Promise.all(stops.map((stop) => stop()));
process.exit();
