package relay_test

import (
	"context"
	"fmt"
	"io"
	"net/http"
	"sync/atomic"
	"syscall"
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"zoom-attendance/scripts/stack/stacktest"
	"zoom-attendance/sidecar/relay"
	"zoom-attendance/sidecar/supabase"
	"zoom-attendance/sidecar/zoom"
)

// The errors of the room after this one answer this room's questions.
var _ relay.Refusal = (*supabase.Error)(nil)

// quick is a relay that does not try the patience of a test.
var quick = relay.Options{
	MinWait: 5 * time.Millisecond, MaxWait: 20 * time.Millisecond, MinHeldWait: 5 * time.Millisecond, MaxHeldWait: 20 * time.Millisecond,
}

// school is a real project with, if known, one meeting in it.
func school(t *testing.T, known bool) *stacktest.Project {
	t.Helper()
	p := stacktest.NewProject(t)
	if known {
		insertMeeting(t, p)
	}
	return p
}

func insertMeeting(t *testing.T, p *stacktest.Project) {
	t.Helper()
	_, err := p.DB().Exec(t.Context(), `
		with host as (
			insert into public.users (email, name, role) values ('host@school.test', 'Ada Host', 'teacher') returning id)
		insert into public.zoom_meetings (zoom_meeting_id, host_id, title, start_time, join_url)
		select $1, id, 'Algebra', '2026-03-02T08:00:00Z', 'https://zoom.test/j/1' from host`, meeting)
	require.NoError(t, err)
}

// before puts statements of the test's in front of the real function, which
// lives on under another name.
func before(t *testing.T, p *stacktest.Project, statements string) {
	t.Helper()
	p.StopPostgREST()
	_, err := p.DB().Exec(t.Context(), `
		create sequence public.tries;
		grant usage on sequence public.tries to service_role;
		alter function public.apply_zoom_events rename to apply_in_earnest;
		create function public.apply_zoom_events(events jsonb, policy jsonb default '{}') returns jsonb
		language plpgsql volatile set search_path = '' as $f$ begin
			`+statements+`
			return public.apply_in_earnest(events, policy);
		end $f$;
		revoke execute on function public.apply_zoom_events from public;
		grant execute on function public.apply_zoom_events to service_role;`)
	require.NoError(t, err)
	p.StartPostgREST()
}

// client is the real room after this one.
func client(t *testing.T, p *stacktest.Project, beneath func(http.RoundTripper) http.RoundTripper) database {
	t.Helper()
	o := supabase.Options{URL: p.URL, Key: zoom.Secret(p.SecretKey), Policy: supabase.Policy{MinMinutes: 15, Timezone: "UTC"}, Timeout: 5 * time.Second}
	if beneath != nil {
		pool := &http.Transport{}
		t.Cleanup(pool.CloseIdleConnections)
		o.Transport = beneath(pool)
	}
	c, err := supabase.New(o)
	require.NoError(t, err)
	t.Cleanup(c.Close)
	return c.Apply
}

// guests is how many people the project shows as having come; the lesson is long over.
func guests(t *testing.T, p *stacktest.Project) int {
	t.Helper()
	var n int
	require.NoError(t, p.DB().QueryRow(t.Context(), `select count(*) from public.zoom_participants where status in ('joined', 'left')`).Scan(&n))
	return n
}

func TestAPoisonedEventAmongManyInARealProject(t *testing.T) {
	t.Parallel()
	p := school(t, true)
	before(t, p, `
		if events @> '[{"segment": "41"}]' then
			raise exception 'about Pia Pupil' using errcode = '22P02', detail = 'pupil@school.test';
		end if;`)
	s := newShelf(events(100)...)
	k := start(t, s, client(t, p, nil), quick)
	require.NoError(t, s.settled(t.Context()))
	k.end()
	for i, h := range s.histories() {
		if i == 41 {
			require.Equal(t, "bury refused by the database: 22P02, a value the database cannot take", h)
		} else {
			require.Equal(t, "applied", h, i)
		}
	}
	require.Equal(t, 99, guests(t, p))
	require.Equal(t, 99.0, k.value(t, "sidecar_relay_events_total", "outcome", "applied"))
	require.Empty(t, k.log.Lines("Pia"))
	require.Empty(t, k.log.Lines("school.test"))
}

