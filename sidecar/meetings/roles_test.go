package meetings_test

import (
	"net/http"
	"testing"

	"github.com/stretchr/testify/require"
)

const (
	unauthorized = `{"error":"Unauthorized"}`
	notFound     = `{"error":"Meeting not found"}`
	forbidden    = `{"error":"Forbidden"}`
	later        = `{"error":"Try again later"}`
	notEnrolled  = `{"error":"You are not enrolled in this class","code":"NOT_ENROLLED"}`
)

// What each person is told about each meeting; an empty text is a 200.
func TestWhoMayEnterAndWhoMayLook(t *testing.T) {
	t.Parallel()
	w := open(t, newSchool(t))
	for _, c := range []struct {
		who, meeting   string
		entering       int
		told           string
		looking        int
		toldWhenLooked string
	}{
		{host, lesson, 200, "", 200, ""},
		{teacher, lesson, 200, "", 200, ""},
		{admin, lesson, 200, "", 200, ""},
		{pupil, lesson, 200, "", 403, forbidden},
		{parent, lesson, 200, "", 403, forbidden},
		{colleague, lesson, 404, notFound, 404, notFound},
		{guest, lesson, 404, notFound, 404, notFound},
		{neighbour, lesson, 404, notFound, 404, notFound},
		{gone, lesson, 404, notFound, 404, notFound},
		{unknown, lesson, 404, notFound, 404, notFound},
		{nobody, lesson, 401, unauthorized, 401, unauthorized},

		{host, assembly, 200, "", 200, ""},
		{teacher, assembly, 200, "", 200, ""},
		{admin, assembly, 200, "", 200, ""},
		{pupil, assembly, 200, "", 403, forbidden},
		{parent, assembly, 200, "", 403, forbidden},
		{colleague, assembly, 200, "", 403, forbidden},
		{guest, assembly, 403, notEnrolled, 403, forbidden},
		{neighbour, assembly, 403, notEnrolled, 403, forbidden},
		{gone, assembly, 404, notFound, 404, notFound},
		{unknown, assembly, 404, notFound, 404, notFound},
		{nobody, assembly, 401, unauthorized, 401, unauthorized},

		{host, briefing, 200, "", 200, ""},
		{teacher, briefing, 200, "", 403, forbidden},
		{admin, briefing, 200, "", 200, ""},
		{pupil, briefing, 404, notFound, 404, notFound},
		{parent, briefing, 404, notFound, 404, notFound},
		{nobody, briefing, 401, unauthorized, 401, unauthorized},

		{host, cancelled, 400, `{"error":"Meeting is cancelled"}`, 200, ""},
		{pupil, cancelled, 400, `{"error":"Meeting is cancelled"}`, 403, forbidden},
		{guest, cancelled, 404, notFound, 404, notFound},
	} {
		t.Run(c.who+" and the "+c.meeting, func(t *testing.T) {
			for what, check := range map[string]struct {
				got    reply
				status int
				told   string
			}{
				"enters": {w.enter(t, c.meeting, w.by(c.who)), c.entering, c.told},
				"joins":  {w.say(t, c.meeting, "join", w.by(c.who)), c.entering, c.told},
				"looks":  {w.people(t, c.meeting, w.by(c.who)), c.looking, c.toldWhenLooked},
			} {
				require.Equal(t, check.status, check.got.status, "%s: %s", what, check.got.body)
				requireHardened(t, check.got)
				if check.told != "" {
					require.JSONEq(t, check.told, check.got.body, what)
				}
			}
		})
	}
	lint(t, w)
}

func TestTheStartURLReachesTheHostAlone(t *testing.T) {
	t.Parallel()
	w := open(t, newSchool(t))
	for who := range w.school.people {
		for meeting := range w.meetings {
			for what, got := range map[string]reply{
				"enters": w.enter(t, meeting, w.by(who)), "looks": w.people(t, meeting, w.by(who)), "joins": w.say(t, meeting, "join", w.by(who)),
			} {
				if who == host && what == "enters" && got.status == http.StatusOK {
					require.Contains(t, got.body, "zak=demo")
					continue
				}
				require.NotContains(t, got.body, "zak=demo", "%s %s the %s", who, what, meeting)
			}
		}
	}
}
