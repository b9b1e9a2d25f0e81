package front_test

import (
	"encoding/json"
	"strings"
	"testing"

	"github.com/stretchr/testify/require"

	"zoom-attendance/scripts/stack/stacktest"
)

// The front end need not change: what it writes in its users' sessions, as it
// writes it, is still written.
func TestTheAppWritesAsItDid(t *testing.T) {
	s := newSchool(t)
	const office, otherStudent = "office@school.test", stranger
	lesson := value[string](s, "select id::text from zoom_meetings where zoom_meeting_id = $1", lessonNumber)
	argument, err := json.Marshal(map[string]any{
		"url": s.URL, "key": s.PublishableKey,
		"tokens": map[string]string{"teacher": s.token(teacher), "student": s.token(student), "office": s.token(office)},
		"ids": map[string]string{"teacher": s.id(teacher), "student": s.id(student), "otherStudent": s.id(otherStudent),
			"class": class7b, "lesson": lesson},
	})
	require.NoError(t, err)
	app := stacktest.StartNode(t, nil, "app.mjs", string(argument))

	type step struct {
		Step   string
		Data   json.RawMessage
		Status int
		Error  string
	}
	steps := map[string]step{}
	for app.More() {
		var done step
		app.Hear(&done)
		require.Empty(t, done.Error, done.Step)
		require.Less(t, done.Status, 300, done.Step)
		steps[done.Step] = done
	}
	require.Contains(t, steps, "delete", "the app came to its end")
	require.Contains(t, string(steps["plan"].Data), `"name":"Adaeze Okafor"`, "with the host")
	require.Contains(t, string(steps["plan"].Data), `"name":"7b"`, "and the class")
	require.Contains(t, string(steps["change"].Data), `"status":"cancelled"`)
	require.JSONEq(t, `{"join_time": "2026-11-20T08:00:00+00:00", "status": "joined"}`, string(steps["mine"].Data))
	require.Equal(t, "null", string(steps["no record yet"].Data))
	require.Equal(t, 42, strings.Count(string(steps["save the attendance"].Data), "late"))
	require.Contains(t, string(steps["delete"].Data), `"id"`)

	require.Equal(t, "left", value[string](s, "select status from zoom_participants where user_id = $1", s.id(student)))
	require.Equal(t, int64(42), value[int64](s, "select count(*) from attendance_records where class_id = $1 and status = 'late'", class7b))
	require.Zero(t, value[int64](s, "select count(*) from meeting_registrants where join_url = 'https://zoom.test/w/1'"), "gone with their meeting")
}
