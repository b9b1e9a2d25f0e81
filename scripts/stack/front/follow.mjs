// Follows the three tables as several people at once, with supabase-js alone, and prints what each is told, one JSON
// value per line. Its argument is {url, key, people: [{name, token}]}; it ends when its input does.

import { createClient } from "@supabase/supabase-js";
import ws from "ws";

const { url, key, people } = JSON.parse(process.argv[2]);
const say = (what) => console.log(JSON.stringify(what));

async function follow({ name, token }) {
  const supabase = createClient(url, key, {
    realtime: { transport: ws },
    ...(token && { accessToken: async () => token }),
  });
  // Else the first join is sent before supabase-js has asked for the token.
  await supabase.realtime.setAuth();
  const channel = supabase.channel("everything");
  for (const table of ["zoom_meetings", "zoom_participants", "attendance_records"]) {
    channel.on("postgres_changes", { event: "*", schema: "public", table }, (change) =>
      say({
        who: name,
        table: change.table,
        type: change.eventType,
        row: change.eventType === "DELETE" ? change.old : change.new,
        old: change.old,
        committed: change.commit_timestamp,
        errors: change.errors,
      }),
    );
  }
  // Subscribed is what the server calls ready, which is later than what supabase-js calls SUBSCRIBED.
  channel.on("system", {}, ({ status, message }) => say({ who: name, system: status, message }));
  channel.subscribe();
}

await Promise.all(people.map(follow));
process.stdin.resume().on("end", () => process.exit());
