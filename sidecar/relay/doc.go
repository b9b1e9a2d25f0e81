// Package relay carries events on from the inbox to the database: the third
// room an event passes through.
//
// Of the promise (an event we answered 200 to is never lost, takes effect
// once, and is seen only by those entitled) it keeps "never lost" on the way:
// an event leaves the inbox only after the database said what became of it, or
// with a reason into the dead letters. It leans on the source to hand an event
// out again until it is settled, and on the destination to take the same facts
// any number of times, in any order, with one effect. So every doubt is settled
// by doing it again, and any number of relays may run at once.
//
// # One batch
//
//	take ──▶ decode ──▶ deal ──▶ apply, in one call ──▶ settle, each by its outcome
//	            │     by meeting      │
//	            │                     ├─ weather        wait, try the same again, for as long as it takes
//	            │                     ├─ our fault      the same, and shout what to mend
//	            │                     ├─ too much       wait, then try each half
//	            │                     └─ the facts'     split in halves until the bad one stands
//	            ▼                                       alone, and bury that one
//	          bury
//
// Each worker has its own meetings, since the database lets nobody write a
// meeting while another does. What comes while it is at work is its next batch.
//
// An outcome settles its event: applied and duplicate are done. For
// unknown_meeting the event comes again after each of the waits (the app may
// still be inserting the row) and is then let go. An outcome this binary does
// not know (a newer database) is treated like unknown_meeting: if it was a
// request to come back, coming back serves it, and if it was not, repetition
// is harmless.
//
// # When things fail
//
//   - The destination is down: the batches in hand wait; the inbox fills; the
//     door stays open. One log line when it begins, one a minute, one at the end.
//   - The destination lacks something that an operator must bring, such as a
//     migration: the same, and the line says what and by which command. With
//     Options.AskFirst it comes at the start, before any event does.
//   - The inbox cannot hand out: the dealing pauses with the same back-off, and Ready
//     says so.
//   - The inbox cannot settle: logged and counted; the event comes again.
//   - Run's context ends: a call under way is waited for and its answer settled,
//     under deadlines of their own; what has no call under way is left unsettled
//     and comes again. That takes at most CallTimeout + SettleTimeout.
package relay
