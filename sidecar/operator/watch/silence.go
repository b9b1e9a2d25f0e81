package watch

import (
	"fmt"
	"slices"
	"strings"
	"time"
)

// several is from how many silent lessons on they are counted in one mark.
const several = 3

// fewNamed is how many of these are named.
const fewNamed = 5

const checkSubscription = "On the Zoom app's feature page, look whether the event subscription is on, and validate the endpoint: after several failures Zoom switches it off without a word. " +
	"If the sidecar's log says wrong_signature, compare the secret token there with ZOOM_WEBHOOK_SECRET."

// silence judges what all sidecars saw of Zoom.
type silence struct {
	unchecked time.Duration
}

func (s silence) judge(seen seenByAll, marked func(key string) *mark, found *findings) {
	found.add(s.challenge(seen))
	if seen.Lessons == nil {
		return
	}
	silent, about := s.zoom(seen, marked(zoomSilent))
	found.add(silent, about)
	isSilent := silent == wrong || silent == cannotTell && marked(zoomSilent) != nil
	s.lessons(seen, isSilent, marked, found)
}

func (s silence) challenge(seen seenByAll) (verdict, finding) {
	f := finding{key: noChallenge, name: noChallenge, remedy: checkSubscription}
	last := seen.BeganAt
	if seen.ChallengeAt != nil {
		last = *seen.ChallengeAt
	}
	since := seen.At.Sub(last)
	f.says = fmt.Sprintf("Zoom has not checked the endpoint for %s; it does so every 72 hours.", spelt(since))
	if seen.ChallengeAt == nil {
		f.says = fmt.Sprintf("Zoom has never checked the endpoint in the %s since the sidecar first ran; it does so every 72 hours.", spelt(since))
	}
	if since < s.unchecked {
		return right, f
	}
	return wrong, f
}

// zoom looks for lessons that all began after Zoom's last word. It is over when
// Zoom speaks, and not when the school day is.
func (s silence) zoom(seen seenByAll, was *mark) (verdict, finding) {
	unheardSince := func(t time.Time) bool { // an event's time is in whole seconds
		return seen.EventAt == nil || seen.EventAt.Before(t.Truncate(time.Second))
	}
	unheard := 0
	for _, lesson := range seen.Lessons.First {
		if unheardSince(lesson.Start) {
			unheard++
		}
	}
	f := finding{key: zoomSilent, name: zoomSilent, remedy: checkSubscription}
	last := "It has never told anything."
	if seen.EventAt != nil {
		last = fmt.Sprintf("Its last event came at %s.", clockTime(*seen.EventAt))
	}
	f.says = fmt.Sprintf("Zoom tells nothing: %s that should be running are silent. %s", seen.Lessons.silentOnes(), last)
	if unheard >= several {
		return wrong, f
	}
	// A new start, or another sidecar, finds here what was found before.
	began, says := time.Time{}, ""
	if was != nil {
		began, says = was.since, was.says
	}
	for _, alert := range seen.Open {
		if alert.Key == zoomSilent {
			began, says = alert.Since, alert.Says
		}
	}
	if !began.IsZero() && unheardSince(began) {
		f.says = says
		return wrong, f
	}
	return right, f
}

// lessons looks at each lesson that is silent, and counts them when they are many.
func (s silence) lessons(seen seenByAll, zoomIsSilent bool, marked func(key string) *mark, found *findings) {
	count := seen.Lessons.Silent
	together := finding{key: lessonSilent, name: lessonSilent}
	areSeveral := !zoomIsSilent && (count >= several || count > 0 && marked(lessonSilent) != nil)
	switch {
	case areSeveral:
		var few []string
		for _, lesson := range seen.Lessons.First[:min(fewNamed, len(seen.Lessons.First))] {
			few = append(few, lesson.Meeting)
		}
		together.says = fmt.Sprintf("Zoom has told nothing of %s that should be running: meetings %s%s.",
			seen.Lessons.silentOnes(), strings.Join(few, ", "), andMore(count-len(few)))
		together.remedy = "Zoom does tell of other meetings. Ask whether these are held; if they are, look at the numbers in the app, and whether their hosts are in the account, or among the users, that the subscription is for."
		found.add(wrong, together)
	default:
		found.add(right, together)
	}
	var keys []string
	for _, lesson := range seen.Lessons.First {
		f := lesson.finding()
		keys = append(keys, f.key)
		if marked(f.key) != nil || !areSeveral && !zoomIsSilent {
			found.add(wrong, f)
		}
	}
	for _, alert := range seen.Open {
		if strings.HasPrefix(alert.Key, lessonSilent+":") && !slices.Contains(keys, alert.Key) {
			found.right = append(found.right, alert.Key)
		}
	}
}

// without leaves out the lessons of some meetings: what Zoom told of them waits.
func (l *lessons) without(numbers map[string]bool) {
	if l == nil {
		return
	}
	before := len(l.First)
	l.First = slices.DeleteFunc(l.First, func(one lesson) bool { return numbers[one.Meeting] })
	l.Silent -= before - len(l.First)
}

// finding is what is wrong with one silent lesson.
func (l lesson) finding() finding {
	return finding{
		key:     lessonSilent + ":" + l.Meeting + ":" + l.Start.UTC().Format(time.RFC3339),
		name:    lessonSilent,
		meeting: l.Meeting,
		says:    fmt.Sprintf("Meeting %s should be running since %s, and Zoom has told nothing of it.", l.Meeting, clockTime(l.Start)),
		remedy:  "Ask whether the lesson is held. If it is: is this the number of the meeting that was opened, and is its host in the account, or among the users, that the subscription is for? If no other meeting is heard of either, look whether the subscription is on.",
	}
}

// silentOnes says how many there are.
func (l lessons) silentOnes() string {
	if l.Silent == l.Due && l.Due > 1 {
		return fmt.Sprintf("all %d lessons", l.Due)
	}
	return fmt.Sprintf("%d of the %d lessons", l.Silent, l.Due)
}

func andMore(n int) string {
	if n <= 0 {
		return ""
	}
	return fmt.Sprintf(" and %d more", n)
}
