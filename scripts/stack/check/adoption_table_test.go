package main

import (
	"strings"
	"testing"

	"github.com/stretchr/testify/require"
)

// row is a line of outcomes: the same for everybody but the visitor.
func row(what, visitor, others string) string {
	return "\n  " + what + " " + visitor + strings.Repeat(" "+others, len(people)-1)
}

func TestTheTableOfTheTwinHasAReasonForEachDifference(t *testing.T) {
	t.Parallel()
	cases := []struct{ name, table, wrong string }{
		{"nothing changes", "# \n\n= a read\n  GET users?select=id" + row("before", "0", "1"), ""},
		{"a difference has its reason", "shut: out\n\n= a read\n  GET users?select=id" + row("before", "1", "1") + row("after", "0", ".") + "\n  because shut: visitor", ""},
		{"a difference has none", "# \n\n= a read\n  GET users?select=id" + row("before", "1", "1") + row("after", "0", "."),
			"visitor was 1 and is 0, without a reason"},
		{"a reason closes nothing for somebody", "shut: out\n\n= a read\n  GET users?select=id" + row("before", "1", "1") + row("after", "0", ".") +
			"\n  because shut: visitor student", "student has a reason, and nothing that changes"},
		{"a reason closes nothing at all", "shut: out\n\n= a read\n  GET users?select=id" + row("before", "0", "1"), `nothing is closed for the reason "shut"`},
		{"a reason that nobody wrote down", "# \n\n= a read\n  GET users?select=id" + row("before", "1", "1") + row("after", "0", ".") + "\n  because shut: visitor",
			`there is no reason "shut"`},
		{"somebody is missing", "# \n\n= a read\n  GET users?select=id\n  before 1 1", "there are 10 people"},
		{"somebody is unknown", "shut: out\n\n= a read\n  GET users?select=id" + row("before", "1", "1") + row("after", "0", ".") + "\n  because shut: visitor nobody",
			`who is "nobody"?`},
	}
	for _, c := range cases {
		t.Run(c.name, func(t *testing.T) {
			t.Parallel()
			_, err := readTable(c.table)
			if c.wrong == "" {
				require.NoError(t, err)
			} else {
				require.ErrorContains(t, err, c.wrong)
			}
		})
	}
}

func TestAnOutcomeThatIsAnotherIsTold(t *testing.T) {
	t.Parallel()
	table, err := readTable("shut: out\n\n= a read\n  GET users?select=id" + row("before", "1", "1") + row("after", "0", ".") + "\n  because shut: visitor")
	require.NoError(t, err)
	a := table.actions[0]
	require.NoError(t, table.differs([][]string{a.before}, [][]string{a.after}))
	require.ErrorContains(t, table.differs([][]string{a.before}, [][]string{a.before}), "a read") // the closure does not show
}
