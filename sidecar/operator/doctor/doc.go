// Package doctor is `sidecar doctor`: it looks at the place the sidecar runs in,
// or will run in, and names what is wrong there with its remedy.
//
// It is a tool beside the rooms: no event passes through it. It changes nothing
// and leaves no trace, so it may be called at any time, beside a running sidecar
// too: what it writes to a disk or a cluster to see that one can is removed at
// once, and the lesson it rehearses in the database is undone in the same
// statement. main gives it the project and the store; how a project should stand
// is expected.json, which ./scripts/generate takes from a migrated database.
//
//	settings                            every fault is a line of its own
//	inbox, free space, sync speed       where events are kept
//	project, clock, key, database       who answers at SUPABASE_URL, and as whom
//	migrations, functions, grants,      the project against expected.json; what is the
//	row security, primary keys,         app's own is not ours to judge, unless it opens
//	policies, guards, realtime,         what ours close
//	attendance
//	risks                               what of the app's own does: to be looked at
//	round trip                          a lesson of nobody, applied and undone
//	own rows                            people's writes of what is theirs, tried and undone
//	meetings                            what cannot be matched, and what else an admin should look at
//	address, redirect, challenge,       with --url: what Zoom meets there, in as many
//	unsigned, answer time               requests as there are secrets, and two
//	seen                                with --as: what a user sees, and what of it policies/README.md does
//	                                    not give them
//
// On users, classes, class_students and parent_children a project may have readers
// of its own. Then ours need not be there, and what is granted is the app's to say.
//
// # One cause, one failure
//
// Each check is ok, failed, skipped, or to be looked at, which is no failure. What
// cannot be told because of an earlier failure is skipped, and says because of
// what: somebody who mends each failure has mended all.
//
// What it prints holds no secret, no key and no row of the school's but the titles,
// classes and hosts of meetings that an admin should look at, the names of users who share an e-mail,
// and, with --as, counts and the titles of that user's meetings.
package doctor
