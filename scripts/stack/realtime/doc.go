// Package realtime stands in for Supabase Realtime on machines without Docker:
// a browser that subscribes with supabase-js is told of each committed change,
// in the order of the commits, if row level security lets its user see the row.
//
//	browser ──phx_join──▶ socket ──▶ hub: who listens to what
//	   ▲                                │
//	   └──postgres_changes── delivery ◀─┘
//	                            ▲ filters, then row level security as that user
//	                         feed ◀── replication slot (pgoutput) ◀── Postgres
//
// A channel goes through
//
//	phx_join ─▶ joined ─▶ listening (system, status ok) ─▶ closed (phx_close)
//	                └──▶ deaf (system, status error: unknown table, bad filter …)
//
// and closes when its client leaves or joins its topic anew, when its token
// expires, and with its socket. As with Supabase, nothing is replayed: what
// happens while a client or the server is away, the client has to fetch.
//
// # Imitated
//
// The protocol: Phoenix channels in both versions that supabase-js speaks, the
// tokens, the messages and their wording, and which bindings are refused. What
// walrus, the SQL half of Supabase Realtime, does: the same row level security,
// column grants, filters, shape of a change, and errors for tables without a
// primary key or a grant and for rows beyond a megabyte. The filter operators eq,
// neq, lt, lte, gt, gte and in, any number of them with commas. And how it loses:
// all that was read at once is told, or nothing of it to anybody, if the check of
// one subscriber raises or if the checks take more than 15 seconds together; what
// is committed until the next look is lost with it, and nobody is told of that.
//
// # Not imitated
//
// Broadcast and presence: such a channel can be joined and what it sends is
// acknowledged, but nobody receives it; private channels are not authorized.
// Filters with other operators or not., and the choice of columns by select:
// the client is told so. Quotas, the pause before a join is refused, and the
// longer pause after a loss. A check is made once for each user, where Supabase
// makes one for each binding. Subscriptions are not reset when the publication is
// altered. Generated columns are not in the changes, and column lists and row
// filters of a publication are respected, because the log is read with pgoutput
// and not with wal2json.
//
// # Under failure
//
// A client that does not read fast enough is disconnected, and the others do
// not wait for it. While the publication is missing, changes are skipped. When
// the connection to the database breaks, the server ends with an error.
package realtime
