package inbox

import (
	"context"
	"fmt"
	"sync/atomic"
	"testing"
	"time"

	"github.com/prometheus/client_golang/prometheus"
	"github.com/stretchr/testify/require"
	sdk "go.opentelemetry.io/otel/sdk/trace"
	"go.opentelemetry.io/otel/sdk/trace/tracetest"
	"go.opentelemetry.io/otel/trace"
	"golang.org/x/sync/errgroup"
)

// bury accepts events, gives each up, and returns the numbers of the letters.
func bury(t testing.TB, in Inbox, bodies ...string) (letters []uint64) {
	t.Helper()
	for _, body := range bodies {
		accept(t, in, body)
		letter, err := take(t, in, 1)[0].Bury(testContext(t), "because of "+body)
		require.NoError(t, err)
		letters = append(letters, letter)
	}
	requireStats(t, in, func(s Stats) bool { return s.Waiting == 0 })
	return letters
}

// lettersOf are the bodies of the dead letters behind a number.
func lettersOf(t testing.TB, in Inbox, after uint64) (bodies []string) {
	t.Helper()
	for l, err := range in.DeadLetters(testContext(t), after) {
		require.NoError(t, err)
		require.Greater(t, l.Number, after, "the oldest first")
		after = l.Number
		bodies = append(bodies, string(l.Body))
	}
	return bodies
}

func TestDeadLettersAreListedAndShown(t *testing.T) {
	onBoth(t, func(t *testing.T, o Options) {
		in := open(t, o)
		require.Empty(t, lettersOf(t, in, 0))
		letters := bury(t, in, "one", "two", "three")
		require.Equal(t, []string{"one", "two", "three"}, lettersOf(t, in, 0))
		require.Equal(t, []string{"three"}, lettersOf(t, in, letters[1]))
		require.Empty(t, lettersOf(t, in, letters[2]))
		l, err := in.DeadLetter(testContext(t), letters[1])
		require.NoError(t, err)
		require.Equal(t, "because of two", l.Reason)
		for _, number := range []uint64{0, letters[2] + 1, 1<<64 - 1} {
			require.ErrorIs(t, second(in.DeadLetter(testContext(t), number)), ErrNoLetter)
			require.ErrorIs(t, in.PutBack(testContext(t), number), ErrNoLetter)
			require.ErrorIs(t, in.Drop(testContext(t), number), ErrNoLetter)
		}
		require.Equal(t, 3, statsOf(t, in).Dead)
		for range in.DeadLetters(testContext(t), 0) {
			break
		}
		shut(t, in)
		require.Equal(t, []string{"one", "two", "three"}, lettersOf(t, open(t, o), 0))
	})
}

func TestADroppedDeadLetterIsGoneAndItsNumberIsNotGivenAgain(t *testing.T) {
	onBoth(t, func(t *testing.T, o Options) {
		reg := prometheus.NewRegistry()
		o.Metrics = reg
		in := open(t, o)
		letters := bury(t, in, "one", "two", "three")
		for _, i := range []int{1, 2} {
			require.NoError(t, in.Drop(testContext(t), letters[i]))
			require.ErrorIs(t, in.Drop(testContext(t), letters[i]), ErrNoLetter)
		}
		require.Equal(t, []string{"one"}, lettersOf(t, in, 0))
		requireMetric(t, reg, 2, "sidecar_inbox_dead_letters_dropped_total", "")
		requireNothing(t, in)
		shut(t, in)
		o.Metrics = nil
		in = open(t, o)
		require.Greater(t, bury(t, in, "four")[0], letters[2])
		require.Equal(t, []string{"one", "four"}, lettersOf(t, in, 0))
	})
}

func TestADeadLetterPutBackIsTheEventThatItWas(t *testing.T) {
	onBoth(t, func(t *testing.T, o Options) {
		reg := prometheus.NewRegistry()
		o.Metrics = reg
		in := open(t, o)
		letters := bury(t, in, "one", "two")
		was, err := in.DeadLetter(testContext(t), letters[0])
		require.NoError(t, err)
		require.NoError(t, in.PutBack(testContext(t), letters[0]))
		require.ErrorIs(t, in.PutBack(testContext(t), letters[0]), ErrNoLetter)
		requireMetric(t, reg, 1, "sidecar_inbox_replayed_total", "dead")
		require.Equal(t, []string{"two"}, lettersOf(t, in, 0))
		requireStats(t, in, func(s Stats) bool { return s.Waiting == 1 && s.Dead == 1 })
		shut(t, in)
		o.Metrics = nil
		in = open(t, o)
		d := take(t, in, 1)[0]
		require.Equal(t, of("81", "one"), d.Event)
		require.Equal(t, uint64(1), d.Number())
		require.Equal(t, was.Attempt+1, d.Attempt())
		require.Equal(t, was.AcceptedAt, d.AcceptedAt())
		require.NoError(t, second(d.Bury(testContext(t), "still wrong")))
		require.ElementsMatch(t, []string{"one", "two"}, lettersOf(t, in, 0))
	})
}

func TestAllDeadLettersArePutBackOnceThoughSomeComeBack(t *testing.T) {
	onBoth(t, func(t *testing.T, o Options) {
		in := open(t, o)
		letters := bury(t, in, "one", "two", "three")
		require.NoError(t, in.Drop(testContext(t), letters[1]))
		var back []uint64
		require.NoError(t, PutAllBack(testContext(t), in, func(number uint64) {
			back = append(back, number)
			require.NoError(t, second(take(t, in, 1)[0].Bury(testContext(t), "still wrong")))
		}))
		require.Equal(t, []uint64{letters[0], letters[2]}, back)
		require.ElementsMatch(t, []string{"one", "three"}, lettersOf(t, in, 0))
		requireNothing(t, in)
	})
}

