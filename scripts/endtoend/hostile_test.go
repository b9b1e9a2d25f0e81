package endtoend_test

import (
	"bytes"
	"context"
	"fmt"
	"net/http"
	"strconv"
	"strings"
	"testing"
	"time"

	"github.com/jackc/pgx/v5"
	"github.com/stretchr/testify/require"

	"zoom-attendance/scripts/stack/stacktest"
	"zoom-attendance/sidecar/zoom"
)

// The nastiest bodies that are answered 200, all in one go among ordinary ones:
// each is in the rows as it should be, and none stops another.
func TestNastyEventsReachTheRowsAndStopNobody(t *testing.T) {
	ctx, cancel := context.WithTimeout(t.Context(), time.Minute)
	defer cancel()
	project := stacktest.NewProject(t)
	meetingOfMarks(ctx, t, project)
	sidecar := project.StartSidecar()

	long := strings.Repeat("ä", 300)
	persons := map[string]struct{ name, extra, join, want string }{
		"p01": {"An ordinary name", "", "2026-03-02T08:01:14Z", "An ordinary name"},
		"p02": {`NUL\u0000inside`, "", "2026-03-02T08:01:14Z", "NULinside"},
		"p03": {`lone \ud83d surrogate`, "", "2026-03-02T08:01:14Z", "lone  surrogate"},
		"p04": {`emoji \ud83d\udcd0`, "", "2026-03-02T08:01:14Z", "emoji 📐"},
		"p05": {"bytes \xff\xfe that are no text", "", "2026-03-02T08:01:14Z", "bytes  that are no text"},
		"p06": {`'); drop table public.users; --`, "", "2026-03-02T08:01:14Z", `'); drop table public.users; --`},
		"p07": {`line\nbreak\tand\u0007bell`, "", "2026-03-02T08:01:14Z", "line break andbell"},
		"p08": {long, "", "2026-03-02T08:01:14Z", long[:512]},
		"p09": {`{\"$gt\": \"\"} \\ \" '`, "", "2026-03-02T08:01:14Z", `{"$gt": ""} \ " '`},
		"p10": {"deep", `"deep":` + strings.Repeat("[", 5000) + strings.Repeat("]", 5000) + ",", "2026-03-02T08:01:14Z", "deep"},
		"p11": {"beyond all floats", `"much":1e999,`, "2026-03-02T08:01:14Z", "beyond all floats"},
		"p12": {"twice", `"event":"meeting.created","payload":{"object":{"id":"1"}},`, "2026-03-02T08:01:14Z", "twice"},
		"p13": {"a megabyte", `"pad":"` + strings.Repeat("x", 900<<10) + `",`, "2026-03-02T08:01:14Z", "a megabyte"},
		"p14": {"year 0", "", "0000-01-01T00:00:00Z", "year 0"},
		"p15": {"year 9999", "", "9999-12-31T23:59:59Z", "year 9999"},
		"p16": {"year 10000", "", "10000-01-01T00:00:00Z", "year 10000"},
		"p17": {`right \u202e to left \u200b`, "", "2026-03-02T08:01:14Z", "right \u202e to left \u200b"},
		"p18": {"Another ordinary name", "", "2026-03-02T08:01:14Z", "Another ordinary name"},
	}
	want := map[string]string{}
	statuses := make(chan string, len(persons))
	for segment, person := range persons {
		want[person.want] = "left" // nobody told so, but a run of that day is over
		body := fmt.Sprintf(`{%s"event":"meeting.participant_joined","event_ts":1772438475210,"payload":{"object":{"id":"81234567890","uuid":"aB/cD==",`+
			`"start_time":"2026-03-02T08:00:04Z","participant":{"user_id":%q,"participant_uuid":%q,"user_name":"%s","join_time":%q}}}}`,
			person.extra, segment, segment, person.name, person.join)
		go func() { statuses <- deliverTo(ctx, sidecar.URL, []byte(body)) }()
	}
	for range persons {
		require.Equal(t, "200 OK", <-statuses)
	}
	sidecar.AwaitSettled()

	got := map[string]string{}
	rows, err := project.DB().Query(ctx, `select name, status from public.zoom_participants`)
	require.NoError(t, err)
	var name, status string
	_, err = pgx.ForEachRow(rows, []any{&name, &status}, func() error { got[name] = status; return nil })
	require.NoError(t, err)
	require.Equal(t, want, got)
}

// deliverTo posts a signed body and returns what was answered.
func deliverTo(ctx context.Context, url string, body []byte) string {
	request, err := http.NewRequestWithContext(ctx, http.MethodPost, url, bytes.NewReader(body))
	if err != nil {
		return err.Error()
	}
	timestamp := strconv.FormatInt(time.Now().Unix(), 10)
	request.Header.Set(zoom.HeaderTimestamp, timestamp)
	request.Header.Set(zoom.HeaderSignature, zoom.Sign(stacktest.WebhookSecret, timestamp, body))
	request.Close = true
	response, err := http.DefaultClient.Do(request)
	if err != nil {
		return err.Error()
	}
	defer func() { _ = response.Body.Close() }()
	return response.Status
}
