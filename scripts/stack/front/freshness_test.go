package front_test

import (
	"bytes"
	"fmt"
	"math/rand/v2"
	"slices"
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"zoom-attendance/sidecar/simulate"
	"zoom-attendance/sidecar/zoom"
)

// BenchmarkFreshness is how old a page is: from the answer to a webhook that
// somebody joined until the teacher's page has painted them, in milliseconds.
// Most of it is the wait for Realtime to look: it reads the log every 100 ms.
func BenchmarkFreshness(b *testing.B) {
	s := newSchool(b)
	s.mountMonitor()
	browser := openBrowser(b)
	s.watch(browser, "teacher", teacher, map[string]any{"width": 1280, "height": 800})
	var took []float64
	for b.Loop() {
		// Any moment between two looks is as likely as another.
		time.Sleep(rand.N(200 * time.Millisecond))
		lesson := simulate.Lesson{Roster: simulate.Roster{Number: lessonNumber, Type: "recurring"}, Instance: "freshness==", Start: time.Now().UTC()}
		guest := fmt.Sprintf("Guest %d", len(took))
		lesson.Visits = []simulate.Visit{{Attendee: simulate.Attendee{Name: guest}, Segment: guest, Connection: guest, Join: time.Now().UTC()}}
		events := lesson.Events(simulate.Disorder{})
		joined := slices.IndexFunc(events, func(e simulate.Event) bool { return bytes.Contains(e.Body, []byte(zoom.EventParticipantJoined)) })
		read[int](browser, "teacher", "window.repaints.length = 0")
		s.post(b.Context(), events[joined:joined+1], 0, 1)
		answered := time.Now()
		browser.until("teacher", `window.repaints.some(({table}) => table === 'zoom_participants')`)
		painted := read[float64](browser, "teacher", `window.repaints.find(({table}) => table === 'zoom_participants').at`)
		took = append(took, painted-float64(answered.UnixMicro())/1000)
	}
	require.NotEmpty(b, took)
	slices.Sort(took)
	for _, percent := range []int{50, 95, 99} {
		b.ReportMetric(took[(len(took)*percent+99)/100-1], fmt.Sprintf("p%d-ms", percent))
	}
	b.ReportMetric(0, "ns/op") // which would count the wait between two
}
