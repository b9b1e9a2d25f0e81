package inbox

import (
	"context"
	"fmt"
	"iter"
	"log/slog"
	"sync"
	"time"

	"github.com/prometheus/client_golang/prometheus"
	"go.opentelemetry.io/otel/trace"
)

// Inbox is the queue between the door and the relay. All methods may be called from
// any goroutine. Whoever opens one must call Close, and should call Run.
type Inbox interface {
	// Accept keeps the event and returns nil when it is safe. Otherwise the error is
	// ErrFull or ErrUnavailable, the latter also when ctx ended first; then the event
	// may be kept nevertheless, and come twice if it is sent again. The body must not
	// be changed before Accept returns, nor after an error.
	Accept(ctx context.Context, e Event) error

	// Next waits for an event and returns it with those that are ready beside it, at
	// most max. What it returned is not returned again before it is put off or the
	// process ends. It ends with the error of ctx, or ErrUnavailable after Close.
	Next(ctx context.Context, max int) ([]*Delivery, error)

	// PutOff has no event of a meeting be handed out until a time. Its events that are
	// in flight are taken back: they come again then, and settling them does nothing
	// any more. Of several times the latest holds.
	PutOff(ctx context.Context, meeting string, until time.Time, reason string) error

	// Replay hands out again, through Next, settled events that were accepted before it
	// began, and returns when all of them are settled, with how many that were.
	// settled is called for each. A few hundred at a time wait, so that fresh events find
	// room. When ctx ends or the inbox closes, those are applied and the others
	// are not: so replay again, which changes nothing that was right.
	Replay(ctx context.Context, r Replay, settled func()) (Replayed, error)

	// Unknown are the meetings whose events were settled as of an unknown meeting, the
	// latest first.
	Unknown(ctx context.Context) ([]UnknownMeeting, error)

	// DeadLetters are the dead letters behind a number, the oldest first. It ends at
	// the first error.
	DeadLetters(ctx context.Context, after uint64) iter.Seq2[DeadLetter, error]
	// DeadLetter returns one, or ErrNoLetter.
	DeadLetter(ctx context.Context, number uint64) (DeadLetter, error)
	// PutBack has the event of a dead letter wait again, with Attempt one higher. A
	// failure may leave it both waiting and dead, never neither.
	PutBack(ctx context.Context, number uint64) error
	// Drop removes a dead letter for good.
	Drop(ctx context.Context, number uint64) error

	// Stats are the numbers of this moment.
	Stats(ctx context.Context) (Stats, error)
	// Ready says why nothing can be accepted just now, or nil.
	Ready() error
	// Run does the maintenance until ctx ends or the inbox is closed, and then returns
	// nil: it removes what was settled long enough ago, looks for damage and moves the
	// gauges. It returns an error when only a new start of the process, or an operator,
	// can help.
	Run(ctx context.Context) error
	// Close has the Accepts under way finish and what was settled written, and closes
	// the store. When ctx ends it waits for nobody any more.
	Close(ctx context.Context) error
}

// Event is what the door hands in.
type Event struct {
	Body    []byte            // as it came
	Meeting string            // Zoom's number, digits alone; empty where it tells none
	Kind    string            // Zoom's name of the event, such as meeting.ended
	Source  string            // who told of it, such as SourceWebhook
	Trace   trace.SpanContext // the span that took it; not valid if its request was not traced
}

// SourceWebhook is the source of an event that Zoom posted.
const SourceWebhook = "webhook"

// Options say where the inbox is and how long it remembers. The zero value of each
// field but Dir has a default.
type Options struct {
	Dir       string        // directory of the database file, made if missing; unused when URL is set
	URL       string        // NATS servers, comma-separated; when set events are kept there
	Replicas  int           // copies of each stream at these servers; default 1
	MaxBytes  int64         // the most that it may take, with NATS each of four streams; default 1 GiB
	Retention time.Duration // how long an event stays after it was settled; default 7 days
	AckWait   time.Duration // how soon the events of a dead process come again from NATS; default 10 s

	Tracer  trace.Tracer          // default: nothing is traced
	Log     *slog.Logger          // default: none
	Metrics prometheus.Registerer // default: none
}

func (o Options) withDefaults() Options {
	if o.Replicas <= 0 {
		o.Replicas = 1
	}
	if o.MaxBytes <= 0 {
		o.MaxBytes = 1 << 30
	}
	if o.Retention <= 0 {
		o.Retention = 7 * 24 * time.Hour
	}
	if o.AckWait <= 0 {
		o.AckWait = 10 * time.Second
	}
	if o.Log == nil {
		o.Log = slog.New(slog.DiscardHandler)
	}
	return o
}

// Open opens the inbox, made anew if there has never been one. ctx limits the opening
// only. It fails with ErrLocked, ErrNotWritable, ErrDamaged, ErrVersion or
// ErrUnavailable; the text says why and what to do.
func Open(ctx context.Context, o Options) (Inbox, error) {
	o = o.withDefaults()
	if o.URL != "" {
		return openJetStream(ctx, o)
	}
	s, err := openSQLite(ctx, o)
	if err != nil {
		return nil, fmt.Errorf("open the inbox: %w", err)
	}
	return s, nil
}

// untilDone waits for the work that Close has to wait for.
func untilDone(ctx context.Context, work *sync.WaitGroup) error {
	done := make(chan struct{})
	go func() {
		work.Wait()
		close(done)
	}()
	select {
	case <-done:
		return nil
	case <-ctx.Done():
		return fmt.Errorf("close the inbox: %w", ctx.Err())
	}
}
