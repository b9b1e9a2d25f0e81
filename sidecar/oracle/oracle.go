package oracle

import (
	"cmp"
	"slices"
	"strings"
	"time"

	"zoom-attendance/sidecar/zoom"
)

// Expect says which rows a school must end in: by the history of its data, by all
// facts, at this time. Neither the order of the facts nor how often each is given
// makes a difference.
func Expect(h History, facts []zoom.Fact, now time.Time) Rows {
	t := newTimeline(h)
	meetings := hold(t, facts, now)
	rows := Rows{Status: map[string]string{}}
	for _, row := range t.now().Meetings {
		m := meetings[row.ID]
		rows.Status[row.ID] = m.status(t, row)
		rows.Participants = append(rows.Participants, m.participants(t)...)
	}
	rows.Records = records(h, t.now(), verdicts(judged(t, meetings)))
	return rows
}

// ExpectUnchanged is Expect for a school whose data never changed.
func ExpectUnchanged(school School, facts []zoom.Fact, policy Policy) Rows {
	return Expect(History{Start: school, Settings: policy}, facts, time.Now())
}

// held is a meeting with all that is known of its runs.
type held struct {
	id      string
	runs    []*run // by begin
	likely  []*run // those that may be a lesson's
	visits  []Visit
	lessons []*lesson
}

// hold works out, for each meeting there ever was, its runs, who was in them, and its
// lessons.
func hold(t *timeline, facts []zoom.Fact, now time.Time) map[string]*held {
	meetings := map[string]*held{}
	for _, m := range t.counting {
		for _, row := range m.Meetings {
			meetings[row.ID] = &held{id: row.ID}
		}
	}
	t.clock = now
	runs := gatherRuns(facts)
	meetingsOf(t, runs)
	for _, r := range runs {
		if m := meetings[r.meeting]; m != nil {
			m.runs = append(m.runs, r)
		}
	}
	for _, v := range visitsOf(t, facts) {
		if m := meetings[v.MeetingID]; m != nil {
			m.visits = append(m.visits, v)
		}
	}
	for _, m := range meetings {
		m.judge(t, now)
	}
	return meetings
}

// judge decides in order what each next step needs: ends, classes, people, staff,
// lessons. Whoever is known by a name alone is known last, since that asks who came to
// the page in the window of the lesson.
func (m *held) judge(t *timeline, now time.Time) {
	closeRuns(m.runs, now)
	for _, r := range m.runs {
		r.class = classOf(t, r)
	}
	for _, r := range m.runs {
		identify(t, r, nil)
		recogniseStaff(t, r)
		if isLikely(t, r) {
			m.likely = append(m.likely, r)
		}
	}
	m.lessons = lessonsOf(t, m.runs, func(r *run) bool { return mayCount(t, r) }, m.wasHeld)
	for _, r := range m.runs {
		identify(t, r, m.visits)
	}
}

// visitsOf is what the app saw on the pages of meetings, by time, each once: what it
// noted in the database, and what it told as facts.
func visitsOf(t *timeline, facts []zoom.Fact) []Visit {
	var visits []Visit
	for _, m := range t.plain {
		visits = append(visits, m.Visits...)
	}
	for _, fact := range facts {
		if fact.User == "" {
			continue
		}
		kind := "joined"
		if fact.Kind == zoom.AppLeft {
			kind = "left"
		}
		meeting, _ := lookUp(t, fact.At, func(m moment) string { return onlyOne(withNumber(m, fact.Meeting)) })
		visits = append(visits, Visit{MeetingID: meeting, UserID: fact.User, At: fact.At, Kind: kind})
	}
	slices.SortFunc(visits, func(a, b Visit) int {
		return cmp.Or(strings.Compare(a.MeetingID, b.MeetingID), strings.Compare(a.UserID, b.UserID), a.At.Compare(b.At), strings.Compare(a.Kind, b.Kind))
	})
	return slices.CompactFunc(visits, func(a, b Visit) bool { return a.key() == b.key() })
}

// verdicts are the best verdicts of all lessons, by student, class and date.
func verdicts(lessons []Lesson) map[Record]string {
	best := map[Record]string{}
	for _, l := range lessons {
		for studentID, verdict := range l.Verdicts {
			record := Record{StudentID: studentID, ClassID: l.ClassID, Date: l.Date}
			if rank[verdict] > rank[best[record]] {
				best[record] = verdict
			}
		}
	}
	return best
}

// studentsOf are all who were ever enrolled in a class.
func studentsOf(t *timeline, classID string) (students []string) {
	for _, m := range t.plain {
		for _, e := range m.Enrolments {
			if e.ClassID == classID && classID != "" {
				students = appendNew(students, e.StudentID)
			}
		}
	}
	return students
}

// Lesson is what a lesson says of each student who was ever of its class.
type Lesson struct {
	MeetingID string
	ClassID   string // empty for none
	Date      string
	Verdicts  map[string]string // by student; without those of whom it says nothing
}

// Lessons are the lessons that Expect judges, one for each meeting and date: of several
// on one date the best verdicts.
func Lessons(h History, facts []zoom.Fact, now time.Time) []Lesson {
	t := newTimeline(h)
	return judged(t, hold(t, facts, now))
}

func judged(t *timeline, meetings map[string]*held) (all []Lesson) {
	for _, m := range meetings {
		for _, l := range m.lessons {
			i := slices.IndexFunc(all, func(known Lesson) bool {
				return known.MeetingID == m.id && known.ClassID == l.class && known.Date == l.date
			})
			if i < 0 {
				i, all = len(all), append(all, Lesson{m.id, l.class, l.date, map[string]string{}})
			}
			for _, studentID := range studentsOf(t, l.class) {
				if verdict := l.verdict(t, m, studentID); rank[verdict] > rank[all[i].Verdicts[studentID]] {
					all[i].Verdicts[studentID] = verdict
				}
			}
		}
	}
	return all
}
