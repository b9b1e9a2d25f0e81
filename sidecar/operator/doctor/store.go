package doctor

import (
	"context"
	"errors"
	"fmt"
	"strings"
	"time"

	"zoom-attendance/sidecar/inbox"
)

// slowSync is how long keeping an event may take until somebody should look: the
// door answers only then, and a lesson's begin is hundreds of events in a minute.
const slowSync = 100 * time.Millisecond

// store looks at where events are kept.
func (e *examination) store(ctx context.Context) {
	if name := e.wrong("INBOX_", "NATS_"); name != "" {
		e.skip(name, checkInbox, checkSpace, checkSync)
		return
	}
	s, err := e.Store(ctx)
	if err != nil {
		e.fail(checkInbox, fault(err, "see that it can be reached, and that the setting is right"))
		e.skip(checkInbox, checkSpace, checkSync)
		return
	}
	e.kept(s)
	e.space(s)
	if s.Sync >= slowSync {
		e.look(checkSync, Fault{fmt.Sprintf("keeping an event takes %s, and Zoom waits for it", short(s.Sync)),
			"keep the inbox on a local disk that syncs in a few milliseconds, and see what else writes to this one"})
	} else {
		e.ok(checkSync, "keeping an event takes "+short(s.Sync))
	}
}

// kept tells of the inbox that is there, or would be.
func (e *examination) kept(s inbox.Trial) {
	var faults []Fault
	for _, what := range s.Damage {
		faults = append(faults, Fault{fmt.Sprintf("%s is damaged: %s", s.Where, what),
			"sidecar inbox check says what is left; sidecar inbox set-aside makes a new inbox with it and keeps this one"})
	}
	if len(faults) == 0 && len(s.Warnings) > 0 {
		for _, what := range s.Warnings {
			faults = append(faults, fault(errors.New(what), "see sidecar/operating/backups.md"))
		}
		e.look(checkInbox, faults...)
		return
	}
	says := s.Where + " can be made; there is no inbox yet. If there was one before, its volume is not mounted"
	switch {
	case s.Remote && s.Made:
		says = s.Where + " can be written, and has an inbox"
	case s.Remote:
		says = s.Where + " can be written; there is no inbox yet"
	case s.Running:
		says = s.Where + " can be written; a running sidecar has it open"
	case s.Made:
		says = s.Where + " can be written, and what it holds is whole"
	}
	e.judge(checkInbox, faults, says)
}

// space compares what is left on the disk with what the inbox may take of it.
func (e *examination) space(s inbox.Trial) {
	switch {
	case s.Remote:
		e.ok(checkSpace, "is the business of the servers")
	case s.Free < inbox.Reserve:
		e.fail(checkSpace, Fault{fmt.Sprintf("%s left on the disk of %s: below %s the inbox keeps nothing more, and Zoom is answered 503", size(s.Free), s.Where, size(inbox.Reserve)),
			"make room on that disk, or a larger one"})
	case s.Free+s.Taken < e.MaxBytes:
		e.look(checkSpace, Fault{fmt.Sprintf("%s left on the disk of %s: it will be full before the inbox takes the %s of INBOX_MAX_BYTES", size(s.Free), s.Where, size(e.MaxBytes)),
			"a larger disk, or a lower INBOX_MAX_BYTES"})
	default:
		e.ok(checkSpace, fmt.Sprintf("%s left; the inbox may take %s", size(s.Free), size(e.MaxBytes)))
	}
}

// size is a number of bytes in words.
func size(bytes uint64) string {
	if bytes >= 10<<30 {
		return fmt.Sprintf("%d GiB", bytes>>30)
	}
	if bytes >= 1<<30 {
		return fmt.Sprintf("%.1f GiB", float64(bytes)/(1<<30))
	}
	return fmt.Sprintf("%d MiB", bytes>>20)
}

// short is a length of time, in as many digits as anybody reads.
func short(d time.Duration) string {
	switch {
	case d >= 10*time.Second:
		d = d.Round(time.Second)
	case d >= time.Second:
		d = d.Round(100 * time.Millisecond)
	case d >= time.Millisecond:
		d = d.Round(time.Millisecond)
	default:
		d = d.Round(time.Microsecond)
	}
	said := d.String()
	for _, nothing := range []string{"m0s", "h0m"} { // 10m0s
		if strings.HasSuffix(said, nothing) {
			said = said[:len(said)-len(nothing)+1]
		}
	}
	return said
}
