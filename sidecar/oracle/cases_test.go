package oracle

import (
	"slices"
	"strings"
	"testing"
	"time"
)

// Cases of schools, with the right value of each. The class is 7b with the students a,
// b and c; its teacher hosts the meeting, which is planned for Monday 2 March from
// 08:00 to 09:00 UTC unless the case says otherwise. Records are written short: "+7d a:
// present" is of 9 March.

// a lesson with a, and without b and c.
var heldWithA = []string{
	"started w1 08:00", "joined w1 08:00 teacher/9", "joined w1 08:00 a/1", "left w1 08:40 a/1", "left w1 08:44 teacher/9", "ended w1 08:45"}

// the week after it one with b.
var heldWithB = []string{
	"started w2 +7d08:00", "joined w2 +7d08:00 b/2", "left w2 +7d08:40 b/2", "ended w2 +7d08:45"}

const aPresent = "a: present\nb: absent\nc: absent"

func TestWhichLessonCounts(t *testing.T) {
	month := func(change Change) Change { change.At = at("+30d12:00"); return change }
	for _, test := range []struct {
		name    string
		start   func(*School)
		policy  *Policy
		changes []Change
		facts   []string
		now     string
		want    string
	}{
		{
			name:    "a meeting that is moved to the next week keeps the lesson that was held, and the next week is judged by itself",
			changes: []Change{moved("+1d10:00", "+7d08:00")},
			facts:   slices.Concat(heldWithA, heldWithB),
			want:    "a: present\nb: absent\nc: absent\n+7d a: absent\n+7d b: present\n+7d c: absent",
			// The second week nobody of the staff came, and in the first one did.
			start: withoutStaff,
		},
		{
			name:    "planned for a third week both stay",
			changes: []Change{moved("+1d10:00", "+7d08:00"), moved("+8d10:00", "+14d08:00")},
			facts:   slices.Concat(heldWithA, heldWithB),
			start:   withoutStaff,
			want:    "a: present\nb: absent\nc: absent\n+7d a: absent\n+7d b: present\n+7d c: absent",
		},
		{name: "a meeting cancelled a month later changes nothing", facts: heldWithA, want: aPresent,
			changes: []Change{month(meetingChange("", func(m *Meeting) { m.Status = "cancelled" }))}},
		{name: "a meeting deleted a month later changes nothing", facts: heldWithA, want: aPresent,
			changes: []Change{month(Change{Gone: School{Meetings: []Meeting{{ID: "maths"}}}})}},
		{name: "another class a month later changes nothing", facts: heldWithA, want: aPresent,
			changes: []Change{month(meetingChange("", func(m *Meeting) { m.ClassID = "8c" }))}},
		{name: "another teacher a month later changes nothing", facts: heldWithA, want: aPresent,
			changes: []Change{month(Change{Put: School{Classes: []Class{{"7b", "other"}}}})}},
		{name: "students unenrolled a month later change nothing", facts: heldWithA, want: aPresent,
			changes: []Change{month(Change{Gone: School{Enrolments: []Enrolment{{"7b", "a"}, {"7b", "b"}}}})}},
		{name: "an address given to another a month later changes nothing", facts: heldWithA, want: aPresent,
			changes: []Change{month(Change{Put: School{Users: []User{student("a", "old-a@school.test"), student("b", "a@school.test")}}})}},
		{name: "a number given to another meeting a month later changes nothing", facts: heldWithA, want: aPresent,
			changes: []Change{
				month(meetingChange("", func(m *Meeting) { m.Number = "77" })),
				{At: at("+31d12:00"), Put: School{Meetings: []Meeting{{ID: "other", Number: "1", ClassID: "8c", StartTime: at("08:00")}}}},
			}},
		{name: "other settings a month later change nothing", facts: heldWithA, want: aPresent,
			changes: []Change{month(Change{Settings: &Policy{MinMinutes: 50, Timezone: "Asia/Manila"}})}},
		{name: "a student made inactive a month later is absent all the same", facts: heldWithA, want: aPresent,
			changes: []Change{month(Change{Put: School{Users: []User{{ID: "b", Email: "b@school.test", Name: "b", Role: "student", Inactive: true}}}})}},
		{
			name:  "planned a day early and held with the teacher: recorded on the day it was held, the others absent",
			facts: shifted(heldWithA, 2),
			want:  "+2d a: present\n+2d b: absent\n+2d c: absent",
		},
		{
			name:  "a row made now finds the events of last year: a lesson of its own date",
			start: func(s *School) { s.Meetings = nil },
			changes: []Change{{At: at("+300d08:00"), Put: School{Meetings: []Meeting{{ID: "maths", Number: "1", Type: "scheduled", Duration: 60,
				StartTime: at("+310d08:00"), HostID: "teacher", ClassID: "7b", CreatedAt: at("+300d08:00")}}}}},
			facts: heldWithA,
			want:  aPresent,
		},
		{
			name:  "a row of last week that was never held and events now: a lesson of its own date",
			facts: shifted(heldWithA, 7),
			want:  "+7d a: present\n+7d b: absent\n+7d c: absent",
		},
		{
			name: "a trial on Sunday makes nobody present on Monday, and no record on Sunday",
			facts: []string{"started t -1d15:00", "joined t -1d15:00 teacher/9", "joined t -1d15:01 a/1", "left t -1d15:21 a/1", "ended t -1d15:22",
				"started l 08:00", "joined l 08:00 teacher/9", "joined l 08:00 b/3", "left l 08:40 b/3", "ended l 08:45"},
			want: "a: absent\nb: present\nc: absent",
		},
		{
			name:  "whoever comes alone hours after the lesson stays absent",
			facts: append(slices.Clone(heldWithoutA), "joined m 13:00 a/7", "left m 13:16 a/7", "ended m 13:16:05"),
			want:  "a: absent\nb: present\nc: absent",
		},
		{
			name:  "whoever comes alone for seconds after the lesson stays absent",
			facts: append(slices.Clone(heldWithoutA), "joined m 13:00 a/7", "left m 13:00:20 a/7", "ended m 13:00:25"),
			want:  "a: absent\nb: present\nc: absent",
		},
		{
			name:  "whoever comes alone while the window is open, after the lesson ended, stays absent",
			facts: append(slices.Clone(heldWithoutA), "joined m 09:20 a/7", "left m 09:40 a/7", "ended m 09:40"),
			want:  "a: absent\nb: present\nc: absent",
		},
		{
			name:  "recurring, the host alone for three minutes: no records",
			start: recurring,
			facts: []string{"started t -1d17:00", "joined t -1d17:00 teacher/9", "left t -1d17:03 teacher/9", "ended t -1d17:03:10"},
		},
		{
			name:  "recurring, nobody at all: no records",
			start: recurring,
			facts: []string{"started t -1d17:00", "ended t -1d17:40"},
		},
		{
			name:  "recurring, two pupils on a Saturday where the teacher is otherwise known: nobody absent",
			start: recurring,
			facts: append(slices.Clone(heldWithA), "started s +5d10:00", "joined s +5d10:00 a/4", "joined s +5d10:01 b/5", "ended s +5d10:40"),
			want:  "a: present\nb: absent\nc: absent\n+5d a: present\n+5d b: present",
		},
		{
			name:  "recurring, one student for 40 minutes where no staff is known: the others absent",
			start: func(s *School) { recurring(s); withoutStaff(s) },
			facts: []string{"started s 10:00", "joined s 10:00 a/4", "left s 10:40 a/4", "ended s 10:40"},
			want:  aPresent,
		},
		{
			name:  "recurring, one student and the teacher for 40 minutes: the others absent",
			start: recurring,
			facts: []string{"started s 10:00", "joined s 10:00 a/4", "joined s 10:00 teacher/9", "left s 10:40 a/4", "ended s 10:40"},
			want:  aPresent,
		},
		{
			name: "one pupil looks in at the planned time without the teacher, and the lesson is held the next day",
			facts: append([]string{"started p 08:00", "joined p 08:00 c/1", "left p 08:02 c/1", "ended p 08:02"},
				shifted(heldWithA, 1)...),
			want: "c: partial\n+1d a: present\n+1d b: absent\n+1d c: absent",
		},
		{
			name:  "the host opens at 07:50 and ends at 07:52, the lesson runs from 08:00: nobody is absent before it ends",
			facts: []string{"started h 07:50", "joined h 07:50 teacher/9", "left h 07:52 teacher/9", "ended h 07:52:10", "started l 08:00", "joined l 08:00 a/1", "joined l 08:00 b/2"},
			now:   "08:10",
		},
		{
			name:  "before the lesson itself begins nobody is absent either",
			facts: []string{"started h 07:50", "joined h 07:50 teacher/9", "left h 07:52 teacher/9", "ended h 07:52:10"},
			now:   "07:55",
		},
		{
			name:  "recurring, a's left and the end were lost: the next week closes the run",
			start: func(s *School) { recurring(s); withoutStaff(s) },
			facts: []string{"started o1 08:00", "joined o1 08:00 a/1", "joined o1 08:00 b/2", "left o1 08:40 b/2",
				"started o2 +7d08:00", "joined o2 +7d08:00 a/1", "left o2 +7d08:40 a/1", "ended o2 +7d08:45"},
			want: "a: present\nb: present\nc: absent\n+7d a: present\n+7d b: absent\n+7d c: absent",
		},
		{
			name:    "a student who is enrolled after the lesson that they were in is present",
			start:   func(s *School) { s.Enrolments = s.Enrolments[:2] },
			changes: []Change{{At: at("+2d12:00"), Put: School{Enrolments: []Enrolment{{"7b", "c"}}}}},
			facts:   []string{"started u 08:00", "joined u 08:00 teacher/9", "joined u 08:00 c/1", "left u 08:40 c/1", "ended u 08:45"},
			want:    "a: absent\nb: absent\nc: present",
		},
		{
			name:    "a student who is enrolled after a lesson that they were not in is not absent",
			start:   func(s *School) { s.Enrolments = s.Enrolments[:2] },
			changes: []Change{{At: at("+2d12:00"), Put: School{Enrolments: []Enrolment{{"7b", "c"}}}}},
			facts:   heldWithA,
			want:    "a: present\nb: absent",
		},
		{
			name:    "a student who is enrolled before Zoom first told of the lesson at the door is absent",
			start:   func(s *School) { s.Enrolments = s.Enrolments[:2] },
			changes: []Change{{At: at("+2d12:00"), Put: School{Enrolments: []Enrolment{{"7b", "c"}}}}},
			facts:   accepted(heldWithA, "+3d12:00"),
			want:    aPresent,
		},
		{
			name:    "a class that is set after the lesson counts",
			start:   func(s *School) { s.Meetings[0].ClassID = "" },
			changes: []Change{{At: at("+2d12:00"), Put: School{Meetings: []Meeting{oneOff()}}}},
			facts:   heldWithA,
			want:    aPresent,
		},
		{
			name:    "an address that is corrected after the lesson counts",
			start:   func(s *School) { s.Users[0].Email = "wrong@school.test" },
			changes: []Change{{At: at("+2d12:00"), Put: School{Users: []User{student("a", "a@school.test")}}}},
			facts:   heldWithA,
			want:    aPresent,
		},
		{
			name:  "a registration at the wrong student does not count against their own address",
			start: func(s *School) { s.Registrants = []Registrant{{"maths", "a", "reg1"}} },
			facts: []string{"started w 08:00", "joined w 08:00 teacher/9", "joined w 08:00 b/1 reg=reg1", "left w 08:40 b/1", "ended w 08:45"},
			want:  "a: absent\nb: present\nc: absent",
		},
		{
			name: "a parent's address with the child's registration is the child",
			start: func(s *School) {
				s.Registrants = []Registrant{{"maths", "a", "reg1"}}
				s.Users = append(s.Users, User{ID: "mother", Email: "mother@home.test", Role: "parent"})
				s.Parents = []Parent{{"mother", "a"}}
			},
			facts: []string{"started w 08:00", "joined w 08:00 teacher/9", "joined w 08:00 email=mother@home.test seg=1 reg=reg1", "left w 08:40 seg=1", "ended w 08:45"},
			want:  aPresent,
		},
		{
			name:  "a registration's id may come as the account's",
			start: func(s *School) { s.Registrants = []Registrant{{"maths", "a", "reg2"}} },
			facts: []string{"started w 08:00", "joined w 08:00 teacher/9", "joined w 08:00 seg=1 account=reg2", "left w 08:40 seg=1", "ended w 08:45"},
			want:  aPresent,
		},
		{
			name:   "a lesson across midnight in Manila is of the day it began",
			start:  func(s *School) { recurring(s); withoutStaff(s) },
			policy: &Policy{MinMinutes: 15, Timezone: "Asia/Manila"},
			facts:  []string{"started w 15:30", "joined w 15:30 a/1", "left w 16:30 a/1", "ended w 16:30"},
			want:   aPresent,
		},
		{
			name:   "22:30 UTC in GMT+8 is of the next day",
			start:  func(s *School) { s.Meetings[0].StartTime, s.Meetings[0].Timezone = at("22:30"), "GMT+8" },
			policy: &Policy{MinMinutes: 15, Timezone: "meeting"},
			facts:  []string{"started w 22:30", "joined w 22:30 teacher/9", "joined w 22:30 a/1", "left w 23:10 a/1", "ended w 23:15"},
			want:   "+1d a: present\n+1d b: absent\n+1d c: absent",
		},
		{
			name:   "on the night the clocks go forward the date is the one people had",
			start:  func(s *School) { s.Meetings[0].StartTime = at("+26d22:30") }, // 28 March, 23:30 in Berlin
			policy: &Policy{MinMinutes: 15, Timezone: "Europe/Berlin"},
			facts:  []string{"started w +26d22:30", "joined w +26d22:30 teacher/9", "joined w +26d22:30 a/1", "left w +26d23:10 a/1", "ended w +26d23:15"},
			want:   "+26d a: present\n+26d b: absent\n+26d c: absent",
		},
		{
			name:   "and on the evening after it the day begins an hour earlier in UTC",
			start:  func(s *School) { s.Meetings[0].StartTime = at("+27d22:30") }, // 30 March, 00:30 in Berlin
			policy: &Policy{MinMinutes: 15, Timezone: "Europe/Berlin"},
			facts:  []string{"started w +27d22:30", "joined w +27d22:30 teacher/9", "joined w +27d22:30 a/1", "left w +27d23:10 a/1", "ended w +27d23:15"},
			want:   "+28d a: present\n+28d b: absent\n+28d c: absent",
		},
		{
			name:  "a personal room counts for the row that is held in it",
			start: func(s *School) { personalRoom(s) },
			facts: numbered("5551000017", heldWithA),
			want:  aPresent,
		},
		{
			name:  "a number that was typed with blanks is the same number",
			start: func(s *School) { s.Meetings[0].Number = "830 000 0018" },
			facts: numbered("8300000018", heldWithA),
			want:  aPresent,
		},
		{
			name:    "a class that a user gave a meeting whose host does not teach it makes no attendance",
			start:   func(s *School) { s.Meetings[0].ClassID = ""; s.Meetings[0].HostID = "other" },
			changes: []Change{meetingChange("other", func(m *Meeting) { m.HostID = "other" })},
			facts:   heldWithA,
		},
		{
			name:  "until an admin saves it",
			start: func(s *School) { s.Meetings[0].ClassID = ""; s.Meetings[0].HostID = "other" },
			changes: []Change{
				meetingChange("other", func(m *Meeting) { m.HostID = "other" }),
				month(meetingChange("admin", func(m *Meeting) { m.HostID = "other" })),
			},
			facts: heldWithA,
			want:  aPresent,
		},
		{
			name:  "a run while the meeting was cancelled counts if one of the staff and somebody else were in it",
			start: func(s *School) { s.Meetings[0].Status = "cancelled" },
			facts: heldWithA,
			want:  aPresent,
		},
		{
			name:  "and belongs to no lesson otherwise",
			start: func(s *School) { s.Meetings[0].Status = "cancelled" },
			facts: []string{"started w 08:00", "joined w 08:00 a/1", "joined w 08:00 b/2", "ended w 08:40"},
		},
		{
			name:  "what the waiting room tells counts for nothing",
			facts: append(slices.Clone(heldWithA), "waiting_joined w1 08:00 b/5", "waiting_left w1 08:30 b/5"),
			want:  aPresent,
		},
		{
			name: "events without an instance, a seat or a time count",
			facts: []string{"joined - 08:00 start=08:00 teacher/", "joined - 08:00 start=08:00 a/", "left - 08:40 start=08:00 a/",
				"left - 08:44 start=08:00 teacher/", "ended - - start=08:00 body=e accepted=08:46", "ended - - start=08:00 body=e accepted=08:45"},
			want: aPresent,
		},
		{
			name:  "a student who was only there before the lesson's time is absent",
			facts: append(slices.Clone(heldWithA), "joined w0 07:20 b/5", "left w0 07:40 b/5", "ended w0 07:41"),
			want:  aPresent,
		},
		{
			name:  "time that the staff stay longer counts",
			facts: []string{"started w 08:50", "joined w 08:50 teacher/9", "joined w 08:55 a/1", "left w 09:15 a/1", "left w 09:20 teacher/9", "ended w 09:20"},
			want:  aPresent,
		},
		{
			name:  "time after the planned end and after the staff left does not count",
			facts: []string{"started w 08:50", "joined w 08:50 teacher/9", "joined w 08:55 a/1", "left w 09:15 a/1", "left w 09:02 teacher/9", "ended w 09:20"},
			want:  "a: partial\nb: absent\nc: absent",
		},
	} {
		t.Run(test.name, func(t *testing.T) {
			school := classOf7b()
			if test.start != nil {
				test.start(&school)
			}
			h := History{Start: school, Settings: Policy{MinMinutes: 15, Timezone: "UTC"}, Changes: test.changes}
			if test.policy != nil {
				h.Settings = *test.policy
			}
			now := at("+400d00:00")
			if test.now != "" {
				now = at(test.now)
			}
			told := facts(test.facts...)
			want := lines(test.want)
			for range 2 {
				if got := recordLines(Expect(h, told, now)); !slices.Equal(got, want) {
					t.Errorf("got\n\t%s\nwant\n\t%s", strings.Join(got, "\n\t"), strings.Join(want, "\n\t"))
				}
				slices.Reverse(told)
				told = append(told, told...)
			}
		})
	}
}

