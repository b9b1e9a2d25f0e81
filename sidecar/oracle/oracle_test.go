package oracle

import (
	"fmt"
	"slices"
	"strings"
	"testing"
	"time"

	"zoom-attendance/sidecar/zoom"
)

// The rules, worked out by hand. Rows are written short: "maria left
// 08:00-08:45 2700s" is a participant (joined to left, duration), "maria:
// present" an attendance record, "ended" the meeting's status.

func TestTheModelAgreesWithTheRulesWorkedOutByHand(t *testing.T) {
	for _, test := range []struct {
		name   string
		school func(*School)
		policy Policy
		facts  []zoom.Fact
		want   string
	}{
		{
			name: "a student who came and left is present and the class that never came is absent once it ended",
			facts: facts("started i1 08:00", "joined i1 08:00 seg=1 conn=A email=maria@school.test name=Maria",
				"left i1 08:45 seg=1", "ended i1 08:46"),
			want: `ended
				maria left 08:00-08:45 2700s as 1 "Maria" maria@school.test
				maria: present
				tom: absent`,
		},
		{
			name:  "a student still there has no verdict and no leave time",
			facts: facts("started i1 08:00", "joined i1 08:05 seg=1 conn=A email=maria@school.test"),
			want: `maria joined 08:05- nulls as 1 "Maria Oliveira" maria@school.test
				started`,
		},
		{
			name:  "a stay shorter than fifteen minutes is partial",
			facts: facts("joined i1 08:00 seg=1 email=maria@school.test", "left i1 08:14:59 seg=1"),
			want: `started
				maria left 08:00-08:14:59 899s as 1 "Maria Oliveira" maria@school.test
				maria: partial`,
		},
		{
			name:  "fifteen minutes to the second are present",
			facts: facts("joined i1 08:00 seg=1 email=maria@school.test", "left i1 08:15 seg=1"),
			want: `started
				maria left 08:00-08:15 900s as 1 "Maria Oliveira" maria@school.test
				maria: present`,
		},
		{
			name: "two devices at once count once",
			facts: facts("joined i1 08:00 seg=1 conn=A email=maria@school.test", "left i1 08:20 seg=1",
				"joined i1 08:10 seg=2 conn=B email=Maria@School.test", "left i1 08:30 seg=2"),
			want: `maria left 08:10-08:30 1800s as 2 "Maria Oliveira" maria@school.test
				maria: present
				started`,
		},
		{
			name: "a late left that overlaps the rejoin adds no time twice",
			facts: facts("joined i1 08:00 seg=1 conn=A email=maria@school.test", "joined i1 08:10 seg=2 conn=B email=maria@school.test",
				"left i1 08:11 seg=1 conn=A", "left i1 08:40 seg=2 conn=B"),
			want: `maria left 08:10-08:40 2400s as 2 "Maria Oliveira" maria@school.test
				maria: present
				started`,
		},
		{
			name: "a move to a breakout room leaves no gap",
			facts: facts("joined i1 08:00 seg=1 conn=A email=maria@school.test", "left i1 08:10 seg=1 conn=A",
				"joined i1 08:10 seg=2 conn=A", "left i1 08:20 seg=2 conn=A"),
			want: `maria left 08:10-08:20 1200s as 2 "Maria Oliveira" maria@school.test
				maria: present
				started`,
		},
		{
			name:  "the end closes a stay without a left, and ten minutes make nobody absent",
			facts: facts("joined i1 08:00 seg=1 email=maria@school.test", "ended i1 08:10"),
			want: `ended
				maria left 08:00-08:10 600s as 1 "Maria Oliveira" maria@school.test
				maria: partial`,
		},
		{
			name:  "an end before the join gives a stay of no length",
			facts: facts("joined i1 08:00 seg=1 email=maria@school.test", "ended i1 07:50"),
			want: `ended
				maria left 08:00-08:00 0s as 1 "Maria Oliveira" maria@school.test
				maria: partial`,
		},
		{
			name:  "a left without a joined counts no time",
			facts: facts("left i1 08:30 seg=1 email=maria@school.test"),
			want: `started
				maria left -08:30 0s as 1 "Maria Oliveira" maria@school.test
				maria: partial`,
		},
		{
			name:  "a second joined of one segment ends the first stay, and they were seen to be away",
			facts: facts("joined i1 08:00 seg=1 email=maria@school.test", "joined i1 08:10 seg=1"),
			want: `started
				maria joined 08:10- nulls as 1 "Maria Oliveira" maria@school.test
				maria: partial`,
		},
		{
			name:  "in one second joined comes before left",
			facts: facts("left i1 08:00 seg=1", "joined i1 08:00 seg=1 email=maria@school.test"),
			want: `started
				maria left 08:00-08:00 0s as 1 "Maria Oliveira" maria@school.test
				maria: partial`,
		},
		{
			name:  "a stay of more than thirty hours counts no time",
			facts: facts("joined i1 08:00 seg=1 email=maria@school.test", "left i1 +2d08:00 seg=1"),
			want: `started
				maria left 08:00-+2d08:00 0s as 1 "Maria Oliveira" maria@school.test
				maria: partial`,
		},
		{
			name:  "a repeated end counts by its latest instant",
			facts: facts("joined i1 08:00 seg=1 email=maria@school.test", "ended i1 08:10", "ended i1 08:20"),
			want: `ended
				maria left 08:00-08:20 1200s as 1 "Maria Oliveira" maria@school.test
				maria: present
				tom: absent`,
		},
		{
			name:  "guests are one row per connection and get no attendance",
			facts: facts("joined i1 08:00 seg=1 conn=A name=Tom", "joined i1 08:00 seg=2 conn=B name=Tom", "left i1 08:01 seg=2"),
			want: `guest joined 08:00- nulls as 1 "Tom"
				guest left 08:00-08:01 60s as 2 "Tom"
				started`,
		},
		{
			name:  "an e-mail that only the left tells matches the whole connection",
			facts: facts("joined i1 08:00 seg=1 conn=A name=M", "left i1 08:20 seg=1", "left i1 08:30 seg=2 conn=A email=MARIA@school.test"),
			want: `maria left 08:00-08:30 1200s as 1 "M" MARIA@school.test
				maria: present
				started`,
		},
		{
			name: "a registration against somebody else's address says nothing",
			school: func(s *School) {
				s.Registrants = []Registrant{{MeetingID: "maths", UserID: "tom", RegistrantID: "reg-tom"}}
			},
			facts: facts("joined i1 08:00 seg=1 conn=A email=maria@school.test reg=reg-tom", "left i1 08:20 seg=1"),
			want: `maria left 08:00-08:20 1200s as 1 "Maria Oliveira" maria@school.test
				maria: present
				started`,
		},
		{
			name: "a registration for another meeting says nothing",
			school: func(s *School) {
				s.Registrants = []Registrant{{MeetingID: "other", UserID: "tom", RegistrantID: "reg-tom"}}
			},
			facts: facts("joined i1 08:00 seg=1 conn=A reg=reg-tom"),
			want: `guest joined 08:00- nulls as 1 ""
				started`,
		},
		{
			name:  "a connection that shows the addresses of two users is nobody",
			facts: facts("joined i1 08:00 seg=1 conn=A email=maria@school.test", "joined i1 08:00 seg=2 conn=A email=tom@school.test"),
			want: `guest joined 08:00- nulls as 2 "" tom@school.test
				started`,
		},
		{
			name:  "the latest name wins and an empty one says nothing",
			facts: facts("joined i1 08:00 seg=1 conn=A name=Zoe", "joined i1 08:10 seg=2 conn=A name=Anna", "left i1 08:20 seg=2 conn=A"),
			want: `guest joined 08:10- 600s as 2 "Anna"
				started`,
		},
		{
			name: "a restart on the same day is the same lesson, which is not over while it runs",
			facts: facts("started i1 08:00", "joined i1 08:00 seg=1 conn=A email=maria@school.test", "ended i1 08:10",
				"started i2 08:20", "joined i2 08:20 seg=9 conn=C email=maria@school.test", "left i2 08:27 seg=9"),
			want: `maria left 08:20-08:27 1020s as 9 "Maria Oliveira" maria@school.test
				maria: present
				started`,
		},
		{
			name:  "a late started never reopens an ended instance, and a later run closes what an earlier one left open",
			facts: facts("started i1 08:00", "started i2 08:20", "ended i2 08:50", "joined i1 08:00 seg=1 conn=A"),
			want: `ended
				guest left 08:00-08:00 0s as 1 ""
				maria: absent
				tom: absent`,
		},
		{
			name: "who was seen on an earlier day only is invited again and keeps their attendance",
			facts: facts("joined i1 08:00 seg=1 conn=A email=maria@school.test name=M", "left i1 08:20 seg=1",
				"joined i1 08:00 seg=2 conn=B name=Guest", "started i2 +1d08:00"),
			want: `guest invited - as 2 "Guest"
				maria invited - as null "Maria Oliveira" maria@school.test
				maria: present
				started
				tom: absent`,
		},
		{
			name: "each day of a recurring meeting has its own attendance, and five minutes make nobody absent",
			facts: facts("joined i1 08:00 seg=1 email=maria@school.test", "ended i1 08:20",
				"joined i2 +1d08:00 seg=2 email=tom@school.test", "ended i2 +1d08:05"),
			want: `+1d tom: partial
				ended
				maria invited - as null "Maria Oliveira" maria@school.test
				maria: present
				tom left +1d08:00-+1d08:05 300s as 2 "Tomás Silva" tom@school.test
				tom: absent`,
		},
		{
			name:   "a meeting planned for yesterday and held today counts for today",
			school: func(s *School) { s.Meetings[0].Type = "scheduled" },
			facts:  facts("joined i1 +1d08:00 seg=1 email=maria@school.test", "left i1 +1d08:20 seg=1"),
			want: `+1d maria: present
				maria left +1d08:00-+1d08:20 1200s as 1 "Maria Oliveira" maria@school.test
				started`,
		},
		{
			name:   "the day is the one of the policy's time zone",
			policy: Policy{MinMinutes: 15, Timezone: "Asia/Tokyo"},
			facts:  facts("joined i1 15:30 seg=1 email=maria@school.test", "left i1 16:00 seg=1"),
			want: `started
				maria left 15:30-16:00 1800s as 1 "Maria Oliveira" maria@school.test
				+1d maria: present`,
		},
		{
			name:   "the day is the meeting's own when the policy says so",
			policy: Policy{MinMinutes: 15, Timezone: "meeting"},
			school: func(s *School) { s.Meetings[0].Timezone = "Asia/Tokyo" },
			facts:  facts("joined i1 14:50 seg=1 start=15:10 email=maria@school.test", "left i1 16:00 seg=1"),
			want: `started
				maria left 14:50-16:00 4200s as 1 "Maria Oliveira" maria@school.test
				+1d maria: present`,
		},
		{
			name:   "a run that nobody came to makes nobody absent",
			policy: Policy{MinMinutes: 15, Timezone: "meeting"},
			school: func(s *School) { s.Meetings[0].Timezone = "Mars/Olympus" },
			facts:  facts("ended i1 23:30"),
			want:   `ended`,
		},
		{
			name: "of two meetings of a class on one day the better counts",
			school: func(s *School) {
				s.Meetings = append(s.Meetings, Meeting{ID: "other", Number: "2", Type: "instant", ClassID: "7b", Status: "scheduled"})
			},
			facts: facts("ended i1 08:30", "meeting=2 joined j1 09:00 seg=1 email=maria@school.test", "meeting=2 left j1 09:05 seg=1"),
			want: `ended
				maria left 09:00-09:05 300s as 1 "Maria Oliveira" maria@school.test
				maria: partial
				started`,
		},
		{
			name: "what a teacher wrote is raised but never lowered, and late and excused stay",
			school: func(s *School) {
				s.Enrolments = append(s.Enrolments, Enrolment{"7b", "zoe"}, Enrolment{"7b", "yan"})
				s.Users = append(s.Users, User{ID: "zoe"}, User{ID: "yan"})
				s.Records = []Record{{"maria", "7b", "2026-03-02", "absent"}, {"tom", "7b", "2026-03-02", "present"},
					{"zoe", "7b", "2026-03-02", "excused"}, {"yan", "7b", "2026-03-02", "late"}}
			},
			facts: facts("joined i1 08:00 seg=1 email=maria@school.test", "ended i1 08:30"),
			want: `ended
				maria left 08:00-08:30 1800s as 1 "Maria Oliveira" maria@school.test
				maria: present
				tom: present
				yan: late
				zoe: excused`,
		},
		{
			name:   "a meeting without a class writes no attendance",
			school: func(s *School) { s.Meetings[0].ClassID = "" },
			facts:  facts("ended i1 08:30"),
			want:   "ended",
		},
		{
			name:   "a meeting without facts stays as the app left it",
			school: func(s *School) { s.Participants = []Participant{appRow("tom", "joined", "08:00")} },
			want: `scheduled
				tom joined 08:00- nulls as null ""`,
		},
		{
			name:   "the first end after it closes a row that only the app wrote, with its length, and proves nothing",
			school: func(s *School) { s.Participants = []Participant{appRow("tom", "joined", "08:15")} },
			facts:  facts("ended i1 08:10", "ended i2 08:20", "started i2 08:05", "ended i3 08:30"),
			want: `ended
				tom left 08:15-08:20 300s as null ""`,
		},
		{
			name:   "a row that only the app wrote stays open after the last end",
			school: func(s *School) { s.Participants = []Participant{appRow("tom", "joined", "08:15")} },
			facts:  facts("ended i1 08:10"),
			want: `ended
				tom joined 08:15- nulls as null ""`,
		},
		{
			name:   "an earlier day's end closes it too",
			school: func(s *School) { s.Participants = []Participant{appRow("tom", "joined", "08:15")} },
			facts:  facts("ended i1 08:30", "started i2 +1d08:00"),
			want: `started
				tom left 08:15-08:30 900s as null ""`,
		},
		{
			name:   "facts outrank the app's row",
			school: func(s *School) { s.Participants = []Participant{appRow("tom", "joined", "08:15")} },
			facts:  facts("joined i1 08:00 seg=1 conn=A email=tom@school.test", "left i1 08:10 seg=1"),
			want: `started
				tom left 08:00-08:10 600s as 1 "Tomás Silva" tom@school.test
				tom: partial`,
		},
		{
			name:   "who came back only in the app after an earlier day is invited, whatever the app's row says",
			school: func(s *School) { s.Participants = []Participant{appRow("tom", "joined", "+1d08:15")} },
			facts:  facts("joined i1 08:00 seg=1 conn=A email=tom@school.test", "left i1 08:10 seg=1", "started i2 +1d08:00"),
			want: `started
				tom invited - as null "Tomás Silva" tom@school.test
				tom: partial`,
		},
		{
			name: "a row that is nobody's is never touched",
			school: func(s *School) {
				s.Participants = []Participant{{MeetingID: "maths", Name: "Old guest", Status: "joined", JoinTime: at("07:00")}}
			},
			facts: facts("ended i1 08:10"),
			want: `ended
				guest joined 07:00- nulls as null "Old guest"`,
		},
		{
			name:  "facts of a meeting nobody knows change nothing",
			facts: facts("meeting=999 joined i1 08:00 seg=1 email=maria@school.test", "meeting=999 ended i1 09:00"),
			want:  "scheduled",
		},
	} {
		t.Run(test.name, func(t *testing.T) {
			school := smallSchool()
			if test.school != nil {
				test.school(&school)
			}
			if test.policy == (Policy{}) {
				test.policy = Policy{MinMinutes: 15, Timezone: "UTC"}
			}
			want := lines(test.want)
			h := History{Start: school, Settings: test.policy}
			now := lastOf(test.facts).Add(time.Minute)
			if got := short(Expect(h, test.facts, now)); !slices.Equal(got, want) {
				t.Errorf("got\n\t%s\nwant\n\t%s", strings.Join(got, "\n\t"), strings.Join(want, "\n\t"))
			}
			slices.Reverse(test.facts)
			twice := append(test.facts, test.facts...)
			if got := short(Expect(h, twice, now)); !slices.Equal(got, want) {
				t.Errorf("backwards and twice: got\n\t%s\nwant\n\t%s", strings.Join(got, "\n\t"), strings.Join(want, "\n\t"))
			}
		})
	}
}

