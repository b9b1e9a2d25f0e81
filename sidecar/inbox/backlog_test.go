package inbox

import (
	"bytes"
	"fmt"
	"os"
	"regexp"
	"runtime"
	"strconv"
	"sync"
	"testing"
	"time"

	"github.com/stretchr/testify/require"
)

// BenchmarkBacklog measures what b.N waiting events of 700 bytes take of memory
// while two workers hold a hundred of them each, and how long the next start
// takes. A million, by hand:
//
//	go test ./sidecar/inbox -run '^$' -bench Backlog -benchtime 1000000x -timeout 1h
func BenchmarkBacklog(b *testing.B) {
	options := Options{Dir: b.TempDir(), MaxBytes: 16 << 30}
	before := live()
	inbox := open(b, options)
	work := make(chan struct{})
	var senders sync.WaitGroup
	for range 128 {
		senders.Go(func() {
			for range work {
				require.NoError(b, inbox.Accept(b.Context(), bytes.Repeat([]byte{'x'}, 700)))
			}
		})
	}
	for range b.N {
		work <- struct{}{}
	}
	close(work)
	senders.Wait()
	hold := func(inbox *Inbox) {
		for range min(2, b.N/100) {
			_, err := inbox.Next(b.Context(), 100)
			require.NoError(b, err)
		}
	}
	hold(inbox)
	b.ReportMetric(float64(live()-before)/(1<<20), "MiB-heap")
	b.ReportMetric(float64(live()-before)/float64(b.N), "heap-B/event")
	b.ReportMetric(resident(b)/(1<<20), "MiB-resident")
	require.NoError(b, inbox.Close(b.Context()))

	began := time.Now()
	inbox = open(b, options)
	hold(inbox)
	b.ReportMetric(time.Since(began).Seconds(), "s-restart")
	b.ReportMetric(float64(live()-before)/(1<<20), "MiB-heap-restarted")
}

// BenchmarkPutOff is BenchmarkBacklog for events that were put off for an hour,
// such as those of a meeting that nobody entered. While it writes, the server
// keeps what it wrote in the last seconds.
func BenchmarkPutOff(b *testing.B) {
	before := live()
	options := Options{Dir: b.TempDir(), MaxBytes: 16 << 30}
	inbox := open(b, options)
	for left := b.N; left > 0; left -= 100 {
		var together sync.WaitGroup
		for range min(left, 100) {
			together.Go(func() { require.NoError(b, inbox.Accept(b.Context(), bytes.Repeat([]byte{'x'}, 700))) })
		}
		together.Wait()
		for waiting := min(left, 100); waiting > 0; {
			taken, err := inbox.Next(b.Context(), 100)
			require.NoError(b, err)
			waiting -= len(taken)
			for _, d := range taken {
				together.Go(func() { require.NoError(b, d.Later(b.Context(), time.Hour)) })
			}
			together.Wait()
		}
	}
	b.ReportMetric(float64(live()-before)/(1<<20), "MiB-heap")
	b.ReportMetric(resident(b)/(1<<20), "MiB-resident")
	require.NoError(b, inbox.Close(b.Context()))
	open(b, options)
	b.ReportMetric(float64(live()-before)/(1<<20), "MiB-heap-restarted")
}

// live is what the process holds, in bytes, when all garbage is gone.
func live() int64 {
	runtime.GC()
	runtime.GC()
	var m runtime.MemStats
	runtime.ReadMemStats(&m)
	return int64(m.HeapInuse + m.StackInuse)
}

// resident is the memory of this process as Linux sees it, in bytes; 0 elsewhere.
func resident(b *testing.B) float64 {
	b.Helper()
	status, err := os.ReadFile(fmt.Sprintf("/proc/%d/status", os.Getpid()))
	if err != nil {
		return 0
	}
	line := regexp.MustCompile(`VmRSS:\s+(\d+) kB`).FindSubmatch(status)
	require.NotNil(b, line)
	kib, err := strconv.ParseFloat(string(line[1]), 64)
	require.NoError(b, err)
	return kib * 1024
}
