package inbox

import (
	"bytes"
	"fmt"
	"testing"

	"github.com/stretchr/testify/require"
)

// BenchmarkAccept measures events of 1,500 bytes, each synced before it is
// answered, with so many senders at once.
func BenchmarkAccept(b *testing.B) {
	for _, senders := range []int{1, 64, 128} {
		b.Run(fmt.Sprint(senders), func(b *testing.B) {
			inbox := open(b, Options{Dir: b.TempDir(), MaxBytes: 16 << 30})
			body := bytes.Repeat([]byte{'x'}, 1500)
			ctx := b.Context()
			work := make(chan struct{})
			ended := make(chan error, senders)
			b.ResetTimer()
			for range senders {
				go func() {
					var err error
					for range work {
						if e := inbox.Accept(ctx, body); e != nil {
							err = e
						}
					}
					ended <- err
				}()
			}
			for range b.N {
				work <- struct{}{}
			}
			close(work)
			for range senders {
				require.NoError(b, <-ended)
			}
			b.ReportMetric(float64(b.N)/b.Elapsed().Seconds(), "events/s")
		})
	}
}