// lastOf is the instant of the latest fact.
func lastOf(facts []zoom.Fact) (at time.Time) {
	for _, fact := range facts {
		at = later(at, fact.At)
	}
	return at
}

func smallSchool() School {
	return School{
		Users: []User{
			{ID: "maria", Email: "maria@school.test", Name: "Maria Oliveira"},
			{ID: "tom", Email: "tom@school.test", Name: "Tomás Silva"},
		},
		Meetings: []Meeting{{ID: "maths", Number: "1", Type: "recurring", StartTime: at("08:00"),
			Timezone: "Europe/Berlin", ClassID: "7b", Status: "scheduled"}},
		Enrolments: []Enrolment{{"7b", "maria"}, {"7b", "tom"}},
	}
}

func appRow(user, status, joined string) Participant {
	return Participant{MeetingID: "maths", UserID: user, Status: status, JoinTime: at(joined)}
}

var firstDay = time.Date(2026, 3, 2, 0, 0, 0, 0, time.UTC)

// at reads 08:00, 08:00:30, +1d08:00 or -1d08:00.
func at(text string) time.Time {
	var days, hours, minutes, seconds int
	if strings.ContainsAny(text, "+-") {
		fmt.Sscanf(text, "%dd%d:%d:%d", &days, &hours, &minutes, &seconds)
	} else {
		fmt.Sscanf(text, "%d:%d:%d", &hours, &minutes, &seconds)
	}
	return firstDay.AddDate(0, 0, days).Add(time.Duration(hours*3600+minutes*60+seconds) * time.Second)
}

