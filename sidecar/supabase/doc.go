// Package supabase sets facts down in the school's project: the last room an
// event passes through, and the Go half of what /supabase is in SQL.
//
// Of the promise (an event we answered 200 to is never lost, takes effect
// once, and is seen only by those entitled) it keeps the middle: a batch of
// facts takes effect whole or not at all, and when it did not, the error says
// whether the same call is worth making again. It leans on the database
// function apply_zoom_events for "once": making a call again after its answer
// was lost is harmless, so every doubt here is settled by trying again.
//
// # One question, three answers
//
// Whatever goes wrong comes back as an [*Error], and one table (blame.go)
// answers whom it blames:
//
//	Weather   nobody: try again later     no connection, no answer in time, 5xx, 429,
//	                                      schema cache, deadlock, failover, lack of room
//	Us        the operator: keep trying,  key refused, function or grant missing,
//	          and shout                   wrong URL, an answer of the wrong shape
//	Data      the facts: find the one     bad value, broken constraint, raised by the
//	          and set it aside            function, body too large
//
// A call made as a user ([Client.CallAs]) knows one more: the user's token was
// refused. That blames the call and not us; [Error.RefusesUser] tells it apart.
//
// What the table does not know is never held against the facts, because that
// would set good events aside; it blames us, and somebody looks.
//
// # How the two client libraries are used
//
// Every request but one ([Client.Greet], which calls nothing) goes through
// supabase-go and, in it, postgrest-go. Both are pleasant builders and poor
// carriers, so they build and we carry:
//
//   - supabase-go keeps its PostgREST client in a private field and gives it
//     Go's default transport: no pool, no deadline. project.go opens that one
//     field and puts our transport beneath it.
//   - supabase-go sends the key in two headers. Keys of the new kind (sb_…)
//     are refused in one of them; our transport takes it off again.
//   - postgrest-go v0.0.11 takes no context. A supabase-go client is therefore
//     made for each call (some allocations, no connection), and the transport
//     beneath it holds the call's context. This also heals a second fault: a
//     postgrest-go client that met one error of its own refuses all later
//     calls, and writes that error without a lock.
//   - postgrest-go's Rpc ignores the HTTP status: an error body would come
//     back as a result. A function is also a resource that can be POSTed to,
//     so From("rpc/apply_zoom_events").Insert(arguments) makes the call and our
//     transport checks the status before postgrest-go sees it.
//
// The connections belong to the pool in pool.go and outlive all of this.
package supabase
