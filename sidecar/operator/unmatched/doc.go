// Package unmatched is `sidecar list`: it shows what Zoom or the school told and
// what cannot be matched, so that somebody sets it right.
//
// It is a tool beside the rooms: no event passes through it, and it decides
// nothing. It asks two places:
//
//	the project's unmatched_zoom   meetings, runs, people and time zones, each with why and what to do about it
//	the running sidecar            the numbers of meetings that no row of the school has, which only its inbox knows
//
// If one of them cannot be asked, the other's answer is shown all the same, and the
// command ends with an error that says so.
//
// What a title or a name holds is shown, never obeyed: a terminal's control
// characters come out as their code.
package unmatched
