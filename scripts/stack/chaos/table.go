package main

import (
	"fmt"
	"os"
	"path/filepath"
	"strings"
	"time"

	"github.com/olekukonko/tablewriter"
	"github.com/olekukonko/tablewriter/renderer"
	"github.com/olekukonko/tablewriter/tw"
)

var header = []string{"fault", "it bit", "posts", "events", "answered 200", "settled", "lost", "twice", "longest delay", "longest answer", ""}

// legend says what the columns mean.
const legend = `Posts are all requests; an event counts once however often it was sent. Settled: the database has the fact, or has refused it for ever
and the event is a dead letter.
Lost: answered 200, and not there. Twice: a fact that nobody sent, or a row that differs from the independent model.
Longest delay: from the answer 200 to the commit, the time of the fault included. Longest answer: until a 200.`

// writeTables shows the results on the terminal and writes them for the page
// what-happens-when.md.
func writeTables(dir string, results []result) error {
	fmt.Println()
	terminal := tablewriter.NewTable(os.Stdout, tablewriter.WithHeaderAutoFormat(tw.Off))
	if err := fill(terminal, results, ",\n"); err != nil {
		return err
	}
	fmt.Println(legend)
	var text strings.Builder
	if err := fill(tablewriter.NewTable(&text, tablewriter.WithRenderer(renderer.NewMarkdown()), tablewriter.WithHeaderAutoFormat(tw.Off)), results, ", "); err != nil {
		return err
	}
	path := filepath.Join(dir, "chaos.md")
	fmt.Println("\nThe same in Markdown, for sidecar/operating/what-happens-when.md: " + path)
	return os.WriteFile(path, []byte(text.String()+"\n"+legend+"\n"), 0o644)
}

// fill lists what each fault did, with something between the items.
func fill(table *tablewriter.Table, results []result, between string) error {
	table.Header(header)
	for _, r := range results {
		r.proof = strings.ReplaceAll(r.proof, ", ", between)
		if err := table.Append(r.cells()); err != nil {
			return err
		}
	}
	return table.Render()
}

// cells are a result's, as the header has them.
func (r result) cells() []string {
	if r.skipped != "" {
		return []string{r.name, "skipped: " + r.skipped, "", "", "", "", "", "", "", "", "-"}
	}
	mark := "as promised"
	if !r.good() {
		mark = "NOT AS PROMISED"
	}
	return []string{
		r.name, r.proof, fmt.Sprint(r.posts), fmt.Sprint(r.events), fmt.Sprint(r.answered), fmt.Sprint(r.settled),
		fmt.Sprint(len(r.lost)), fmt.Sprint(len(r.twice)), short(r.delay), short(r.longest), mark,
	}
}

// short is a duration that a table has room for.
func short(d time.Duration) string {
	if d < time.Second {
		return d.Round(time.Millisecond).String()
	}
	return d.Round(100 * time.Millisecond).String()
}
