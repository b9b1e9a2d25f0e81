package rejudge

import (
	"cmp"
	"context"
	"errors"
	"log/slog"
	"maps"
	"slices"
	"strings"
	"sync"
	"time"

	"github.com/cenkalti/backoff/v5"
	"github.com/prometheus/client_golang/prometheus"
	"github.com/prometheus/client_golang/prometheus/promauto"

	"zoom-attendance/sidecar/inbox"
	"zoom-attendance/sidecar/zoom"
)

const (
	// clockSkew is by how much the inbox's clock may be ahead of the database's.
	clockSkew = 5 * time.Minute

	// conflictsMost is how many conflicts in a row are nobody's business.
	conflictsMost = 3

	// remindAfter is how long a meeting that cannot be judged is not mentioned again.
	remindAfter = time.Hour
)

// Project is the database. Its errors may be a [Refusal].
type Project interface {
	// Call calls a function with a struct of its arguments and reads the answer into
	// a pointer.
	Call(ctx context.Context, function string, args, into any) error
}

// Refusal is what a Project's error may say about itself.
type Refusal interface {
	error
	BlamesUs() bool  // an operator must mend something first
	Cause() string   // a short code, never personal
	Meaning() string // the cause in plain words and what to do, never personal
}

// Inbox keeps the events of meetings that nobody knew; see [inbox.Inbox].
type Inbox interface {
	Unknown(ctx context.Context) ([]inbox.UnknownMeeting, error)
	Replay(ctx context.Context, r inbox.Replay, settled func()) (inbox.Replayed, error)
}

// Held is a meeting that the database cannot judge anew, and puts off.
type Held struct {
	Meeting string    `json:"meeting"` // Zoom's number
	Since   time.Time `json:"since"`   // when it failed first
	Code    string    `json:"code"`    // the SQLSTATE of the last time
}

// Options of a loop. Project and Inbox are required; the zero value of each other one
// means its default.
type Options struct {
	Project Project
	Inbox   Inbox
	Wake    <-chan struct{}       // there is something to do; nil: nobody says so
	Every   time.Duration         // between two calls when there is nothing to do; default 5 s
	MinWait time.Duration         // the first wait after a call that failed; default 250 ms
	MaxWait time.Duration         // the longest; default 30 s
	Log     *slog.Logger          // default: slog's default
	Metrics prometheus.Registerer // nil: measured, and not shown
}

// Loop calls catch_up_zoom.
type Loop struct {
	o     Options
	left  prometheus.Gauge
	held  prometheus.Gauge
	since string // what to ask for next; empty: from the beginning
	away  trouble
	named map[string]mention // meetings that could not be judged

	mu      sync.Mutex
	putOff  []Held          // as of the last call
	numbers map[string]bool // whose events are to be handed out again
	news    chan struct{}
}

// mention is when a meeting was last named, and why.
type mention struct {
	code string
	at   time.Time
}

// New makes a loop. It does nothing until Run.
func New(o Options) *Loop {
	o.Every = cmp.Or(o.Every, 5*time.Second)
	o.MinWait = cmp.Or(o.MinWait, 250*time.Millisecond)
	o.MaxWait = cmp.Or(o.MaxWait, 30*time.Second)
	if o.Log == nil {
		o.Log = slog.Default()
	}
	return &Loop{
		o: o, named: map[string]mention{}, numbers: map[string]bool{}, news: make(chan struct{}, 1),
		left: promauto.With(o.Metrics).NewGauge(prometheus.GaugeOpts{
			Name: "sidecar_rejudge_left",
			Help: "Changes of the school, runs and records that the database has still to look at, as of the last call.",
		}),
		held: promauto.With(o.Metrics).NewGauge(prometheus.GaugeOpts{
			Name: "sidecar_rejudge_held_meetings",
			Help: "Meetings that the database cannot judge anew while it judges others, as of the last call; the log and the watch name them.",
		}),
	}
}

// Run calls until ctx ends, and returns nil then.
func (l *Loop) Run(ctx context.Context) error {
	var replaying sync.WaitGroup
	replaying.Go(func() { l.replayWanted(ctx) })
	defer replaying.Wait()
	waits := l.waits()
	for wait, before := time.Duration(0), 0; ; {
		select {
		case <-ctx.Done():
			return nil
		case <-l.o.Wake:
		case <-time.After(wait):
		}
		left, err := l.catchUp(ctx)
		switch {
		case ctx.Err() != nil:
			return nil
		case err != nil:
			wait = waits.NextBackOff()
			l.away.failed(l.o.Log, err, wait, "the database cannot look again at what changed; trying again")
			continue
		case left == 0:
			waits.Reset()
			wait = l.o.Every
		case before > 0 && left >= before: // others are at it, or it does not get less
			wait = min(waits.NextBackOff(), l.o.Every)
		default:
			waits.Reset()
			wait = 0
		}
		before = left
		l.left.Set(float64(left))
		l.away.over(l.o.Log, "the database looks again at what changed")
	}
}

// caughtUp is catch_up_zoom's object.
type caughtUp struct {
	Left    int      `json:"left"`
	Numbers []string `json:"numbers"`
	Until   string   `json:"until"`
	Failed  []struct {
		Meeting string `json:"meeting"`
		Code    string `json:"code"`
	} `json:"failed"`
	Held []Held `json:"held"`
}