func TestADatabaseThatFailsForAWhile(t *testing.T) {
	t.Parallel()
	for _, state := range []string{"40001", "40P01", "53300", "55P03", "57P03", "42501"} {
		t.Run(state, func(t *testing.T) {
			t.Parallel()
			p := school(t, true)
			before(t, p, `
				if nextval('public.tries') <= 4 then raise exception 'busy' using errcode = '`+state+`'; end if;`)
			s := newShelf(events(20)...)
			k := start(t, s, client(t, p, nil), quick)
			require.NoError(t, s.settled(t.Context()))
			k.end()
			require.Equal(t, 20, guests(t, p))
			require.Equal(t, 20.0, k.value(t, "sidecar_relay_events_total", "outcome", "applied"))
			require.Zero(t, k.value(t, "sidecar_relay_events_total", "outcome", "buried"))
		})
	}
}

func TestABatchThatTakesTooLongIsTriedInParts(t *testing.T) {
	t.Parallel()
	p := school(t, true)
	before(t, p, `
		if jsonb_array_length(events) > 5 then raise exception 'too slow' using errcode = '57014'; end if;`)
	s := newShelf(events(20)...)
	k := start(t, s, client(t, p, nil), quick)
	require.NoError(t, s.settled(t.Context()))
	k.end()
	require.Equal(t, 20, guests(t, p))
}

func TestPostgRESTStopsAndComesBackWithEventsUnderWay(t *testing.T) {
	t.Parallel()
	p := school(t, true)
	p.StopPostgREST()
	s := newShelf(events(30)...)
	o := quick
	o.Batch = 10
	real := client(t, p, nil)
	refused := make(chan struct{}, 1)
	k := start(t, s, database(func(ctx context.Context, facts []zoom.Fact) ([]zoom.Outcome, error) {
		outcomes, err := real(ctx, facts)
		if err != nil {
			select {
			case refused <- struct{}{}:
			default:
			}
		}
		return outcomes, err
	}), o)
	<-refused
	<-refused
	require.NoError(t, k.Ready())
	require.Zero(t, guests(t, p))
	p.StartPostgREST()
	require.NoError(t, s.settled(t.Context()))
	k.end()
	require.Equal(t, 30, guests(t, p))
	require.NotEmpty(t, k.log.Lines("takes events again"))
}

// losesFirstAnswer lets the project do its work and loses its first answer.
type losesFirstAnswer struct {
	real  http.RoundTripper
	calls atomic.Int32
}

func (l *losesFirstAnswer) RoundTrip(req *http.Request) (*http.Response, error) {
	resp, err := l.real.RoundTrip(req)
	if err != nil || l.calls.Add(1) > 1 {
		return resp, err
	}
	_, _ = io.Copy(io.Discard, resp.Body)
	_ = resp.Body.Close()
	return nil, syscall.ECONNRESET
}

func TestAnAnswerLostAfterItTookEffectIsHarmless(t *testing.T) {
	t.Parallel()
	p := school(t, true)
	s := newShelf(events(10)...)
	o := quick
	o.Workers = 1
	k := start(t, s, client(t, p, func(real http.RoundTripper) http.RoundTripper { return &losesFirstAnswer{real: real} }), o)
	require.NoError(t, s.settled(t.Context()))
	k.end()
	require.Equal(t, 10, guests(t, p))
	require.Equal(t, 10.0, k.value(t, "sidecar_relay_events_total", "outcome", "duplicate"), "applied by the call whose answer was lost")
}

func TestTwoRelaysOnOneInboxAndOneProject(t *testing.T) {
	t.Parallel()
	p := school(t, true)
	s := newShelf(append(events(200), events(200)...)...) // every event twice
	o := quick
	o.Batch = 20
	d := client(t, p, nil)
	one, two := start(t, s, d, o), start(t, s, d, o)
	require.NoError(t, s.settled(t.Context()))
	one.end()
	two.end()
	require.Equal(t, 200, guests(t, p))
	var applied, duplicate float64
	for _, k := range []*desk{one, two} {
		applied += k.value(t, "sidecar_relay_events_total", "outcome", "applied")
		duplicate += k.value(t, "sidecar_relay_events_total", "outcome", "duplicate")
	}
	require.Equal(t, 200.0, applied)
	require.Equal(t, 200.0, duplicate)
}

// insertMeetings adds meetings of these numbers to a project that has one.
func insertMeetings(t *testing.T, p *stacktest.Project, numbers ...string) {
	t.Helper()
	_, err := p.DB().Exec(t.Context(), `
		insert into public.zoom_meetings (zoom_meeting_id, host_id, title, start_time, join_url)
		select n, id, 'Algebra', '2026-03-02T08:00:00Z', 'https://zoom.test/j/' || n from unnest($1::text[]) n, public.users limit 100`, numbers)
	require.NoError(t, err)
}

