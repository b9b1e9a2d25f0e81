package stack

import (
	"bufio"
	"bytes"
	"context"
	"fmt"
	"io"
	"net/http"
	"strings"
	"sync"
	"time"
)

// Said keeps what a running program says; it may be read meanwhile.
type Said struct {
	mu   sync.Mutex
	text bytes.Buffer
}

// Write adds to it.
func (s *Said) Write(p []byte) (int, error) {
	s.mu.Lock()
	defer s.mu.Unlock()
	return s.text.Write(p)
}

// String is all of it.
func (s *Said) String() string {
	s.mu.Lock()
	defer s.mu.Unlock()
	return s.text.String()
}

// Tail is its last n lines.
func (s *Said) Tail(n int) string {
	lines := strings.Split(strings.TrimSpace(s.String()), "\n")
	return strings.Join(lines[max(0, len(lines)-n):], "\n")
}

// getWait is how long a program of ours may take to answer.
const getWait = 5 * time.Second

// Get reads an address line by line; line may be nil. Anything but 200 is an
// error.
func Get(ctx context.Context, url string, line func(string)) error {
	request, err := http.NewRequestWithContext(ctx, http.MethodGet, url, nil)
	if err != nil {
		return err
	}
	request.Close = true // nothing is kept for a program that will be killed
	response, err := (&http.Client{Timeout: getWait}).Do(request)
	if err != nil {
		return err
	}
	defer response.Body.Close()
	if response.StatusCode != http.StatusOK {
		return fmt.Errorf("%s answers %s", url, response.Status)
	}
	if line == nil {
		_, err := io.Copy(io.Discard, response.Body)
		return err
	}
	lines := bufio.NewScanner(response.Body)
	for lines.Scan() {
		line(lines.Text())
	}
	return lines.Err()
}

// Metrics reads some of the metrics that an address shows: of each the sum of
// its samples.
func Metrics(ctx context.Context, url string, names ...string) ([]float64, error) {
	sums := make([]float64, len(names))
	err := Get(ctx, url, func(line string) {
		for i, name := range names {
			var value float64
			if field, number, ok := strings.Cut(line, " "); ok && (field == name || strings.HasPrefix(field, name+"{")) {
				_, _ = fmt.Sscan(number, &value)
				sums[i] += value
			}
		}
	})
	return sums, err
}
