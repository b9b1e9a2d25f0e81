package main

import (
	"context"
	"errors"
	"fmt"
	"io/fs"
	"math"
	"math/rand/v2"
	"os"
	"path/filepath"
	"strings"
	"time"
)

const (
	startsRefused = "starts refused"
	foundLater    = "damage found while it ran"
	startsInSpite = "starts in spite of damage"
)

// damage is one way in which files go bad.
type damage struct {
	name  string
	do    func(inbox, older string) (path string, err error)
	must  bool // the start must be refused: events are gone
	times func(effort) int
}

var damages = []damage{
	{"the file gone", remove("inbox.db"), true, effort.once},
	{"the note of the last event gone", remove("inbox.last"), true, effort.once},
	{"an older file in its place", putBack, true, effort.once},
	{"the log gone", remove("inbox.db-wal"), false, effort.half},
	{"the log cut short", cut("inbox.db-wal"), false, effort.half},
	{"the file cut short", cut("inbox.db"), false, effort.once},
	{"any file scrambled", scrambleAny, false, effort.few},
}

// damageInbox spoils the files of a sidecar that is down with events not yet
// applied, in one way after another. Either the start is refused with a line
// that says so, or the sidecar ends with one when it meets the damage, and the
// files are restored as an operator would; or nothing may be missing.
func damageInbox(ctx context.Context, w *world) error {
	for _, d := range damages {
		for range d.times(w.effort) {
			if err := w.damaged(ctx, d); err != nil {
				return fmt.Errorf("%s: %w", d.name, err)
			}
		}
	}
	return nil
}

// damaged does it once.
func (w *world) damaged(ctx context.Context, d damage) error {
	inbox, older, backup := w.only().inbox, filepath.Join(w.dir, "older"), filepath.Join(w.dir, "backup")
	w.only().kill()
	if err := errors.Join(replace(older, inbox), w.only().start(ctx)); err != nil {
		return err
	}
	events, err := w.lessons(ctx, w.effort.events/8)
	if err != nil {
		return err
	}
	w.line.turn(errors503)
	defer w.line.fair()
	if err := w.send(ctx, events).finish(ctx); err != nil {
		return err
	}
	w.only().kill()
	if err := replace(backup, inbox); err != nil {
		return err
	}
	path, err := d.do(inbox, older)
	if err != nil {
		return err
	}
	found, err := w.startDamaged(ctx, d)
	if err != nil {
		return fmt.Errorf("%s: %w", path, err)
	}
	w.bites.add(found)
	if found == startsInSpite {
		return nil
	}
	if err := errors.Join(replace(inbox, backup), w.only().start(ctx)); err != nil {
		return err
	}
	w.line.fair()
	return w.recover(ctx)
}

// startDamaged starts the sidecar with spoilt files and says how the damage was found,
// or that nothing is missing in spite of it.
func (w *world) startDamaged(ctx context.Context, d damage) (found string, err error) {
	refusal, err := w.only().startOrRefuse(ctx)
	switch {
	case err != nil:
		return "", err
	case refusal != "" && !strings.Contains(refusal, "damaged"):
		return "", fmt.Errorf("the start was refused, but with the line %q", refusal)
	case refusal != "":
		return startsRefused, nil
	case d.must:
		return "", errors.New("the sidecar started, though events are missing")
	}
	w.line.fair()
	ended, err := w.recoverOrEnd(ctx)
	if !ended {
		return startsInSpite, err
	}
	if says := w.only().log.Tail(1); !strings.Contains(says, "damaged") {
		return "", fmt.Errorf("the sidecar ended, but with the line %q", says)
	}
	w.only().kill()
	return foundLater, nil
}

// recoverOrEnd is recover, unless the sidecar ends by itself first.
func (w *world) recoverOrEnd(ctx context.Context) (ended bool, err error) {
	ctx, stop := context.WithCancel(ctx)
	defer stop()
	watching := make(chan struct{})
	go func() {
		defer close(watching)
		for ctx.Err() == nil && !w.only().ended() {
			pause(ctx, 100*time.Millisecond)
		}
		stop()
	}()
	err = w.recover(ctx)
	stop()
	<-watching
	return w.only().ended(), err
}

// replace makes to a copy of from.
func replace(to, from string) error {
	if err := os.RemoveAll(to); err != nil {
		return err
	}
	return os.CopyFS(to, os.DirFS(from))
}

func remove(name string) func(inbox, older string) (string, error) {
	return func(inbox, _ string) (string, error) { return name, os.Remove(filepath.Join(inbox, name)) }
}

// cut takes a third of a file away.
func cut(name string) func(inbox, older string) (string, error) {
	return func(inbox, _ string) (string, error) {
		path := filepath.Join(inbox, name)
		info, err := os.Stat(path)
		if err != nil {
			return "", err
		}
		return name, os.Truncate(path, info.Size()*2/3)
	}
}

// putBack puts an older file in the place of the newest one, with its log.
func putBack(inbox, older string) (string, error) {
	for _, name := range []string{"inbox.db", "inbox.db-wal", "inbox.db-shm"} {
		path := filepath.Join(inbox, name)
		if err := os.Remove(path); err != nil && !errors.Is(err, fs.ErrNotExist) {
			return "", err
		}
		text, err := os.ReadFile(filepath.Join(older, name))
		if errors.Is(err, fs.ErrNotExist) {
			continue
		}
		if err := errors.Join(err, os.WriteFile(path, text, 0o600)); err != nil {
			return "", err
		}
	}
	return "inbox.db", nil
}

func scrambleAny(inbox, _ string) (string, error) {
	names := []string{"inbox.db", "inbox.db-wal", "inbox.last"}
	name := names[rand.IntN(len(names))]
	return name, scramble(filepath.Join(inbox, name), math.MaxInt)
}

// scramble changes a few bytes of a file, somewhere in its last part of so many
// bytes.
func scramble(path string, last int) error {
	text, err := os.ReadFile(path)
	if err != nil || len(text) == 0 {
		return err
	}
	part := text[max(0, len(text)-last):]
	at := rand.IntN(len(part))
	for i := range part[at:min(len(part), at+1+rand.IntN(16))] {
		part[at+i] ^= byte(1 + rand.IntN(255))
	}
	return os.WriteFile(path, text, 0o600)
}
