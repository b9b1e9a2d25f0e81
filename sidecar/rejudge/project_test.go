package rejudge_test

import (
	"context"
	"errors"
	"fmt"
	"io"
	"log/slog"
	"net/http"
	"sync"
	"testing"
	"time"

	"github.com/jackc/pgx/v5"
	"github.com/stretchr/testify/require"

	"zoom-attendance/scripts/stack/stacktest"
	"zoom-attendance/sidecar/inbox"
	"zoom-attendance/sidecar/rejudge"
	"zoom-attendance/sidecar/relay"
	"zoom-attendance/sidecar/supabase"
	"zoom-attendance/sidecar/zoom"
)

// The errors of the room that is called answer this room's questions.
var _ rejudge.Refusal = (*supabase.Error)(nil)

var policy = supabase.Policy{MinMinutes: 15, Timezone: "UTC"}

// school is a project and how to wait for what its rows say.
type school struct {
	*stacktest.Project
	t *testing.T
}

// newSchool has a class with a teacher and a student, whose rows tell when they change.
func newSchool(t *testing.T) school {
	s := school{stacktest.NewProject(t), t}
	s.exec(`
		insert into users (id, email, name, role) values
			(md5('t')::uuid, 'teacher@school.test', 'Tess Teacher', 'teacher'), (md5('s')::uuid, 'pia@school.test', 'Pia Pupil', 'student');
		insert into classes (id, name, grade, section, subject, teacher_id) values (md5('c')::uuid, '7b', '', '', '', md5('t')::uuid);
		create function public.tell() returns trigger language plpgsql security definer as $$ begin perform pg_notify('rows', tg_table_name); return null; end $$;
		create trigger tell after insert or update or delete on attendance_records for each statement execute function public.tell();`)
	return s
}

func (s school) exec(sql string, args ...any) {
	s.t.Helper()
	_, err := s.DB().Exec(s.t.Context(), sql, args...)
	require.NoError(s.t, err)
}

func (s school) meets(number string) {
	s.exec(`insert into zoom_meetings (zoom_meeting_id, title, host_id, meeting_type, start_time, join_url, class_id)
		values ($1, 'Algebra', md5('t')::uuid, 'scheduled', '2026-03-02T08:00Z', 'https://zoom.test/j', md5('c')::uuid)`, number)
}

func (s school) enrols() {
	s.exec(`insert into class_students (class_id, student_id) values (md5('c')::uuid, md5('s')::uuid)`)
}

// await waits until the one record says something.
func (s school) await(status string) {
	s.t.Helper()
	ctx, cancel := context.WithTimeout(s.t.Context(), time.Minute)
	defer cancel()
	conn, err := s.DB().Acquire(ctx)
	require.NoError(s.t, err)
	defer conn.Release()
	_, err = conn.Exec(ctx, `listen rows`)
	require.NoError(s.t, err)
	for {
		var is string
		err := conn.QueryRow(ctx, `select status from attendance_records`).Scan(&is)
		if is == status {
			return
		}
		if err != nil && !errors.Is(err, pgx.ErrNoRows) {
			require.NoError(s.t, err)
		}
		_, err = conn.Conn().WaitForNotification(ctx)
		require.NoError(s.t, err, "the record is %q", is)
	}
}

// lesson are the bodies of what Zoom tells of one in which the student was for 40
// minutes.
func lesson(number string) [][]byte {
	event := func(name, at, more string) []byte {
		return fmt.Appendf(nil, `{"event":"meeting.%s","event_ts":1772438405000,"payload":{"object":{"id":%q,"uuid":"aGVsbG8gd29ybGQ==",
			"start_time":"2026-03-02T08:00:00Z","end_time":%q%s}}}`, name, number, at, more)
	}
	participant := func(segment, email, key, at string) string {
		return fmt.Sprintf(`,"participant":{"user_id":%q,"user_name":"N","email":%q,%q:%q}`, segment, email, key, at)
	}
	return [][]byte{
		event("started", "", ""),
		event("participant_joined", "", participant("1", "teacher@school.test", "join_time", "2026-03-02T08:00:00Z")),
		event("participant_joined", "", participant("2", "pia@school.test", "join_time", "2026-03-02T08:00:05Z")),
		event("participant_left", "", participant("2", "pia@school.test", "leave_time", "2026-03-02T08:40:05Z")),
		event("ended", "2026-03-02T08:45:00Z", ""),
	}
}