// facts reads "[meeting=2] kind instance time [key=value]…".
func facts(sentences ...string) []zoom.Fact {
	var all []zoom.Fact
	for _, sentence := range sentences {
		fact := zoom.Fact{Meeting: "1"}
		var plain []string
		for _, word := range strings.Fields(sentence) {
			key, value, ok := strings.Cut(word, "=")
			person, segment, seated := strings.Cut(word, "/")
			switch {
			case seated: // a/1: the student a in segment 1
				fact.Email, fact.Segment = person+"@school.test", segment
			case !ok:
				plain = append(plain, word)
			case key == "meeting":
				fact.Meeting = value
			case key == "seg":
				fact.Segment = value
			case key == "conn":
				fact.Connection = value
			case key == "email":
				fact.Email = value
			case key == "name":
				fact.Name = value
			case key == "reg":
				fact.RegistrantID = value
			case key == "account":
				fact.ZoomUserID = value
			case key == "body":
				fact.BodyHash = value
			case key == "accepted":
				fact.Accepted = at(value)
			case key == "start":
				fact.Start = at(value)
			}
		}
		fact.Kind = zoom.Kind(plain[0])
		if plain[1] != "-" {
			fact.Instance = plain[1]
		}
		if plain[2] != "-" {
			fact.At = at(plain[2])
		}
		if fact.Accepted.IsZero() {
			fact.Accepted = fact.At.Add(time.Second)
		}
		all = append(all, fact)
	}
	return all
}

