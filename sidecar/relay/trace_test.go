package relay_test

import (
	"context"
	"sync/atomic"
	"testing"
	"testing/synctest"
	"time"

	"github.com/stretchr/testify/require"
	"go.opentelemetry.io/otel/attribute"
	"go.opentelemetry.io/otel/codes"
	sdk "go.opentelemetry.io/otel/sdk/trace"
	"go.opentelemetry.io/otel/sdk/trace/tracetest"
	"go.opentelemetry.io/otel/trace"

	"zoom-attendance/sidecar/relay"
	"zoom-attendance/sidecar/zoom"
)

// keptIn is the context of the span that kept the event of a number, from 0.
func keptIn(n int, flags trace.TraceFlags) trace.SpanContext {
	return trace.NewSpanContext(trace.SpanContextConfig{TraceID: trace.TraceID{15: byte(n + 1)}, SpanID: trace.SpanID{7: byte(n + 1)}, TraceFlags: flags})
}

// recording has every event of a shelf traced, and returns what is.
func recording(s *shelf) (trace.Tracer, *tracetest.SpanRecorder) {
	for n, p := range s.all {
		p.trace = keptIn(n, trace.FlagsSampled)
	}
	recorder := tracetest.NewSpanRecorder()
	return sdk.NewTracerProvider(sdk.WithSpanProcessor(recorder)).Tracer("test"), recorder
}

// ended are the spans of a name, in the order in which they ended.
func ended(recorder *tracetest.SpanRecorder, name string) (found []sdk.ReadOnlySpan) {
	for _, s := range recorder.Ended() {
		if s.Name() == name {
			found = append(found, s)
		}
	}
	return found
}

func says(s sdk.ReadOnlySpan, name string) string {
	for _, a := range s.Attributes() {
		if a.Key == attribute.Key(name) {
			return a.Value.String()
		}
	}
	return ""
}

func happened(s sdk.ReadOnlySpan) (all []string) {
	for _, e := range s.Events() {
		text := e.Name
		for _, a := range e.Attributes {
			text += " " + a.Value.String()
		}
		all = append(all, text)
	}
	return all
}

func TestABatchIsLinkedToItsEventsAndTheyToIt(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		s := newShelf(events(3)...)
		tracer, recorder := recording(s)
		s.all[1].trace = trace.SpanContext{} // kept before there were traces
		s.all[2].trace = keptIn(2, trace.FlagsSampled)
		began := time.Now()
		pass(time.Second)
		var calledIn trace.SpanContext
		start(t, s, database(func(ctx context.Context, facts []zoom.Fact) ([]zoom.Outcome, error) {
			calledIn = trace.SpanContextFromContext(ctx)
			return all(zoom.Applied, facts), nil
		}), relay.Options{Tracer: tracer})
		require.NoError(t, s.settled(t.Context()))
		synctest.Wait()

		each, batches := ended(recorder, "process event"), ended(recorder, "apply batch")
		require.Len(t, each, 2)
		require.Len(t, batches, 1)
		batch := batches[0]
		require.Equal(t, calledIn, batch.SpanContext())
		require.Equal(t, "3", says(batch, "messaging.batch.message_count"))
		require.Len(t, batch.Links(), 2)
		for _, e := range each {
			n := int(e.SpanContext().TraceID()[15]) - 1
			require.Equal(t, keptIn(n, trace.FlagsSampled).SpanID(), e.Parent().SpanID())
			require.True(t, e.Parent().IsRemote())
			require.True(t, began.Equal(e.StartTime()), "from when it was kept")
			require.Equal(t, time.Second, e.EndTime().Sub(e.StartTime()))
			require.Equal(t, "applied", says(e, "sidecar.outcome"))
			require.Equal(t, batch.SpanContext(), e.Links()[0].SpanContext)
		}
		require.Equal(t, batch.Parent().TraceID(), batch.Links()[0].SpanContext.TraceID(), "beneath the first of them")
	})
}

