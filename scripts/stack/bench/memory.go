package main

import (
	"bufio"
	"context"
	"errors"
	"fmt"
	"io/fs"
	"os"
	"strings"
	"time"
)

// idleFor is how long a sidecar that just started has to come to rest.
const idleFor = 3 * time.Second

// measureMemory: each round has fresh sidecars, so that the greatest memory is
// of its load alone.
func measureMemory(ctx context.Context, b *bench) error {
	if _, err := os.Stat("/proc/self/status"); errors.Is(err, fs.ErrNotExist) {
		b.find("memory: idle", mebibytes, nil, "only Linux tells")
		return nil
	}
	var idle, settling, waiting sample
	loads := []struct {
		into *sample
		load func(*entrant) error
	}{
		{&settling, func(e *entrant) error {
			_, err := e.race(ctx, b.effort.events, senders)
			return err
		}},
		{&waiting, func(e *entrant) error {
			_, err := e.catchUp(ctx, b.effort.backlog)
			return err
		}},
	}
	for round := range b.effort.rounds {
		for _, l := range loads {
			rest, most, err := b.memoryUnder(ctx, l.load)
			if err != nil {
				return err
			}
			idle, *l.into = append(idle, rest), append(*l.into, most)
		}
		say("round %d: idle %s, settling %s, with a backlog %s", round+1,
			mebibytes.write(idle[len(idle)-1]), mebibytes.write(settling[round]), mebibytes.write(waiting[round]))
	}
	b.find("memory: idle", mebibytes, idle, "resident, after the start")
	b.find("memory: most, while settling", mebibytes, settling, thousands(b.effort.events)+" events")
	b.find("memory: most, with a backlog", mebibytes, waiting, thousands(b.effort.backlog)+" events waited, and were caught up with")
	return nil
}

// memoryUnder is what a fresh sidecar takes at rest, and at the most under a
// load, in MiB.
func (b *bench) memoryUnder(ctx context.Context, load func(*entrant) error) (rest, most float64, err error) {
	err = b.withSidecar(ctx, func(e *entrant) (err error) {
		pause(ctx, idleFor)
		if rest, err = memory(e.pid, "VmRSS"); err != nil {
			return err
		}
		if err := load(e); err != nil {
			return err
		}
		most, err = memory(e.pid, "VmHWM")
		return err
	})
	return rest, most, err
}

// memory reads what the kernel says of a process, in MiB.
func memory(pid int, field string) (float64, error) {
	file, err := os.Open(fmt.Sprintf("/proc/%d/status", pid))
	if err != nil {
		return 0, err
	}
	defer file.Close()
	for lines := bufio.NewScanner(file); lines.Scan(); {
		if text, found := strings.CutPrefix(lines.Text(), field+":"); found {
			var kibibytes float64
			_, err := fmt.Sscan(text, &kibibytes)
			return kibibytes / 1024, err
		}
	}
	return 0, fmt.Errorf("the kernel does not tell the %s of process %d", field, pid)
}
