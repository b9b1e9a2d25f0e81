package supabase_test

import (
	"errors"
	"fmt"
	"math"
	"net/http"
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"zoom-attendance/scripts/stack/stacktest"
	"zoom-attendance/sidecar/supabase"
	"zoom-attendance/sidecar/zoom"
)

// The database raises each state; PostgREST passes it on with a status of its
// own choosing; the table must see through that.
func TestEverySQLStateIsJudgedThroughPostgREST(t *testing.T) {
	t.Parallel()
	p := stacktest.NewProject(t)
	standIn(t, p, `raise exception 'about Pia Pupil' using errcode = policy ->> 'timezone', detail = 'pupil@school.test';`)
	for _, c2 := range []struct {
		state   string
		blame   supabase.Blame
		tooMuch bool
	}{
		{"08000", supabase.Weather, false}, // connection_exception
		{"08006", supabase.Weather, false}, // connection_failure
		{"25006", supabase.Us, false},      // read_only_sql_transaction: a full disk, a replica
		{"40P01", supabase.Weather, false}, // deadlock_detected
		{"53100", supabase.Weather, false}, // disk_full
		{"53200", supabase.Weather, true},  // out_of_memory
		{"53300", supabase.Weather, false}, // too_many_connections
		{"55P03", supabase.Weather, false}, // lock_not_available
		{"57014", supabase.Weather, true},  // query_canceled: the statement timeout
		{"57P01", supabase.Weather, false}, // admin_shutdown
		{"57P03", supabase.Weather, false}, // cannot_connect_now
		{"58030", supabase.Weather, false}, // io_error
		{"XX000", supabase.Weather, false}, // internal_error

		{"28000", supabase.Us, false}, // invalid_authorization_specification
		{"3F000", supabase.Us, false}, // invalid_schema_name
		{"42501", supabase.Us, false}, // insufficient_privilege
		{"42P01", supabase.Us, false}, // undefined_table
		{"42703", supabase.Us, false}, // undefined_column
		{"42883", supabase.Us, false}, // undefined_function
		{"0A000", supabase.Us, false}, // in no row: never held against the facts
		{"ZZ999", supabase.Us, false}, // in no book

		{"21000", supabase.Data, false}, // cardinality_violation
		{"22003", supabase.Data, false}, // numeric_value_out_of_range
		{"22008", supabase.Data, false}, // datetime_field_overflow
		{"22023", supabase.Data, false}, // invalid_parameter_value
		{"22P02", supabase.Data, false}, // invalid_text_representation
		{"22P05", supabase.Data, false}, // untranslatable_character: \u0000
		{"23502", supabase.Data, false}, // not_null_violation
		{"23503", supabase.Data, false}, // foreign_key_violation
		{"23505", supabase.Data, false}, // unique_violation
		{"23514", supabase.Data, false}, // check_violation
		{"54000", supabase.Data, false}, // program_limit_exceeded
		{"P0001", supabase.Data, false}, // raise_exception
	} {
		t.Run(c2.state, func(t *testing.T) {
			c := connect(t, p, func(o *supabase.Options) { o.Policy.Timezone = c2.state })
			_, err := c.Apply(t.Context(), []zoom.Fact{joined("1")})
			var e *supabase.Error
			require.ErrorAs(t, err, &e)
			require.Equal(t, c2.state, e.Code, err)
			require.GreaterOrEqual(t, e.Status, 400)
			require.Equal(t, c2.blame, e.Blame(), err)
			require.Equal(t, c2.blame == supabase.Data, e.BlamesData())
			require.Equal(t, c2.blame == supabase.Us, e.BlamesUs())
			require.Equal(t, c2.tooMuch, e.TooMuch())
			require.Equal(t, c2.state, e.Cause())
			require.NotEmpty(t, e.Meaning())
			require.Equal(t, "about Pia Pupil", e.Message)
			require.Equal(t, "pupil@school.test", e.Details)
			require.NotContains(t, err.Error(), "pupil@school.test", "details are never printed")
			if c2.blame == supabase.Data || c2.state == "ZZ999" {
				require.NotContains(t, err.Error(), "Pia", "nor a message that may quote the data")
			}
		})
	}
}