func TestAnEventThatIsPutOffGoesOnWithItsTrace(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		s := newShelf(event("0"))
		tracer, recorder := recording(s)
		calls := 0
		start(t, s, database(func(_ context.Context, facts []zoom.Fact) ([]zoom.Outcome, error) {
			if len(facts) > 0 {
				calls++
			}
			if len(facts) > 0 && calls < 3 {
				return nil, refusal{cause: "55P03"}
			}
			return all(zoom.Applied, facts), nil
		}), relay.Options{Tracer: tracer})
		require.NoError(t, s.settled(t.Context()))
		synctest.Wait()
		each := ended(recorder, "process event")
		require.Len(t, each, 2)
		for n, outcome := range []string{"put_off", "applied"} {
			require.Equal(t, keptIn(0, 0).TraceID(), each[n].SpanContext().TraceID())
			require.Equal(t, outcome, says(each[n], "sidecar.outcome"))
			require.Equal(t, "1", says(each[n], "sidecar.attempt"), "its meeting was put off, not it")
		}
		require.GreaterOrEqual(t, each[1].StartTime().Sub(each[0].EndTime()), time.Second, "the wait is between them")
	})
}

func TestRetriesSplitsAndDeadLettersAreInTheTrace(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		s := newShelf(events(2)...)
		tracer, recorder := recording(s)
		calls := 0
		start(t, s, database(func(_ context.Context, facts []zoom.Fact) ([]zoom.Outcome, error) {
			if calls++; calls == 1 {
				return nil, refusal{cause: "PGRST002"}
			}
			for _, f := range facts {
				if f.Segment == "1" {
					return nil, refusal{cause: "22P02", data: true}
				}
			}
			return all(zoom.Applied, facts), nil
		}), relay.Options{Tracer: tracer, Workers: 1})
		require.NoError(t, s.settled(t.Context()))
		synctest.Wait()
		batches := ended(recorder, "apply batch")
		require.Len(t, batches, 4)
		require.Equal(t, []string{"try again 1 PGRST002", "apply meeting by meeting PGRST002"}, happened(batches[0]))
		require.Equal(t, []string{"split in halves 22P02"}, happened(batches[1]))
		require.Equal(t, codes.Error, batches[1].Status().Code)
		require.Equal(t, codes.Unset, batches[2].Status().Code)
		require.Equal(t, "22P02", says(batches[3], "error.type"))
		each := ended(recorder, "process event")
		require.Len(t, each, 2)
		require.Equal(t, "applied", says(each[0], "sidecar.outcome"))
		require.Equal(t, "buried", says(each[1], "sidecar.outcome"))
		require.Equal(t, []string{"dead letter 22P02"}, happened(each[1]))
		require.Equal(t, codes.Error, each[1].Status().Code)
	})
}

func TestAnEventThatIsLeftSaysSo(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		s := newShelf(event("0"))
		tracer, recorder := recording(s)
		k := start(t, s, database(func(context.Context, []zoom.Fact) ([]zoom.Outcome, error) {
			return nil, refusal{cause: "PGRST002"}
		}), relay.Options{Tracer: tracer})
		synctest.Wait()
		k.end()
		require.Equal(t, "left", says(ended(recorder, "process event")[0], "sidecar.outcome"))
		require.Contains(t, happened(ended(recorder, "apply batch")[0]), "left for the next run")
		require.Empty(t, s.histories()[0])
	})
}

// counting is a tracer that is asked for nothing.
type counting struct {
	trace.Tracer
	asked atomic.Int32
}

func (c *counting) Start(ctx context.Context, name string, o ...trace.SpanStartOption) (context.Context, trace.Span) {
	c.asked.Add(1)
	return c.Tracer.Start(ctx, name, o...)
}

func TestWhatIsNotSampledHasNoSpan(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		s := newShelf(events(2)...)
		tracer, recorder := recording(s)
		asked := &counting{Tracer: tracer}
		s.all[0].trace = keptIn(0, 0)
		s.all[1].trace = trace.SpanContext{}
		start(t, s, database(func(_ context.Context, facts []zoom.Fact) ([]zoom.Outcome, error) {
			return all(zoom.Applied, facts), nil
		}), relay.Options{Tracer: asked})
		require.NoError(t, s.settled(t.Context()))
		synctest.Wait()
		require.Empty(t, recorder.Started())
		require.Zero(t, asked.asked.Load())
	})
}
