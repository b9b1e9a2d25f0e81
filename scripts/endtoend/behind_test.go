package endtoend_test

import (
	"context"
	"net/http"
	"strings"
	"testing"
	"time"

	"github.com/google/uuid"
	"github.com/stretchr/testify/require"

	"zoom-attendance/scripts/stack/stacktest"
	"zoom-attendance/sidecar/oracle"
)

// What an operator sees who deployed the sidecar and not the migrations.
func TestADatabaseBehindTheSidecarIsNamedAndEventsWait(t *testing.T) {
	for sentence, c := range map[string]struct{ behind, mended, names string }{
		"the function has another name": {
			`alter function public.apply_zoom_events(jsonb, jsonb) rename to apply_zoom_events_of_later`,
			`alter function public.apply_zoom_events_of_later(jsonb, jsonb) rename to apply_zoom_events`,
			"apply_zoom_events",
		},
		"a table lacks a column": {
			`alter table zoom.marks rename column segment to segment_of_later`,
			`alter table zoom.marks rename column segment_of_later to segment`,
			"segment",
		},
	} {
		t.Run(sentence, func(t *testing.T) {
			ctx, cancel := context.WithTimeout(t.Context(), 2*time.Minute)
			defer cancel()
			project := stacktest.NewProject(t)
			database := flowDatabase(ctx, t, project)
			school := oracle.School{Meetings: []oracle.Meeting{{
				ID: uuid.NewString(), Number: "81234567890", Title: "Behind", Type: "recurring", Status: "scheduled",
				StartTime: time.Date(2026, 3, 2, 8, 0, 0, 0, time.UTC),
			}}}
			require.NoError(t, enter(ctx, project.DB(), school))
			change := func(sql string) {
				_, err := project.DB().Exec(ctx, sql+`; notify pgrst, 'reload schema'`)
				require.NoError(t, err)
			}

			change(c.behind)
			p := startSidecar(ctx, t, project.URL, project.SecretKey)
			p.deliver(ctx, t, []byte(started))
			p.hears(ctx, t, 1, "supabase db push")
			for _, line := range strings.Split(p.said(), "\n") {
				if strings.Contains(line, "supabase db push") {
					require.Contains(t, line, "level=ERROR")
					require.Contains(t, line, c.names)
				}
			}
			status, err := p.post(ctx, []byte(started))
			require.NoError(t, err)
			require.Equal(t, http.StatusOK, status, "the door stays open")
			require.Contains(t, p.metrics(ctx, t), "\nsidecar_relay_destination_up 0\n")

			change(c.mended)
			database.await(ctx, t, func() string {
				var status string
				require.NoError(t, project.DB().QueryRow(ctx, `select status from zoom_meetings`).Scan(&status))
				if status != "ended" { // a run of long ago is over by the clock
					return "the meeting is " + status
				}
				return ""
			})
			p.hearsOutageEnd(ctx, t, 1)
			p.stop(t)
		})
	}
}

// The function is asked at the start, so that the line is there before the
// first lesson is.
func TestADatabaseBehindTheSidecarIsNamedBeforeAnyEvent(t *testing.T) {
	ctx, cancel := context.WithTimeout(t.Context(), time.Minute)
	defer cancel()
	project := stacktest.NewProject(t)
	_, err := project.DB().Exec(ctx, `drop function public.apply_zoom_events(jsonb, jsonb); notify pgrst, 'reload schema'`)
	require.NoError(t, err)
	p := startSidecar(ctx, t, project.URL, project.SecretKey)
	p.hears(ctx, t, 1, "supabase db push")
	p.stop(t)
}