func short(rows Rows) []string {
	var all []string
	for _, status := range rows.Status {
		all = append(all, status)
	}
	for _, p := range rows.Participants {
		who, stay := p.UserID, "-"
		if who == "" {
			who = "guest"
		}
		if p.Status != "invited" {
			duration := "null"
			if p.Duration != nil {
				duration = fmt.Sprint(*p.Duration)
			}
			stay = fmt.Sprintf("%s-%s %ss", shortTime(p.JoinTime), shortTime(p.LeaveTime), duration)
		}
		connection := p.ZoomParticipantID
		if connection == "" {
			connection = "null"
		}
		all = append(all, strings.TrimSpace(fmt.Sprintf("%s %s %s as %s %q %s", who, p.Status, stay, connection, p.Name, p.Email)))
	}
	for _, r := range rows.Records {
		date, _ := time.Parse(time.DateOnly, r.Date)
		all = append(all, fmt.Sprintf("%s%s: %s", shortDay(date), r.StudentID, r.Status))
	}
	slices.Sort(all)
	return all
}

// shortDay is how many days a date is from the first, with a blank; empty for that one.
func shortDay(date time.Time) string {
	if days := int(date.Sub(firstDay).Hours() / 24); days != 0 {
		return fmt.Sprintf("%+dd ", days)
	}
	return ""
}

func shortTime(t time.Time) string {
	if t.IsZero() {
		return ""
	}
	day := ""
	if days := int(t.Sub(firstDay).Hours() / 24); days > 0 {
		day = fmt.Sprintf("+%dd", days)
	}
	return day + strings.TrimSuffix(t.Format("15:04:05"), ":00")
}

func lines(text string) []string {
	var all []string
	for line := range strings.Lines(text) {
		all = append(all, strings.TrimSpace(line))
	}
	slices.Sort(all)
	return all
}
