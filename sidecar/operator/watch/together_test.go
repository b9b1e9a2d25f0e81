package watch_test

import (
	"context"
	"log/slog"
	"sync"
	"testing"
	"time"

	"github.com/prometheus/client_golang/prometheus"
	"github.com/stretchr/testify/require"

	"zoom-attendance/scripts/stack/stacktest"
	"zoom-attendance/sidecar/operator/watch"
	"zoom-attendance/sidecar/supabase"
	"zoom-attendance/sidecar/zoom"
)

// counted says after each answer of the project that there was one.
type counted struct {
	*supabase.Client
	answered chan struct{}
}

func (c counted) Call(ctx context.Context, function string, args, into any) error {
	err := c.Client.Call(ctx, function, args, into)
	if err == nil {
		select {
		case c.answered <- struct{}{}:
		case <-ctx.Done():
		}
	}
	return err
}

// real is a sidecar's watch on a real database.
type real struct {
	*watch.Watch
	*counts
	project  counted
	receiver *receiver
}

func startReal(ctx context.Context, t *testing.T, p *stacktest.Project, running *sync.WaitGroup) real {
	client, err := supabase.New(supabase.Options{URL: p.URL, Key: zoom.Secret(p.SecretKey)})
	require.NoError(t, err)
	t.Cleanup(client.Close)
	r := real{counts: newCounts(), project: counted{client, make(chan struct{})}, receiver: &receiver{t: t}}
	r.Watch, err = watch.New(watch.Options{
		Project: r.project, Counts: r.registry, Every: 20 * time.Millisecond, Log: slog.New(slog.DiscardHandler), Metrics: prometheus.NewRegistry(),
		AlertURL: "https://hooks.school.test/", AlertSecret: alertSecret, Transport: r.receiver,
	})
	require.NoError(t, err)
	running.Go(func() { _ = r.Run(ctx) })
	return r
}

// look waits for some answers of the project to each.
func look(ctx context.Context, t *testing.T, times int, all ...real) {
	for range times {
		for _, r := range all {
			select {
			case <-r.project.answered:
			case <-ctx.Done():
				t.Fatal("the watch does not look")
			}
		}
	}
}

// await waits until the receivers have got something, and returns all of it after
// some looks more.
func await(ctx context.Context, t *testing.T, all ...real) (got []string) {
	for len(got) == 0 {
		look(ctx, t, 1, all...)
		for _, r := range all {
			got = append(got, r.receiver.told()...)
		}
	}
	look(ctx, t, 6, all...)
	for _, r := range all {
		got = append(got, r.receiver.told()...)
	}
	return got
}

// Two sidecars and a real database: both see what either does, and one of them tells.
func TestTwoSidecarsWatchTogether(t *testing.T) {
	ctx, cancel := context.WithTimeout(t.Context(), time.Minute)
	defer cancel()
	project := stacktest.NewProject(t)
	change := func(sql string) {
		_, err := project.DB().Exec(ctx, sql)
		require.NoError(t, err)
	}
	change(`insert into zoom.watch (began_at, unbroken_since, event_at) values (now() - interval '2 hours', now() - interval '2 hours', now() - interval '1 hour')`)
	change(`insert into zoom_meetings (zoom_meeting_id, title, start_time, join_url, created_at)
		select '8123456789' || n, 'Lesson', now() - interval '20 minutes', 'https://zoom.test/', now() - interval '1 day' from generate_series(1, 4) n`)
	names := func(r real) (all []string) {
		for _, m := range r.Marks() {
			all = append(all, m.Name)
		}
		return all
	}

	var running sync.WaitGroup
	working, stop := context.WithCancel(ctx)
	one, other := startReal(working, t, project, &running), startReal(working, t, project, &running)
	require.Equal(t, []string{"zoom_silent firing"}, await(ctx, t, one, other))
	require.Equal(t, []string{"zoom_silent"}, names(one))
	require.Equal(t, []string{"zoom_silent"}, names(other))

	// Zoom speaks, to one of them; then two of the lessons begin.
	one.kept()
	require.Equal(t, []string{"lesson_silent firing"}, await(ctx, t, one, other))
	require.Equal(t, []string{"lesson_silent"}, names(other))
	change(`select public.apply_zoom_events(jsonb_agg(jsonb_build_object('kind', 'started', 'meeting', number, 'instance', 'run', 'at', now(), 'start', now(), 'accepted', now())))
		from unnest(array['81234567891', '81234567892']) number`)
	look(ctx, t, 6, one, other)
	require.Contains(t, other.Marks()[0].Says, "2 of the 4 lessons that should be running: meetings 81234567893, 81234567894.")

	// Ten minutes later the silence is over, and so are the lessons.
	change(`update zoom_meetings set status = 'cancelled'`)
	look(ctx, t, 6, one, other)
	require.Empty(t, names(one))
	require.Empty(t, names(other))
	change(`update zoom.alerts set seen_at = now() - interval '11 minutes'`)
	require.ElementsMatch(t, []string{"zoom_silent resolved", "lesson_silent resolved"}, await(ctx, t, one, other))
	var open int
	require.NoError(t, project.DB().QueryRow(ctx, `select count(*) from zoom.alerts`).Scan(&open))
	require.Zero(t, open)
	stop()
	running.Wait()
}

// While its key is refused, a sidecar tells by itself, and says why it cannot ask.
func TestTheWatchSaysWhyItCannotAsk(t *testing.T) {
	ctx, cancel := context.WithTimeout(t.Context(), time.Minute)
	defer cancel()
	project := stacktest.NewProject(t)
	_, err := project.DB().Exec(ctx, `drop function public.watch_zoom(jsonb); notify pgrst, 'reload schema'`)
	require.NoError(t, err)
	client, err := supabase.New(supabase.Options{URL: project.URL, Key: zoom.Secret(project.SecretKey)})
	require.NoError(t, err)
	defer client.Close()
	said := make(said, 10)
	w, err := watch.New(watch.Options{Project: client, Counts: newCounts().registry, Every: 20 * time.Millisecond, Log: slog.New(slog.NewTextHandler(said, nil))})
	require.NoError(t, err)
	var running sync.WaitGroup
	working, stop := context.WithCancel(ctx)
	running.Go(func() { _ = w.Run(working) })
	line := <-said
	stop()
	running.Wait()
	require.Contains(t, line, "the watch cannot ask the database")
	require.Contains(t, line, "code=")
	require.Contains(t, line, "supabase db push")
}

// said is a log, line by line.
type said chan string

func (s said) Write(line []byte) (int, error) {
	s <- string(line)
	return len(line), nil
}
