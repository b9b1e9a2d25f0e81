package endtoend_test

import (
	"context"
	"encoding/json"
	"io"
	"net/http"
	"net/http/httptest"
	"strings"
	"testing"
	"time"

	standardwebhooks "github.com/standard-webhooks/standard-webhooks/libraries/go"
	"github.com/stretchr/testify/require"

	"zoom-attendance/scripts/stack/stacktest"
)

const alertSecret = "whsec_bWFyay1hbGVydC1zZWNyZXQtMzFjNy1sb25nLWVub3VnaA=="

// receiveAlerts is an address that takes alerts which are rightly signed, but for
// those that its path says it shall refuse, quoting all that it was told.
func receiveAlerts(t *testing.T) (address string, alerts <-chan map[string]any) {
	signer, err := standardwebhooks.NewWebhook(alertSecret)
	require.NoError(t, err)
	got := make(chan map[string]any, 100)
	server := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		body, _ := io.ReadAll(r.Body)
		if signer.Verify(body, r.Header) != nil {
			http.Error(w, "not signed", http.StatusUnauthorized)
			return
		}
		var alert map[string]any
		_ = json.Unmarshal(body, &alert)
		if name, ok := alert["name"].(string); ok && strings.HasPrefix(r.URL.Path, "/refuse/"+name+"/") {
			http.Error(w, r.URL.String()+string(body), http.StatusForbidden)
			return
		}
		got <- alert
	}))
	t.Cleanup(server.Close)
	return server.URL, got
}

// awaitAlert is the next alert.
func awaitAlert(ctx context.Context, t *testing.T, p *process, alerts <-chan map[string]any) map[string]any {
	select {
	case alert := <-alerts:
		return alert
	case <-ctx.Done():
		t.Fatalf("no alert came:\n%s", p.said())
		return nil
	}
}

// The real program, a real database and somebody who listens: a school that Zoom has
// left is told once, however often the sidecar is started, by one of two sidecars.
func TestTheSchoolIsToldThatZoomIsSilent(t *testing.T) {
	ctx, cancel := context.WithTimeout(t.Context(), time.Minute)
	defer cancel()
	project := stacktest.NewProject(t)
	_, err := project.DB().Exec(ctx, `insert into zoom.watch (began_at) values (now() - interval '100 hours')`)
	require.NoError(t, err)
	database := flowDatabase(ctx, t, project)
	_, err = project.DB().Exec(ctx, `create trigger tell after update on zoom.alerts for each statement execute function public.tell()`)
	require.NoError(t, err)
	address, alerts := receiveAlerts(t)
	p := newSidecar(t, project.URL, project.SecretKey)
	again := newProcess(t, t.TempDir(), project.URL, project.SecretKey)
	other := newProcess(t, t.TempDir(), project.URL, project.SecretKey)
	for _, s := range []*process{p, again, other} {
		s.env = append(s.env, "ALERT_URL="+address+"/hook", "ALERT_SECRET="+alertSecret)
	}

	p.start(ctx, t)
	const says = "Zoom has never checked the endpoint in the 100 hours since the sidecar first ran; it does so every 72 hours."
	alert := awaitAlert(ctx, t, p, alerts)
	require.Equal(t, "no_challenge", alert["name"])
	require.Equal(t, "firing", alert["status"])
	require.Equal(t, says, alert["says"])
	require.Contains(t, alert["text"], says)
	require.NotEmpty(t, alert["version"])
	p.hears(ctx, t, 1, "alert sent")
	metrics := p.metrics(ctx, t)
	require.Contains(t, metrics, "\nsidecar_watch_mark{name=\"no_challenge\"} 1\n")
	require.Contains(t, metrics, "\nsidecar_watch_mark{name=\"zoom_silent\"} 0\n")
	require.Contains(t, metrics, "\nsidecar_watch_alerts_total{result=\"sent\"} 1\n")

	database.await(ctx, t, func() string {
		var told bool
		require.NoError(t, project.DB().QueryRow(ctx, `select bool_and(told_at is not null) from zoom.alerts where key = 'no_challenge'`).Scan(&told))
		if !told {
			return "the database does not know that it was told"
		}
		return ""
	})
	p.stop(t)

	for _, s := range []*process{again, other} {
		s.start(ctx, t)
		s.hears(ctx, t, 1, says)
	}
	again.stop(t)
	other.stop(t)
	require.Empty(t, alerts, "it was told")
}
