// Package simulate plays lessons as Zoom would: it makes up who comes and goes,
// posts the signed webhooks to a running sidecar, and can check that the rows
// end up saying what happened. Developers without a Zoom account use it, and it
// is a canary and a yardstick for a sidecar in production.
//
// It is a tool beside the rooms, not one of them: no event passes through it on
// its way. It keeps no part of the promise "an event we answered 200 to is never
// lost, takes effect once, and is seen only by those entitled", but it is how
// the promise is seen to be kept.
//
//	roster ─▶ lesson ─▶ events ─▶ send ──▶ the sidecar
//	             │                            │
//	             └────▶ oracle ─▶ check ◀── the rows
//
// A lesson is a script made from options and a seed, and nothing else: who comes
// when, on which device, through which room. Both the webhooks and what the
// check demands are made from the script, by different ways. Package oracle, the
// independent model, knows the rules from their words alone; neither the sidecar's
// decoder nor its SQL has a part in it, so that it can tell when they are wrong.
//
// # Time
//
// A lesson ends at the moment its last event is sent, unless a start is given. At
// speed 1 it therefore starts now; at speed 60 a lesson of 45 minutes started 44
// minutes and 15 seconds ago; at speed 0, which is as fast as possible, 45
// minutes ago. Nothing is ever said to happen in the future.
//
// # Playing the same meeting again
//
// Each lesson has an instance uuid of its own, so it is new to the sidecar
// however often it is played. To the school, a second lesson of a meeting on one
// day is a restart of the first, and the rows are about both together. The check
// looks at the rows before it begins, and says how much it demands:
//
//   - everything, when nobody was seen in the meeting on that day or later:
//     each row must be exactly as the model says;
//   - at least, when somebody was seen on that day: people who were in this
//     lesson have left, not earlier than it says, after at least as long, and
//     with at least as good an attendance; guests, who are new each time, must
//     be exact;
//   - attendance only, and that at least, when a later day was seen already: the
//     participants show that one.
//
// Only the rows that the lesson decides are compared. Other rows of the meeting
// may be there, and are not looked at.
//
// # Many lessons at once
//
// Several lessons need as many meetings. They are made for the purpose, each
// with a class of its own in which the roster is enrolled, and taken away
// afterwards. This needs the project's key, as the check does; sending alone
// needs nothing but the webhook secret.
package simulate