func TestASlowMeetingAndARefusedOneHoldUpNoOtherInARealProject(t *testing.T) {
	t.Parallel()
	p := school(t, true)
	var numbers []string
	var bodies [][]byte
	for i := range 12 {
		numbers = append(numbers, number(i))
		for j := range 3 {
			bodies = append(bodies, ofMeeting(i, fmt.Sprint(j)))
		}
	}
	insertMeetings(t, p, numbers...)
	slow, refused := number(0), number(1)
	_, err := p.DB().Exec(t.Context(), `
		create table public.tardy (zoom_meeting_id text, how text);
		insert into public.tardy values ('`+slow+`', 'slow'), ('`+refused+`', 'refused');
		grant select on public.tardy to service_role;
		create function public.be_tardy() returns trigger language plpgsql as $f$
		declare how text := (select t.how from public.tardy t join public.zoom_meetings m using (zoom_meeting_id) where m.id = new.meeting_id);
		begin
			if how = 'slow' then perform pg_sleep(60); end if;
			if how = 'refused' then raise exception 'no' using errcode = '42501'; end if;
			return new;
		end $f$;
		create trigger be_tardy before insert or update on public.zoom_participants for each row execute function public.be_tardy();
		do $d$ begin execute format('alter role authenticator in database %I set statement_timeout = ''1s''', current_database()); end $d$;`)
	require.NoError(t, err)
	p.StopPostgREST()
	p.StartPostgREST()

	s := newShelf(bodies...)
	o := quick
	o.MinHeldWait, o.MaxHeldWait = 10*time.Millisecond, 200*time.Millisecond
	k := start(t, s, client(t, p, nil), o)
	for i := range 12 {
		if i < 2 {
			continue
		}
		for j := range 3 {
			require.NoError(t, s.settledOne(t.Context(), 3*i+j))
		}
	}
	require.Equal(t, 30, guests(t, p))
	k.log.Await(t, "of one meeting", "meeting="+slow, "code=57014")
	k.log.Await(t, "level=ERROR", "of one meeting", "meeting="+refused, "code=42501")
	require.Len(t, k.Held(), 2)
	require.Equal(t, 1.0, k.value(t, "sidecar_relay_destination_up"))
	require.Empty(t, k.log.Lines("takes events again"))

	_, err = p.DB().Exec(t.Context(), `delete from public.tardy`)
	require.NoError(t, err)
	require.NoError(t, s.settled(t.Context()))
	k.log.Await(t, "events of this meeting again", "meeting="+slow)
	k.log.Await(t, "events of this meeting again", "meeting="+refused)
	k.end()
	require.Equal(t, 36, guests(t, p))
	require.Empty(t, k.Held())
}

// The function's own statement timeout, which PostgREST sets before the call, is half
// of the project's: what is held up for a slow meeting's sake is so no longer than it.
func TestAMeetingThatAlwaysTakesTooLongKeepsTenOthersForFiveSeconds(t *testing.T) {
	t.Parallel()
	p := school(t, true)
	var numbers []string
	var bodies [][]byte
	for i := range 11 {
		numbers = append(numbers, number(i))
		bodies = append(bodies, ofMeeting(i, "1"))
	}
	insertMeetings(t, p, numbers...)
	_, err := p.DB().Exec(t.Context(), `
		create function public.be_tardy() returns trigger language plpgsql as $f$
		begin
			if exists (select from public.zoom_meetings m where m.id = new.meeting_id and m.zoom_meeting_id = '`+numbers[0]+`') then perform pg_sleep(60); end if;
			return new;
		end $f$;
		create trigger be_tardy before insert or update on public.zoom_participants for each row execute function public.be_tardy()`)
	require.NoError(t, err)

	s := newShelf(bodies...)
	k := start(t, s, client(t, p, nil), relay.Options{})
	began := time.Now()
	for i := 1; i < 11; i++ {
		require.NoError(t, s.settledOne(t.Context(), i))
	}
	require.Less(t, time.Since(began), 5*time.Second)
	require.Equal(t, 10, guests(t, p))
	k.log.Await(t, "of one meeting", "meeting="+numbers[0], "code=57014")
	var running int
	require.NoError(t, p.DB().QueryRow(t.Context(), `select count(*) from pg_stat_activity where datname = current_database() and wait_event = 'PgSleep' and query_start < now() - interval '5 seconds'`).Scan(&running))
	require.Zero(t, running, "no call goes on in the database")
	k.end()
}
