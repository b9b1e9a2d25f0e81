package simulate

import (
	"io"
	"net/http"
	"net/http/httptest"
	"sync"
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"zoom-attendance/sidecar/zoom"
)

const testSecret = zoom.Secret("demo-secret-NOT-REAL-0001")

// door is a webhook that answers with the given statuses in turn, then 200, and
// keeps what it was sent. What is not signed it answers 401.
type door struct {
	mu       sync.Mutex
	statuses []int
	bodies   []string
	ids      []string
}

func (d *door) ServeHTTP(w http.ResponseWriter, r *http.Request) {
	body, _ := io.ReadAll(r.Body)
	_, err := zoom.Verify([]zoom.Secret{testSecret}, r.Header.Get(zoom.HeaderSignature), r.Header.Get(zoom.HeaderTimestamp), body, time.Now(), time.Minute)
	d.mu.Lock()
	defer d.mu.Unlock()
	status := http.StatusOK
	switch {
	case err != nil || r.URL.Path != "/api/zoom/webhook":
		status = http.StatusUnauthorized
	case len(d.statuses) > 0:
		status, d.statuses = d.statuses[0], d.statuses[1:]
	}
	d.bodies = append(d.bodies, string(body))
	d.ids = append(d.ids, r.Header.Get(zoom.HeaderRequestID))
	w.WriteHeader(status)
}

func (d *door) open(t *testing.T) *Sender {
	server := httptest.NewServer(d)
	t.Cleanup(server.Close)
	return &Sender{URL: server.URL + "/api/zoom/webhook", Secret: testSecret, Senders: 4, retries: []time.Duration{1, 1, 1}}
}

func TestEveryEventIsPostedSignedAndCounted(t *testing.T) {
	d := &door{}
	events := busyLesson().Events(Disorder{})
	delivery, err := d.open(t).Send(t.Context(), events)
	require.NoError(t, err)
	require.Equal(t, len(events), delivery.Accepted)
	require.Equal(t, map[string]int{"200": len(events)}, delivery.Answers)
	require.Len(t, delivery.Latencies, len(events))
	require.Len(t, d.bodies, len(events))
}

func TestAServerErrorIsRetriedWithTheSameBodyAndRequestID(t *testing.T) {
	d := &door{statuses: []int{503, 500}}
	delivery, err := d.open(t).Send(t.Context(), []Event{{Body: []byte(`{"one":1}`)}})
	require.NoError(t, err)
	require.Equal(t, 1, delivery.Accepted)
	require.Equal(t, 2, delivery.Retries)
	require.Equal(t, []string{`{"one":1}`, `{"one":1}`, `{"one":1}`}, d.bodies)
	require.Equal(t, d.ids[0], d.ids[2])
}

func TestARefusalIsNotRetried(t *testing.T) {
	d := &door{statuses: []int{401}}
	delivery, err := d.open(t).Send(t.Context(), []Event{{Body: []byte(`{}`)}})
	require.NoError(t, err)
	require.Zero(t, delivery.Accepted)
	require.Equal(t, map[string]int{"401": 1}, delivery.Refused)
	require.Len(t, d.bodies, 1)
}

func TestAnEventIsGivenUpAfterAsManyRetriesAsZoomMakes(t *testing.T) {
	d := &door{statuses: []int{503, 503, 503, 503}}
	delivery, err := d.open(t).Send(t.Context(), []Event{{Body: []byte(`{}`)}})
	require.NoError(t, err)
	require.Equal(t, map[string]int{"503": 1}, delivery.Refused)
	require.Len(t, d.bodies, 4)
}

func TestARedirectIsNotFollowed(t *testing.T) {
	d := &door{statuses: []int{301}}
	delivery, err := d.open(t).Send(t.Context(), []Event{{Body: []byte(`{}`)}})
	require.NoError(t, err)
	require.Equal(t, map[string]int{"301": 1}, delivery.Refused)
}

func TestPercentilesAreOfTheSortedLatencies(t *testing.T) {
	d := &Delivery{}
	for i := range 100 {
		d.Latencies = append(d.Latencies, time.Duration(i+1)*time.Millisecond)
	}
	require.Equal(t, 50*time.Millisecond, d.percentile(50))
	require.Equal(t, 99*time.Millisecond, d.percentile(99))
	require.Equal(t, 100*time.Millisecond, d.percentile(100))
	require.Equal(t, time.Millisecond, (&Delivery{Latencies: d.Latencies[:1]}).percentile(50))
}
