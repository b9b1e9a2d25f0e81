package watch

import (
	"cmp"
	"context"
	"fmt"
	"log/slog"
	"net/http"
	"slices"
	"sync"
	"time"

	"github.com/prometheus/client_golang/prometheus"

	"zoom-attendance/sidecar/rejudge"
	"zoom-attendance/sidecar/relay"
	"zoom-attendance/sidecar/zoom"
)

// Options of a watch. Project and Counts are required; the zero value of each
// other one means its default.
type Options struct {
	Project Project             // what all sidecars saw
	Counts  prometheus.Gatherer // what this one counts
	Held    func() []relay.Held // the meetings whose events the database does not take; nil: it is not known

	// NotJudged are the meetings whose lessons the database cannot judge anew. Nil: it
	// is not known.
	NotJudged func() []rejudge.Held

	// Window is how far a request's timestamp may be from our clock. Default 10
	// minutes.
	Window time.Duration

	// AlertURL is sent what begins and what is over; AlertSecret signs it, in base64
	// with or without "whsec_" before it. Without the first nothing is sent.
	AlertURL    zoom.Secret
	AlertSecret zoom.Secret
	Version     string            // the sidecar's, in what is sent
	Transport   http.RoundTripper // default: one of its own

	Every       time.Duration // between two looks; default 1 minute
	CallTimeout time.Duration // the end of one call to the project; default 15 s
	LessonSlack time.Duration // how late a lesson may begin; default 10 minutes
	Unchecked   time.Duration // how long Zoom may not check the endpoint; default 78 hours, six more than it takes
	Waiting     time.Duration // how long an event may wait; default 5 minutes
	HeldFor     time.Duration // how long one meeting may be held up; default 1 minute
	OldSecret   time.Duration // how long only an older secret may match; default 1 hour
	Remind      time.Duration // between two words about one thing; default 1 day
	RetryWait   time.Duration // the first wait before an alert is sent again; default 2 s

	Log     *slog.Logger          // default: slog's default
	Metrics prometheus.Registerer // nil: measured, and not shown
}

func (o Options) withDefaults() Options {
	o.Window = cmp.Or(o.Window, 10*time.Minute)
	o.Every = cmp.Or(o.Every, time.Minute)
	o.CallTimeout = cmp.Or(o.CallTimeout, 15*time.Second)
	o.LessonSlack = cmp.Or(o.LessonSlack, 10*time.Minute)
	o.Unchecked = cmp.Or(o.Unchecked, 78*time.Hour)
	o.Waiting = cmp.Or(o.Waiting, 5*time.Minute)
	o.HeldFor = cmp.Or(o.HeldFor, time.Minute)
	o.OldSecret = cmp.Or(o.OldSecret, time.Hour)
	o.Remind = cmp.Or(o.Remind, 24*time.Hour)
	o.RetryWait = cmp.Or(o.RetryWait, 2*time.Second)
	if o.Log == nil {
		o.Log = slog.Default()
	}
	if o.Held == nil {
		o.Held = func() []relay.Held { return nil }
	}
	if o.NotJudged == nil {
		o.NotJudged = func() []rejudge.Held { return nil }
	}
	return o
}

// Mark is something that is wrong.
type Mark struct {
	Name   string    // which, such as no_challenge: see the package documentation
	Since  time.Time // when it began
	Says   string    // what is wrong, in a sentence with numbers
	Remedy string    // what to do
}

// Watch looks once a minute. Its marks may be asked for by any number of
// goroutines.
type Watch struct {
	o       Options
	metrics metrics
	post    *post // nil: nobody is told

	// Of Run alone.
	settling settling
	holding  holding
	clock    clock
	secrets  secrets
	silence  silence
	away     bool            // the project did not answer the last time
	told     map[string]told // what was told, by key, as far as this process knows

	mu    sync.Mutex
	marks map[string]*mark // by key
}

// mark is a [Mark] with what else is known of it.
type mark struct {
	finding
	since, logged time.Time
}

// New makes a watch. It fails if the alerts cannot be signed.
func New(o Options) (*Watch, error) {
	o = o.withDefaults()
	w := &Watch{
		o: o, metrics: newMetrics(o.Metrics), told: map[string]told{}, marks: map[string]*mark{},
		settling: settling{patience: o.Waiting}, holding: holding{patience: o.HeldFor}, secrets: secrets{patience: o.OldSecret},
		clock: clock{window: o.Window, most: min(o.Window/3, time.Minute)}, silence: silence{unchecked: o.Unchecked},
	}
	if o.AlertURL != "" {
		p, err := newPost(o, w.metrics)
		if err != nil {
			return nil, fmt.Errorf("alerts: %w", err)
		}
		w.post = p
	}
	w.o.AlertURL, w.o.AlertSecret = "", "" // printing a Watch prints neither
	return w, nil
}

// Run looks until ctx ends, and returns nil once no alert is under way.
func (w *Watch) Run(ctx context.Context) error {
	defer w.post.wait()
	round := time.NewTicker(w.o.Every)
	defer round.Stop()
	for {
		w.look(ctx)
		if !w.rest(ctx, round.C) {
			return nil
		}
	}
}

