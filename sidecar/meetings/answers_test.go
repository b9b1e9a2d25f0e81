package meetings_test

import (
	"fmt"
	"net/http"
	"strings"
	"testing"

	"github.com/stretchr/testify/require"

	"zoom-attendance/sidecar/meetings"
)

// takePart sets who is in the lesson: rows as Zoom's facts, the app's page and years of an older webhook leave them.
func (w *world) takePart(t *testing.T) {
	t.Helper()
	for _, row := range []struct {
		who                            any
		id, name, status, joined, left any
		seconds                        any
	}{
		{w.school.people[pupil], "16778240", "Pia P.", "left", "2026-03-02T08:05:00Z", "2026-03-02T08:15:01.5Z", 601},
		{w.school.people[truant], nil, "Tara Truant", "invited", nil, nil, nil},
		{w.school.people[host], "16778241", "Hedda Host", "joined", "2026-03-02T08:00:00Z", nil, nil},
		{w.school.people[admin], nil, "Adam Admin", nil, nil, nil, 4000}, // a status of nothing is no presence
		{nil, nil, "iPad", "joined", "2026-03-02T08:00:00Z", nil, nil},   // a guest who never left
		{w.school.people[guest], nil, nil, "left", nil, nil, 60},
	} {
		w.exec(t, `
			insert into public.zoom_participants (meeting_id, user_id, zoom_participant_id, name, status, join_time, leave_time, duration, created_at)
			values ($1, $2, $3, $4, $5, $6::text::timestamptz, $7::text::timestamptz, $8, '2026-03-01T12:00:00Z')`,
			w.meetings[lesson], row.who, row.id, row.name, row.status, row.joined, row.left, row.seconds)
	}
}

// written is an answer with ids for the words in braces.
func (w *world) written(t *testing.T, template string) string {
	t.Helper()
	pairs := []string{"{lesson}", w.meetings[lesson], "{class}", w.row(t, `select id::text from public.classes`)}
	for who, id := range w.school.people {
		pairs = append(pairs, "{"+who+"}", id)
		var row string
		_ = w.DB().QueryRow(t.Context(), `select id::text from public.zoom_participants where user_id = $1`, id).Scan(&row)
		pairs = append(pairs, "{row of "+who+"}", row)
	}
	pairs = append(pairs, "{row of nobody}", w.row(t, `select id::text from public.zoom_participants where user_id is null`))
	return strings.NewReplacer(pairs...).Replace(template)
}

