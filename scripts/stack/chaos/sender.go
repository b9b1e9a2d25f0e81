package main

import (
	"bytes"
	"context"
	"fmt"
	"io"
	"math/rand/v2"
	"net/http"
	"strconv"
	"sync"
	"time"

	"zoom-attendance/sidecar/zoom"
)

const (
	webhookSecret = zoom.Secret("invented-secret-of-the-chaos")
	senders       = 16
	zoomPatience  = 3 * time.Second // for an answer, then Zoom gives up
	firstWait     = 20 * time.Millisecond
	longestWait   = time.Second // Zoom would take an hour

	signatureWindow = 10 * time.Minute // the sidecar's, by default
)

// traffic is events on their way, by many senders at once.
type traffic struct {
	world  *world
	clock  time.Duration // how far the sender's clock is ahead
	client *http.Client
	events int
	done   chan struct{} // gets one for each event that was answered for good
	seen   int           // of those
	all    sync.WaitGroup
}

// send begins to send and returns. Each event goes to any of the sidecars.
func (w *world) send(ctx context.Context, events []event) *traffic {
	return w.sendAt(ctx, events, 0)
}

// sendAt sends by a clock that is wrong.
func (w *world) sendAt(ctx context.Context, events []event, clock time.Duration) *traffic {
	t := &traffic{
		world: w, clock: clock, events: len(events), done: make(chan struct{}, len(events)),
		client: &http.Client{Timeout: zoomPatience, Transport: &http.Transport{MaxIdleConnsPerHost: senders}},
	}
	waiting := make(chan event, len(events))
	for _, e := range events {
		waiting <- e
	}
	close(waiting)
	for range senders {
		t.all.Go(func() {
			for e := range waiting {
				t.deliver(ctx, e)
			}
		})
	}
	return t
}

// reach returns when n more events have been answered, or all of them.
func (t *traffic) reach(ctx context.Context, n int) error {
	for range min(n, t.events-t.seen) {
		select {
		case <-t.done:
			t.seen++
		case <-ctx.Done():
			return fmt.Errorf("send events: %d of %d were answered: %w", t.seen, t.events, ctx.Err())
		}
	}
	return nil
}

// finish returns when all have been answered.
func (t *traffic) finish(ctx context.Context) error {
	err := t.reach(ctx, t.events)
	if err == nil {
		t.all.Wait()
		t.client.CloseIdleConnections()
	}
	return err
}

// deliver posts one event until it is answered for good.
func (t *traffic) deliver(ctx context.Context, e event) {
	for wait := firstWait; ctx.Err() == nil; wait = min(2*wait, longestWait) {
		door := rand.IntN(len(t.world.sidecars))
		began := time.Now()
		status, err := t.post(ctx, t.world.sidecars[door].url, e.body)
		switch {
		case err == nil && status == http.StatusOK:
			t.accepted(e.key, door, time.Since(began))
			t.done <- struct{}{}
			return
		case err == nil && status < 500:
			t.refused(e.key, status)
			t.done <- struct{}{}
			return
		}
		pause(ctx, wait/2+rand.N(wait))
	}
}

// post signs and posts a body once.
func (t *traffic) post(ctx context.Context, url string, body []byte) (int, error) {
	request, err := http.NewRequestWithContext(ctx, http.MethodPost, url, bytes.NewReader(body))
	if err != nil {
		return 0, err
	}
	timestamp := strconv.FormatInt(time.Now().Add(t.clock).Unix(), 10)
	request.Header.Set("Content-Type", "application/json; charset=utf-8")
	request.Header.Set(zoom.HeaderTimestamp, timestamp)
	request.Header.Set(zoom.HeaderSignature, zoom.Sign(webhookSecret, timestamp, body))
	t.world.ledger.posted()
	response, err := t.client.Do(request)
	if err != nil {
		return 0, err
	}
	defer response.Body.Close()
	t.world.heard(response)
	_, err = io.Copy(io.Discard, response.Body)
	return response.StatusCode, err
}

// accepted notes an answer 200.
func (t *traffic) accepted(k key, door int, took time.Duration) {
	t.world.ledger.answered200(k, door, took)
	if t.outsideWindow() {
		t.world.ledger.complain("an event signed %s off was answered 200", t.clock)
	}
}

// refused notes a 4xx, which only a wrong clock deserves.
func (t *traffic) refused(k key, status int) {
	t.world.ledger.refused4xx(k)
	if !t.outsideWindow() {
		t.world.ledger.complain("a signed event was answered %d", status)
		return
	}
	t.world.bites.add(refusedBy(status))
}

// refusedBy names what is counted of wrong clocks.
func refusedBy(status int) string { return fmt.Sprintf("refused by %d", status) }

// outsideWindow is whether what this sender signs must be refused.
func (t *traffic) outsideWindow() bool { return t.clock.Abs() > signatureWindow }

// heard notes an answer that tells of a sidecar's trouble.
func (w *world) heard(response *http.Response) {
	switch {
	case response.StatusCode == http.StatusServiceUnavailable && response.Header.Get("Retry-After") == "":
		w.ledger.complain("a 503 without Retry-After")
	case response.StatusCode == http.StatusServiceUnavailable:
		w.bites.add(closedDoor)
	case response.StatusCode >= 500:
		w.ledger.complain("an answer %d", response.StatusCode)
	}
}

// pause waits, or until ctx ends.
func pause(ctx context.Context, d time.Duration) {
	timer := time.NewTimer(d)
	defer timer.Stop()
	select {
	case <-timer.C:
	case <-ctx.Done():
	}
}