// process is an inbox, a relay and a loop at work.
type process struct {
	inbox inbox.Inbox
	log   *stacktest.Journal
	stop  func()
}

// start runs what a sidecar runs of it, in a directory.
func (s school) start(dir string) *process {
	s.t.Helper()
	p := &process{log: &stacktest.Journal{Patience: time.Minute}}
	log := slog.New(slog.NewTextHandler(p.log, nil))
	client := s.client(log, nil)
	kept, err := inbox.Open(s.t.Context(), inbox.Options{Dir: dir})
	require.NoError(s.t, err)
	p.inbox = kept
	carrier := relay.New(kept, client, relay.Options{Log: log})
	loop := rejudge.New(rejudge.Options{
		Project: client, Inbox: kept, Wake: client.Unfinished(), Log: log,
		Every: 100 * time.Millisecond, MinWait: 10 * time.Millisecond, MaxWait: 100 * time.Millisecond,
	})
	ctx, cancel := context.WithCancel(context.Background())
	var running sync.WaitGroup
	running.Go(func() { _ = carrier.Run(ctx) })
	running.Go(func() { _ = loop.Run(ctx) })
	p.stop = sync.OnceFunc(func() {
		cancel()
		running.Wait()
		require.NoError(s.t, kept.Close(context.Background()))
	})
	s.t.Cleanup(p.stop)
	return p
}

func (s school) client(log *slog.Logger, transport http.RoundTripper) *supabase.Client {
	s.t.Helper()
	client, err := supabase.New(supabase.Options{URL: s.URL, Key: zoom.Secret(s.SecretKey), Policy: policy, Log: log, Transport: transport})
	require.NoError(s.t, err)
	s.t.Cleanup(client.Close)
	return client
}

// eventOf is an event as the door hands it in.
func eventOf(t *testing.T, body []byte) inbox.Event {
	t.Helper()
	e, err := zoom.Open(body)
	require.NoError(t, err)
	return inbox.Event{Body: body, Meeting: e.MeetingID, Kind: e.Event, Source: inbox.SourceWebhook}
}

// accept takes events, and waits until the relay settled those of unknown meetings.
func (p *process) accept(t *testing.T, unknown int, bodies ...[]byte) {
	t.Helper()
	for _, body := range bodies {
		require.NoError(t, p.inbox.Accept(t.Context(), eventOf(t, body)))
	}
	require.Eventually(t, func() bool {
		all, err := p.inbox.Unknown(t.Context())
		require.NoError(t, err)
		n := 0
		for _, m := range all {
			n += m.Count
		}
		return n == unknown
	}, time.Minute, 10*time.Millisecond)
}

func TestEventsOfAMeetingThatBecomesKnownAreApplied(t *testing.T) {
	t.Parallel()
	s := newSchool(t)
	s.enrols()
	p := s.start(t.TempDir())
	p.accept(t, 10, append(lesson("81234567890"), lesson("81234567891")...)...)
	s.meets("81234567890")
	s.await("present")
	require.Eventually(t, func() bool {
		all, err := p.inbox.Unknown(t.Context())
		require.NoError(t, err)
		return len(all) == 1 && all[0].Meeting == "81234567891" && all[0].Count == 5
	}, time.Minute, 10*time.Millisecond, "the other is unknown still")
	p.log.Await(t, "handed out again", "events=5")
}

func TestAMeetingThatBecomesKnownWhileNobodyRunsIsFoundByTheNextStart(t *testing.T) {
	t.Parallel()
	s := newSchool(t)
	s.enrols()
	dir := t.TempDir()
	p := s.start(dir)
	p.accept(t, 5, lesson("81234567890")...)
	p.stop()
	s.meets("81234567890")
	s.start(dir)
	s.await("present")
}

