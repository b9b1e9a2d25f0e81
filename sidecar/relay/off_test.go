package relay

import (
	"context"
	"testing"
	"time"

	"github.com/stretchr/testify/require"
	"go.opentelemetry.io/otel/trace"
)

// one is a delivery that would have a trace.
type one struct{}

func (*one) Body() []byte                                 { return nil }
func (*one) Attempt() int                                 { return 1 }
func (*one) AcceptedAt() time.Time                        { return time.Time{} }
func (*one) Done(context.Context, string) error           { return nil }
func (*one) Later(context.Context, time.Duration) error   { return nil }
func (*one) Bury(context.Context, string) (uint64, error) { return 0, nil }
func (*one) Trace() trace.SpanContext                     { panic("nobody asks") }

func TestWithoutATracerAnEventCostsNothing(t *testing.T) {
	r, d, ctx := &Relay[*one]{}, &one{}, t.Context()
	items := make([]item[*one], 100)
	require.Zero(t, testing.AllocsPerRun(100, func() {
		for i := range items {
			items[i].span = r.traced(d, true)
		}
		_, batch := r.tracedBatch(ctx, items)
		note(batch, "try again", "timeout")
		endBatch(batch, errLeft, true)
		for _, it := range items {
			it.ended("applied")
		}
	}))
}
