package endtoend_test

import (
	"crypto/sha256"
	"encoding/hex"
	"encoding/json"
	"fmt"
	"math/rand/v2"
	"slices"
	"strings"
	"time"

	"zoom-attendance/sidecar/oracle"
	"zoom-attendance/sidecar/zoom"
)

// lesson is everything that the rows are a function of: what the school's data was,
// and what Zoom told. And it says in which order the database hears of it.
type lesson struct {
	seed    uint64
	history oracle.History
	facts   []zoom.Fact
	batches []batch
}

// batch is facts given in one call, by index, once so many of the changes were made.
type batch struct {
	facts []int
	after int
}

// some are the facts with these indices.
func (l lesson) some(indices []int) []zoom.Fact {
	facts := []zoom.Fact{}
	for _, i := range indices {
		facts = append(facts, l.facts[i])
	}
	return facts
}

// labels turns the generated ids into words, for reading.
func (l lesson) labels() *strings.Replacer {
	var pairs []string
	for i, user := range usersOf(l.history) {
		pairs = append(pairs, user, fmt.Sprintf("U%d", i))
	}
	for i, meeting := range meetingsOf(l.history) {
		pairs = append(pairs, meeting, fmt.Sprintf("M%d", i))
	}
	for i, class := range l.history.Start.Classes {
		pairs = append(pairs, class.ID, fmt.Sprintf("C%d", i))
	}
	return strings.NewReplacer(pairs...)
}

func usersOf(h oracle.History) (ids []string) {
	for _, school := range everySchool(h) {
		for _, user := range school.Users {
			ids = append(ids, user.ID)
		}
	}
	return unique(ids)
}

func meetingsOf(h oracle.History) (ids []string) {
	for _, school := range everySchool(h) {
		for _, meeting := range school.Meetings {
			ids = append(ids, meeting.ID)
		}
	}
	return unique(ids)
}

func everySchool(h oracle.History) []oracle.School {
	all := []oracle.School{h.Start}
	for _, change := range h.Changes {
		all = append(all, change.Put)
	}
	return all
}

func unique(ids []string) (once []string) {
	for _, id := range ids {
		if !slices.Contains(once, id) {
			once = append(once, id)
		}
	}
	return once
}

// lessonMaker makes up lessons that are as awkward as Zoom's and a school's, and more
// so. The same seed makes the same lesson.
type lessonMaker struct {
	*rand.Rand
	made   lesson
	day    time.Time     // when most of it happens
	until  time.Time     // nothing happens later; zero: no limit
	school oracle.School // as it is after the changes so far
	number int           // of the next id
	admin  oracle.User
}

var lessonDay = time.Date(2026, 3, 2, 0, 0, 0, 0, time.UTC)

// newLesson makes a lesson of March 2026. One in eight is of the last two days, so that
// runs of which no end was told may still be going on. Of those nothing is within an
// hour of mattering by the clock.
func newLesson(seed uint64, now time.Time) lesson {
	m := &lessonMaker{Rand: rand.New(rand.NewPCG(seed, 1)), made: lesson{seed: seed}, day: lessonDay}
	if m.chance(12) {
		m.day = now.Truncate(time.Hour).Add(-50 * time.Hour)
		m.until = now.Add(-2 * time.Hour)
	}
	m.made.history.Settings = m.policy()
	m.users()
	m.classes()
	m.meetings()
	m.registrants()
	m.parents()
	m.keys()
	for _, meeting := range m.school.Meetings {
		m.instances(meeting)
	}
	m.visits()
	m.strangers()
	m.appRows()
	m.teacherRows()
	m.made.history.Start = m.school
	m.changes()
	m.forgetTheFuture(now)
	return m.made
}

func pick[T any](m *lessonMaker, choices ...T) T { return choices[m.IntN(len(choices))] }

func (m *lessonMaker) chance(percent int) bool { return m.IntN(100) < percent }