// catchUp makes one call and returns how much is left.
func (l *Loop) catchUp(ctx context.Context) (left int, err error) {
	since, knows := l.since, true
	if since == "" {
		first, err := l.unknownSince(ctx)
		knows = err == nil // else the next call asks from the beginning
		if !first.IsZero() {
			since = first.Add(-clockSkew).UTC().Format(time.RFC3339Nano)
		}
	}
	arguments := struct {
		Since *string `json:"since"`
	}{}
	if since != "" {
		arguments.Since = &since
	}
	var answer caughtUp
	if err := l.o.Project.Call(ctx, "catch_up_zoom", arguments, &answer); err != nil {
		return 0, err
	}
	if knows {
		l.since = answer.Until
	}
	l.want(answer.Numbers...)
	l.hold(answer.Held)
	for _, f := range answer.Failed {
		if m := l.named[f.Meeting]; m.code != f.Code || time.Since(m.at) >= remindAfter {
			l.named[f.Meeting] = mention{f.Code, time.Now()}
			l.o.Log.Warn("a meeting cannot be judged anew; it is put off and tried again, all others go on", zoom.LogMeeting, f.Meeting, zoom.LogCode, f.Code)
		}
	}
	for number := range l.named {
		if !slices.ContainsFunc(answer.Held, func(h Held) bool { return h.Meeting == number }) {
			delete(l.named, number)
			l.o.Log.Info("the database judges the lessons of this meeting again", zoom.LogMeeting, number)
		}
	}
	return answer.Left, nil
}

// hold notes which meetings are put off.
func (l *Loop) hold(all []Held) {
	l.held.Set(float64(len(all)))
	l.mu.Lock()
	defer l.mu.Unlock()
	l.putOff = all
}

// Held are the meetings that the database cannot judge anew, by whichever sidecar it was
// asked, the longest first: as of the last call.
func (l *Loop) Held() []Held {
	l.mu.Lock()
	defer l.mu.Unlock()
	return slices.Clone(l.putOff)
}

// want notes numbers whose events are to be handed out again.
func (l *Loop) want(numbers ...string) {
	if len(numbers) == 0 {
		return
	}
	l.mu.Lock()
	defer l.mu.Unlock()
	for _, number := range numbers {
		l.numbers[number] = true
	}
	select {
	case l.news <- struct{}{}:
	default: // it is known already
	}
}

// wanted takes them.
func (l *Loop) wanted() []string {
	l.mu.Lock()
	defer l.mu.Unlock()
	numbers := slices.Sorted(maps.Keys(l.numbers))
	clear(l.numbers)
	return numbers
}

// unknownSince is when the first event of an unknown meeting was accepted; zero if
// there is none.
func (l *Loop) unknownSince(ctx context.Context) (first time.Time, err error) {
	all, err := l.o.Inbox.Unknown(ctx)
	for _, m := range all {
		if first.IsZero() || m.First.Before(first) {
			first = m.First
		}
	}
	return first, err
}

// replay has the inbox hand out what was settled as unknown of meetings of these
// numbers, and returns how many events that were.
func (l *Loop) replay(ctx context.Context, numbers []string) (events int, err error) {
	unknown, err := l.o.Inbox.Unknown(ctx)
	if err != nil {
		return 0, err
	}
	for _, m := range unknown {
		if !slices.Contains(numbers, m.Meeting) {
			continue
		}
		replayed, err := l.o.Inbox.Replay(ctx, inbox.Replay{Meeting: m.Meeting, Outcome: inbox.OutcomeUnknown}, func() {})
		events += replayed.Events
		if err != nil {
			return events, err
		}
	}
	return events, nil
}

// replayWanted does so whenever meetings became known.
func (l *Loop) replayWanted(ctx context.Context) {
	waits := l.waits()
	var stuck trouble
	for {
		select {
		case <-ctx.Done():
			return
		case <-l.news:
		}
		numbers := l.wanted()
		events, err := l.replay(ctx, numbers)
		if ctx.Err() != nil {
			return
		}
		if events > 0 {
			l.o.Log.Info("events of meetings that became known were handed out again", zoom.LogEvents, events)
		}
		if err != nil {
			wait := waits.NextBackOff()
			stuck.failed(l.o.Log, err, wait, "the inbox cannot hand out again the events of a meeting that became known; trying again")
			l.want(numbers...)
			select {
			case <-ctx.Done():
				return
			case <-time.After(wait):
			}
			continue
		}
		waits.Reset()
		stuck.over(l.o.Log, "the inbox hands out the events of meetings that became known")
	}
}

func (l *Loop) waits() *backoff.ExponentialBackOff {
	b := backoff.NewExponentialBackOff()
	b.InitialInterval, b.MaxInterval, b.Multiplier = l.o.MinWait, l.o.MaxWait, 2
	b.Reset()
	return b
}

// trouble is something that fails again and again, of which there is one line when it
// begins and one when it is over.
type trouble struct {
	count int
	since time.Time
	told  bool
}

func (t *trouble) failed(log *slog.Logger, err error, wait time.Duration, says string) {
	if t.count++; t.count == 1 {
		t.since = time.Now()
	}
	refused, ok := errors.AsType[Refusal](err)
	if t.told || ok && strings.HasPrefix(refused.Cause(), "40") && t.count <= conflictsMost {
		return // a conflict with another sidecar passes
	}
	t.told = true
	log = log.With(zoom.LogError, err, zoom.LogWait, wait)
	if ok && refused.BlamesUs() {
		log.Error(says, zoom.LogCode, refused.Cause(), zoom.LogReason, refused.Meaning())
		return
	}
	log.Warn(says)
}

func (t *trouble) over(log *slog.Logger, says string) {
	if t.told {
		log.Info(says+" again", zoom.LogTook, time.Since(t.since))
	}
	*t = trouble{}
}
