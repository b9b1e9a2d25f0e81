package main

import (
	"context"
	"fmt"
	"slices"
)

// fault is one way in which the world breaks. Its bite sends events, breaks
// something in the midst of it, and mends it before it returns.
type fault struct {
	name  string
	what  string
	short bool     // it is one of those that ./scripts/test tries
	proof []string // what must have been counted, or it did not bite
	bite  func(context.Context, *world) error

	prepare    func(context.Context, *world) error // other than one sidecar
	impossible func() string                       // why it cannot be tried on this machine, or empty
}

// faults are all of them, in the order of what they have to tell.
var faults = []fault{
	{name: "kill", what: "the sidecar is killed with kill -9, at any moment", short: true,
		proof: []string{kills, callsSlow.name}, bite: killSidecar},
	{name: "answers", what: "the database's answers are lost after it did its work, or it answers 500", short: true,
		proof: []string{answersLost.name, errors500.name}, bite: under(answersLost, errors500)},
	{name: "line", what: "the line to the database breaks in all other ways",
		proof: []string{answersCut.name, callsReset.name, callsHung.name, callsSlow.name, errors503.name, errors429.name},
		bite:  under(answersCut, callsReset, callsHung, callsSlow, errors503, errors429)},
	{name: "postgrest", what: "PostgREST crashes and comes back",
		proof: []string{stops, answersOf("503")}, bite: stopPostgREST},
	{name: "deploy", what: "the sidecar is stopped and started under load", short: true,
		proof: []string{restarts, callsSlow.name}, bite: deploy},
	{name: "postgres", what: "PostgreSQL is killed, and comes back",
		proof: []string{serversKilled, serversQuit}, bite: killPostgres},
	{name: "schema", what: "the function is gone or forbidden, the schema cache stale, the key revoked",
		proof: []string{answersOf("PGRST202"), answersOf("42501"), staleTable.name, staleColumn.name, keyRevoked.name, keyExpired.name},
		bite:  spoilSchema},
	{name: "conflict", what: "transactions are undone: deadlocks, serialization failures",
		proof: []string{deadlocks, conflicts}, bite: conflict},
	{name: "poison", what: "among many good events are some that the database refuses", short: true,
		proof: []string{deadLetters}, prepare: refuseNames, bite: poison},
	{name: "two", what: "two sidecars write to one database, and one or the other is killed",
		proof: []string{answeredBoth, kills}, prepare: twoSidecars, bite: split},
	{name: "disk", what: "the inbox's disk is full",
		proof: []string{closedDoor}, prepare: onDisk, bite: fillDisk, impossible: noDisks},
	{name: "full", what: "the inbox is at its limit while the database is away", short: true,
		proof: []string{closedDoor, errors503.name}, prepare: smallInbox, bite: fillInbox},
	{name: "clock", what: "the sender's clock is 20 or 9 minutes off, where 10 are allowed",
		proof: []string{refusedBy(401), takenWithin}, bite: wrongClock},
	{name: "damage", what: "the inbox's files are lost, cut short or scrambled while the sidecar is down",
		proof: []string{startsRefused}, bite: damageInbox},
	{name: "cluster", what: "of three NATS servers one is killed, then another",
		proof: []string{nodesKilled, goneOn, closedDoor}, prepare: onCluster, bite: killNodes},
}

func printFaults() {
	for _, f := range faults {
		mark := " "
		if f.short {
			mark = "*"
		}
		fmt.Printf("%-10s %s %s\n", f.name, mark, f.what)
	}
	fmt.Println("\n* is part of --short")
}

// choose returns what the flags ask for, in the order of the faults.
func choose(o options) ([]fault, error) {
	for _, name := range o.only {
		if !slices.ContainsFunc(faults, func(f fault) bool { return f.name == name }) {
			return nil, fmt.Errorf("there is no fault %q; --list names them", name)
		}
	}
	return slices.DeleteFunc(slices.Clone(faults), func(f fault) bool {
		if len(o.only) > 0 {
			return !slices.Contains(o.only, f.name)
		}
		return o.short && !f.short
	}), nil
}

// bit says what the fault should have done and did not.
func (f fault) bit(w *world) error {
	for _, what := range f.proof {
		if w.bites.of(what) == 0 {
			return fmt.Errorf("the fault did not bite: there were no %s", what)
		}
	}
	return nil
}
