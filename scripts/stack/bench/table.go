package main

import (
	"fmt"
	"io"
	"os"
	"path/filepath"
	"runtime"
	"strings"

	"github.com/olekukonko/tablewriter"
	"github.com/olekukonko/tablewriter/renderer"
	"github.com/olekukonko/tablewriter/tw"
)

// finding is one line of the table: something measured, round by round.
type finding struct {
	name   string // "settled: sidecar"; the targets know it by this
	values sample
	unit   unit
	note   string // what else to know of it
}

// find adds a finding.
func (b *bench) find(name string, u unit, values sample, note string) {
	b.findings = append(b.findings, finding{name, values, u, note})
}

var header = []string{"", "median", "range", "target", "met", ""}

// legend says what the table is about.
const legend = `Every number is of this one run, on this one machine, whose processors the sender, the gateway and the databases share with what is
measured. Median and range are of the rounds; a ratio is taken round by round. Committed is when PostgreSQL says so, which is just
before it syncs its log. PostgreSQL syncs, as does the inbox. After each round the rows were compared with an independent model (those
of the route, and of large: counted).`

// write shows the table on the terminal and writes it, and the picture, for the
// page how-fast.md.
func (b *bench) write() error {
	fmt.Println()
	terminal := tablewriter.NewTable(os.Stdout, tablewriter.WithHeaderAutoFormat(tw.Off))
	if err := fill(terminal, b.findings); err != nil {
		return err
	}
	where := fmt.Sprintf("%d processors, %s/%s, %s. Rounds: %d.", runtime.NumCPU(), runtime.GOOS, runtime.GOARCH, runtime.Version(), b.effort.rounds)
	fmt.Println(legend + "\n" + where)
	var text strings.Builder
	if err := fill(markdown(&text), b.findings); err != nil {
		return err
	}
	if err := fillLoads(&text, b.curves); err != nil {
		return err
	}
	path := filepath.Join(b.tree.Local, "bench.md")
	fmt.Println("\nThe same in Markdown, for sidecar/operating/how-fast.md: " + path)
	if err := os.WriteFile(path, []byte(text.String()+"\n"+legend+"\n"+where+"\n"), 0o644); err != nil {
		return err
	}
	return b.writePicture(filepath.Join(b.tree.Local, "bench.svg"))
}

func markdown(to io.Writer) *tablewriter.Table {
	return tablewriter.NewTable(to, tablewriter.WithRenderer(renderer.NewMarkdown()), tablewriter.WithHeaderAutoFormat(tw.Off))
}

// fillLoads lists how each load was answered, if that was measured.
func fillLoads(text *strings.Builder, curves []curve) error {
	if len(curves) == 0 {
		return nil
	}
	text.WriteString("\n")
	table := markdown(text)
	table.Header([]string{"", "offered", "p50", "p99", "max", "kept up"})
	for _, c := range curves {
		for _, at := range c.points {
			kept := fmt.Sprintf("%d of %d", at.keptUp, len(at.p99))
			err := table.Append([]string{c.name, perSecond.write(at.rate),
				millis.write(at.p50.median()), millis.write(at.p99.median()), millis.write(at.most.median()), kept})
			if err != nil {
				return err
			}
		}
	}
	return table.Render()
}

func fill(table *tablewriter.Table, findings []finding) error {
	table.Header(header)
	for _, f := range findings {
		if err := table.Append(f.cells()); err != nil {
			return err
		}
	}
	return table.Render()
}

// cells are a finding's, as the header has them.
func (f finding) cells() []string {
	if len(f.values) == 0 {
		return []string{f.name, "-", "", "", "", f.note}
	}
	span, should, met := "", "", ""
	if len(f.values) > 1 {
		span = f.unit.write(f.values.low()) + " – " + f.unit.write(f.values.high())
	}
	if t, has := targetOf(f.name); has {
		should, met = t.write(f.unit), "no"
		if t.met(f.values.median()) {
			met = "yes"
		}
	}
	return []string{f.name, f.unit.write(f.values.median()), span, should, met, f.note}
}
