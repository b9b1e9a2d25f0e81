package inbox

import (
	"context"
	"errors"
	"fmt"
	"os"
	"testing"
	"time"

	"go.uber.org/goleak"
	"golang.org/x/sys/unix"
)

// childDir makes the test binary a process that accepts events until it is
// killed; it prints the number of each event that was answered for.
const childDir = "INBOX_TEST_CHILD_DIR"

func TestMain(m *testing.M) {
	if dir := os.Getenv(childDir); dir != "" {
		acceptUntilKilled(dir)
		return
	}
	goleak.VerifyTestMain(m)
}

func acceptUntilKilled(dir string) {
	ctx := context.Background()
	retention := time.Minute // and so Run looks often
	if os.Getenv(childSettles) != "" {
		retention = 50 * time.Millisecond
	}
	b, err := Open(ctx, Options{Dir: dir, Retention: retention})
	if err != nil {
		fmt.Println(err)
		os.Exit(1)
	}
	if os.Getenv(childTakes) != "" {
		go holdAll(ctx, b)
	}
	if os.Getenv(childSettles) != "" {
		go settleAll(ctx, b)
		go func() { _ = b.Run(ctx) }()
	}
	if os.Getenv(childLimited) != "" {
		limitFiles()
		go sayWhenStopped(ctx, b)
	}
	numbers := make(chan int)
	for range 16 {
		go func() {
			for n := range numbers {
				if err := b.Accept(ctx, fmt.Appendf(nil, "event %d", n)); err == nil {
					fmt.Println(n)
				}
			}
		}()
	}
	for n := 0; ; n++ {
		numbers <- n
	}
}

// childTakes makes the child hold events in hand, too.
const childTakes = "INBOX_TEST_CHILD_TAKES"

func holdAll(ctx context.Context, b *Inbox) {
	for {
		if _, err := b.Next(ctx, 10); err != nil {
			return
		}
	}
}

// childSettles makes the child settle every event, and remove it soon after.
const childSettles = "INBOX_TEST_CHILD_SETTLES"

func settleAll(ctx context.Context, b *Inbox) {
	for {
		some, err := b.Next(ctx, 100)
		if err != nil {
			return
		}
		for _, d := range some {
			_ = d.Done(ctx)
		}
	}
}

// childLimited makes every write of the child fail that goes beyond the first
// 200 kB of a file.
const childLimited = "INBOX_TEST_CHILD_LIMITED"

func limitFiles() {
	if err := unix.Setrlimit(unix.RLIMIT_FSIZE, &unix.Rlimit{Cur: 200 << 10, Max: 200 << 10}); err != nil {
		panic(err)
	}
}

func sayWhenStopped(ctx context.Context, b *Inbox) {
	err := b.Run(ctx)
	fmt.Println(errors.Is(b.Ready(), errStopped), errors.Is(err, errStopped))
	os.Exit(1)
}

// second is the error of what returns something beside it.
func second[T any](_ T, err error) error { return err }