func (m *lessonMaker) uuid() string {
	m.number++
	return fmt.Sprintf("%08x-0000-4000-8000-%012x", m.Uint32(), m.number)
}

func (m *lessonMaker) policy() oracle.Policy {
	policy := oracle.Policy{
		MinMinutes: pick(m, 15, 15, 15, 1, 30),
		Timezone:   pick(m, "UTC", "UTC", "meeting", "Asia/Tokyo", "America/New_York"),
		AppJoins:   pick(m, oracle.Corroborate, oracle.Corroborate, oracle.Count, oracle.Ignore),
	}
	margin := pick(m, 60, 60, 60, 15, 0)
	policy.PlanMarginMinutes = &margin
	return policy
}

var lessonNames = []string{"Maria Oliveira ", "Tomáš Dvořák", "李伟", "Aroha Ngata", "Niamh O'Brien", "Zoë  Ek", "حسن علي", "Ｋai", "Ana"}

// users makes an admin, a teacher or two, and some others; two may differ only by the
// case of their e-mail, or have one name.
func (m *lessonMaker) users() {
	m.admin = oracle.User{ID: m.uuid(), Email: "admin@school.test", Name: "Office", Role: "admin"}
	m.school.Users = append(m.school.Users, m.admin)
	for i := range 4 + m.IntN(5) {
		m.school.Users = append(m.school.Users, m.user(i))
	}
}

func (m *lessonMaker) user(i int) oracle.User {
	email := fmt.Sprintf("u%d@school.test", i)
	if i > 0 && m.chance(8) {
		email = fmt.Sprintf("U%d@school.test", i-1)
	}
	if m.chance(4) {
		email += " "
	}
	name := lessonNames[i%len(lessonNames)]
	if i > 0 && m.chance(12) {
		name = strings.ToLower(lessonNames[(i-1)%len(lessonNames)])
	}
	role := pick(m, "student", "student", "student", "student", "parent", "teacher")
	if i == 0 {
		role = "teacher"
	}
	return oracle.User{ID: m.uuid(), Email: email, Name: name, Role: role, Inactive: m.chance(5)}
}

func (m *lessonMaker) teacher() string {
	var ids []string
	for _, user := range m.school.Users {
		if user.Role == "teacher" {
			ids = append(ids, user.ID)
		}
	}
	if len(ids) == 0 {
		return ""
	}
	return pick(m, ids...)
}

// classes makes two, and says who is enrolled.
func (m *lessonMaker) classes() {
	for range 2 {
		class := oracle.Class{ID: m.uuid(), TeacherID: pick(m, m.teacher(), m.teacher(), "")}
		m.school.Classes = append(m.school.Classes, class)
		for _, user := range m.school.Users[1:] {
			if m.chance(65) && (user.Role == "student" || m.chance(5)) {
				m.school.Enrolments = append(m.school.Enrolments, oracle.Enrolment{ClassID: class.ID, StudentID: user.ID})
			}
		}
	}
}

// meetings makes one to three, often of one class.
func (m *lessonMaker) meetings() {
	for range 1 + m.IntN(3) {
		m.school.Meetings = append(m.school.Meetings, m.meeting())
	}
}