var heldWithoutA = []string{
	"started l 08:00", "joined l 08:00 teacher/9", "joined l 08:00 b/3", "left l 08:40 b/3", "left l 08:44 teacher/9", "ended l 08:45"}

func TestPeopleOutrankTheEvidence(t *testing.T) {
	for _, test := range []struct{ name, theirs, said, verdict, want string }{
		{"absent over our present stays when the evidence falls", "absent", "present", "partial", "absent"},
		{"absent over our present stays when it is present again", "absent", "present", "present", "absent"},
		{"absent over our partial is raised by present", "absent", "partial", "present", "present"},
		{"a deleted record stays deleted", "", "absent", "absent", ""},
		{"a deleted record comes back when the evidence exceeds what we had said", "", "absent", "partial", "partial"},
		{"what was written before we said anything is only raised", "present", "", "absent", "present"},
		{"late is never touched", "late", "absent", "present", "late"},
		{"excused is never touched", "excused", "", "present", "excused"},
		{"partial over our absent stays when they were seen for less", "partial", "absent", "partial", "partial"},
	} {
		t.Run(test.name, func(t *testing.T) {
			if got := outranked(test.theirs, test.said, test.verdict); got != test.want {
				t.Errorf("got %q, want %q", got, test.want)
			}
		})
	}
}

