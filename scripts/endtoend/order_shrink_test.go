package endtoend_test

import (
	"context"
	"fmt"
	"slices"
	"strings"

	"zoom-attendance/sidecar/oracle"
)

// shrink takes away facts, changes and rows for as long as the lesson still goes wrong,
// and returns the smallest one it found and what was wrong with it. A failure that does
// not show again, as a race may not, leaves the lesson as it is; one that can no longer
// be played is no smaller one.
func shrink(ctx context.Context, p *orderPlace, l lesson, problem string, play player) (lesson, string) {
	wrong := func(tried lesson) bool {
		found, err := play(ctx, p, tried)
		if err != nil || found == "" {
			return false
		}
		l, problem = tried, found
		return true
	}
	for smaller := true; smaller; {
		smaller = false
		for n := l.size() - 1; n >= 0; n-- {
			smaller = n < l.size() && wrong(l.without(n)) || smaller
		}
		for n := len(l.batches) - 1; n > 0; n-- { // join a batch to the one before
			smaller = n < len(l.batches) && wrong(l.joined(n)) || smaller
		}
	}
	return l, problem
}

// size counts the things that can be dropped.
func (l lesson) size() int {
	n := 0
	for _, drop := range l.drops() {
		n += drop.count
	}
	return n
}

// without is the lesson without its nth thing.
func (l lesson) without(n int) lesson {
	for _, drop := range (&l).drops() {
		if n < drop.count {
			drop.do(n)
			return l
		}
		n -= drop.count
	}
	return l
}

// drops are the lists of what can be dropped, the last ones tried first.
func (l *lesson) drops() []struct {
	count int
	do    func(int)
} {
	start := &l.history.Start
	return []struct {
		count int
		do    func(int)
	}{
		dropOf(&start.Users), dropOf(&start.Classes), dropOf(&start.Meetings), dropOf(&start.Enrolments), dropOf(&start.Parents),
		dropOf(&start.Participants), dropOf(&start.Records), dropOf(&start.Registrants), dropOf(&start.Keys), dropOf(&start.Visits),
		{len(l.facts), l.dropFact},
		{len(l.history.Changes), l.dropChange},
	}
}

func dropOf[T any](rows *[]T) struct {
	count int
	do    func(int)
} {
	return struct {
		count int
		do    func(int)
	}{len(*rows), func(n int) { *rows = slices.Delete(slices.Clone(*rows), n, n+1) }}
}

func (l *lesson) dropFact(n int) {
	l.facts = slices.Delete(slices.Clone(l.facts), n, n+1)
	var remaining []batch
	for _, b := range l.batches {
		kept := []int{}
		for _, i := range b.facts {
			switch {
			case i < n:
				kept = append(kept, i)
			case i > n:
				kept = append(kept, i-1)
			}
		}
		remaining = append(remaining, batch{kept, b.after})
	}
	l.batches = remaining
}

func (l *lesson) dropChange(n int) {
	l.history.Changes = slices.Delete(slices.Clone(l.history.Changes), n, n+1)
	l.batches = slices.Clone(l.batches)
	for i := range l.batches {
		if l.batches[i].after > n {
			l.batches[i].after--
		}
	}
}

// joined is the lesson with its nth batch given together with the one before.
func (l lesson) joined(n int) lesson {
	l.batches = slices.Clone(l.batches)
	l.batches[n-1].facts = slices.Concat(l.batches[n-1].facts, l.batches[n].facts)
	l.batches = slices.Delete(l.batches, n, n+1)
	return l
}

// tell writes the lesson down for people.
func tell(l lesson) string {
	var text strings.Builder
	start := l.history.Start
	for _, user := range start.Users {
		fmt.Fprintf(&text, "user %s %q %q %s inactive %t\n", user.ID, user.Email, user.Name, user.Role, user.Inactive)
	}
	for _, class := range start.Classes {
		fmt.Fprintf(&text, "class %s taught by %s\n", class.ID, class.TeacherID)
	}
	for _, meeting := range start.Meetings {
		fmt.Fprintf(&text, "meeting %s %s\n", meeting.ID, asJSON(meeting))
	}
	for _, enrolment := range start.Enrolments {
		fmt.Fprintf(&text, "student %s of %s\n", enrolment.StudentID, enrolment.ClassID)
	}
	for _, row := range start.Parents {
		fmt.Fprintf(&text, "parent %s of %s\n", row.ParentID, row.StudentID)
	}
	for _, row := range start.Keys {
		fmt.Fprintf(&text, "key for %s: user %s has %s\n", row.MeetingID, row.UserID, row.CustomerKey)
	}
	for _, row := range start.Registrants {
		fmt.Fprintf(&text, "registrant of %s: user %s is %s\n", row.MeetingID, row.UserID, row.RegistrantID)
	}
	for _, row := range start.Visits {
		fmt.Fprintf(&text, "visit of %s: user %s %s\n", row.MeetingID, row.UserID, row.At)
	}
	for _, line := range (oracle.Rows{Participants: start.Participants, Records: start.Records}).Lines() {
		fmt.Fprintf(&text, "before: %s\n", line)
	}
	fmt.Fprintf(&text, "settings %s\n", asJSON(l.history.Settings))
	for i, change := range l.history.Changes {
		fmt.Fprintf(&text, "change %d: %s\n", i, sentence(change, schoolAfter(l.history, i)))
	}
	for i, fact := range l.facts {
		fmt.Fprintf(&text, "fact %d: %s\n", i, oracle.Sentence(fact))
	}
	fmt.Fprintf(&text, "batches %v\n", l.batches)
	return l.labels().Replace(text.String())
}
