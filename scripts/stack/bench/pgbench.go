package main

import (
	"context"
	_ "embed"
	"encoding/json"
	"errors"
	"fmt"
	"hash/fnv"
	"math"
	"os"
	"os/exec"
	"path/filepath"
	"regexp"
	"slices"
	"strconv"
	"strings"
	"time"

	"github.com/jackc/pgx/v5"

	"zoom-attendance/scripts/stack"
	"zoom-attendance/sidecar/zoom"
)

const (
	batchSize   = 1500 // the relay's, when events wait
	batchCalls  = 2    // at once, as the relay has workers; each has its own meetings
	pgbenchName = "pgbench"
)

// batches is the limit of the database: it is given what the sidecar would send
// it, batch by batch, by pgbench.
type batches struct {
	*project
	program string
	missing string // why there is none
	from    int    // the first batch of the next lot
}

// withBatches makes a database with a place for batches.
func (g *ground) withBatches(ctx context.Context, do func(*batches) error) error {
	program, missing := findPgbench()
	return g.withProject(ctx, stack.Template, func(p *project) error {
		_, err := p.db.Exec(ctx, `
			create schema bench;
			create table bench.batches (n int primary key, events jsonb not null, policy jsonb not null);
			grant usage on schema bench to service_role;
			grant select on bench.batches to service_role`)
		if err != nil {
			return fmt.Errorf("make a place for batches: %w", err)
		}
		return do(&batches{project: p, program: program, missing: missing, from: 1})
	})
}

// findPgbench looks where Debian has it, too.
func findPgbench() (program, missing string) {
	if path, err := exec.LookPath(pgbenchName); err == nil {
		return path, ""
	}
	found, _ := filepath.Glob("/usr/lib/postgresql/*/bin/" + pgbenchName)
	if len(found) == 0 {
		return "", "pgbench is not installed (apt-get install postgresql)"
	}
	return slices.Max(found), ""
}

func (b *batches) about() string {
	if b.missing != "" {
		return b.missing
	}
	return fmt.Sprintf("%d clients, batches of %d, no sidecar, PostgREST or HTTP", batchCalls, batchSize)
}

// run has lessons of at least so many events applied, each batch once, and
// returns events a second: a number that is none if there is no pgbench.
func (b *batches) run(ctx context.Context, events int) (float64, error) {
	if b.missing != "" {
		return math.NaN(), nil
	}
	lot, err := b.lessons(ctx, events)
	if err != nil {
		return 0, err
	}
	each, err := b.store(ctx, lot)
	if err != nil {
		return 0, err
	}
	if err := b.calm(ctx); err != nil {
		return 0, err
	}
	took, err := b.call(ctx, each)
	if err != nil {
		return 0, fmt.Errorf("pgbench: %w", err)
	}
	b.from += each * batchCalls
	if err := b.checkRows(ctx, lot); err != nil {
		return 0, fmt.Errorf("pgbench: %w", err)
	}
	return float64(len(lot.bodies)) / took.Seconds(), nil
}

// share is the facts of one client: those of its meetings, as the relay deals
// them out.
func share(lot lot) (shares [batchCalls][]zoom.Fact, err error) {
	for _, body := range lot.bodies {
		fact, err := zoom.Decode(body, time.Now())
		if err != nil {
			return shares, err
		}
		h := fnv.New32a()
		_, _ = h.Write([]byte(fact.Meeting)) // it has no errors
		client := h.Sum32() % batchCalls
		shares[client] = append(shares[client], fact)
	}
	return shares, nil
}

// store puts a lot's batches where pgbench's script finds them, and returns
// how many there are at most for a client.
func (b *batches) store(ctx context.Context, lot lot) (each int, err error) {
	shares, err := share(lot)
	if err != nil {
		return 0, err
	}
	var rows [][]any
	for client, facts := range shares {
		n := 0
		for batch := range slices.Chunk(facts, batchSize) {
			events, err1 := json.Marshal(batch)
			rules, err2 := json.Marshal(policy)
			if err := errors.Join(err1, err2); err != nil {
				return 0, err
			}
			rows = append(rows, []any{b.from + n*batchCalls + client, events, rules})
			n++
		}
		each = max(each, n)
	}
	_, err = b.db.CopyFrom(ctx, pgx.Identifier{"bench", "batches"}, []string{"n", "events", "policy"}, pgx.CopyFromRows(rows))
	if err != nil {
		return 0, fmt.Errorf("store the batches: %w", err)
	}
	return each, nil
}

// script applies every batchCalls-th batch, from the client's own place on.
//
//go:embed pgbench.sql
var script string

// call runs pgbench, so many calls by each client, as the role that PostgREST
// becomes, and returns how long that took without its connecting.
func (b *batches) call(ctx context.Context, each int) (time.Duration, error) {
	file := filepath.Join(b.dir, "pgbench.sql")
	if err := os.WriteFile(file, []byte(script), 0o600); err != nil {
		return 0, err
	}
	to, err := pgx.ParseConfig(b.ground.server.URL(stack.Authenticator, b.database))
	if err != nil {
		return 0, err
	}
	clients := strconv.Itoa(batchCalls)
	cmd := exec.CommandContext(ctx, b.program, "--no-vacuum", "--protocol=prepared", "--client="+clients, "--jobs="+clients,
		"--transactions="+strconv.Itoa(each), "--define=first="+strconv.Itoa(b.from), "--define=clients="+clients, "--define=i=0", "--file="+file)
	cmd.Env = []string{
		"PATH=" + os.Getenv("PATH"), "PGHOST=" + to.Host, fmt.Sprintf("PGPORT=%d", to.Port), "PGUSER=" + to.User,
		"PGPASSWORD=" + to.Password, "PGDATABASE=" + to.Database, "PGOPTIONS=-c role=service_role",
	}
	out, err := stack.Output(cmd)
	if err != nil {
		return 0, fmt.Errorf("%w\n%s", err, out)
	}
	perSecond, err := readRate(out)
	if err != nil {
		return 0, err
	}
	return time.Duration(float64(each*batchCalls) / perSecond * float64(time.Second)), nil
}

var rateLine = regexp.MustCompile(`(?m)^tps = ([0-9.]+)`)

// readRate finds the transactions a second in what pgbench says.
func readRate(said string) (float64, error) {
	found := rateLine.FindStringSubmatch(said)
	if found == nil || strings.Contains(said, "Run was aborted") {
		return 0, fmt.Errorf("pgbench did not say how fast it was:\n%s", said)
	}
	return strconv.ParseFloat(found[1], 64)
}