func TestPuttingAllBackWaitsWhileManyEventsWait(t *testing.T) {
	onBoth(t, func(t *testing.T, o Options) {
		in := open(t, o)
		bury(t, in, "dead")
		var senders errgroup.Group
		senders.SetLimit(64)
		for range maxWaitingForLetters {
			senders.Go(func() error { return in.Accept(testContext(t), of("81", "fresh")) })
		}
		require.NoError(t, senders.Wait())
		requireStats(t, in, func(s Stats) bool { return s.Waiting == maxWaitingForLetters })
		ctx, cancel := context.WithTimeout(t.Context(), 2*waitingInterval)
		defer cancel()
		require.ErrorIs(t, PutAllBack(ctx, in, func(uint64) {}), context.DeadlineExceeded)
		require.Equal(t, []string{"dead"}, lettersOf(t, in, 0))
		settle(t, in, 1, "applied")
		require.NoError(t, PutAllBack(testContext(t), in, func(uint64) {}))
		require.Empty(t, lettersOf(t, in, 0))
	})
}

func TestADeadLetterStaysUntilItIsPutBackOnceByOneOfMany(t *testing.T) {
	onBoth(t, func(t *testing.T, o Options) {
		in := open(t, o)
		letter := bury(t, in, "one")[0]
		var work errgroup.Group
		var done atomic.Int32
		for range 8 {
			work.Go(func() error {
				if in.PutBack(testContext(t), letter) == nil {
					done.Add(1)
				}
				return nil
			})
		}
		require.NoError(t, work.Wait())
		require.Positive(t, done.Load())
		settle(t, in, 1, "applied")
		requireNothing(t, in)
		require.Empty(t, lettersOf(t, in, 0))
	})
}

func requestOf(n byte) trace.SpanContext {
	return trace.NewSpanContext(trace.SpanContextConfig{TraceID: trace.TraceID{15: n}, SpanID: trace.SpanID{7: n}, TraceFlags: trace.FlagsSampled})
}

func TestAnEventTakesItsTraceAlong(t *testing.T) {
	onBoth(t, func(t *testing.T, o Options) {
		recorder := tracetest.NewSpanRecorder()
		o.Tracer = sdk.NewTracerProvider(sdk.WithSpanProcessor(recorder)).Tracer("test")
		in := open(t, o)
		traced := of("81", "traced")
		traced.Trace = requestOf(1)
		acceptAll(t, in, traced, of("81", "not traced"))
		require.Len(t, recorder.Ended(), 1)
		kept := recorder.Ended()[0]
		require.Equal(t, "keep inbox", kept.Name())
		require.Equal(t, requestOf(1).SpanID(), kept.Parent().SpanID())
		same := func(d *Delivery) {
			require.Equal(t, "traced", string(d.Body()))
			require.Equal(t, requestOf(1).TraceID(), d.Trace().TraceID())
			require.Equal(t, kept.SpanContext().SpanID(), d.Trace().SpanID())
			require.True(t, d.Trace().IsSampled())
		}
		shut(t, in) // and a restart
		in = open(t, o)
		for _, d := range take(t, in, 2) {
			if string(d.Body()) != "traced" {
				require.False(t, d.Trace().IsValid())
				require.NoError(t, d.Done(testContext(t), "applied"))
				continue
			}
			same(d)
			require.NoError(t, d.Later(testContext(t), time.Millisecond))
		}
		d := take(t, in, 1)[0]
		same(d)
		letter, err := d.Bury(testContext(t), "a reason")
		require.NoError(t, err)
		require.NoError(t, in.PutBack(testContext(t), letter))
		d = take(t, in, 1)[0]
		same(d)
		require.NoError(t, d.Done(testContext(t), "applied"))
		ended := replayOf(testContext(t), in, Replay{Since: d.AcceptedAt()})
		for _, d := range take(t, in, 2) {
			require.Equal(t, string(d.Body()) == "traced", d.Trace().IsValid())
			require.NoError(t, d.Done(testContext(t), "applied"))
		}
		require.NoError(t, (<-ended).err)
	})
}

func TestAnEventThatIsNotKeptSaysWhyInItsTrace(t *testing.T) {
	onBoth(t, func(t *testing.T, o Options) {
		recorder := tracetest.NewSpanRecorder()
		o.Tracer = sdk.NewTracerProvider(sdk.WithSpanProcessor(recorder)).Tracer("test")
		in := open(t, o)
		shut(t, in)
		require.ErrorIs(t, in.Accept(testContext(t), Event{Trace: requestOf(1)}), ErrUnavailable)
		said := recorder.Ended()[0].Attributes()
		require.Equal(t, "unavailable", said[len(said)-1].Value.AsString())
	})
}

func TestWithoutATracerKeepingCostsNothing(t *testing.T) {
	require.Zero(t, testing.AllocsPerRun(100, func() {
		_, span := startKeeping(nil, "nats", Event{Trace: requestOf(1)})
		endKeeping(span, nil)
	}))
}

func TestTextThatIsNoTraceIsLeftOut(t *testing.T) {
	for _, text := range []string{"", "00-x-y-z \x00", "00-00000000000000000000000000000000-0000000000000000-01", fmt.Sprint(make([]byte, 300))} {
		require.False(t, readTrace(text).IsValid(), text)
	}
	require.Equal(t, requestOf(2).WithRemote(true), readTrace(writeTrace(requestOf(2))))
}
