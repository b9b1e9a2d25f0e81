package supabase_test

import (
	"context"
	"errors"
	"fmt"
	"io"
	"net/http"
	"sync"
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"zoom-attendance/scripts/stack/stacktest"
	"zoom-attendance/sidecar/supabase"
	"zoom-attendance/sidecar/zoom"
)

// An assembly of 1,000 ends: no answer writes more than a part of its records, and
// all of them are written though every third answer is lost.
func TestTheRecordsOfALargeLessonAreWrittenInParts(t *testing.T) {
	t.Parallel()
	p := stacktest.NewProject(t)
	_, err := p.DB().Exec(t.Context(), `
		insert into users (id, email, name, role) select md5('s' || i)::uuid, 's' || i || '@school.test', 'S', 'student' from generate_series(1, 1000) i;
		insert into classes (id, name, grade, section, subject) values (md5('c')::uuid, 'Assembly', '', '', '');
		insert into class_students (class_id, student_id) select md5('c')::uuid, md5('s' || i)::uuid from generate_series(1, 1000) i;
		insert into zoom_meetings (zoom_meeting_id, title, meeting_type, start_time, join_url, class_id)
		values ('990000061', 'Assembly', 'recurring', '2026-03-02T08:00Z', 'https://zoom.test/j', md5('c')::uuid)`)
	require.NoError(t, err)

	calls := &parts{next: http.DefaultTransport, largest: map[string]int{}}
	c := connect(t, p, func(o *supabase.Options) { o.Transport = calls })
	ctx, stop := context.WithCancel(t.Context())
	finished := make(chan error)
	go func() { finished <- c.FinishLessons(ctx) }()

	at := time.Date(2026, 3, 2, 8, 45, 0, 0, time.UTC)
	_, err = c.Apply(t.Context(), []zoom.Fact{{Kind: zoom.Ended, Meeting: "990000061", Instance: "i==", At: at}}, policy)
	require.NoError(t, err)
	require.Eventually(t, func() bool {
		var absent int
		require.NoError(t, p.DB().QueryRow(t.Context(), `select count(*) from attendance_records where status = 'absent'`).Scan(&absent))
		return absent == 1000
	}, 30*time.Second, 20*time.Millisecond)
	stop()
	require.NoError(t, <-finished)

	var left int
	require.NoError(t, p.DB().QueryRow(t.Context(), `select count(*) from zoom.unfinished`).Scan(&left))
	require.Zero(t, left)
	require.Positive(t, calls.lost, "answers were lost on the way")
	for path, rows := range calls.largest {
		require.LessOrEqual(t, rows, 300, path)
	}
}

// parts notes how many records each answer says it wrote, and loses every third of
// those that finish a lesson.
type parts struct {
	next     http.RoundTripper
	mu       sync.Mutex
	finished int
	lost     int
	largest  map[string]int
}

func (p *parts) RoundTrip(req *http.Request) (*http.Response, error) {
	resp, err := p.next.RoundTrip(req)
	if err != nil {
		return nil, err
	}
	p.mu.Lock()
	defer p.mu.Unlock()
	var rows int
	if _, err := fmt.Sscanf(resp.Header.Get("Sidecar-Row-Changes"), "attendance_records=%d", &rows); err == nil {
		p.largest[req.URL.Path] = max(p.largest[req.URL.Path], rows)
	}
	if req.URL.Path == "/rest/v1/rpc/finish_zoom_lessons" && rows > 0 {
		if p.finished++; p.finished%3 == 2 {
			p.lost++
			_, _ = io.Copy(io.Discard, resp.Body)
			return nil, errors.Join(errors.New("the answer was lost"), resp.Body.Close())
		}
	}
	return resp, nil
}