func (m *lessonMaker) meeting() oracle.Meeting {
	n := len(m.school.Meetings)
	row := oracle.Meeting{
		ID: m.uuid(), Number: fmt.Sprintf("90000%05d", m.number), Title: "Lesson",
		Type:      pick(m, "scheduled", "scheduled", "scheduled", "", "recurring", "recurring", "instant"),
		StartTime: m.day.Add(time.Duration(pick(m, 8, 8, 8, 14, 22, 32))*time.Hour + time.Duration(pick(m, 0, 0, 30))*time.Minute),
		Duration:  pick(m, 60, 60, 45, 30, 90),
		Timezone:  pick(m, "UTC", "Europe/Berlin", "Asia/Tokyo", "America/New_York", "Mars/Olympus", "GMT+8", "UTC-3"),
		ClassID:   pick(m, m.school.Classes[0].ID, m.school.Classes[0].ID, m.school.Classes[0].ID, m.school.Classes[1].ID, ""),
		Status:    pick(m, "scheduled", "scheduled", "scheduled", "scheduled", "started", "ended", "cancelled"),
		JoinURL:   "https://zoom.test/j/" + fmt.Sprintf("70000%05d", m.number),
		CreatedAt: m.day.AddDate(0, 0, pick(m, -30, -30, -30, 5)).Add(17 * time.Minute),
	}
	if m.chance(80) {
		row.HostID = pick(m, m.teacher(), m.teacher(), pick(m, m.school.Users...).ID)
	}
	if m.chance(10) {
		row.Number = row.Number[:3] + " " + row.Number[3:]
	}
	if n > 0 && m.chance(8) { // two of one number, in two spellings
		row.Number = " " + m.school.Meetings[n-1].Number
	}
	row.Settings.UsePMI = m.chance(12)
	return row
}

// registrants gives some people a registration; one may be given to two.
func (m *lessonMaker) registrants() {
	for i, meeting := range m.school.Meetings {
		for j, user := range m.school.Users {
			if !m.chance(35) {
				continue
			}
			row := oracle.Registrant{MeetingID: meeting.ID, UserID: user.ID, RegistrantID: fmt.Sprintf("reg%d.%d", i, j)}
			if j > 0 && m.chance(15) {
				row.RegistrantID = fmt.Sprintf("reg%d.%d", i, j-1)
			}
			m.school.Registrants = append(m.school.Registrants, row)
		}
	}
}

func (m *lessonMaker) parents() {
	for range m.IntN(4) {
		m.school = oracle.Change{Put: oracle.School{Parents: []oracle.Parent{m.parent()}}}.Of(m.school)
	}
}

func (m *lessonMaker) parent() oracle.Parent {
	return oracle.Parent{ParentID: pick(m, m.school.Users...).ID, StudentID: pick(m, m.school.Users...).ID}
}

// keys gives some people a key, as the meeting room does.
func (m *lessonMaker) keys() {
	for _, meeting := range m.school.Meetings {
		for _, user := range m.school.Users {
			if m.chance(15) {
				m.school.Keys = append(m.school.Keys, m.key(meeting.ID, user.ID))
			}
		}
	}
}

func (m *lessonMaker) key(meetingID, userID string) oracle.Key {
	m.number++
	return oracle.Key{CustomerKey: fmt.Sprintf("%08x-key-%d-of-a-user", m.Uint32(), m.number), MeetingID: meetingID, UserID: userID}
}

// instances makes the runs of a meeting: at its time, before, restarts, other days, near
// midnight.
func (m *lessonMaker) instances(meeting oracle.Meeting) {
	start := meeting.StartTime.Add(time.Duration(pick(m, 0, 0, 0, 0, -10, -70, 20, 100, 300, 24*60, -24*60)) * time.Minute)
	number := strings.ReplaceAll(meeting.Number, " ", "")
	if meeting.Settings.UsePMI {
		number = pick(m, number, meeting.JoinURL[strings.LastIndex(meeting.JoinURL, "/")+1:])
	}
	host := zoom.Fact{HostID: fmt.Sprintf("host-%d", m.IntN(3))}
	if owner := m.userOf(meeting.HostID); owner != nil {
		host.HostEmail = pick(m, "", owner.Email, strings.ToUpper(owner.Email), pick(m, m.school.Users...).Email)
	}
	for i := range 1 + pick(m, 0, 0, 1, 1, 2, 3) {
		m.number++
		run := &runMaker{lessonMaker: m, number: number, host: host, start: start,
			uuid: fmt.Sprintf("%c%d/+Hk==%d", 'A'+rune(m.IntN(26)), i, m.number)}
		if m.chance(6) {
			run.uuid = ""
		}
		run.play()
		start = start.Add(time.Duration(pick(m, 0, 20, 40, 40, 120, 24*60, 24*60, 7*24*60)) * time.Minute)
	}
}

