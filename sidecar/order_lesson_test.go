package main_test

import (
	"fmt"
	"math/rand/v2"
	"strings"
	"time"

	"zoom-attendance/sidecar/simulate"
	"zoom-attendance/sidecar/zoom"
)

// lesson is everything that the rows are a function of.
type lesson struct {
	seed   uint64
	tag    int // keeps its ids apart from those of any other lesson
	school simulate.School
	facts  []zoom.Fact
	policy simulate.Policy

	batches [][]int // in which the facts are given, by index
}

// batch is the facts with these indices.
func (l lesson) batch(indices []int) []zoom.Fact {
	var facts []zoom.Fact
	for _, i := range indices {
		facts = append(facts, l.facts[i])
	}
	return facts
}

// labels turns the generated ids into words, for reading.
func (l lesson) labels() *strings.Replacer {
	var pairs []string
	for i, user := range l.school.Users {
		pairs = append(pairs, user.ID, fmt.Sprintf("U%d(%s)", i, user.ID[len(user.ID)-4:]))
	}
	for i, meeting := range l.school.Meetings {
		pairs = append(pairs, meeting.ID, fmt.Sprintf("M%d", i), meeting.Number, fmt.Sprintf("M%d", i))
	}
	for i, class := range classIDs(l.school) {
		pairs = append(pairs, class, fmt.Sprintf("C%d", i))
	}
	return strings.NewReplacer(pairs...)
}

// lessonMaker makes up lessons that are as awkward as Zoom's and more so. The
// same seed makes the same lesson; tag keeps its ids apart from any other
// lesson's in the same database, and changes nothing else.
type lessonMaker struct {
	*rand.Rand
	tag    int
	made   lesson
	number int // of the next id
}

var lessonDay = time.Date(2026, 3, 2, 0, 0, 0, 0, time.UTC)

func newLesson(seed uint64, tag int) lesson {
	m := &lessonMaker{Rand: rand.New(rand.NewPCG(seed, 1)), tag: tag, made: lesson{seed: seed, tag: tag}}
	m.made.policy = simulate.Policy{
		MinMinutes: pick(m, 15, 15, 1, 30),
		Timezone:   pick(m, "UTC", "UTC", "meeting", "Asia/Tokyo", "America/New_York"),
		AppJoins:   pick(m, "", simulate.Corroborate, simulate.Count, simulate.Ignore),
	}
	m.users()
	m.meetings()
	m.registrants()
	m.keys()
	for i := range m.made.school.Meetings {
		m.instances(m.made.school.Meetings[i])
	}
	m.visits()
	m.strangers()
	m.appRows()
	m.teacherRows()
	return m.made
}

func pick[T any](m *lessonMaker, choices ...T) T { return choices[m.IntN(len(choices))] }

func (m *lessonMaker) chance(percent int) bool { return m.IntN(100) < percent }

func (m *lessonMaker) uuid() string {
	m.number++
	return fmt.Sprintf("%08x-0000-4000-8000-%04x%08x", m.tag, m.Uint32N(1<<16), m.number)
}

// users makes some people; two may differ only by the case of their e-mail, or
// have one name.
func (m *lessonMaker) users() {
	names := []string{"Maria Oliveira ", "Tomáš Dvořák", "李伟", "Aroha Ngata", "Niamh O'Brien", "Ayşe Yılmaz", "حسن علي", "Zoë"}
	for i := range 3 + m.IntN(5) {
		email := fmt.Sprintf("u%d@t%d.test", i, m.tag)
		if i > 0 && m.chance(10) {
			email = fmt.Sprintf("U%d@t%d.test", i-1, m.tag)
		}
		name := names[i]
		if i > 0 && m.chance(15) {
			name = strings.ToLower(names[i-1])
		}
		m.made.school.Users = append(m.made.school.Users, simulate.User{
			ID: m.uuid(), Email: email, Name: name, Role: pick(m, "student", "student", "student", "parent", "teacher"),
		})
	}
}

// meetings makes one to three, often of one class, and says who is enrolled.
func (m *lessonMaker) meetings() {
	classes := []string{m.uuid(), m.uuid()}
	for _, class := range classes {
		for _, user := range m.made.school.Users {
			if m.chance(70) {
				m.made.school.Enrolments = append(m.made.school.Enrolments, simulate.Enrolment{ClassID: class, StudentID: user.ID})
			}
		}
	}
	for i := range 1 + m.IntN(3) {
		m.made.school.Meetings = append(m.made.school.Meetings, simulate.Meeting{
			ID:        m.uuid(),
			Number:    fmt.Sprintf("9%07d%03d", m.tag, i),
			Title:     "Lesson",
			Type:      pick(m, "scheduled", "recurring", "recurring", "instant"),
			StartTime: lessonDay.Add(time.Duration(m.IntN(48)) * time.Hour),
			Timezone:  pick(m, "UTC", "Europe/Berlin", "Asia/Tokyo", "America/New_York", "Mars/Olympus", ""),
			ClassID:   pick(m, classes[0], classes[0], classes[0], classes[1], ""),
			Status:    pick(m, "scheduled", "scheduled", "started", "ended", "cancelled"),
		})
	}
}

