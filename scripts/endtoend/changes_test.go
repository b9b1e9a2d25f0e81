package endtoend_test

import (
	"context"
	"fmt"
	"io"
	"log/slog"
	"math/rand/v2"
	"net/http"
	"net/http/httptest"
	"testing"
	"time"

	"github.com/prometheus/client_golang/prometheus"
	"github.com/stretchr/testify/require"

	"zoom-attendance/scripts/stack/stacktest"
	"zoom-attendance/sidecar/supabase"
	"zoom-attendance/sidecar/zoom"
)

var watchedTables = []string{"attendance_records", "zoom_meetings", "zoom_participants"}

// changes are rows by table, as they are counted by the sidecar or by triggers.
type changes map[string]int

// countedBySidecar reads the metric.
func countedBySidecar(t *testing.T, reg *prometheus.Registry) changes {
	families, err := reg.Gather()
	require.NoError(t, err)
	counted := changes{}
	for _, family := range families {
		if family.GetName() == "sidecar_supabase_row_changes_total" {
			for _, series := range family.GetMetric() {
				counted[series.GetLabel()[0].GetValue()] = int(series.GetCounter().GetValue())
			}
		}
	}
	require.Len(t, counted, len(watchedTables), "every table has its series from the start")
	return counted
}

// countRows has the database count every row that is written, and returns how to
// ask for the numbers.
func countRows(ctx context.Context, t *testing.T, project *stacktest.Project) (counted func() changes) {
	_, err := project.DB().Exec(ctx, `
		create table public.counted (name text not null);
		create function public.count_one() returns trigger language plpgsql security definer set search_path = '' as $$
		begin
			insert into public.counted values (tg_table_name);
			return null;
		end $$`)
	require.NoError(t, err)
	for _, table := range watchedTables {
		_, err := project.DB().Exec(ctx, fmt.Sprintf(
			"create trigger count_one after insert or update or delete on public.%s for each row execute function public.count_one()", table))
		require.NoError(t, err)
	}
	return func() changes {
		counted := changes{}
		for _, table := range watchedTables {
			var n int
			require.NoError(t, project.DB().QueryRow(ctx, "select count(*) from public.counted where name = $1", table).Scan(&n))
			counted[table] = n
		}
		return counted
	}
}

func client(t *testing.T, url string, key string, policy supabase.Policy, reg prometheus.Registerer) *supabase.Client {
	c, err := supabase.New(supabase.Options{URL: url, Key: zoom.Secret(key), Policy: policy, Log: slog.New(slog.DiscardHandler), Metrics: reg})
	require.NoError(t, err)
	t.Cleanup(c.Close)
	return c
}

// The metric and a trigger on every row agree, batch after batch of awkward
// lessons; what is told again changes nothing.
func TestEveryRowThatChangesIsCounted(t *testing.T) {
	ctx := t.Context()
	project := stacktest.NewProject(t)
	place := &orderPlace{project.DB()}
	counted := countRows(ctx, t, project)
	for seed := range uint64(12) {
		l := newLesson(seed, lessonDay.AddDate(1, 0, 0))
		l.history.Changes = nil
		require.NoError(t, place.begin(ctx, l))
		policy := supabase.Policy{MinMinutes: l.history.Settings.MinMinutes, Timezone: l.history.Settings.Timezone, AppJoins: l.history.Settings.AppJoins, PlanMarginMinutes: l.history.Settings.PlanMarginMinutes}
		reg := prometheus.NewRegistry()
		c := client(t, project.URL, project.SecretKey, policy, reg)
		before := counted()
		for _, batch := range shuffled(rand.New(rand.NewPCG(seed, 4)), len(l.facts), 0) {
			_, err := c.Apply(ctx, l.some(batch.facts))
			require.NoError(t, err)
			require.Equal(t, since(counted(), before), countedBySidecar(t, reg))
		}
		beforeAgain := countedBySidecar(t, reg)
		_, err := c.Apply(ctx, l.facts)
		require.NoError(t, err)
		require.Equal(t, beforeAgain, countedBySidecar(t, reg), "an event that is repeated changes nothing")
	}
	for table, n := range counted() {
		require.Positive(t, n, table)
	}
}

// since is what came to the changes after some of them.
func since(now, before changes) changes {
	came := changes{}
	for table, n := range now {
		came[table] = n - before[table]
	}
	return came
}

// A call that is undone has changed nothing, and a header of somebody between us and
// the project counts for no table but ours.
func TestWhatIsNotWrittenIsNotCounted(t *testing.T) {
	ctx := t.Context()
	project := stacktest.NewProject(t)
	meetingOfMarks(ctx, t, project)
	poisonous(ctx, t, project)
	reg := prometheus.NewRegistry()
	joined, err := zoom.Decode(marked(zoom.EventParticipantJoined, "81234567890", markName+" poison"), time.Time{})
	require.NoError(t, err)
	_, err = client(t, project.URL, project.SecretKey, supabase.Policy{Timezone: "UTC"}, reg).Apply(ctx, []zoom.Fact{joined})
	require.Error(t, err)
	require.Equal(t, changes{"attendance_records": 0, "zoom_meetings": 0, "zoom_participants": 0}, countedBySidecar(t, reg))

	strange := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, _ *http.Request) {
		w.Header().Set("Content-Type", "application/json")
		w.Header().Set("Sidecar-Row-Changes", "users=3, zoom_meetings=-1,zoom_participants=2, zoom_participants, =, attendance_records=1e9")
		_, _ = io.WriteString(w, "[]")
	}))
	defer strange.Close()
	reg = prometheus.NewRegistry()
	require.NoError(t, client(t, strange.URL, project.SecretKey, supabase.Policy{}, reg).Check(ctx))
	require.Equal(t, changes{"attendance_records": 0, "zoom_meetings": 0, "zoom_participants": 2}, countedBySidecar(t, reg))
}