func (m *lessonMaker) userOf(id string) *oracle.User {
	i := slices.IndexFunc(m.school.Users, func(u oracle.User) bool { return u.ID == id })
	if i < 0 {
		return nil
	}
	return &m.school.Users[i]
}

// runMaker makes the facts of one instance.
type runMaker struct {
	*lessonMaker
	number  string
	host    zoom.Fact
	uuid    string
	start   time.Time
	segment int
	spoken  int // events so far, for the hashes of their bodies
}

func (r *runMaker) play() {
	if r.chance(70) {
		r.add(zoom.Fact{Kind: zoom.Started, At: r.minute(0, 3)})
	}
	if r.chance(45) {
		r.staff()
	}
	for range pick(r.lessonMaker, 0, 1, 1, 2, 3, 4, 5) {
		r.connection()
	}
	for r.chance(65) {
		r.add(zoom.Fact{Kind: zoom.Ended, At: r.minute(20, 60), Approximate: r.chance(10)})
		if r.chance(75) {
			break
		}
	}
}

// staff is the host or a teacher, who opens the meeting and stays, for once.
func (r *runMaker) staff() {
	who := zoom.Fact{Connection: fmt.Sprintf("S%d-CONN", r.next()), Name: "The teacher"}
	if r.chance(50) {
		who.ZoomUserID = r.host.HostID
	} else {
		who.Email = r.userOf(r.teacher()).Email
	}
	at := r.minute(-10, 5)
	r.visit(who, at, at.Add(time.Duration(2+r.IntN(60))*time.Minute))
}

func (r *runMaker) next() int { r.lessonMaker.number++; return r.lessonMaker.number }

// add puts in a fact of this run, with or without the start Zoom tells, and seldom a
// copy of it that knows less or something else.
func (r *runMaker) add(fact zoom.Fact) {
	fact.Meeting, fact.Instance = r.number, r.uuid
	if r.chance(60) || r.uuid == "" {
		fact.Start = r.start.Add(time.Duration(pick(r.lessonMaker, 0, 0, 0, 1)) * time.Minute)
	}
	if r.uuid == "" {
		fact.Start = r.start
	}
	if r.chance(80) {
		fact.HostID = r.host.HostID
	}
	if r.chance(30) {
		fact.HostEmail = r.host.HostEmail
	}
	fact.Accepted = r.accepted(fact.At)
	r.spoken++
	if r.chance(4) {
		body := sha256.Sum256(fmt.Appendf(nil, "%d %s %s %d", r.made.seed, r.number, r.uuid, r.spoken))
		fact.Accepted = fact.At.Add(time.Duration(r.IntN(900_000)) * time.Microsecond)
		fact.At, fact.Approximate, fact.BodyHash = time.Time{}, false, hex.EncodeToString(body[:])
		if r.chance(50) {
			again := fact
			again.Accepted = fact.Accepted.Add(5 * time.Minute)
			r.made.facts = append(r.made.facts, again)
		}
	}
	r.made.facts = append(r.made.facts, fact)
	if r.chance(4) && !fact.At.IsZero() {
		fact.Email, fact.Name = r.email(), pick(r.lessonMaker, "", "Other name")
		if fact.Segment != "" || fact.Email+fact.Name+fact.Connection != "" {
			r.made.facts = append(r.made.facts, fact)
		}
	}
}

// accepted is when the door took an event: at once, or days later; or it came another
// way.
func (r *runMaker) accepted(at time.Time) time.Time {
	switch {
	case r.chance(8):
		return time.Time{}
	case r.chance(8):
		return at.Add(time.Duration(r.IntN(200)) * time.Hour)
	}
	return at.Add(time.Second + 345*time.Microsecond)
}