func TestTheParticipantsAreAnsweredAsTheComponentReadsThem(t *testing.T) {
	t.Parallel()
	w := open(t, newSchool(t))
	w.takePart(t)
	const (
		pia = `{"id": "{row of enrolled student}", "user_id": "{enrolled student}", "zoom_participant_id": "16778240", "name": "Pia P.", "email": null,
			"join_time": "2026-03-02T08:05:00+00:00", "leave_time": "2026-03-02T08:15:01.5+00:00", "duration": 601, "status": "left",
			"created_at": "2026-03-01T12:00:00+00:00",
			"user": {"id": "{enrolled student}", "name": "Pia Pupil", "email": "Pia@School.test", "avatar": "https://school.test/pia.png", "role": "student"}}`
		tara = `{"id": "{row of student elsewhere}", "user_id": "{student elsewhere}", "zoom_participant_id": null, "name": "Tara Truant", "email": null,
			"join_time": null, "leave_time": null, "duration": null, "status": "invited", "created_at": "2026-03-01T12:00:00+00:00",
			"user": {"id": "{student elsewhere}", "name": "Tara Truant", "email": "tara@elsewhere.test", "avatar": null, "role": "student"}}`
		answer = `{
			"meeting": {"id": "{lesson}", "title": "Algebra", "class": {"id": "{class}", "name": "Algebra"}, "start_time": "2026-03-02T08:00:00+00:00", "status": "scheduled"},
			"participants": [
				{"id": "{row of host}", "user_id": "{host}", "zoom_participant_id": "16778241", "name": "Hedda Host", "email": null,
				 "join_time": "2026-03-02T08:00:00+00:00", "leave_time": null, "duration": null, "status": "joined", "created_at": "2026-03-01T12:00:00+00:00",
				 "user": {"id": "{host}", "name": "Hedda Host", "email": "hedda@school.test", "avatar": null, "role": "teacher"}},
				{"id": "{row of nobody}", "user_id": null, "zoom_participant_id": null, "name": "iPad", "email": null,
				 "join_time": "2026-03-02T08:00:00+00:00", "leave_time": null, "duration": null, "status": "joined", "created_at": "2026-03-01T12:00:00+00:00",
				 "user": null},
				` + pia + `,
				{"id": "{row of admin}", "user_id": "{admin}", "zoom_participant_id": null, "name": "Adam Admin", "email": null,
				 "join_time": null, "leave_time": null, "duration": 4000, "status": null, "created_at": "2026-03-01T12:00:00+00:00",
				 "user": {"id": "{admin}", "name": "Adam Admin", "email": "adam@school.test", "avatar": null, "role": "admin"}},
				` + tara + `,
				{"id": "{row of student of another}", "user_id": "{student of another}", "zoom_participant_id": null, "name": null, "email": null,
				 "join_time": null, "leave_time": null, "duration": 60, "status": "left", "created_at": "2026-03-01T12:00:00+00:00",
				 "user": {"id": "{student of another}", "name": "Gus Guest", "email": "gus@school.test", "avatar": null, "role": "student"}}
			],
			"expectedAttendees": [
				{"id": "{enrolled student}", "name": "Pia Pupil", "email": "Pia@School.test", "avatar": "https://school.test/pia.png", "role": "student", "attended": true, "participant": ` + pia + `},
				{"id": "{student elsewhere}", "name": "Tara Truant", "email": "tara@elsewhere.test", "avatar": null, "role": "student", "attended": false, "participant": ` + tara + `},
				{"id": "{parent}", "name": "Zoe Late", "email": "paul@elsewhere.test", "avatar": null, "role": "parent", "attended": false}
			],
			"stats": {"totalParticipants": 6, "joinedCount": 4, "expectedCount": 3, "attendanceRate": 33, "totalDurationSeconds": 661, "avgDurationSeconds": 165}
		}`
	)
	w.exec(t, `update public.users set avatar = 'https://school.test/pia.png' where id = $1`, w.school.people[pupil])
	w.exec(t, `update public.users set name = 'Zoe Late' where id = $1`, w.school.people[parent]) // enrolled without a row: no participant
	w.exec(t, `insert into public.class_students (class_id, student_id) select id, $1 from public.classes`, w.school.people[parent])
	for _, who := range []string{host, teacher, admin} {
		got := w.people(t, lesson, w.by(who))
		require.Equal(t, http.StatusOK, got.status, got.body)
		requireHardened(t, got)
		require.JSONEq(t, w.written(t, answer), got.body, who)
	}
	for _, audience := range []any{"all", "students", "teachers", "personal", nil} {
		w.exec(t, `update public.zoom_meetings set target_audience = $2 where id = $1`, w.meetings[lesson], audience)
		require.JSONEq(t, w.written(t, answer), w.people(t, lesson, w.by(teacher)).body, "expected are the class's, whomever it is meant for: they get the attendance")
	}
}

func TestWhoHasLeftTheSchoolIsExpectedNoMore(t *testing.T) {
	t.Parallel()
	w := open(t, newSchool(t))
	names := func() (names []string) {
		for _, one := range read[struct{ ExpectedAttendees []struct{ Name string } }](t, w.people(t, lesson, w.by(teacher))).ExpectedAttendees {
			names = append(names, one.Name)
		}
		return names
	}
	require.Equal(t, []string{"Pia Pupil", "Tara Truant"}, names())
	w.exec(t, `insert into public.zoom_participants (meeting_id, user_id, status) values ($1, $2, 'left')`, w.meetings[lesson], w.school.people[gone])
	require.Equal(t, []string{"Gina Gone", "Pia Pupil", "Tara Truant"}, names(), "unless they came")
}

func TestAMeetingOfNoClassExpectsNobody(t *testing.T) {
	t.Parallel()
	w := open(t, newSchool(t))
	stats := func() any {
		return read[struct{ Stats any }](t, w.people(t, briefing, w.by(host))).Stats
	}
	counts := func(rows, joined, rate float64) any {
		return map[string]any{"totalParticipants": rows, "joinedCount": joined, "expectedCount": 0., "attendanceRate": rate, "totalDurationSeconds": 0., "avgDurationSeconds": 0.}
	}
	require.JSONEq(t, w.empty(briefing), w.people(t, briefing, w.by(host)).body)
	require.Equal(t, counts(0, 0, 0), stats())
	w.exec(t, `insert into public.zoom_participants (meeting_id, user_id, status) values ($1, $2, 'invited')`, w.meetings[briefing], w.school.people[teacher])
	require.Equal(t, counts(1, 0, 0), stats())
	w.exec(t, `update public.zoom_participants set status = 'joined'`)
	require.Equal(t, counts(1, 1, 100), stats())
}

