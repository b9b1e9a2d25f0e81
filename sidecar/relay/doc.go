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
//	take ──▶ decode ──▶ dispatch ──▶ apply, in one call ──▶ settle, each by its outcome
//	            │      by meeting        │
//	            ▼                        ├─ the facts are to blame    split in halves until the bad one stands
//	          bury                       │                            alone, and bury that one
//	                                     │
//	                                     └─ anything else ──▶ make an empty call
//	                                            ├─ not answered   wait until it is, for as long as it takes; the same again
//	                                            └─ answered       apply meeting by meeting
//	                                                                └─ one fails again   put that meeting off
//
// Each worker has its own meetings, since the database lets nobody write a
// meeting while another does. What comes while it is at work is its next batch.
//
// # Trouble of one meeting
//
// A meeting that fails by itself, while an empty call is answered, is held up: the
// source puts it off, with a back-off of its own, up to some minutes. That is one step,
// however many events it has, and those that lie in the relay are let go of: the source
// took them back. The meeting's calls are made by workers of their own, so all other
// meetings go on. One that takes too long is tried with fewer events first. The log names
// it when it begins, when the cause changes, once an hour, and when it is over;
// [Relay.Held] has all of them.
//
// # Outcomes
//
// An outcome settles its event, and the inbox keeps both. What is settled as
// unknown_meeting it lists by the meeting's number, and hands out again when somebody
// finds that the meeting is known now. An outcome this binary does not know (a newer
// database) is settled as unknown_meeting: the event has taken effect or has not, and
// there is another try.
//
// # When things fail
//
//   - The destination is down: the batches in hand wait; the inbox fills; the
//     door stays open. One log line when it begins, one a minute, and one when it took
//     events again.
//   - The destination lacks something that an operator must bring, such as a
//     migration: the same, and the line says what and by which command. With
//     Options.AskFirst it comes at the start, before any event does.
//   - The inbox cannot hand out: the dispatch pauses with the same back-off, and Ready
//     says so.
//   - The inbox cannot settle: logged and counted; the event comes again.
//   - The inbox cannot put off a meeting: the same, and its events are put off one by one.
//   - Run's context ends: a call under way is waited for and its answer settled,
//     under deadlines of their own; what has no call under way is left unsettled
//     and comes again. That takes at most CallTimeout + SettleTimeout.
package relay