// minute is an instant of this run; few of them, so that many coincide.
func (r *runMaker) minute(from, to int) time.Time {
	at := r.start.Add(time.Duration(from+r.IntN(to-from+1)) * time.Minute)
	if r.chance(20) {
		at = at.Add(time.Duration(r.IntN(60)) * time.Second)
	}
	return at
}

// connection makes a device that comes, moves about and goes, seen well or badly: any
// fact may be missing, any identity may show on some facts only.
func (r *runMaker) connection() {
	who := zoom.Fact{Email: r.email(), RegistrantID: r.registrant(), CustomerKey: r.someKey(), Name: r.name()}
	if r.chance(10) {
		who.RegistrantID, who.ZoomUserID = "", r.registrant()
	} else if r.chance(10) {
		who.ZoomUserID, who.ParticipantID = "account", r.registrant()
	}
	if r.chance(85) {
		who.Connection = fmt.Sprintf("%c%d-CONN", 'A'+rune(r.IntN(26)), r.segment)
	}
	at := r.minute(-2, 20)
	for range pick(r.lessonMaker, 1, 1, 1, 2, 3) {
		leave := at.Add(time.Duration(r.IntN(45)) * time.Minute)
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
	if r.chance(4) && who.Email+who.Name != "" {
		who.Segment, identity = "", "both"
	}
	if r.chance(15) {
		r.add(r.seen(who, zoom.WaitingJoined, at.Add(-time.Duration(r.IntN(90))*time.Minute), identity))
		r.add(r.seen(who, zoom.WaitingLeft, at, identity))
	}
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
	if who.Segment == "" {
		return who // who it is, is where they sit
	}
	if identity != "both" && identity != string(kind) {
		who.Email, who.RegistrantID, who.CustomerKey, who.ZoomUserID, who.ParticipantID = "", "", "", "", ""
	}
	if r.chance(15) {
		who.Name = ""
	}
	return who
}

func (m *lessonMaker) email() string {
	user := pick(m, m.school.Users[1:]...)
	return strings.TrimSpace(pick(m, user.Email, user.Email, user.Email, strings.ToUpper(user.Email), "", "", "new@school.test", "stranger@elsewhere.test"))
}

func (r *runMaker) registrant() string {
	if len(r.school.Registrants) == 0 || r.chance(75) {
		return pick(r.lessonMaker, "", "", "reg-unknown", "reg-new")
	}
	return pick(r.lessonMaker, r.school.Registrants...).RegistrantID
}

// someKey is one that was issued, for this meeting or another, or made up.
func (r *runMaker) someKey() string {
	if len(r.school.Keys) == 0 || r.chance(80) {
		return pick(r.lessonMaker, "", "", "", "", "made-up-by-somebody-else")
	}
	return pick(r.lessonMaker, r.school.Keys...).CustomerKey
}

func (r *runMaker) name() string {
	if r.chance(45) {
		name := pick(r.lessonMaker, r.school.Users...).Name
		return strings.TrimSpace(pick(r.lessonMaker, name, name, strings.ToUpper(name)))
	}
	return pick(r.lessonMaker, "", "Maria", "maria's iPad", "Ünal", "李", "Zoom user", "😀 M")
}

// visits are what the app saw of some users, whether or not they are enrolled: before,
// during and after what Zoom told of.
func (m *lessonMaker) visits() {
	for _, meeting := range m.school.Meetings {
		for _, user := range m.school.Users {
			if !m.chance(35) || len(m.made.facts) == 0 {
				continue
			}
			for range 1 + m.IntN(3) {
				if m.chance(40) {
					m.school = oracle.Change{Put: oracle.School{Visits: []oracle.Visit{m.visit(meeting, user)}}}.Of(m.school)
					continue
				}
				v := m.visit(meeting, user)
				m.made.facts = append(m.made.facts, zoom.Fact{Kind: pick(m, zoom.AppJoined, zoom.AppJoined, zoom.AppLeft),
					Meeting: strings.ReplaceAll(meeting.Number, " ", ""), User: user.ID, At: v.At.Add(time.Duration(1+m.IntN(3)) * time.Microsecond)})
			}
		}
	}
}

// visit is somebody who opened the page of a meeting about the time of a fact.
func (m *lessonMaker) visit(meeting oracle.Meeting, user oracle.User) oracle.Visit {
	at := m.day.Add(8 * time.Hour)
	if facts := m.factsOf(meeting); len(facts) > 0 {
		at = pick(m, facts...).At.Add(time.Duration(m.IntN(100)-45) * time.Minute)
	}
	return oracle.Visit{MeetingID: meeting.ID, UserID: user.ID, Kind: "opened", At: at}
}

// factsOf are the facts of a meeting that tell when they happened.
func (m *lessonMaker) factsOf(meeting oracle.Meeting) []zoom.Fact {
	return slices.DeleteFunc(slices.Clone(m.made.facts), func(f zoom.Fact) bool {
		return f.At.IsZero() || f.Meeting != strings.ReplaceAll(meeting.Number, " ", "")
	})
}

// strangers are facts of a meeting that the school does not have.
func (m *lessonMaker) strangers() {
	if m.chance(10) {
		m.made.facts = append(m.made.facts, zoom.Fact{Kind: zoom.Ended, Meeting: "8999999999", Instance: "x==", At: m.day.Add(9 * time.Hour)})
	}
}

// appRows are participants that the app's own page wrote, before everything.
func (m *lessonMaker) appRows() {
	for _, meeting := range m.school.Meetings {
		for _, user := range m.school.Users {
			if m.chance(20) {
				m.appRow(meeting.ID, user.ID)
			}
		}
		if m.chance(12) {
			m.appRow(meeting.ID, "")
		}
	}
}

func (m *lessonMaker) appRow(meetingID, userID string) {
	row := oracle.Participant{MeetingID: meetingID, UserID: userID, Status: pick(m, "invited", "joined", "joined", "left")}
	at := m.day.Add(time.Duration(pick(m, 8, 8, 9, 14, 22, 32, 56))*time.Hour + time.Duration(m.IntN(60))*time.Minute)
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
	m.school.Participants = append(m.school.Participants, row)
}

// teacherRows are records that somebody wrote by hand, before everything.
func (m *lessonMaker) teacherRows() {
	for _, enrolment := range m.school.Enrolments {
		for day := -1; day <= 3; day++ {
			if m.chance(6) {
				m.school.Records = append(m.school.Records, oracle.Record{
					StudentID: enrolment.StudentID, ClassID: enrolment.ClassID,
					Date:   m.day.AddDate(0, 0, day).Format(time.DateOnly),
					Status: pick(m, "present", "absent", "late", "excused", "partial"),
				})
			}
		}
	}
}

// forgetTheFuture takes away what would happen too late, and the runs whose time runs
// out just now.
func (m *lessonMaker) forgetTheFuture(now time.Time) {
	if m.until.IsZero() {
		return
	}
	begins := map[string]time.Time{}
	for _, fact := range m.made.facts {
		key := fact.Meeting + fact.Instance
		for _, at := range []time.Time{fact.At, fact.Start} {
			if !at.IsZero() && (begins[key].IsZero() || at.Before(begins[key])) {
				begins[key] = at
			}
		}
	}
	m.made.facts = slices.DeleteFunc(m.made.facts, func(f zoom.Fact) bool {
		runsOut := now.Sub(begins[f.Meeting+f.Instance]) - 30*time.Hour
		return f.At.IsZero() || f.At.After(m.until) || f.Start.After(m.until) || f.Accepted.After(m.until) || runsOut.Abs() < 90*time.Minute
	})
	h := &m.made.history
	h.Changes = slices.DeleteFunc(h.Changes, func(c oracle.Change) bool { return c.At.After(m.until) })
}

func asJSON(value any) string {
	body, err := json.Marshal(value)
	if err != nil {
		panic(err)
	}
	return string(body)
}
