package inbox

import (
	"testing"
	"time"

	"github.com/nats-io/nats.go"
	"github.com/stretchr/testify/require"
	sdk "go.opentelemetry.io/otel/sdk/trace"
	"go.opentelemetry.io/otel/sdk/trace/tracetest"
	"go.opentelemetry.io/otel/trace"
)

func requestOf(n byte) trace.SpanContext {
	return trace.NewSpanContext(trace.SpanContextConfig{TraceID: trace.TraceID{15: n}, SpanID: trace.SpanID{7: n}, TraceFlags: trace.FlagsSampled})
}

func TestAnEventTakesItsTraceAlong(t *testing.T) {
	onBoth(t, func(t *testing.T, o Options) {
		recorder := tracetest.NewSpanRecorder()
		o.Tracer = sdk.NewTracerProvider(sdk.WithSpanProcessor(recorder)).Tracer("test")
		b := open(t, o)
		require.NoError(t, b.Accept(trace.ContextWithSpanContext(testContext(t), requestOf(1)), []byte("traced")))
		accept(t, b, "not traced")
		kept := recorder.Ended()[0]
		require.Len(t, recorder.Ended(), 1)
		require.Equal(t, "keep ZOOM_EVENTS", kept.Name())
		require.Equal(t, requestOf(1).SpanID(), kept.Parent().SpanID())
		same := func(d *Delivery) {
			require.Equal(t, "traced", string(d.Body()))
			require.Equal(t, requestOf(1).TraceID(), d.Trace().TraceID())
			require.Equal(t, kept.SpanContext().SpanID(), d.Trace().SpanID())
			require.True(t, d.Trace().IsSampled())
		}

		shut(t, b) // and a restart
		b = open(t, o)
		for _, d := range take(t, b, 2) {
			if string(d.Body()) != "traced" {
				require.False(t, d.Trace().IsValid())
				require.NoError(t, d.Done(testContext(t)))
				continue
			}
			same(d)
			require.NoError(t, d.Later(testContext(t), time.Millisecond))
		}
		d := take(t, b, 1)[0]
		same(d)
		require.NoError(t, second(d.Bury(testContext(t), "a reason")))
		require.NoError(t, b.PutBack(testContext(t), 1))
		again := recorder.Ended()[1]
		require.Equal(t, kept.SpanContext().SpanID(), again.Parent().SpanID(), "a dead letter that is put back goes on")
		d = take(t, b, 1)[0]
		require.Equal(t, again.SpanContext().SpanID(), d.Trace().SpanID())
		require.Equal(t, requestOf(1).TraceID(), d.Trace().TraceID())
		require.NoError(t, d.Done(testContext(t)))
	})
}

func TestAnEventThatIsNotKeptSaysWhyInItsTrace(t *testing.T) {
	recorder := tracetest.NewSpanRecorder()
	b := open(t, Options{Dir: t.TempDir(), Tracer: sdk.NewTracerProvider(sdk.WithSpanProcessor(recorder)).Tracer("test")})
	shut(t, b)
	require.ErrorIs(t, b.Accept(trace.ContextWithSpanContext(testContext(t), requestOf(1)), []byte("late")), ErrUnavailable)
	said := recorder.Ended()[0].Attributes()
	require.Equal(t, "unavailable", said[len(said)-1].Value.AsString())
}

func TestATraceIsBesideAGroupAndNotInIt(t *testing.T) {
	plain := []event{{body: []byte("one"), attempt: 1}, {body: []byte("two"), attempt: 2}}
	without := newGroup(subjectEvents, plain)
	require.NotContains(t, without.Header, headerTrace, "nobody traces: not a byte more")

	traced := []event{plain[0], plain[1]}
	traced[1].trace = writeTrace(requestOf(2))
	with := newGroup(subjectEvents, traced)
	require.Equal(t, without.Data, with.Data, "a version that knows of no traces reads it")
	require.Equal(t, "- 00-00000000000000000000000000000002-0000000000000002-01", with.Header.Get(headerTrace))
	read, err := readGroup(with.Header, with.Data)
	require.NoError(t, err)
	require.Equal(t, traced, read)

	for sentence, header := range map[string]string{
		"of fewer events": "00-00000000000000000000000000000002-0000000000000002-01",
		"of more events":  "- - -",
		"nonsense":        "00-x-y-z \x00",
		"all noughts":     "00-00000000000000000000000000000000-0000000000000000-01 -",
	} {
		t.Run(sentence, func(t *testing.T) {
			h := nats.Header{headerFormat: {formatOne}, headerEvents: {"2"}, headerTrace: {header}}
			read, err := readGroup(h, with.Data)
			require.NoError(t, err, "an event matters more than its trace")
			require.Len(t, read, 2)
			require.Empty(t, read[0].trace+read[1].trace)
		})
	}
}

func TestWithoutATracerKeepingCostsNothing(t *testing.T) {
	b := &Inbox{}
	ctx := trace.ContextWithSpanContext(t.Context(), requestOf(1))
	require.Zero(t, testing.AllocsPerRun(100, func() {
		span, _ := b.keeping(ctx)
		kept(span, nil)
	}))
}