func TestWhatIsOursToMendSaysSo(t *testing.T) {
	t.Parallel()
	p := stacktest.NewProject(t)
	check := func(t *testing.T, says string, change ...func(*supabase.Options)) {
		t.Helper()
		err := connect(t, p, change...).Check(t.Context())
		require.Equal(t, supabase.Us, blame(t, err), err)
		require.True(t, supabase.Retryable(err))
		var e *supabase.Error
		errors.As(err, &e)
		require.Contains(t, e.Meaning(), says)
	}
	t.Run("a key of another project", func(t *testing.T) {
		check(t, "SUPABASE_SECRET_KEY", func(o *supabase.Options) { o.Key = "sb_secret_invented" })
	})
	t.Run("a key that may not write", func(t *testing.T) {
		check(t, "service_role", func(o *supabase.Options) { o.Key = zoom.Secret(p.AnonKey) })
	})
	t.Run("a token that nobody signed", func(t *testing.T) {
		check(t, "SUPABASE_SECRET_KEY", func(o *supabase.Options) { o.Key = zoom.Secret(p.ServiceRoleKey + "x") })
	})
	t.Run("an address beside the project", func(t *testing.T) {
		check(t, "SUPABASE_URL", func(o *supabase.Options) { o.URL += "/elsewhere" })
	})
	t.Run("a database without the grant", func(t *testing.T) {
		_, err := p.DB().Exec(t.Context(), `revoke execute on function public.apply_zoom_events from service_role`)
		require.NoError(t, err)
		check(t, "migrations")
	})
	t.Run("a database with a second function of that name", func(t *testing.T) {
		p.StopPostgREST()
		_, err := p.DB().Exec(t.Context(), `create function public.apply_zoom_events(events json, policy jsonb default '{}') returns jsonb language sql as 'select null::jsonb'`)
		require.NoError(t, err)
		p.StartPostgREST()
		check(t, "drop the one that is not the sidecar's, in the SQL editor: drop function public.apply_zoom_events(json, jsonb)")
		require.ErrorContains(t, connect(t, p).Check(t.Context()), "PGRST203: ")
		require.ErrorContains(t, connect(t, p).Check(t.Context()), "public.apply_zoom_events(events => json, policy => jsonb)")
		p.StopPostgREST()
		_, err = p.DB().Exec(t.Context(), `drop function public.apply_zoom_events(json, jsonb)`)
		require.NoError(t, err)
		p.StartPostgREST()
	})
	t.Run("a project that is paused", func(t *testing.T) {
		paused := &spoiler{spoil: answer(540, "application/json", `{"message":"Project paused"}`)}
		check(t, "the project is paused; resume it in the dashboard", func(o *supabase.Options) { o.Transport = paused })
	})
	t.Run("a database without the function", func(t *testing.T) {
		p.StopPostgREST()
		_, err := p.DB().Exec(t.Context(), `drop function public.apply_zoom_events`)
		require.NoError(t, err)
		p.StartPostgREST()
		check(t, "migrations")
	})
}

// PostgREST 12 repeats a transaction that ends in 40001 by itself, later ones
// pass it on. Either way calling again ends well.
func TestASerializationFailurePasses(t *testing.T) {
	t.Parallel()
	p := stacktest.NewProject(t)
	_, err := p.DB().Exec(t.Context(), `create sequence public.tries; grant usage on sequence public.tries to service_role`)
	require.NoError(t, err)
	standIn(t, p, `
		if nextval('public.tries') <= 3 then raise exception 'busy' using errcode = '40001'; end if;
		return '["applied"]';`)
	c := connect(t, p)
	for attempt := 1; ; attempt++ {
		got, err := apply(t.Context(), c, joined("1"))
		if err == nil {
			require.Equal(t, []zoom.Outcome{zoom.Applied}, got)
			return
		}
		require.Equal(t, supabase.Weather, blame(t, err))
		require.LessOrEqual(t, attempt, 3)
	}
}

