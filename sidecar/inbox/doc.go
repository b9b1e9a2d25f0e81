// Package inbox keeps the first part of the promise: once Accept has returned nil, the
// event survives us.
//
// It is a queue with two stores: a database file of SQLite's in a directory, which is the
// default, and JetStream, on the NATS servers that Options.URL names. One suite of tests
// holds both to what the interface promises; jetstream.go tells what the second cannot do
// in the same way.
//
//	              ┌─────────── put off ───────────┐
//	              ▼                               │ Later
//	Accept ─▶ waiting ─▶ Next ─▶ in flight ───────┼─ Done ─▶ settled ─▶ removed after the retention
//	              ▲                               └─ Bury ─▶ dead ─▶ Drop
//	              └── Replay, PutBack ◀── settled, dead
//
// # What it promises
//
// An accepted event is on the disk before Accept returns. Events that arrive while a
// transaction is under way share the next one, and so its sync.
//
// An event is handed out until it is settled or dead. A crash hands out again what was in
// flight, and what was settled in the last moment; the database is the guard that makes
// an event take effect once, so the inbox keeps no list of what it has seen.
//
// Settled events stay for Options.Retention, to be applied again. Where Options.MaxBytes
// is reached those settled longest ago go first; an event that is not settled never goes.
// Dead letters stay until a person puts one back or drops it. An event keeps its number,
// meeting, kind, source, trace and accepted time through all of that.
//
// # Under failure
//
//   - No room, on the disk or by Options.MaxBytes: Accept answers ErrFull until there is.
//     Settling and removing go on, in a reserve that is kept free.
//   - A write or a sync fails: ErrUnavailable, and Ready says so. The file is opened again,
//     all of its log is taken into it, and it goes on by itself.
//   - Killed: nothing to do. What was not committed was not answered for.
//   - The directory is in use, not writable, or on a network: Open refuses with ErrLocked
//     or ErrNotWritable; a file of another version with ErrVersion.
//   - Events are missing or unreadable: ErrDamaged, from Open, from Next, or from Run, which
//     looks through all that is kept. Never a fresh start.
//   - The directory is empty: this cannot be told from the first start, so a new inbox is
//     made, with a warning and sidecar_inbox_made_new at 1.
//
// # How damage is noticed
//
// SQLite ends a damaged log in silence, with all that came later. So inbox.last beside the
// file remembers the file's id and the last number answered for; and as numbers are never
// given twice, events and those that were removed are as many as the last number. Each
// event has a sum over all that never changes, compared whenever it is read. SQLite's own
// check compares pages and indexes with what they belong to.
//
// Inspect tells what is left of a damaged inbox. SetAside makes a new one with every event
// that can be read, in the place of the old one, which it keeps. What was settled in the
// part that is lost is applied again, which changes nothing.
package inbox