// rest waits for the next look, and reports false if ctx ended first. Meanwhile it
// tells the database what was delivered.
func (w *Watch) rest(ctx context.Context, next <-chan time.Time) bool {
	for {
		select {
		case <-next:
			return true
		case <-w.post.news():
			_, _ = w.ask(ctx, sawHere{Marks: []sawMark{}, Clear: []string{}}) // else the next look says it
		case <-ctx.Done():
			return false
		}
	}
}

// Marks are what is wrong now, the longest first.
func (w *Watch) Marks() []Mark {
	w.mu.Lock()
	defer w.mu.Unlock()
	all := make([]Mark, 0, len(w.marks))
	for _, m := range w.marks {
		all = append(all, Mark{Name: m.name, Since: m.since, Says: m.says, Remedy: m.remedy})
	}
	slices.SortFunc(all, func(a, b Mark) int {
		return cmp.Or(a.Since.Compare(b.Since), cmp.Compare(a.Name, b.Name), cmp.Compare(a.Says, b.Says))
	})
	return all
}

// look finds out what is wrong, marks it and has it told.
func (w *Watch) look(ctx context.Context) {
	r, err := read(w.o.Counts)
	if err != nil {
		w.o.Log.Error("the watch cannot read the metrics", zoom.LogError, err)
		return
	}
	var found findings
	held := w.o.held()
	found.add(w.settling.judge(r))
	w.holding.judge(r.at, held, w.marks, &found)
	found.add(w.clock.judge(r))
	found.add(w.secrets.judge(r))
	w.mark(r.at, found)

	tell, err := w.compare(ctx, r, held, &found)
	if ctx.Err() != nil {
		return
	}
	w.heard(err)
	w.tellClaimed(ctx, r.at, tell)
	w.tellAlone(ctx, r.at, err != nil)
}

// compare asks the project what all sidecars saw, and once more if that makes
// another mark. It returns what this one shall tell.
func (w *Watch) compare(ctx context.Context, r reading, held []held, found *findings) ([]toTell, error) {
	asked := w.saw(r, *found)
	seen, err := w.ask(ctx, asked)
	if err != nil {
		return nil, err
	}
	tell := seen.Tell
	w.metrics.saw(seen.ChallengeAt, seen.EventAt)
	w.holding.elsewhere(seen.Open, found)
	seen.Lessons.without(heldNumbers(held, seen.Open))
	w.silence.judge(seen, w.marked, found)
	w.mark(r.at, *found)
	w.know(seen.Open)
	if now := w.saw(r, *found); !now.finds(asked) {
		seen, err = w.ask(ctx, now)
		tell = append(tell, seen.Tell...)
	}
	return tell, err
}

// heard notes whether the project answered, and logs when that changes.
func (w *Watch) heard(err error) {
	switch {
	case err != nil && !w.away:
		w.o.Log.Warn("the watch cannot ask the database what all sidecars saw; it goes on with what this one knows",
			zoom.LogCode, causeOf(err), zoom.LogReason, meaningOf(err))
	case err == nil && w.away:
		w.o.Log.Info("the watch hears from the database again")
	}
	w.away = err != nil
}

// marked is the mark of a key, or nil.
func (w *Watch) marked(key string) *mark { return w.marks[key] }

// mark takes what was found: marks begin, stay and end.
func (w *Watch) mark(at time.Time, found findings) {
	w.mu.Lock()
	defer w.mu.Unlock()
	for _, f := range found.wrong {
		m := w.marks[f.key]
		if m == nil {
			m = &mark{since: at}
			w.marks[f.key] = m
		}
		m.finding = f
		if m.logged.IsZero() || at.Sub(m.logged) >= w.o.Remind {
			m.logged = at
			w.o.Log.Warn("the watch: "+f.says, zoom.LogMark, f.name, zoom.LogSince, m.since.UTC().Format(time.RFC3339), zoom.LogRemedy, f.remedy)
		}
	}
	for _, key := range found.right {
		if m := w.marks[key]; m != nil {
			delete(w.marks, key)
			w.o.Log.Info("the watch: it is over. It was: "+m.says, zoom.LogMark, m.name, zoom.LogTook, at.Sub(m.since).Round(time.Second))
		}
	}
	w.metrics.show(w.marks)
}

// know takes what the database knows of the marks: when the first of all sidecars
// found them, and when somebody was told.
func (w *Watch) know(open []openAlert) {
	w.mu.Lock()
	defer w.mu.Unlock()
	for _, alert := range open {
		m := w.marks[alert.Key]
		if m == nil {
			continue
		}
		if alert.Since.Before(m.since) {
			m.since = alert.Since.UTC()
		}
		if t := w.told[alert.Key]; alert.ToldAt != nil && !t.alone && alert.ToldAt.After(t.at) {
			w.told[alert.Key] = told{at: *alert.ToldAt}
		}
	}
}
