package inbox

import (
	"bytes"
	"context"
	"fmt"
	"runtime"
	"slices"
	"testing"
	"time"

	"github.com/stretchr/testify/require"
	"golang.org/x/sync/errgroup"
)

func benchEvent(n int) Event {
	return Event{Body: bytes.Repeat([]byte{'x'}, 1500), Meeting: fmt.Sprint(81_000_000_000 + n%100), Kind: "meeting.participant_joined", Source: SourceWebhook}
}

// send has events accepted by so many senders at once.
func send(b *testing.B, in Inbox, events, senders int) {
	var all errgroup.Group
	for s := range senders {
		all.Go(func() error {
			for n := s; n < events; n += senders {
				if err := in.Accept(context.Background(), benchEvent(n)); err != nil {
					return err
				}
			}
			return nil
		})
	}
	require.NoError(b, all.Wait())
}

// BenchmarkAccept measures events of 1,500 bytes, each synced before it is answered.
func BenchmarkAccept(b *testing.B) {
	for name, store := range stores {
		for _, senders := range []int{1, 64} {
			b.Run(fmt.Sprintf("%s/%d", name, senders), func(b *testing.B) {
				in := open(b, store(b))
				b.ResetTimer()
				send(b, in, b.N, senders)
				b.ReportMetric(float64(b.N)/b.Elapsed().Seconds(), "events/s")
			})
		}
	}
}

// BenchmarkSettle measures taking events and settling them, a batch at a time.
func BenchmarkSettle(b *testing.B) {
	for name, store := range stores {
		b.Run(name, func(b *testing.B) {
			in := open(b, store(b))
			send(b, in, b.N, 64)
			b.ResetTimer()
			for left := b.N; left > 0; {
				batch, err := in.Next(b.Context(), 1500)
				require.NoError(b, err)
				left -= len(batch)
				var all errgroup.Group
				for _, d := range batch {
					all.Go(func() error { return d.Done(b.Context(), "applied") })
				}
				require.NoError(b, all.Wait())
			}
			b.ReportMetric(float64(b.N)/b.Elapsed().Seconds(), "events/s")
		})
	}
}

// BenchmarkBacklog opens an inbox in a directory with a million events that wait, and
// accepts a thousand a second for ten seconds: how long opening took, the slowest of a
// hundred answers, and the memory.
func BenchmarkBacklog(b *testing.B) {
	o := Options{Dir: b.TempDir(), MaxBytes: 16 << 30}
	filled, err := Open(b.Context(), o)
	require.NoError(b, err)
	send(b, filled, 1_000_000, 64)
	require.NoError(b, filled.Close(b.Context()))
	runtime.GC()
	for b.Loop() {
		began := time.Now()
		in := open(b, o)
		opened := time.Since(began)
		run(b, in)
		delays := make([]time.Duration, 10_000)
		var all errgroup.Group
		tick := time.NewTicker(time.Millisecond)
		for n := range delays {
			<-tick.C
			all.Go(func() error {
				began := time.Now()
				err := in.Accept(b.Context(), benchEvent(n))
				delays[n] = time.Since(began)
				return err
			})
		}
		tick.Stop()
		require.NoError(b, all.Wait())
		slices.Sort(delays)
		var memory runtime.MemStats
		runtime.ReadMemStats(&memory)
		b.ReportMetric(opened.Seconds()*1000, "open-ms")
		b.ReportMetric(delays[len(delays)/2].Seconds()*1000, "p50-ms")
		b.ReportMetric(delays[len(delays)*99/100].Seconds()*1000, "p99-ms")
		b.ReportMetric(float64(memory.Sys)/(1<<20), "memory-MiB")
		shut(b, in)
	}
}