// keys gives some people a key, as the meeting room does.
func (m *lessonMaker) keys() {
	for _, meeting := range m.made.school.Meetings {
		for _, user := range m.made.school.Users {
			if m.chance(25) {
				m.made.school.Keys = append(m.made.school.Keys, simulate.Key{
					CustomerKey: fmt.Sprintf("%08x-key-%d-of-a-user", m.tag, len(m.made.school.Keys)), MeetingID: meeting.ID, UserID: user.ID})
			}
		}
	}
}

// registrants gives some people a registration; one may be given to two.
func (m *lessonMaker) registrants() {
	for i, meeting := range m.made.school.Meetings {
		for j, user := range m.made.school.Users {
			if !m.chance(30) {
				continue
			}
			row := simulate.Registrant{MeetingID: meeting.ID, UserID: user.ID, RegistrantID: fmt.Sprintf("reg%d.%d", i, j)}
			if j > 0 && m.chance(15) {
				row.RegistrantID = fmt.Sprintf("reg%d.%d", i, j-1)
			}
			m.made.school.Registrants = append(m.made.school.Registrants, row)
		}
	}
}

// instances makes the runs of a meeting: restarts, other days, near midnight.
func (m *lessonMaker) instances(meeting simulate.Meeting) {
	start := lessonDay.Add(time.Duration(pick(m, 8, 8, 8, 14, 22)) * time.Hour)
	for i := range 1 + pick(m, 0, 0, 1, 1, 2, 3) {
		run := &runMaker{lessonMaker: m, meeting: meeting, start: start,
			uuid: fmt.Sprintf("%c%d/+Hk==", 'A'+rune(m.IntN(26)), i)}
		run.play()
		start = start.Add(time.Duration(pick(m, 0, 20, 40, 40, 120, 24*60, 24*60)) * time.Minute)
	}
}

// runMaker makes the facts of one instance.
type runMaker struct {
	*lessonMaker
	meeting simulate.Meeting
	uuid    string
	start   time.Time
	segment int
}

func (r *runMaker) play() {
	if r.chance(70) {
		r.add(zoom.Fact{Kind: zoom.Started, At: r.minute(0, 3)})
	}
	for range r.IntN(6) {
		r.connection()
	}
	for r.chance(60) {
		r.add(zoom.Fact{Kind: zoom.Ended, At: r.minute(20, 60), Approximate: r.chance(10)})
		if r.chance(70) {
			break
		}
	}
}

// add puts in a fact of this run, with or without the start Zoom tells, and
// seldom a copy of it that knows less or something else.
func (r *runMaker) add(fact zoom.Fact) {
	fact.Meeting, fact.Instance = r.meeting.Number, r.uuid
	if r.chance(60) {
		fact.Start = r.start.Add(time.Duration(pick(r.lessonMaker, 0, 0, 0, 1)) * time.Minute)
	}
	r.made.facts = append(r.made.facts, fact)
	if r.chance(4) {
		fact.Email, fact.Name = r.email(), pick(r.lessonMaker, "", "Other name")
		r.made.facts = append(r.made.facts, fact)
	}
}

// minute is an instant of this run; few of them, so that many coincide.
func (r *runMaker) minute(from, to int) time.Time {
	at := r.start.Add(time.Duration(from+r.IntN(to-from+1)) * time.Minute)
	if r.chance(20) {
		at = at.Add(time.Duration(r.IntN(60)) * time.Second)
	}
	return at
}

// connection makes a device that comes, moves about and goes, seen well or
// badly: any fact may be missing, any identity may show on some facts only.
func (r *runMaker) connection() {
	who := zoom.Fact{Email: r.email(), RegistrantID: r.registrant(), CustomerKey: r.key(), Name: r.name()}
	if r.chance(85) {
		who.Connection = fmt.Sprintf("%c%d-CONN", 'A'+rune(r.IntN(26)), r.segment)
	}
	at := r.minute(-2, 20)
	for range pick(r.lessonMaker, 1, 1, 1, 2, 3) {
		leave := at.Add(time.Duration(r.IntN(25)) * time.Minute)
		if r.chance(2) {
			leave = at.Add(31 * time.Hour)
		}
		r.visit(who, at, leave)
		switch r.IntN(4) {
		case 0: // a late left: the next visit has begun already
			at = leave.Add(-time.Duration(r.IntN(5)) * time.Minute)
		case 1: // a pause
			at = leave.Add(time.Duration(r.IntN(10)) * time.Minute)
		default: // a move to another room
			at = leave
		}
		if r.chance(15) {
			who.Name = r.name()
		}
	}
}