// empty is the answer for a meeting that nobody has come to.
func (w *world) empty(meeting string) string {
	return `{"meeting": {"id": "` + w.meetings[meeting] + `", "title": "Algebra", "class": null, "start_time": "2026-03-02T08:00:00+00:00", "status": "scheduled"},
		"participants": [], "expectedAttendees": [],
		"stats": {"totalParticipants": 0, "joinedCount": 0, "expectedCount": 0, "attendanceRate": 0, "totalDurationSeconds": 0, "avgDurationSeconds": 0}}`
}

// Somebody who does not teach a class gives it a meeting: it makes no attendance, and tells nobody who is in the class.
func TestAMeetingThatMakesNoAttendanceExpectsNobody(t *testing.T) {
	t.Parallel()
	w := open(t, newSchool(t))
	expected := func() int {
		return len(read[struct{ ExpectedAttendees []any }](t, w.people(t, lesson, w.by(host))).ExpectedAttendees)
	}
	require.Equal(t, 2, expected())
	w.exec(t, fmt.Sprintf(`
		do $$ begin
			perform set_config('request.jwt.claims', '{"role": "authenticated", "sub": "%s"}', true);
			set local role authenticated;
			update public.zoom_meetings set class_id = null where id = '%[2]s';
			update public.zoom_meetings set class_id = (select id from public.classes) where id = '%[2]s';
		end $$`, w.school.people[host], w.meetings[lesson]))
	require.Zero(t, expected())
	w.exec(t, `update public.classes set teacher_id = $1`, w.school.people[host])
	require.Equal(t, 2, expected(), "until its host teaches it")
}

func TestTheHostGetsAStartURLThatIsHidden(t *testing.T) {
	t.Parallel()
	w := open(t, newSchool(t))
	w.exec(t, `select zoom.hide_start_urls()`)
	for _, who := range []string{host, teacher, admin, pupil} {
		got := read[struct{ StartURL *string }](t, w.enter(t, lesson, w.by(who))).StartURL
		if who == host {
			require.Equal(t, startURL, *got)
		} else {
			require.Nil(t, got, who)
		}
	}
}

func TestADeniedRegistrantIsRefused(t *testing.T) {
	t.Parallel()
	w := open(t, newSchool(t))
	register := func(who, status string) {
		w.exec(t, `insert into public.meeting_registrants (meeting_id, user_id, join_url, status) values ($1, $2, $3, $4)
			on conflict (meeting_id, user_id) do update set status = excluded.status`, w.meetings[lesson], w.school.people[who], ownJoinURL, status)
	}
	for who, refused := range map[string]bool{pupil: true, truant: true, parent: true, host: false, teacher: false, admin: false} {
		t.Run(who, func(t *testing.T) {
			register(who, "denied")
			got := map[string]reply{"enters": w.enter(t, lesson, w.by(who)), "joins": w.say(t, lesson, "join", w.by(who))}
			require.Equal(t, http.StatusOK, w.say(t, lesson, "leave", w.by(who)).status, "who is in may leave")
			for what, got := range got {
				if !refused {
					require.Equal(t, http.StatusOK, got.status, what)
					continue
				}
				requireRefused(t, got, http.StatusForbidden, `{"error":"Your registration for this meeting was denied","code":"REGISTRATION_DENIED"}`)
			}
			if refused {
				require.Equal(t, "0", w.row(t, `select count(*)::text from public.zoom_participants where user_id = $1`, w.school.people[who]))
				require.Equal(t, "0", w.row(t, `select count(*)::text from zoom.visits where user_id = $1`, w.school.people[who]))
			} else {
				require.NotContains(t, got["enters"].body, ownJoinURL)
			}
			for _, status := range []string{"pending", "approved"} {
				register(who, status)
				require.Equal(t, http.StatusOK, w.enter(t, lesson, w.by(who)).status, status)
			}
		})
	}
	require.EqualValues(t, 3, w.count(t, "get_join", 403, "denied"))
}

