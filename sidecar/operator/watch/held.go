package watch

import (
	"fmt"
	"slices"
	"strings"
	"time"

	"zoom-attendance/sidecar/relay"
	"zoom-attendance/sidecar/supabase"
)

// held is a meeting whose events the database does not take, or whose lessons it cannot
// judge anew, while it does so for others.
type held struct {
	relay.Held
	judged bool // it took them, and cannot judge the lessons anew
}

// held are the meetings that are held up, each once, the longest first.
func (o Options) held() (all []held) {
	names := map[string]bool{}
	for _, h := range o.Held() {
		names[h.Meeting] = true
		all = append(all, held{Held: h})
	}
	for _, h := range o.NotJudged() {
		if !names[h.Meeting] {
			meaning := (&supabase.Error{Code: h.Code}).Meaning()
			all = append(all, held{relay.Held{Meeting: h.Meeting, Since: h.Since, Cause: h.Code, Meaning: meaning}, true})
		}
	}
	slices.SortStableFunc(all, func(a, b held) int { return a.Since.Compare(b.Since) })
	return all
}

// holding looks for meetings that are held up.
type holding struct {
	patience time.Duration // shorter ones are nobody's business
}

// judge names each meeting, or counts them when they are many.
func (h holding) judge(at time.Time, all []held, marks map[string]*mark, found *findings) {
	var long []held
	for _, one := range all {
		if at.Sub(one.Since) >= h.patience || marks[one.key()] != nil {
			long = append(long, one)
		}
	}
	are := map[string]bool{}
	areSeveral := len(long) >= several || len(long) > 0 && marks[meetingHeldUp] != nil
	if areSeveral {
		are[meetingHeldUp] = true
		found.add(wrong, together(long))
	}
	for _, one := range long {
		if marks[one.key()] != nil || !areSeveral {
			are[one.key()] = true
			found.add(wrong, one.finding())
		}
	}
	for key, m := range marks {
		if m.name == meetingHeldUp && !are[key] {
			found.right = append(found.right, key)
		}
	}
}

// elsewhere says of what others found, or an earlier process, that it is not so here.
func (h holding) elsewhere(open []openAlert, found *findings) {
	known := map[string]bool{}
	for _, f := range found.wrong {
		known[f.key] = true
	}
	for _, key := range found.right {
		known[key] = true
	}
	for _, alert := range open {
		if isHeldUp(alert.Key) && !known[alert.Key] {
			found.right = append(found.right, alert.Key)
		}
	}
}

func isHeldUp(key string) bool {
	return key == meetingHeldUp || strings.HasPrefix(key, meetingHeldUp+":")
}

// heldNumbers are the meetings that this sidecar or another one finds held up.
func heldNumbers(all []held, open []openAlert) map[string]bool {
	numbers := map[string]bool{}
	for _, one := range all {
		numbers[one.Meeting] = true
	}
	for _, alert := range open {
		if number, ok := strings.CutPrefix(alert.Key, meetingHeldUp+":"); ok {
			numbers[number] = true
		}
	}
	return numbers
}

func (h held) key() string { return meetingHeldUp + ":" + h.Meeting }

const heldRemedy = "Their events are safe, and it is tried again; all other meetings go on. Look for what the database does for these alone: a trigger, a lock that somebody holds, a right that is missing."

// finding is what is wrong with one meeting.
func (h held) finding() finding {
	if h.judged {
		return finding{
			key: h.key(), name: meetingHeldUp, meeting: h.Meeting,
			says:   fmt.Sprintf("The database cannot judge the lessons of meeting %s anew: %s, %s.", h.Meeting, h.Cause, h.Meaning),
			remedy: "What Zoom told of it is safe, and it is tried again; all other meetings go on. Look for what the database does for this meeting alone: a trigger, a lock that somebody holds, a right that is missing.",
		}
	}
	return finding{
		key: h.key(), name: meetingHeldUp, meeting: h.Meeting,
		says:   fmt.Sprintf("The database does not take the events of meeting %s: %s, %s.", h.Meeting, h.Cause, h.Meaning),
		remedy: "Its events are safe and tried again; all other meetings go on. Look for what the database does for this meeting alone: a trigger, a lock that somebody holds, a right that is missing.",
	}
}

// together is what is wrong with many, the longest first.
func together(long []held) finding {
	var few []string
	for _, one := range long[:min(fewNamed, len(long))] {
		few = append(few, one.Meeting)
	}
	does := "does not take the events"
	switch judged := func(h held) bool { return h.judged }; {
	case !slices.ContainsFunc(long, func(h held) bool { return !judged(h) }):
		does = "cannot judge anew the lessons"
	case slices.ContainsFunc(long, judged):
		does = "does not take the events, or cannot judge the lessons,"
	}
	return finding{
		key: meetingHeldUp, name: meetingHeldUp, remedy: heldRemedy,
		says: fmt.Sprintf("The database %s of %d meetings: %s%s. The first: %s, %s.",
			does, len(long), strings.Join(few, ", "), andMore(len(long)-len(few)), long[0].Cause, long[0].Meaning),
	}
}
