// Subscribes with the unmodified supabase-js and prints what it is told, one
// JSON value per line. Ends when its input does; a line of input is a new token.

import { createInterface } from "node:readline";
import { createClient } from "@supabase/supabase-js";
import ws from "ws";

const say = (about, what) => console.log(JSON.stringify({ about, ...what }));

// A token given to realtime.setAuth would be lost with the first join, after which
// supabase-js asks accessToken. And unless it has asked before subscribe is called,
// that join is sent without a token, as anon.
let token = process.env.TOKEN;
const supabase = createClient(process.env.URL, process.env.KEY, {
  realtime: { transport: ws },
  ...(token && { accessToken: async () => token }),
});
await supabase.realtime.setAuth();

const changes = (event, filter) => [
  "postgres_changes",
  { event, schema: "public", table: "notes", ...(filter && { filter }) },
  ({ eventType, table, new: now, old, errors }) =>
    say("change", { binding: filter ?? event, eventType, table, now, old, errors }),
];

const channel = supabase
  .channel("notes")
  .on(...changes("*"))
  .on(...changes("DELETE"))
  .on(...changes("INSERT", "id=gt.100"))
  .on("system", {}, ({ extension, status, message }) => say("system", { extension, status, message }))
  .subscribe((status, err) => say("status", { status, message: err?.message }));

for await (token of createInterface({ input: process.stdin })) {
  await supabase.realtime.setAuth();
}
say("left", { status: await supabase.removeChannel(channel) });
process.exit();
