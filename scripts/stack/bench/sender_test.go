package main

import (
	"bufio"
	"bytes"
	"fmt"
	"io"
	"net"
	"net/http"
	"net/http/httptest"
	"strings"
	"sync/atomic"
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"zoom-attendance/sidecar/zoom"
)

func TestEventsAreDueAtAConstantRate(t *testing.T) {
	began := time.Now()
	require.Equal(t, began, dueAt(began, 0, 50))
	require.Equal(t, began.Add(time.Second), dueAt(began, 50, 50))
	require.Equal(t, began.Add(250*time.Microsecond), dueAt(began, 1, 4000))
	require.Equal(t, began.Add(10*time.Second), dueAt(began, 160000, 16000), "no error adds up")
}

func TestWaitingForATurnIsPartOfTheLatency(t *testing.T) {
	began := time.Now()
	d := delivery{
		began:    began,
		due:      []time.Time{began, began.Add(time.Second)},
		answered: []time.Time{began.Add(4 * time.Second), began.Add(3 * time.Second)},
	}
	require.Equal(t, []time.Duration{2 * time.Second, 4 * time.Second}, d.latencies())
	require.Equal(t, 4*time.Second, d.took())
	require.InDelta(t, 0.5, d.perSecond(), 1e-9)
}

func TestASignedRequestIsWhatZoomSends(t *testing.T) {
	now := time.Now()
	request, err := http.ReadRequest(bufio.NewReader(bytes.NewReader(signed("sidecar.test:80", []byte(`{"event":"x"}`), now))))
	require.NoError(t, err)
	body, err := io.ReadAll(request.Body)
	require.NoError(t, err)
	require.Equal(t, "sidecar.test:80 /api/zoom/webhook", request.Host+" "+request.URL.Path)
	_, err = zoom.Verify([]zoom.Secret{webhookSecret}, request.Header.Get(zoom.HeaderSignature), request.Header.Get(zoom.HeaderTimestamp), body, now, time.Minute)
	require.NoError(t, err)
}

// TestEachEventIsSentUntilItIsTaken also at a constant rate, on connections that
// are used again.
func TestEachEventIsSentUntilItIsTaken(t *testing.T) {
	var posts, connections atomic.Int64
	server := httptest.NewUnstartedServer(http.HandlerFunc(func(w http.ResponseWriter, _ *http.Request) {
		if posts.Add(1)%3 == 0 {
			w.WriteHeader(http.StatusServiceUnavailable)
		}
		fmt.Fprint(w, "{}")
	}))
	server.Config.ConnState = func(_ net.Conn, state http.ConnState) {
		if state == http.StateNew {
			connections.Add(1)
		}
	}
	server.Start()
	defer server.Close()
	to := &door{address: strings.TrimPrefix(server.URL, "http://")}
	bodies := bytes.Fields([]byte(strings.Repeat("{} ", 20)))

	d, err := send(t.Context(), to, bodies, 4)
	require.NoError(t, err)
	require.Len(t, d.answered, 20)
	require.Equal(t, posts.Load()-20, d.again)
	require.LessOrEqual(t, connections.Load(), int64(4))

	d, err = sendAtRate(t.Context(), to, bodies, 1000)
	require.NoError(t, err)
	require.GreaterOrEqual(t, d.took(), 19*time.Millisecond)
	for i := range bodies {
		require.False(t, d.answered[i].Before(d.due[i]), "answered before it was due")
	}
}

func TestARefusedEventEndsTheMeasurement(t *testing.T) {
	server := httptest.NewServer(http.NotFoundHandler())
	defer server.Close()
	_, err := send(t.Context(), &door{address: strings.TrimPrefix(server.URL, "http://")}, [][]byte{[]byte("{}")}, 1)
	require.ErrorContains(t, err, "answered 404")
}