func TestCodesThatNoStandInCanRaise(t *testing.T) {
	t.Parallel()
	for code, want := range map[string]supabase.Blame{
		"40001":    supabase.Weather,
		"PGRST000": supabase.Weather, "PGRST001": supabase.Weather, "PGRST002": supabase.Weather, "PGRST003": supabase.Weather,
		"PGRST204": supabase.Weather, "PGRST205": supabase.Weather, "PGRSTX00": supabase.Weather,
		"PGRST102": supabase.Data,
		"PGRST106": supabase.Us, "PGRST107": supabase.Us, "PGRST202": supabase.Us, "PGRST203": supabase.Us,
		"PGRST301": supabase.Us, "PGRST302": supabase.Us, "PGRST303": supabase.Us,
	} {
		e := &supabase.Error{Status: http.StatusBadRequest, Code: code}
		require.Equal(t, want, e.Blame(), code)
	}
}

func TestStatusesWithoutACode(t *testing.T) {
	t.Parallel()
	for status, want := range map[int]supabase.Blame{
		408: supabase.Weather, 425: supabase.Weather, 429: supabase.Weather,
		500: supabase.Weather, 502: supabase.Weather, 503: supabase.Weather, 504: supabase.Weather, 522: supabase.Weather,
		400: supabase.Us, 401: supabase.Us, 402: supabase.Us, 403: supabase.Us, 404: supabase.Us, 405: supabase.Us, 406: supabase.Us, 418: supabase.Us, 540: supabase.Us,
		413: supabase.Data, 422: supabase.Data,
	} {
		e := &supabase.Error{Status: status}
		require.Equal(t, want, e.Blame(), status)
		require.Equal(t, fmt.Sprintf("http_%d", status), e.Cause())
		require.NotEmpty(t, e.Meaning())
	}
}

func TestACheckThatLacksAStatusIsNamed(t *testing.T) {
	t.Parallel()
	p := stacktest.NewProject(t)
	_, err := p.DB().Exec(t.Context(), `
		alter table public.attendance_records drop constraint attendance_records_status_check;
		alter table public.attendance_records add constraint "An older check" check (status in ('present', 'absent', 'late', 'excused'))`)
	require.NoError(t, err)
	standIn(t, p, `
		insert into public.attendance_records (student_id, class_id, date, status) values (gen_random_uuid(), gen_random_uuid(), '2026-03-02', 'partial');
		return '[]';`)
	_, err = apply(t.Context(), connect(t, p), joined("1"))
	var e *supabase.Error
	require.ErrorAs(t, err, &e)
	require.Equal(t, "23514", e.Code, err)
	require.Contains(t, e.Meaning(), `the school's check "An older check" of attendance_records`)
	require.Contains(t, e.Meaning(), "call zoom.allow_partial()")
	require.ErrorContains(t, err, "An older check")
}

func TestAFactThatJSONCannotHoldBlamesTheData(t *testing.T) {
	t.Parallel()
	c, err := supabase.New(supabase.Options{URL: "https://school.supabase.test", Key: "sb_secret_invented", Transport: &spoiler{spoil: resetBefore}})
	require.NoError(t, err)
	fact := joined("1")
	fact.At = time.Unix(math.MaxInt32*1000, 0) // beyond the year 9999
	_, err = apply(t.Context(), c, fact)
	require.Equal(t, supabase.Data, blame(t, err))
	require.False(t, supabase.Retryable(err))
}

func TestRetryableAsksAboutCallsOnly(t *testing.T) {
	t.Parallel()
	require.False(t, supabase.Retryable(nil))
	require.False(t, supabase.Retryable(errors.New("something else")))
	require.True(t, supabase.Retryable(fmt.Errorf("apply a batch: %w", &supabase.Error{Status: 503})))
}
