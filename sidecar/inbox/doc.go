// Package inbox keeps the first part of the promise: once Accept has returned
// nil, the event survives us.
//
// It is a queue on NATS JetStream, kept in files. The server runs inside this
// process by default, with no port open; Options.URL names a cluster instead.
// After the connection is made the code is the same for both.
//
//	Accept ─▶ ZOOM_EVENTS ─▶ Next ─▶ Delivery ─┬─ Done
//	             ▲ fresh        ▲              ├─ Unknown, by its number: see Recall
//	                            │              ├─ Later ─▶ ZOOM_LATER ─┐
//	                            │              └─ Bury  ─▶ ZOOM_DEAD   │
//	                            └────────────── when its time has come ┘
//
// # What it promises
//
// An accepted event is on the disk before Accept returns: the server syncs
// every message. To share that cost, events that arrive while a sync is under
// way travel together as one message, a group; a lone event goes at once.
//
// An event is handed out until it is settled: by Done (applied), by Unknown (the
// number of its meeting is remembered, so that Recall hands it out again when the
// meeting is known), by Later (a copy with its due time is safe in ZOOM_LATER) or by
// Bury (a copy with the reason is safe in ZOOM_DEAD). A group is acknowledged when all its events
// are settled. A crash in between hands events out again; the database is the
// guard that makes them take effect once, so the inbox keeps no list of what
// it has seen.
//
// What is settled is noted in a file of our own, with a sum, and in a cluster by
// the servers. It is written a moment later: after a kill the last ones come
// again. Spoilt, it is not believed, and the hourly marks of the retention say
// from where to go on.
//
// Events in hand stay in hand: the inbox tells the server that work goes on,
// for hours if need be. When the process dies they come again, at once in our
// own directory (its lock proves that nobody else works on them) and after
// Options.AckWait in a cluster.
//
// Settled events stay for Options.Retention, counted from when they were
// settled, to be applied again after a database is restored. Under the cap of
// Options.MaxBytes the oldest settled ones go first; an unsettled one never.
//
// Replay hands such events out again, without writing anything: a few hundred at
// a time, where fresh events leave room, up to the last that was handed out when
// it began. Broken off, it is run again; the database makes repetition harmless.
//
// If the request of an event was traced, its trace is kept beside it, in a header of
// the message, and goes on wherever the event is carried on.
//
// Dead letters stay until a person puts one back or drops it. PutBack has the event
// wait again, as accepted when it was, before it removes the letter, so that a crash in between may apply
// it twice and loses nothing.
//
// # Under failure
//
//   - Disk or stream full of unsettled events: Accept answers ErrFull until there is room.
//   - Cluster out of reach, or closed: ErrUnavailable, at once; it reconnects for ever.
//   - A write error of the disk: Ready and Run say so; the process must start anew.
//   - Killed: nothing to do. A torn write at the end was never answered for.
//   - Directory in use, not writable: Open refuses with ErrLocked, ErrNotWritable.
//   - Events missing or unreadable: Open refuses with ErrDamaged, never a fresh start.
//   - The directory is wholly empty: this cannot be told from the first start, so a
//     new inbox is made, with a warning and sidecar_inbox_made_new at 1. If it was
//     an unmounted volume, its events wait on it.
//
// How damage is noticed: the streams have no gaps, for nothing but the front
// is ever removed, and how far that went is written down first; a small file
// beside each stream remembers the last group answered for; and what is not
// settled is read once, which checks its sums.
//
// # After damage
//
// The server, when it meets a record that it cannot read, cuts the file there,
// and the readable records behind it are gone. So the files are read before the
// server starts (block.go), and Open refuses while nothing is changed yet.
// Inspect tells, from the files alone, what is there and what is not. SetAside
// fills a new inbox with every event that can be read and puts it in the place
// of the old one, which it keeps. What cannot be told to be settled counts as
// waiting and is applied again, which changes nothing.
package inbox
