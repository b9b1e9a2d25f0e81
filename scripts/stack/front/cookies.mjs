// Signs somebody in with @supabase/ssr and prints the cookies that it sets, as one line of JSON. Its argument is
// {url, key, token, encoding, note}; what Supabase Auth would say of the user is answered here, with a note as long as wanted.

import { createServerClient } from "@supabase/ssr";
import ws from "ws";

const { url, key, token, encoding, note } = JSON.parse(process.argv[2]);
const { sub, email } = JSON.parse(Buffer.from(token.split(".")[1], "base64url"));
const user = { id: sub, email, aud: "authenticated", role: "authenticated", app_metadata: {}, user_metadata: { note }, created_at: "2026-01-01T00:00:00Z" };

let cookies = [];
const supabase = createServerClient(url, key, {
  realtime: { transport: ws },
  global: { fetch: async () => Response.json(user) },
  cookies: { getAll: () => cookies, setAll: (set) => (cookies = set.filter(({ value }) => value)) },
  cookieEncoding: encoding,
});
const { error } = await supabase.auth.setSession({ access_token: token, refresh_token: "invented" });
if (error) throw error;
await new Promise((resolve) => setTimeout(resolve)); // it sets them from a listener
console.log(JSON.stringify(cookies.map(({ name, value }) => ({ name, value }))));