func TestTheStatusOfAMeeting(t *testing.T) {
	cancelled := meetingChange("", func(m *Meeting) { m.Status = "cancelled" })
	cancelled.At = at("09:30")
	restored := meetingChange("", func(m *Meeting) { m.Status = "scheduled" })
	restored.At = at("11:00")
	for _, test := range []struct {
		name    string
		changes []Change
		facts   []string
		now     string
		want    string
	}{
		{name: "without a run it is what people wrote", want: "scheduled"},
		{name: "a run that is over ended it", facts: heldWithA, want: "ended"},
		{name: "a run whose end was never told is over after 30 hours", facts: heldWithA[:3], want: "ended"},
		{name: "and started until then", facts: heldWithA[:3], now: "+1d13:59", want: "started"},
		{name: "cancelled afterwards it stays so", changes: []Change{cancelled}, facts: heldWithA, want: "cancelled"},
		{name: "until they take it back", changes: []Change{cancelled, restored}, facts: heldWithA, want: "ended"},
		{name: "a later run that belongs to no lesson leaves it so", changes: []Change{cancelled}, facts: slices.Concat(heldWithA, shifted(heldWithA, 1)), want: "cancelled"},
		{name: "until a later run counts", changes: []Change{cancelled}, want: "started", now: "10:30",
			facts: append(slices.Clone(heldWithA), "joined w2 09:58 a/2", "joined w2 09:59 teacher/9")},
	} {
		t.Run(test.name, func(t *testing.T) {
			h := History{Start: classOf7b(), Settings: Policy{MinMinutes: 15, Timezone: "UTC"}, Changes: test.changes}
			now := at("+400d00:00")
			if test.now != "" {
				now = at(test.now)
			}
			if got := Expect(h, facts(test.facts...), now).Status["maths"]; got != test.want {
				t.Errorf("got %q, want %q", got, test.want)
			}
		})
	}
}

