package main

import (
	"cmp"
	"context"
	"fmt"
	"slices"
	"time"
)

// measurement is one question, and how it is answered.
type measurement struct {
	name string
	what string
	run  func(context.Context, *bench) error
}

// measurements are all of them, in the order of what they have to tell.
var measurements = []measurement{
	{"settled", "events a second, from the first post to the last row committed", measureSettled},
	{"answers", "durable answers a second, beside bare gin and a bare disk", measureAnswers},
	{"latency", "how long an answer takes under a constant load", measureLatency},
	{"visible", "from the answer 200 to the row", measureVisible},
	{"backlog", "how fast it catches up when the database comes back", measureBacklog},
	{"large", "events a second in a small and in a large database", measureLarge},
	{"lesson", "a thousand people leave one lesson within a second", measureLesson},
	{"memory", "resident memory, idle and under load", measureMemory},
	{"start", "from the start of the program to its first 200", measureStart},
	{"binary", "the size of what is shipped", measureBinary},
}

func printMeasurements() {
	for _, m := range measurements {
		fmt.Printf("%-8s %s\n", m.name, m.what)
	}
}

// choose returns the named measurements in their order, or all.
func choose(names []string) ([]measurement, error) {
	for _, name := range names {
		if !slices.ContainsFunc(measurements, func(m measurement) bool { return m.name == name }) {
			return nil, fmt.Errorf("there is no measurement %q; --list names them", name)
		}
	}
	return slices.DeleteFunc(slices.Clone(measurements), func(m measurement) bool {
		return len(names) > 0 && !slices.Contains(names, m.name)
	}), nil
}

// effort is how much is measured.
type effort struct {
	rounds      int
	warm        int           // events to warm up with
	events      int           // of a round for the sidecar and pgbench
	routeEvents int           // of a round for the route
	offered     time.Duration // how long each load is offered, at least
	fewest      int           // events that a percentile is made of
	topRate     float64       // the highest load that is offered
	backlog     int           // events that wait
	classes     int           // of the large school
	occurrences int           // lessons that each of them had
	people      int           // in the large lesson
	retained    int           // events in the inbox of a later start
	starts      int
	writing     time.Duration // how long the disk is written to
}

var (
	fullEffort = effort{
		rounds: 3, warm: 6000, events: 20000, routeEvents: 2000, offered: 5 * time.Second, fewest: 500, topRate: 16000, backlog: 100000,
		classes: 2000, occurrences: 56, people: 1000, retained: 100000, starts: 7, writing: 2 * time.Second,
	}
	quickEffort = effort{
		rounds: 3, warm: 500, events: 2000, routeEvents: 400, offered: time.Second, fewest: 100, topRate: 4000, backlog: 4000,
		classes: 200, occurrences: 23, people: 200, retained: 4000, starts: 3, writing: 300 * time.Millisecond,
	}
)

// effort is what the flags ask for.
func (o options) effort(rounds int) effort {
	e := fullEffort
	if o.quick {
		e = quickEffort
	}
	e.rounds = cmp.Or(o.rounds, rounds)
	return e
}