func TestAnAddressThatIsNoWebAddressIsHandedToNobody(t *testing.T) {
	t.Parallel()
	w := open(t, newSchool(t), func(o *meetings.Options) { o.Users.Burst = 1000 })
	set := func(address string) {
		w.exec(t, `update public.zoom_meetings set join_url = $1, start_url = $1`, address)
		w.exec(t, `update public.meeting_registrants set join_url = $1`, address)
	}
	type told struct {
		JoinURL, StartURL *string
		IsRegistered      bool
	}
	for _, address := range []string{
		"javascript:alert(document.cookie)", "JavaScript:alert(1)", " javascript:alert(1)", "\tjavascript:alert(1)", "java\nscript:alert(1)",
		"data:text/html,<script>alert(1)</script>", "vbscript:x", "file:///etc/passwd", "zoommtg://zoom.test/join", "//zoom.test/j/1", "/j/1", "zoom.test/j/1",
		"https:zoom.test", "https://", "https://zoom.test/\n\njavascript:alert(1)", "",
	} {
		set(address)
		for _, who := range []string{host, pupil, truant} {
			got := w.enter(t, lesson, w.by(who))
			require.Equal(t, http.StatusOK, got.status, got.body)
			require.Equal(t, told{}, read[told](t, got), "%s: %q", who, address)
			require.NotContains(t, got.body, "alert")
		}
		require.NotContains(t, w.people(t, lesson, w.by(host)).body, "alert")
	}
	for _, address := range []string{"https://zoom.test/j/1?pwd=x#y", "HTTP://zoom.test/j/1"} {
		set(address)
		require.Equal(t, told{&address, &address, false}, read[told](t, w.enter(t, lesson, w.by(host))))
		require.Equal(t, told{&address, nil, false}, read[told](t, w.enter(t, lesson, w.by(pupil))))
		require.Equal(t, told{&address, nil, true}, read[told](t, w.enter(t, lesson, w.by(truant))))
	}
	w.exec(t, `update public.meeting_registrants set join_url = 'javascript:alert(1)'`)
	w.exec(t, `update public.zoom_meetings set join_url = $1`, joinURL)
	own := joinURL
	require.Equal(t, told{&own, nil, false}, read[told](t, w.enter(t, lesson, w.by(truant))), "the meeting's instead")
}

func TestWhoOpensThePageIsNotedOnceAMinute(t *testing.T) {
	t.Parallel()
	w := open(t, newSchool(t), func(o *meetings.Options) { o.Users.Burst = 1000 })
	opened := func(who string) string {
		return w.row(t, `select coalesce(string_agg(distinct kind, ' '), 'nothing') from zoom.visits where user_id = $1`, w.school.people[who])
	}
	for _, who := range []string{guest, neighbour, gone} {
		w.enter(t, lesson, w.by(who))
		require.Equal(t, "nothing", opened(who), who)
	}
	w.people(t, lesson, w.by(teacher))
	require.Equal(t, "nothing", opened(teacher), "looking is not opening")
	for range 100 {
		require.Equal(t, http.StatusOK, w.enter(t, lesson, w.by(pupil)).status)
	}
	require.Equal(t, "opened", opened(pupil))
	const perMinute = `select coalesce(max(n), 0)::text from (select count(*) as n from zoom.visits where user_id = $1 group by date_trunc('minute', at)) counted`
	require.Equal(t, "1", w.row(t, perMinute, w.school.people[pupil]), "asked a hundred times, one a minute")

	// For all meetings of a year: a few a minute.
	rows, err := w.DB().Query(t.Context(), `
		insert into public.zoom_meetings (zoom_meeting_id, title, start_time, join_url, target_audience)
		select '9000000' || n, 'Open', now(), 'https://zoom.test', 'all' from generate_series(1000, 1060) n returning id::text`)
	require.NoError(t, err)
	for rows.Next() {
		var id string
		require.NoError(t, rows.Scan(&id))
		w.meetings[id] = id
	}
	require.NoError(t, rows.Err())
	for id := range w.meetings {
		w.enter(t, id, w.by(guest))
	}
	require.Equal(t, "10", w.row(t, perMinute, w.school.people[guest]))
}
