package front_test

import (
	"context"
	"encoding/json"
	"fmt"
	"io"
	"log/slog"
	"net/http/httptest"
	"testing"
	"time"

	"github.com/prometheus/client_golang/prometheus"
	"github.com/stretchr/testify/require"

	"zoom-attendance/sidecar/operator/board"
	"zoom-attendance/sidecar/operator/explain"
	"zoom-attendance/sidecar/operator/watch"
)

// grove is a school with a lesson of a thousand, made up.
type grove struct{}

var groveZero = time.Date(2026, 3, 2, 8, 0, 0, 0, time.UTC)

func (grove) RecentLessons(context.Context) (json.RawMessage, error) {
	return json.RawMessage(`[{"meeting":"81234567890","date":"2026-03-02","title":"Assembly","timezone":"UTC","class":"the whole school","runs":1,"started_at":"2026-03-02T08:00:00Z",
		"ended_at":null,"is_on":true,"people_in":1000,"enrolled":1000,"present":0,"partial":0,"absent":0,"other":0}]`), nil
}

func (grove) Unmatched(context.Context, int) (json.RawMessage, error) {
	return json.RawMessage(`{"of":0,"items":[]}`), nil
}

func (grove) LessonTimeline(context.Context, string, string) (json.RawMessage, error) {
	var people []map[string]any
	for n := range 1000 {
		came := groveZero.Add(time.Duration(n) * time.Second)
		people = append(people, map[string]any{"n": n, "id": fmt.Sprintf("00000000-0000-4000-8000-%012d", n), "name": fmt.Sprintf("Student %04d", n), "kind": "enrolled",
			"is_in": true, "seconds": 0, "devices": 1, "intervals": []any{map[string]any{"from": came, "to": nil, "device": 1, "fate": "open", "why": "nothing closed it yet"}}, "union": []any{},
			"verdict": nil, "record": nil, "overridden": false})
	}
	return json.Marshal(map[string]any{"outcome": "ok", "forgotten": false, "now": groveZero.Add(30 * time.Minute), "date": "2026-03-02", "people": people,
		"meeting": map[string]any{"number": "81234567890", "title": "Assembly", "timezone": "UTC", "class": "the whole school"}, "policy": map[string]any{"min_seconds": 900},
		"is_on": true, "lessons": []any{map[string]any{"starts_at": groveZero, "is_planned": true}},
		"runs": []any{map[string]any{"started_at": groveZero, "ended_at": nil, "end_told": false, "counts": true, "why": nil}}})
}

func (grove) Explain(context.Context, string, string, string) (json.RawMessage, error) {
	return nil, explain.ErrNothing
}

func TestTheBoardShowsMarksFirstAndAThousandPeople(t *testing.T) {
	shown := board.New(board.Options{
		Metrics: prometheus.NewRegistry(), School: grove{}, Timezone: "UTC", Version: "of a test", Log: slog.New(slog.NewTextHandler(io.Discard, nil)),
		Marks: func() []watch.Mark {
			return []watch.Mark{
				{Name: "zoom_silent", Since: time.Now().Add(-25 * time.Minute), Says: "Three lessons should have begun and Zoom told of none.", Remedy: "Look at Event Subscriptions in the Zoom app: Zoom switches them off after failures."},
				{Name: "clock_off", Since: time.Now().Add(-3 * time.Hour), Says: "This machine's clock is 4 minutes ahead of Zoom's.", Remedy: "Have the clock set by NTP; beyond 10 minutes every event is refused."},
			}
		},
	})
	ctx, stop := context.WithCancel(t.Context())
	ended := make(chan error, 1)
	go func() { ended <- shown.Run(ctx) }()
	server := httptest.NewServer(shown)
	t.Cleanup(func() {
		shown.Stop()
		stop()
		require.NoError(t, <-ended)
		server.Close()
	})

	b := boards{browser: openBrowser(t), school: &school{t: t}}
	everywhere(func(page string) {
		b.open(page, server.URL)
		b.until(page, `document.querySelector('#now-title').textContent === '2 things need a look' && document.querySelectorAll('#on li').length === 1`)
		require.Equal(t, "(2) Now · Attendance board", read[string](b.browser, page, "document.title"))
	})
	b.lookAt("14 marks")

	b.goTo("lesson/81234567890/2026-03-02", `document.querySelectorAll('#lesson-people li').length === 1000`)
	everywhere(func(page string) {
		b.until(page, `document.querySelector('#marks-bar').textContent === '2 things need a look'`)
	})
	everywhere(func(page string) { b.picture(page, "15 thousand") })
	b.fill("wide", "#lesson-search", "0777")
	b.until("wide", `document.querySelectorAll('#lesson-people li').length === 1`)
	b.click("wide", "#lesson-people button")
	b.until("wide", `document.querySelector('#why .fault')?.textContent.startsWith('There is nothing to explain')`)
}