func TestAMeetingThatBecomesKnownDuringAnOutageIsFoundWhenItIsOver(t *testing.T) {
	t.Parallel()
	s := newSchool(t)
	s.enrols()
	p := s.start(t.TempDir())
	p.accept(t, 5, lesson("81234567890")...)
	s.StopPostgREST()
	p.log.Await(t, "cannot look again")
	s.meets("81234567890")
	s.StartPostgREST()
	s.await("present")
	p.log.Await(t, "looks again")
	require.Len(t, p.log.Lines("cannot look again"), 1)
	require.Len(t, p.log.Lines("the database looks again"), 1)
}

func TestAStudentWhoIsEnrolledLaterIsPresent(t *testing.T) {
	t.Parallel()
	s := newSchool(t)
	s.meets("81234567890")
	p := s.start(t.TempDir())
	for _, body := range lesson("81234567890") {
		require.NoError(t, p.inbox.Accept(t.Context(), eventOf(t, body)))
	}
	require.Eventually(t, func() bool {
		var status string
		require.NoError(t, s.DB().QueryRow(t.Context(), `select status from zoom_meetings`).Scan(&status))
		return status == "ended"
	}, time.Minute, 10*time.Millisecond)
	s.enrols()
	s.await("present")
}

// An assembly of 1,000 ends: no answer writes more than a part of its records, and
// all of them are written though every third answer is lost.
func TestTheRecordsOfALargeLessonAreWrittenInParts(t *testing.T) {
	t.Parallel()
	s := newSchool(t)
	s.meets("990000061")
	s.exec(`
		insert into users (id, email, name, role) select md5('s' || i)::uuid, 's' || i || '@school.test', 'S', 'student' from generate_series(1, 1000) i;
		insert into class_students (class_id, student_id) select md5('c')::uuid, md5('s' || i)::uuid from generate_series(1, 1000) i`)
	calls := &parts{next: &http.Transport{}, largest: map[string]int{}}
	t.Cleanup(calls.next.CloseIdleConnections)
	client := s.client(slog.New(slog.DiscardHandler), calls)
	loop := rejudge.New(rejudge.Options{Project: client, Inbox: none{}, Wake: client.Unfinished(), Log: slog.New(slog.DiscardHandler), MinWait: time.Millisecond})
	ctx, stop := context.WithCancel(t.Context())
	finished := make(chan error)
	go func() { finished <- loop.Run(ctx) }()

	var facts []zoom.Fact
	for _, body := range lesson("990000061") {
		fact, err := zoom.Decode(body, time.Now())
		require.NoError(t, err)
		facts = append(facts, fact)
	}
	_, err := client.Apply(t.Context(), facts)
	require.NoError(t, err)
	require.Eventually(t, func() bool {
		var absent int
		require.NoError(t, s.DB().QueryRow(t.Context(), `select count(*) from attendance_records where status = 'absent'`).Scan(&absent))
		return absent == 1000
	}, time.Minute, 20*time.Millisecond)
	stop()
	require.NoError(t, <-finished)

	var left int
	require.NoError(t, s.DB().QueryRow(t.Context(), `select count(*) from zoom.unfinished`).Scan(&left))
	require.Zero(t, left)
	require.Positive(t, calls.lost, "answers were lost on the way")
	for path, rows := range calls.largest {
		require.LessOrEqual(t, rows, 300, path)
	}
}

// none is an inbox without unknown meetings.
type none struct{}

func (none) Unknown(context.Context) ([]inbox.UnknownMeeting, error) { return nil, nil }

func (none) Replay(context.Context, inbox.Replay, func()) (inbox.Replayed, error) {
	return inbox.Replayed{}, errors.New("there is nothing to replay")
}

// parts notes how many records each answer says it wrote, and loses every third of
// those that finish a lesson.
type parts struct {
	next     *http.Transport
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
	if req.URL.Path == "/rest/v1/rpc/catch_up_zoom" && rows > 0 {
		if p.finished++; p.finished%3 == 2 {
			p.lost++
			_, _ = io.Copy(io.Discard, resp.Body)
			return nil, errors.Join(errors.New("the answer was lost"), resp.Body.Close())
		}
	}
	return resp, nil
}