func classOf7b() School {
	return School{
		Users: []User{student("a", "a@school.test"), student("b", "b@school.test"), student("c", "c@school.test"),
			{ID: "teacher", Email: "teacher@school.test", Name: "teacher", Role: "teacher"},
			{ID: "other", Email: "other@school.test", Name: "other", Role: "teacher"},
			{ID: "admin", Email: "admin@school.test", Name: "admin", Role: "admin"}},
		Classes:    []Class{{"7b", "teacher"}, {"8c", "other"}},
		Enrolments: []Enrolment{{"7b", "a"}, {"7b", "b"}, {"7b", "c"}},
		Meetings:   []Meeting{oneOff()},
	}
}

func oneOff() Meeting {
	return Meeting{ID: "maths", Number: "1", Type: "scheduled", StartTime: at("08:00"), Duration: 60,
		HostID: "teacher", ClassID: "7b", Status: "scheduled"}
}

func student(id, email string) User { return User{ID: id, Email: email, Name: id, Role: "student"} }

func recurring(s *School) { s.Meetings[0].Type = "recurring" }

// withoutStaff: the school knows nobody by the teacher's address.
func withoutStaff(s *School) { s.Users[3].Email = "nobody@elsewhere.test" }

func personalRoom(s *School) {
	s.Meetings[0].Number, s.Meetings[0].Settings.UsePMI = "8300000017", true
	s.Meetings[0].JoinURL = "https://school.zoom.us/j/5551000017?pwd=x"
}

