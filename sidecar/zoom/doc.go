// Package zoom is the language the other rooms speak: what Zoom signs, what it
// sends, and what of it we keep. It is pure: bytes in, values out, no clock,
// no network and nothing but the standard library.
//
// It keeps two parts of the promise "an event we answered 200 to is never
// lost, takes effect once, and is seen only by those entitled":
//
//   - Once: the same bytes always make the same [Fact], but for when they were
//     accepted, and a fact takes its time from what happened ([Fact.At]). Only an
//     event that says no time at all takes it from the earliest acceptance of its
//     body, which [Fact.BodyHash] knows again. Facts can therefore be repeated and
//     shuffled without changing what they mean.
//   - Seen only by those entitled: addresses and telephone numbers end here. No
//     field of a Fact is filled from an IP address or a number, and a caller's
//     number is taken out of the name that Zoom makes from it.
//
// # How a body is read
//
// Two readers look at a body: [Open] at the door, which learns just enough to
// answer, and [Decode] behind the inbox, which learns the rest. Both read
// through one function, so that they cannot disagree:
//
//   - Keys match as encoding/json matches them: in any case ("ID" is "id"), and
//     of equal keys the last counts (equal objects merge, the last winning field
//     by field). Only the holder of a secret gets that far, so
//     what matters is not the rule but that both readers share it.
//   - A field that is missing, null, empty, or of another JSON type than it
//     should be says nothing; it never spoils the rest of the event.
//   - A name is mended and an id is not. Names lose invalid UTF-8, lone
//     surrogates, NUL and other control characters and are cut at 256
//     characters. An id or e-mail with any of those, or longer than 256
//     bytes, counts as absent: half an id is somebody else's.
//   - What Zoom did not say stays absent. Bodies without uuid, user_id or times
//     make facts too, and the database decides what stands in for them.
//   - Numbers are never floats. An id is accepted as text or as a bare integer
//     and kept as text.
//
// # What can go wrong
//
// Nothing here is worth retrying: the same bytes give the same error for ever.
// Decode's errors are sentinels, and any of them sends the event to the dead
// letters. Depth is bounded by encoding/json, which refuses a body nested
// deeper than 10,000 levels.
package zoom