func (r *runMaker) visit(who zoom.Fact, at, leave time.Time) {
	r.segment++
	who.Segment = fmt.Sprint(16778240 + r.segment*1024)
	identity := pick(r.lessonMaker, "both", "both", "joined", "left", "neither")
	if r.chance(90) {
		r.add(r.seen(who, zoom.Joined, at, identity))
	}
	if r.chance(75) {
		r.add(r.seen(who, zoom.Left, leave, identity))
	}
	if r.chance(5) {
		r.add(r.seen(who, pick(r.lessonMaker, zoom.Joined, zoom.Left), r.minute(0, 40), "neither"))
	}
}

func (r *runMaker) seen(who zoom.Fact, kind zoom.Kind, at time.Time, identity string) zoom.Fact {
	who.Kind, who.At = kind, at
	who.Approximate = r.chance(5)
	if identity != "both" && identity != string(kind) {
		who.Email, who.RegistrantID, who.CustomerKey = "", "", ""
	}
	if r.chance(15) {
		who.Name = ""
	}
	return who
}

func (m *lessonMaker) email() string {
	user := pick(m, m.made.school.Users...)
	return pick(m, user.Email, user.Email, strings.ToUpper(user.Email), "", "", "stranger@elsewhere.test")
}

func (r *runMaker) registrant() string {
	if len(r.made.school.Registrants) == 0 || r.chance(60) {
		return pick(r.lessonMaker, "", "", "reg-unknown")
	}
	return pick(r.lessonMaker, r.made.school.Registrants...).RegistrantID
}

// key is one that was issued, for this meeting or another, or made up.
func (r *runMaker) key() string {
	if len(r.made.school.Keys) == 0 || r.chance(70) {
		return pick(r.lessonMaker, "", "", "", "made-up-by-somebody-else")
	}
	return pick(r.lessonMaker, r.made.school.Keys...).CustomerKey
}

func (r *runMaker) name() string {
	if r.chance(40) {
		name := pick(r.lessonMaker, r.made.school.Users...).Name
		return pick(r.lessonMaker, name, strings.ToUpper(name))
	}
	return pick(r.lessonMaker, "", "Maria", "maria's iPad", "Ünal", "李", "Zoom user", "😀 M")
}

// visits are what the app saw of some users, whether or not they are enrolled:
// before, during and after what Zoom told of.
func (m *lessonMaker) visits() {
	for _, meeting := range m.made.school.Meetings {
		for _, user := range m.made.school.Users {
			if !m.chance(35) || len(m.made.facts) == 0 {
				continue
			}
			for range 1 + m.IntN(3) {
				fact := pick(m, m.made.facts...)
				at := fact.At.Add(time.Duration(m.IntN(100)-45)*time.Minute + time.Duration(m.IntN(3))*time.Microsecond)
				m.made.facts = append(m.made.facts, zoom.Fact{
					Kind: pick(m, zoom.AppJoined, zoom.AppJoined, zoom.AppLeft), Meeting: meeting.Number, User: user.ID, At: at})
			}
		}
	}
}

// strangers are facts of a meeting that the school does not have.
func (m *lessonMaker) strangers() {
	if m.chance(10) {
		m.made.facts = append(m.made.facts, zoom.Fact{Kind: zoom.Ended, Meeting: fmt.Sprintf("8%07d999", m.tag), Instance: "x==", At: lessonDay})
	}
}

// appRows are participants that the app's own page wrote, before everything.
func (m *lessonMaker) appRows() {
	for _, meeting := range m.made.school.Meetings {
		for _, user := range m.made.school.Users {
			if m.chance(25) {
				m.appRow(meeting.ID, user.ID)
			}
		}
		if m.chance(15) {
			m.appRow(meeting.ID, "")
		}
	}
}

func (m *lessonMaker) appRow(meetingID, userID string) {
	row := simulate.Participant{MeetingID: meetingID, UserID: userID, Status: pick(m, "invited", "joined", "joined", "left")}
	at := lessonDay.Add(time.Duration(pick(m, 8, 8, 9, 14, 22, 32, 56))*time.Hour + time.Duration(m.IntN(60))*time.Minute)
	if row.Status != "invited" && m.chance(85) {
		row.JoinTime = at
	}
	if row.Status == "left" {
		seconds := m.IntN(3600)
		row.LeaveTime, row.Duration = at.Add(time.Duration(seconds)*time.Second), &seconds
	}
	if m.chance(50) {
		row.Name = "As the app says"
	}
	m.made.school.Participants = append(m.made.school.Participants, row)
}

// teacherRows are records that somebody wrote by hand, before everything.
func (m *lessonMaker) teacherRows() {
	for _, enrolment := range m.made.school.Enrolments {
		for day := -1; day <= 3; day++ {
			if m.chance(8) {
				m.made.school.Records = append(m.made.school.Records, simulate.Record{
					StudentID: enrolment.StudentID, ClassID: enrolment.ClassID,
					Date:   lessonDay.AddDate(0, 0, day).Format(time.DateOnly),
					Status: pick(m, "present", "absent", "late", "excused", "partial"),
				})
			}
		}
	}
}
