// Package rejudge has the database look again at what was judged on what was known
// then.
//
// Of the promise (what we write is what happened in the lesson, as the school would say
// it) it keeps the part that no event brings: a student who is enrolled later, an e-mail
// that is corrected, an end that Zoom never told, a row that the school's database
// refused, and the records that a large lesson left. All of that is decided by
// the database (public.catch_up_zoom), in small transactions; [Loop] calls it.
//
// It calls at once when it starts, every five seconds when there is nothing to do, at
// once again while something is left, and when an answer of the database says that a
// large lesson left records.
//
// # Meetings that become known
//
// Events of a meeting that the school does not have are settled as of an unknown meeting,
// which the inbox lists by number. The database tells which numbers rows were given since
// the last call; of those the inbox replays what it lists, within ten seconds of the row.
// After a start it is asked for all numbers since the first event that is listed, so that
// nothing is missed while no process runs. Events that are replayed twice change nothing.
//
// # Under failure
//
//   - The call fails: again after a while, up to half a minute. One log line when it
//     begins, one when it is over.
//   - A meeting cannot be judged: the database puts it off and says so; the log and the
//     watch name it, until it is judged.
//   - The inbox cannot replay: the numbers wait and are tried again.
//   - Killed: the next start asks from the beginning.
//
// Any number of sidecars may do this at once: the database shares the work among them,
// and each hands out what its own inbox has.
//
// [Command] is for whoever wants lessons judged anew by hand.
package rejudge
