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
)

const (
	startsRefused = "starts refused"
	startsInSpite = "starts in spite of damage"
)

// damage is one way in which files go bad.
type damage struct {
	name  string
	do    func(inbox string) (path string, err error)
	must  bool // the start must be refused: events are gone
	times func(effort) int
}

var damages = []damage{
	{"the newest file of events cut short", cutNewest, true, effort.once},
	{"a file of events scrambled", scrambleNewest, true, effort.once},
	{"the events gone", removeEvents, true, effort.once},
	{"the notes of how far it was applied scrambled", scrambleProgress, false, effort.half},
	{"any file scrambled", scrambleAny, false, effort.few},
}

// damageInbox spoils the files of a sidecar that is down with events not yet
// applied, in one way after another. Either the start is refused with a line
// that says so, and the files are restored as an operator would; or nothing
// may be missing.
func damageInbox(ctx context.Context, w *world) error {
	for _, d := range damages {
		for range d.times(w.effort) {
			if err := w.damaged(ctx, d); err != nil {
				return err
			}
		}
	}
	return nil
}

// damaged does it once.
func (w *world) damaged(ctx context.Context, d damage) error {
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
	path, err := w.startDamaged(ctx, d)
	if err != nil {
		return fmt.Errorf("%s: %w", d.name, err)
	}
	w.line.fair()
	if err := w.recover(ctx); err != nil {
		return fmt.Errorf("the sidecar started, with %s (%s): %w", d.name, path, err)
	}
	return nil
}

// startDamaged spoils the files and starts the sidecar with them or, if that is
// refused, with what they were.
func (w *world) startDamaged(ctx context.Context, d damage) (path string, err error) {
	inbox, backup := w.only().inbox, filepath.Join(w.dir, "backup")
	if err := replace(backup, inbox); err != nil {
		return "", err
	}
	if path, err = d.do(inbox); err != nil {
		return "", err
	}
	refusal, err := w.only().startOrRefuse(ctx)
	switch {
	case err != nil:
		return path, err
	case refusal == "" && d.must:
		return path, errors.New("the sidecar started, though events are missing")
	case refusal == "":
		w.bites.add(startsInSpite)
		return path, nil
	case d.must && !strings.Contains(refusal, "damaged"):
		return path, fmt.Errorf("the start was refused, but with the line %q", refusal)
	}
	w.bites.add(startsRefused)
	if err := replace(inbox, backup); err != nil {
		return path, err
	}
	return path, w.only().start(ctx)
}

// replace makes to a copy of from.
func replace(to, from string) error {
	if err := os.RemoveAll(to); err != nil {
		return err
	}
	return os.CopyFS(to, os.DirFS(from))
}

func stream(inbox string) string {
	return filepath.Join(inbox, "jetstream", "$G", "streams", "ZOOM_EVENTS")
}

// newest is the newest file of events.
func newest(inbox string) (string, error) {
	blocks, err := filepath.Glob(filepath.Join(stream(inbox), "msgs", "*.blk"))
	if err == nil && len(blocks) == 0 {
		err = errors.New("the inbox has no files of events where they should be")
	}
	if err != nil {
		return "", err
	}
	return blocks[len(blocks)-1], nil
}

func removeEvents(inbox string) (string, error) { return stream(inbox), os.RemoveAll(stream(inbox)) }

func cutNewest(inbox string) (string, error) {
	path, err := newest(inbox)
	if err != nil {
		return "", err
	}
	info, err := os.Stat(path)
	if err != nil {
		return "", err
	}
	return path, os.Truncate(path, info.Size()*2/3)
}

func scrambleNewest(inbox string) (string, error) {
	path, err := newest(inbox)
	if err != nil {
		return "", err
	}
	return path, scramble(path, 200) // of the last event, which is not applied yet
}

func scrambleProgress(inbox string) (string, error) {
	path := filepath.Join(inbox, "ZOOM_EVENTS.settled")
	return path, scramble(path, math.MaxInt)
}

func scrambleAny(inbox string) (string, error) {
	var files []string
	err := filepath.WalkDir(inbox, func(path string, entry fs.DirEntry, err error) error {
		if err == nil && entry.Type().IsRegular() && entry.Name() != "lock" {
			files = append(files, path)
		}
		return err
	})
	if err != nil {
		return "", err
	}
	path := files[rand.IntN(len(files))]
	return path, scramble(path, math.MaxInt)
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
