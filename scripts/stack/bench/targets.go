package main

// target is what a number should reach. Whether it does is shown and never
// decides how the program ends.
type target struct {
	of    string // the finding: "settled: sidecar ÷ route"
	limit float64
	most  bool // no more than that; else at least
}

var targets = []target{
	{of: "settled: sidecar ÷ route", limit: 40},
	{of: "settled: sidecar ÷ pgbench", limit: 60},
	{of: "answers: sidecar ÷ route", limit: 40},
	{of: "latency: sidecar p99 at 1,000/s", limit: 25, most: true},
	{of: "latency: route p99 at its best ÷ sidecar p99 at 1,000/s", limit: 20},
	{of: "visible: p50", limit: 15, most: true},
	{of: "visible: p99", limit: 100, most: true},
	{of: "backlog: settled", limit: 4000},
	{of: "backlog: door p99 meanwhile", limit: 50, most: true},
	{of: "large: large ÷ small", limit: 85},
	{of: "lesson: from the last 200 to the last row", limit: 1000, most: true},
	{of: "memory: idle", limit: 40, most: true},
	{of: "memory: most, while settling", limit: 96, most: true},
	{of: "memory: most, with a backlog", limit: 96, most: true},
	{of: "start: an empty inbox", limit: 150, most: true},
	{of: "start: an inbox with a history", limit: 150, most: true},
	{of: "binary: production binary", limit: 30, most: true},
}

// targetOf is a finding's, if it has one.
func targetOf(finding string) (target, bool) {
	for _, t := range targets {
		if t.of == finding {
			return t, true
		}
	}
	return target{}, false
}

func (t target) met(value float64) bool {
	if t.most {
		return value <= t.limit
	}
	return value >= t.limit
}

// write writes it: "≥ 40×".
func (t target) write(u unit) string {
	if t.most {
		return "≤ " + u.exact(t.limit)
	}
	return "≥ " + u.exact(t.limit)
}
