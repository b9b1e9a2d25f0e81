package main_test

import (
	"fmt"
	"slices"
	"strings"

	"zoom-attendance/sidecar/simulate"
)

// shrink takes away facts and rows for as long as the lesson still goes wrong,
// and returns the smallest one it found and what was wrong with it. A failure
// that does not show again, as a race may not, leaves the lesson as it is.
func shrink(l lesson, problem string, play func(lesson) string) (lesson, string) {
	for smaller := true; smaller; {
		smaller = false
		for n := l.size() - 1; n >= 0; n-- {
			tried := retag(l.without(n))
			if found := play(tried); found != "" {
				l, problem, smaller = tried, found, true
			}
		}
	}
	return l, problem
}

// size counts the things that can be dropped.
func (l lesson) size() int {
	return len(l.facts) + len(l.school.Participants) + len(l.school.Records) + len(l.school.Registrants) + len(l.school.Keys)
}

// without is the lesson without its nth thing.
func (l lesson) without(n int) lesson {
	for _, drop := range []struct {
		count int
		do    func(int)
	}{
		{len(l.school.Participants), func(n int) { l.school.Participants = slices.Delete(slices.Clone(l.school.Participants), n, n+1) }},
		{len(l.school.Records), func(n int) { l.school.Records = slices.Delete(slices.Clone(l.school.Records), n, n+1) }},
		{len(l.school.Registrants), func(n int) { l.school.Registrants = slices.Delete(slices.Clone(l.school.Registrants), n, n+1) }},
		{len(l.school.Keys), func(n int) { l.school.Keys = slices.Delete(slices.Clone(l.school.Keys), n, n+1) }},
	} {
		if n < drop.count {
			drop.do(n)
			return l
		}
		n -= drop.count
	}
	l.facts = slices.Delete(slices.Clone(l.facts), n, n+1)
	var remaining [][]int
	for _, batch := range l.batches {
		var kept []int
		for _, i := range batch {
			switch {
			case i < n:
				kept = append(kept, i)
			case i > n:
				kept = append(kept, i-1)
			}
		}
		remaining = append(remaining, kept)
	}
	l.batches = remaining
	return l
}

// retag gives the lesson fresh ids, so that it can be played again in the same
// database: the tag is rewritten wherever newLesson put it.
func retag(l lesson) lesson {
	old, fresh := l.tag, nextTag()
	rename := strings.NewReplacer(
		fmt.Sprintf("%08x-", old), fmt.Sprintf("%08x-", fresh),
		fmt.Sprintf("@t%d.", old), fmt.Sprintf("@t%d.", fresh),
		fmt.Sprintf("@T%d.", old), fmt.Sprintf("@T%d.", fresh),
		fmt.Sprintf(`"9%07d`, old), fmt.Sprintf(`"9%07d`, fresh),
		fmt.Sprintf(`"8%07d`, old), fmt.Sprintf(`"8%07d`, fresh),
	)
	copied := lesson{seed: l.seed, tag: fresh, policy: l.policy, batches: l.batches}
	fromJSON(rename.Replace(asJSON(l.school)), &copied.school)
	fromJSON(rename.Replace(asJSON(l.facts)), &copied.facts)
	return copied
}

// tell writes the lesson down for people.
func tell(l lesson) string {
	var text strings.Builder
	for _, user := range l.school.Users {
		fmt.Fprintf(&text, "user %s %s\n", user.ID, user.Email)
	}
	for _, meeting := range l.school.Meetings {
		fmt.Fprintf(&text, "meeting %s %s of class %s, %s, planned %s in %s\n",
			meeting.ID, meeting.Type, meeting.ClassID, meeting.Status, meeting.StartTime, meeting.Timezone)
	}
	for _, enrolment := range l.school.Enrolments {
		fmt.Fprintf(&text, "student %s of %s\n", enrolment.StudentID, enrolment.ClassID)
	}
	for _, row := range l.school.Keys {
		fmt.Fprintf(&text, "key for %s: user %s has %s\n", row.MeetingID, row.UserID, row.CustomerKey)
	}
	for _, row := range l.school.Registrants {
		fmt.Fprintf(&text, "registrant of %s: user %s is %s\n", row.MeetingID, row.UserID, row.RegistrantID)
	}
	for _, line := range (simulate.Rows{Participants: l.school.Participants, Records: l.school.Records}).Lines() {
		fmt.Fprintf(&text, "before: %s\n", line)
	}
	for i, fact := range l.facts {
		fmt.Fprintf(&text, "fact %d: %s\n", i, simulate.Sentence(fact))
	}
	fmt.Fprintf(&text, "policy: %d minutes, %s, app joins: %s\n", l.policy.MinMinutes, l.policy.Timezone, l.policy.AppJoins)
	return l.labels().Replace(text.String())
}
