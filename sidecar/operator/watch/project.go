package watch

import (
	"context"
	"errors"
	"slices"
	"time"
)

// Project is the database, which knows what all sidecars saw. Its errors may be a
// [Refusal].
type Project interface {
	// Call calls a function with a struct of its arguments and reads the answer into
	// a pointer.
	Call(ctx context.Context, function string, args, into any) error
}

// Refusal is what a Project's error may say about itself.
type Refusal interface {
	error
	Cause() string   // a short code, never personal
	Meaning() string // the cause in plain words and what to do, never personal
}

// sawHere is what this sidecar tells: see watch_zoom.
type sawHere struct {
	ChallengeAt *time.Time  `json:"challenge_at,omitempty"`
	EventAt     *time.Time  `json:"event_at,omitempty"`
	Behind      bool        `json:"behind"`
	Slack       float64     `json:"slack_seconds"`
	Marks       []sawMark   `json:"marks"`
	Clear       []string    `json:"clear"`
	Tells       bool        `json:"tells"`
	Told        []delivered `json:"told"`
}

type sawMark struct {
	Key     string     `json:"key"`
	Name    string     `json:"name"`
	Meeting string     `json:"meeting,omitempty"`
	Says    string     `json:"says"`
	Remedy  string     `json:"remedy"`
	Since   time.Time  `json:"since"`
	ToldAt  *time.Time `json:"told_at,omitempty"`
}

// seenByAll is what it hears: see watch_zoom.
type seenByAll struct {
	At          time.Time   `json:"at"`
	BeganAt     time.Time   `json:"began_at"`
	ChallengeAt *time.Time  `json:"challenge_at"`
	EventAt     *time.Time  `json:"event_at"`
	Lessons     *lessons    `json:"lessons"` // nil: nobody can tell
	Open        []openAlert `json:"open"`
	Tell        []toTell    `json:"tell"`
}

type lessons struct {
	Due    int      `json:"due"`
	Silent int      `json:"silent"`
	First  []lesson `json:"first"`
}

type lesson struct {
	Meeting string    `json:"meeting"`
	Start   time.Time `json:"start"`
}

type openAlert struct {
	Key    string     `json:"key"`
	Says   string     `json:"says"`
	Since  time.Time  `json:"since"`
	ToldAt *time.Time `json:"told_at"`
}

type toTell struct {
	Key     string    `json:"key"`
	Name    string    `json:"name"`
	Meeting string    `json:"meeting"`
	Says    string    `json:"says"`
	Remedy  string    `json:"remedy"`
	Since   time.Time `json:"since"`
	Status  string    `json:"status"`
}

// behindFrom is how long an event has waited when others must not say that Zoom
// told nothing.
const behindFrom = 30 * time.Second

// saw is what to tell the project.
func (w *Watch) saw(r reading, found findings) sawHere {
	s := sawHere{Behind: r.unsettled > behindFrom, Slack: w.o.LessonSlack.Seconds(), Clear: append([]string{}, found.right...), Tells: w.post != nil, Marks: []sawMark{}}
	if !r.challenge.IsZero() {
		s.ChallengeAt = &r.challenge
	}
	if !r.event.IsZero() {
		s.EventAt = &r.event
	}
	for key, m := range w.marks {
		mark := sawMark{Key: key, Name: m.name, Meeting: m.meeting, Says: m.says, Remedy: m.remedy, Since: m.since}
		if t, ok := w.told[key]; ok && t.alone && !t.how.failed.Load() {
			mark.ToldAt = &t.at
		}
		s.Marks = append(s.Marks, mark)
	}
	return s
}

// finds says whether the same is wrong and right in both.
func (s sawHere) finds(other sawHere) bool {
	keys := func(marks []sawMark) (all []string) {
		for _, m := range marks {
			all = append(all, m.Key)
		}
		return all
	}
	same := func(a, b []string) bool {
		return slices.Equal(slices.Sorted(slices.Values(a)), slices.Sorted(slices.Values(b)))
	}
	return same(keys(s.Marks), keys(other.Marks)) && same(s.Clear, other.Clear)
}

// ask tells the project what this sidecar saw, and what it told since.
func (w *Watch) ask(ctx context.Context, s sawHere) (seen seenByAll, err error) {
	ctx, cancel := context.WithTimeout(ctx, w.o.CallTimeout)
	defer cancel()
	s.Told = w.post.delivered()
	arguments := struct {
		Saw sawHere `json:"saw"`
	}{s}
	if err := w.o.Project.Call(ctx, "watch_zoom", arguments, &seen); err != nil {
		return seen, err
	}
	w.post.forget(s.Told)
	for _, m := range s.Marks { // from here on it is the database that remembers
		if t, ok := w.told[m.Key]; ok && t.alone {
			w.told[m.Key] = told{at: t.at}
		}
	}
	return seen, nil
}

func causeOf(err error) string {
	if e, ok := errors.AsType[Refusal](err); ok {
		return e.Cause()
	}
	return "unexplained"
}

func meaningOf(err error) string {
	if e, ok := errors.AsType[Refusal](err); ok {
		return e.Meaning()
	}
	return "the error says nothing about itself"
}
