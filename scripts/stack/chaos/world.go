package main

import (
	"context"
	"errors"
	"fmt"
	"os"
	"path/filepath"
	"strings"
	"time"

	"github.com/google/uuid"
	"github.com/jackc/pgx/v5/pgxpool"

	"zoom-attendance/scripts/stack"
	"zoom-attendance/sidecar/oracle"
)

// world is what one fault is let loose on: a project of its own, the line to
// it, sidecars, and all that is known about what they were sent.
type world struct {
	ground *ground
	effort effort
	dir    string

	database string
	db       *pgxpool.Pool // as the superuser
	rest     *stack.PostgREST
	line     *line
	sidecars []*sidecar

	school oracle.School
	ledger *ledger
	bites  *tally
	nodes  []*node // of a NATS cluster, if the inbox is one
	disk   *disk   // the inbox's own, if it has one
	undo   []func() error
}

// openWorld makes a world without sidecars.
func openWorld(ctx context.Context, g *ground, e effort) (*world, error) {
	w := &world{ground: g, effort: e, ledger: newLedger(), bites: newTally()}
	if err := w.open(ctx); err != nil {
		return nil, errors.Join(err, w.close())
	}
	return w, nil
}

func (w *world) open(ctx context.Context) (err error) {
	if w.ground.server.Err() != nil { // an earlier fault left it dead
		if err := w.ground.startPostgres(ctx); err != nil {
			return err
		}
	}
	if w.dir, err = os.MkdirTemp(w.ground.dir, "world-"); err != nil {
		return err
	}
	w.later(func() error { return os.RemoveAll(w.dir) })
	w.database = "chaos_" + strings.ReplaceAll(uuid.NewString(), "-", "")
	if err := stack.Clone(ctx, w.ground.admin(), w.database); err != nil {
		return err
	}
	w.later(w.dropDatabase)
	if w.db, err = pgxpool.New(ctx, w.ground.server.URL(stack.Superuser, w.database)); err != nil {
		return err
	}
	w.later(func() error { w.db.Close(); return nil })
	w.rest, err = stack.StartPostgREST(ctx, stack.PostgRESTConfig{
		Program: w.ground.postgrest, DatabaseURL: w.ground.server.URL(stack.Authenticator, w.database), Pool: 10, Log: new(stack.Said), OwnGroup: true,
	})
	if err != nil {
		return err
	}
	w.later(w.rest.Close)
	if w.line, err = newLine(stack.NewGateway(w.rest.Transport), w.bites); err != nil {
		return err
	}
	w.later(w.line.close)
	return nil
}

// later does something when the world is closed, the last first.
func (w *world) later(do func() error) { w.undo = append(w.undo, do) }

// close ends everything of the world, whatever state it is in.
func (w *world) close() error {
	for _, s := range w.sidecars {
		s.kill()
	}
	var errs []error
	for len(w.undo) > 0 {
		last := len(w.undo) - 1
		errs = append(errs, w.undo[last]())
		w.undo = w.undo[:last]
	}
	return errors.Join(errs...)
}

func (w *world) dropDatabase() error {
	ctx, cancel := context.WithTimeout(context.Background(), 30*time.Second)
	defer cancel()
	return stack.Drop(ctx, w.ground.admin(), w.database)
}

// exec runs SQL in the world's database, as the superuser.
func (w *world) exec(ctx context.Context, sql string) error {
	return stack.Exec(ctx, w.ground.server.URL(stack.Superuser, w.database), sql)
}

// inbox is a directory that a sidecar may make.
func (w *world) inbox() string {
	return filepath.Join(w.dir, fmt.Sprintf("inbox-%d", len(w.sidecars)+1))
}

// only is the sidecar of a world that has one.
func (w *world) only() *sidecar { return w.sidecars[0] }

// oneSidecar is the usual beginning.
func oneSidecar(ctx context.Context, w *world) error {
	s, err := w.newSidecar(w.inbox())
	if err != nil {
		return err
	}
	return s.start(ctx)
}

// said is the end of what the sidecars said.
func (w *world) said(lines int) string {
	var all []string
	for i, s := range w.sidecars {
		all = append(all, fmt.Sprintf("sidecar %d said:\n%s", i+1, s.log.Tail(lines)))
	}
	return strings.Join(all, "\n")
}
