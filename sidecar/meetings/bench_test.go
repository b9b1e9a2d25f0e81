package meetings_test

import (
	"bytes"
	"io"
	"net/http"
	"net/http/httptest"
	"slices"
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"zoom-attendance/sidecar/meetings"
	"zoom-attendance/sidecar/web"
)

// BenchmarkJoin compares the way through the room with the one call that it makes
// of PostgREST. They take turns, so that both meet the same weather.
func BenchmarkJoin(b *testing.B) {
	s := newSchool(b)
	w := open(b, s, withSDK, func(o *meetings.Options) {
		o.Log = nil
		o.Users, o.Addresses = web.Rate{Burst: 1 << 30}, web.Rate{Burst: 1 << 30}
	})
	server := httptest.NewServer(w.handler)
	b.Cleanup(server.Close)
	kept := &http.Transport{}
	b.Cleanup(kept.CloseIdleConnections)
	token := s.token(pupil)
	arguments := []byte(`{"meeting":"` + s.meetings[lesson] + `","email_domain":""}`)

	ask := func(method, url string, body []byte) time.Duration {
		request, err := http.NewRequestWithContext(b.Context(), method, url, bytes.NewReader(body))
		require.NoError(b, err)
		request.Header.Set("Authorization", "Bearer "+token)
		request.Header.Set("apikey", s.SecretKey)
		request.Header.Set("Content-Type", "application/json")
		began := time.Now()
		response, err := kept.RoundTrip(request)
		require.NoError(b, err)
		_, err = io.Copy(io.Discard, response.Body)
		took := time.Since(began)
		require.NoError(b, err)
		require.NoError(b, response.Body.Close())
		require.Equal(b, http.StatusOK, response.StatusCode)
		return took
	}
	var through, bare []time.Duration
	turn := func() {
		through = append(through, ask(http.MethodGet, server.URL+w.path(lesson, "join"), nil))
		bare = append(bare, ask(http.MethodPost, s.URL+"/rest/v1/rpc/enter_zoom_meeting", arguments))
	}
	for range 50 {
		turn() // until every connection is open and every plan is made
	}
	through, bare = nil, nil
	for b.Loop() {
		turn()
	}
	slices.Sort(through)
	slices.Sort(bare)
	at := func(all []time.Duration, part float64) float64 {
		return float64(all[int(part*float64(len(all)-1))].Microseconds()) / 1000
	}
	b.ReportMetric(at(through, .5), "p50-ms")
	b.ReportMetric(at(through, .99), "p99-ms")
	b.ReportMetric(at(bare, .5), "bare-p50-ms")
	b.ReportMetric(at(bare, .99), "bare-p99-ms")
	b.ReportMetric(at(through, .99)/at(bare, .99), "p99-ratio")
}
