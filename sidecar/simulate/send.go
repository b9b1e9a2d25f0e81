package simulate

import (
	"bytes"
	"context"
	"fmt"
	"io"
	"maps"
	"net/http"
	"slices"
	"strconv"
	"strings"
	"sync"
	"time"

	"github.com/google/uuid"
	"golang.org/x/sync/errgroup"

	"zoom-attendance/sidecar/zoom"
)

const userAgent = "sidecar-simulate/1.0"

// zoomPatience is how long Zoom waits for an answer.
const zoomPatience = 3 * time.Second

// zoomRetries is how long after a failure Zoom tries again, only that Zoom
// takes 5, then 20, then 60 minutes.
var zoomRetries = []time.Duration{time.Second, 4 * time.Second, 12 * time.Second}

// Sender posts events to a sidecar.
type Sender struct {
	URL      string      // of the webhook
	Secret   zoom.Secret // signs them
	Senders  int         // how many at once
	Speed    float64     // 1 is real time, 60 a minute a second, 0 as fast as possible
	Progress func(Event) // called after each event; may be nil

	retries []time.Duration // zoomRetries, but for tests
}

// Delivery is what became of the events.
type Delivery struct {
	Sent      int             // events
	Accepted  int             // answered 2xx, in the end
	Retries   int             // posts beyond the first of an event
	Answers   map[string]int  // posts by status, or "no answer"
	Latencies []time.Duration // of all 2xx answers, ascending
	Began     time.Time       // the first post
	Took      time.Duration   // from the first post to the last answer
	Refused   map[string]int  // events given up, by why
	mu        sync.Mutex      // guards all of it while sending
}

// Send posts the events at the pace of their times and returns when each was
// accepted or given up. It fails only when ctx ends.
func (s *Sender) Send(ctx context.Context, events []Event) (*Delivery, error) {
	client := &http.Client{
		Timeout:       zoomPatience,
		Transport:     &http.Transport{MaxIdleConnsPerHost: s.Senders, MaxConnsPerHost: s.Senders},
		CheckRedirect: func(*http.Request, []*http.Request) error { return http.ErrUseLastResponse },
	}
	defer client.CloseIdleConnections()
	d := &Delivery{Began: time.Now(), Answers: map[string]int{}, Refused: map[string]int{}}
	due := make(chan Event)
	group, ctx := errgroup.WithContext(ctx)
	group.Go(func() error {
		defer close(due)
		return s.pace(ctx, events, due)
	})
	for range max(1, s.Senders) {
		group.Go(func() error {
			for event := range due {
				if err := s.deliver(ctx, client, event, d); err != nil {
					return err
				}
			}
			return nil
		})
	}
	err := group.Wait()
	d.Took = time.Since(d.Began)
	slices.Sort(d.Latencies)
	return d, err
}

// pace hands each event out when its time has come.
func (s *Sender) pace(ctx context.Context, events []Event, due chan<- Event) error {
	began := time.Now()
	for _, event := range events {
		if s.Speed > 0 {
			at := time.Duration(float64(event.At.Sub(events[0].At)) / s.Speed)
			if err := wait(ctx, at-time.Since(began)); err != nil {
				return err
			}
		}
		select {
		case due <- event:
		case <-ctx.Done():
			return fmt.Errorf("send events: %w", ctx.Err())
		}
	}
	return nil
}

// deliver posts one event until it is accepted, refused, or given up after as
// many retries as Zoom makes.
func (s *Sender) deliver(ctx context.Context, client *http.Client, event Event, d *Delivery) error {
	if s.Progress != nil {
		defer s.Progress(event)
	}
	retries := s.retries
	if retries == nil {
		retries = zoomRetries
	}
	id := strings.ReplaceAll(uuid.NewString(), "-", "_")
	for attempt := 0; ; attempt++ {
		began := time.Now()
		status, err := s.post(ctx, client, id, event.Body)
		if ctx.Err() != nil {
			return fmt.Errorf("send events: %w", ctx.Err())
		}
		again := err != nil || status >= 500
		if !again || attempt == len(retries) {
			d.settle(status, err, time.Since(began))
			return nil
		}
		d.count(status, err)
		if err := wait(ctx, retries[attempt]); err != nil {
			return err
		}
	}
}

// post signs and posts one body. As with Zoom, a repeat keeps its request id
// and is signed anew.
func (s *Sender) post(ctx context.Context, client *http.Client, id string, body []byte) (int, error) {
	request, err := http.NewRequestWithContext(ctx, http.MethodPost, s.URL, bytes.NewReader(body))
	if err != nil {
		return 0, err
	}
	timestamp := strconv.FormatInt(time.Now().Unix(), 10)
	request.Header.Set("Content-Type", "application/json; charset=utf-8")
	request.Header.Set("User-Agent", userAgent)
	request.Header.Set(zoom.HeaderRequestID, id)
	request.Header.Set(zoom.HeaderTimestamp, timestamp)
	request.Header.Set(zoom.HeaderSignature, zoom.Sign(s.Secret, timestamp, body))
	response, err := client.Do(request)
	if err != nil {
		return 0, err
	}
	defer response.Body.Close()
	_, err = io.Copy(io.Discard, response.Body)
	return response.StatusCode, err
}

// count notes an answer that is not the last word on its event.
func (d *Delivery) count(status int, err error) {
	d.mu.Lock()
	defer d.mu.Unlock()
	d.Answers[answerName(status, err)]++
	d.Retries++
}

// settle notes the answer that is.
func (d *Delivery) settle(status int, err error, took time.Duration) {
	d.mu.Lock()
	defer d.mu.Unlock()
	name := answerName(status, err)
	d.Answers[name]++
	d.Sent++
	if err != nil || status < 200 || status > 299 {
		d.Refused[name]++
		return
	}
	d.Accepted++
	d.Latencies = append(d.Latencies, took)
}

func answerName(status int, err error) string {
	if err != nil {
		return "no answer"
	}
	return strconv.Itoa(status)
}

// Report tells how it went, in a few lines.
func (d *Delivery) Report() string {
	var text strings.Builder
	perSecond := float64(d.Accepted) / max(d.Took.Seconds(), 0.001)
	fmt.Fprintf(&text, "%d of %d events accepted in %s, %.0f a second; %d retries\n",
		d.Accepted, d.Sent, d.Took.Round(time.Millisecond), perSecond, d.Retries)
	if len(d.Latencies) > 0 {
		fmt.Fprintf(&text, "answered within: half %s, 95%% %s, 99%% %s, all %s\n",
			d.percentile(50), d.percentile(95), d.percentile(99), d.percentile(100))
	}
	for _, name := range slices.Sorted(maps.Keys(d.Answers)) {
		fmt.Fprintf(&text, "answered %s: %d times\n", name, d.Answers[name])
	}
	return text.String()
}

// percentile is the least latency within which so many percent were answered.
func (d *Delivery) percentile(percent int) time.Duration {
	rank := (len(d.Latencies)*percent + 99) / 100
	return d.Latencies[max(rank, 1)-1].Round(10 * time.Microsecond)
}

// wait waits, or until ctx ends.
func wait(ctx context.Context, duration time.Duration) error {
	if duration <= 0 {
		return nil
	}
	timer := time.NewTimer(duration)
	defer timer.Stop()
	select {
	case <-timer.C:
		return nil
	case <-ctx.Done():
		return fmt.Errorf("wait to send: %w", ctx.Err())
	}
}