// meetingChange is a change of the meeting, an hour before its lesson if nothing else
// is said.
func meetingChange(by string, do func(*Meeting)) Change {
	row := oneOff()
	do(&row)
	return Change{At: at("07:00"), By: by, Put: School{Meetings: []Meeting{row}}}
}

func moved(when, to string) Change {
	change := meetingChange("", func(m *Meeting) { m.StartTime = at(to) })
	change.At = at(when)
	return change
}

// shifted are the same events some days later, of another instance.
func shifted(sentences []string, days int) []string {
	var all []string
	for _, sentence := range sentences {
		words := strings.Fields(sentence)
		words[1] += "later"
		words[2] = "+" + string(rune('0'+days)) + "d" + words[2]
		all = append(all, strings.Join(words, " "))
	}
	return all
}

func numbered(number string, sentences []string) []string { return each(sentences, "meeting="+number) }

func accepted(sentences []string, when string) []string { return each(sentences, "accepted="+when) }

func each(sentences []string, word string) []string {
	var all []string
	for _, sentence := range sentences {
		all = append(all, sentence+" "+word)
	}
	return all
}

func recordLines(rows Rows) []string {
	var all []string
	for _, r := range rows.Records {
		date, _ := time.Parse(time.DateOnly, r.Date)
		all = append(all, shortDay(date)+r.StudentID+": "+r.Status)
	}
	slices.Sort(all)
	return all
}
