package cases_test

import (
	"context"
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"zoom-attendance/scripts/stack/stacktest"
	"zoom-attendance/sidecar/simulate"
	"zoom-attendance/sidecar/zoom"
)

// The row of a meeting is typed in after the lesson: what Zoom told of its number
// was answered 200, and makes the records as soon as there is a row, though nothing
// is told again. So does whoever is enrolled after that.
func TestARowTypedInLateFindsWhatTheDoorAnswered(t *testing.T) {
	ctx, cancel := context.WithTimeout(t.Context(), 3*time.Minute)
	defer cancel()
	project := stacktest.NewProject(t)
	p := schoolWithoutTheMeeting(ctx, t, project)
	sidecar := project.StartSidecar()

	start := time.Now().Add(-time.Hour).UTC().Truncate(time.Second)
	roster := simulate.Roster{Number: number, Topic: "Algebra", Type: "scheduled", Timezone: "UTC", Host: attendee("teacher"),
		Attendees: []simulate.Attendee{attendee("a"), attendee("b"), attendee("d")}}
	lesson := simulate.Script(roster, simulate.Options{Duration: 45 * time.Minute, Seed: 1}, simulate.NewInstance(), start)
	sender := simulate.Sender{URL: sidecar.URL, Secret: zoom.Secret(stacktest.WebhookSecret), Senders: 4}
	delivery, err := sender.Send(ctx, lesson.Events(simulate.Disorder{Duplicates: 0.3, Shuffle: true}))
	require.NoError(t, err)
	require.Equal(t, delivery.Sent, delivery.Accepted, delivery.Report())
	sidecar.AwaitSettled()
	require.NoError(t, p.check(ctx, []want{{"attendance", "none"}}))

	_, err = p.db.Exec(ctx, `insert into zoom_meetings (id, zoom_meeting_id, title, host_id, class_id, start_time, join_url)
		values ($1, $2, 'Algebra', $3, $4, $5, 'https://zoom.test/j/1')`, id("meeting"), number, id("teacher"), id("class"), start)
	require.NoError(t, err)
	date := "attendance " + start.Format(time.DateOnly)
	p.await(ctx, t, []want{{date, "a present, b present, c absent"}, {"meeting", "ended"}})

	_, err = p.db.Exec(ctx, "insert into class_students (class_id, student_id) values ($1, $2), ($1, $3)", id("class"), id("d"), id("e"))
	require.NoError(t, err)
	p.await(ctx, t, []want{{date, "a present, b present, c absent, d present"}})
}

func attendee(symbol string) simulate.Attendee {
	return simulate.Attendee{Name: people[symbol].name, Email: people[symbol].email(symbol)}
}

// schoolWithoutTheMeeting writes the usual school into a project, and listens to
// every change of the records and the meetings.
func schoolWithoutTheMeeting(ctx context.Context, t *testing.T, project *stacktest.Project) *play {
	db := connect(t, project.DatabaseURL)
	p := newPlay(&world{db: db}, story{bare: true, policy: usualPolicy()})
	require.NoError(t, p.found(ctx))
	for _, sql := range []string{
		`create function public.tell() returns trigger language plpgsql as $$ begin perform pg_notify('written', ''); return null; end $$`,
		`create trigger tell after insert or update or delete on attendance_records for each statement execute function public.tell()`,
		`create trigger tell after update on zoom_meetings for each statement execute function public.tell()`,
		`listen written`,
	} {
		_, err := db.Exec(ctx, sql)
		require.NoError(t, err)
	}
	return p
}

// await returns once all is as expected, looking again after every change.
func (p *play) await(ctx context.Context, t *testing.T, wants []want) {
	t.Helper()
	for wrong := p.check(ctx, wants); wrong != nil; wrong = p.check(ctx, wants) {
		if _, err := p.db.WaitForNotification(ctx); err != nil {
			t.Fatalf("the rows are still not right: %v", wrong)
		}
	}
}
