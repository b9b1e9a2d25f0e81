package inbox

import (
	"context"
	"errors"
	"fmt"
	"io/fs"
	"os"
	"path/filepath"
	"strconv"
	"strings"
)

// Report is what the files of an inbox hold.
type Report struct {
	Dir     string         `json:"dir"`
	Streams []StreamReport `json:"streams"`
}

// StreamReport is what the files of one stream hold. A group is one or more
// events that were kept together.
type StreamReport struct {
	Name    string   `json:"name"`
	Groups  int      `json:"groups"`           // that can be read
	Waiting int      `json:"waiting"`          // events in them that are not settled, as far as can be told
	Settled int      `json:"settled"`          // events in them that are, and stay for the retention
	Dead    int      `json:"dead"`             // dead letters
	Damage  []string `json:"damage,omitempty"` // what is missing or cannot be read
}

// Damaged reports whether anything is missing or cannot be read.
func (r Report) Damaged() bool {
	for _, s := range r.Streams {
		if len(s.Damage) > 0 {
			return true
		}
	}
	return false
}

// Events counts those that can be read, dead letters included.
func (r Report) Events() (all int) {
	for _, s := range r.Streams {
		all += s.Waiting + s.Settled + s.Dead
	}
	return all
}

// Inspect looks at the files of an inbox and changes none of them; no server
// is started. It fails with ErrLocked while a process works in the directory,
// and with ErrNone where there is no inbox.
func Inspect(ctx context.Context, dir string) (Report, error) {
	d, err := lockExisting(dir)
	if err != nil {
		return Report{}, err
	}
	defer d.close()
	report, _, err := inspect(ctx, d.path)
	return report, err
}

// lockExisting takes the lock of an inbox that is there.
func lockExisting(dir string) (*directory, error) {
	_, err := os.Stat(filepath.Join(dir, "jetstream"))
	_, errMark := os.Stat(watermarkFile(dir, streamEvents))
	if errors.Is(err, fs.ErrNotExist) && errors.Is(errMark, fs.ErrNotExist) {
		return nil, fmt.Errorf("%w: %s; is INBOX_DIR right, and its volume mounted?", ErrNone, dir)
	}
	d := &directory{path: dir}
	if err := d.claim(); err != nil {
		d.close()
		return nil, err
	}
	return d, nil
}

// inspect reads all streams of a directory that is ours.
func inspect(ctx context.Context, dir string) (Report, []stored, error) {
	report := Report{Dir: dir}
	var all []stored
	for _, name := range []string{streamEvents, streamLater, streamDead} {
		s, err := readStored(dir, name)
		if err != nil {
			return report, nil, fmt.Errorf("read stream %s: %w", name, err)
		}
		seen, err := s.inspect(ctx)
		if err != nil {
			return report, nil, err
		}
		report.Streams, all = append(report.Streams, seen), append(all, s)
	}
	return report, all, nil
}

// inspect counts what the stream holds and says what is wrong with it, by the
// same rules as check, which asks the server.
func (s stored) inspect(ctx context.Context) (StreamReport, error) {
	report := StreamReport{Name: s.name, Damage: s.faults}
	if s.made && len(s.blocks) == 0 {
		report.Damage = append(report.Damage, "none of its blocks is there")
	}
	var missing []string
	expected := s.cleared + 1
	if !s.known {
		expected = 0 // the first says where it begins
	}
	last := uint64(0)
	unreadable, err := s.each(ctx, func(r record) error {
		if s.name != streamDead && expected > 0 && r.seq > expected {
			missing = append(missing, numbers(expected, r.seq-1))
		}
		last, expected = r.seq, r.seq+1
		report.count(s, r)
		return nil
	})
	if err != nil {
		return report, err
	}
	reach, last := max(s.mark, s.settled.floor), max(last, s.cleared, s.lastDropped())
	if len(s.blocks) > 0 && last < reach {
		missing = append(missing, numbers(last+1, reach))
	}
	report.Damage = append(report.Damage, unreadable...)
	if len(missing) > 0 {
		report.Damage = append(report.Damage, "missing: groups "+strings.Join(missing, ", "))
	}
	return report, nil
}

func (r *StreamReport) count(s stored, group record) {
	r.Groups++
	events := 1
	if n, err := strconv.Atoi(group.header.Get(headerEvents)); err == nil {
		events = n
	}
	switch {
	case s.name == streamDead:
		r.Dead += events
	case s.settled.settled(group.seq):
		r.Settled += events
	default:
		r.Waiting += events
	}
}

func numbers(from, to uint64) string {
	if from == to {
		return fmt.Sprint(from)
	}
	return fmt.Sprintf("%d to %d", from, to)
}
