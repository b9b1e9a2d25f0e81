package cases_test

import (
	"encoding/json"
	"fmt"
	"os"
	"path/filepath"
	"regexp"
	"slices"
	"strconv"
	"strings"
	"time"
)

// story is a case as its file tells it. Its times are the story's own.
type story struct {
	setup  []string       // what the school has besides the usual
	bare   bool           // the meeting has no row yet
	policy map[string]any // the settings at first
	now    time.Time      // what the clock shows; zero for the real one
	steps  []step
}

type stepKind string

const (
	told     stepKind = "told"
	changed  stepKind = "changed"
	settings stepKind = "settings"
	database stepKind = "database"
	rejudge  stepKind = "rejudge"
	expect   stepKind = "expect"
)

// step is one entry of a story.
type step struct {
	kind   stepKind
	line   int
	at     time.Time // of changed and settings; zero for now
	as     string    // of changed: whose session; empty for none
	text   string    // of changed, database: SQL; of rejudge, settings: JSON
	events []event
	wants  []want
}

// staysPut says that the order of a step and what comes before and after it
// matters.
func (s step) staysPut() bool {
	switch s.kind {
	case expect, database, rejudge:
		return true
	case changed:
		return strings.Contains(s.text, "attendance_records")
	default:
		return false
	}
}

// event is what Zoom or the app tells.
type event struct {
	kind     string
	instance string
	person   string // a symbol, or empty
	segment  string
	at       time.Time // zero if it has none
	told     time.Time // zero for now
	toldNow  bool
	more     map[string]string
}

// want is one expectation, split at its colon.
type want struct {
	about string
	says  string
}

// readStory reads a case from a file.
func readStory(path string) (story, error) {
	text, err := os.ReadFile(path)
	if err != nil {
		return story{}, err
	}
	s, err := parseStory(string(text))
	if err != nil {
		return story{}, fmt.Errorf("%s: %w", filepath.Base(path), err)
	}
	return s, nil
}

// usualPolicy is that of a sidecar without settings.
func usualPolicy() map[string]any {
	return map[string]any{"min_minutes": 15, "timezone": "UTC", "app_joins": "corroborate", "plan_margin_minutes": 60}
}

// entry is a line that begins at the margin, with the indented lines below it.
type entry struct {
	line  int
	head  string
	body  string
	below []string
}

var colon = regexp.MustCompile(`:(\s+|$)`)

func entries(text string) ([]entry, error) {
	var all []entry
	for n, line := range strings.Split(text, "\n") {
		switch trimmed := strings.TrimSpace(line); {
		case trimmed == "" || strings.HasPrefix(trimmed, "#"):
		case line[0] == ' ' || line[0] == '\t':
			if len(all) == 0 {
				return nil, fmt.Errorf("line %d: an indented line belongs to none", n+1)
			}
			last := &all[len(all)-1]
			last.below = append(last.below, trimmed)
		default:
			e := entry{line: n + 1, head: trimmed}
			if at := colon.FindStringIndex(trimmed); at != nil {
				e.head, e.body = trimmed[:at[0]], trimmed[at[1]:]
			}
			all = append(all, e)
		}
	}
	return all, nil
}

func parseStory(text string) (story, error) {
	all, err := entries(text)
	if err != nil {
		return story{}, err
	}
	s := story{policy: usualPolicy()}
	starts := map[string]time.Time{}
	for _, e := range all {
		if err := s.add(e, starts); err != nil {
			return s, fmt.Errorf("line %d: %w", e.line, err)
		}
	}
	for _, step := range s.steps {
		for _, told := range step.events {
			told.state(starts)
		}
	}
	if !slices.ContainsFunc(s.steps, func(s step) bool { return s.kind == expect }) {
		return s, fmt.Errorf("nothing is expected")
	}
	return s, s.inOrder()
}

// inOrder refuses a story that has what the school did before what Zoom had told by
// then, or after what it told later: no database could be told so.
func (s story) inOrder() error {
	var heard, done time.Time
	for _, step := range s.steps {
		for _, e := range step.events {
			if e.told.After(heard) {
				heard = e.told
			}
			if !e.toldNow && e.told.Before(done) {
				return fmt.Errorf("line %d: %s of %s is told before what the school did above it", step.line, e.kind, e.told.Format(time.DateTime))
			}
		}
		if step.at.IsZero() {
			continue
		}
		if step.at.Before(heard) {
			return fmt.Errorf("line %d: Zoom told the above after that", step.line)
		}
		done = step.at
	}
	return nil
}

func (s *story) add(e entry, starts map[string]time.Time) error {
	words := strings.Fields(e.head)
	body := strings.TrimSpace(strings.Join(append([]string{e.body}, e.below...), " "))
	next := step{line: e.line, text: body}
	var err error
	switch words[0] {
	case "school":
		s.setup = statements(body)
		return nil
	case "without":
		s.bare = true
		return nil
	case "policy":
		return json.Unmarshal([]byte(body), &s.policy)
	case "now":
		s.now, err = moment(words[2:])
		return err
	case "zoom", "page":
		next.kind = told
		next.events, err = parseEvents(words, body, starts)
	case "change", "settings":
		next.kind = map[string]stepKind{"change": changed, "settings": settings}[words[0]]
		when := words[1:]
		if n := len(when); n > 2 && when[n-2] == "as" {
			next.as, when = when[n-1], when[:n-2]
		}
		if len(when) != 1 || when[0] != "now" {
			next.at, err = moment(when)
		}
	case "database", "rejudge":
		next.kind = stepKind(words[0])
	case "expect":
		next.kind = expect
		for _, line := range e.below {
			at := colon.FindStringIndex(line)
			if at == nil {
				return fmt.Errorf("%q has no colon", line)
			}
			next.wants = append(next.wants, want{about: line[:at[0]], says: line[at[1]:]})
		}
	default:
		return fmt.Errorf("%q is no entry: see doc.go", words[0])
	}
	s.steps = append(s.steps, next)
	return err
}

// statements splits SQL at the semicolons that end it.
func statements(sql string) []string {
	var all []string
	for _, one := range strings.Split(sql, ";") {
		if one = strings.TrimSpace(one); one != "" {
			all = append(all, one)
		}
	}
	return all
}

// moment reads a date and a time of it.
func moment(words []string) (time.Time, error) {
	if len(words) != 2 {
		return time.Time{}, fmt.Errorf("%q is not a date and a time", strings.Join(words, " "))
	}
	day, err := time.Parse(time.DateOnly, words[0])
	if err != nil {
		return time.Time{}, err
	}
	return clock(day, words[1])
}

var clockTime = regexp.MustCompile(`^(\d\d):(\d\d)(?::(\d\d))?$`)

// clock reads a time of a day; "24:10" is one of the next.
func clock(day time.Time, text string) (time.Time, error) {
	if date, of, found := strings.Cut(text, "T"); found {
		return moment([]string{date, of})
	}
	parts := clockTime.FindStringSubmatch(text)
	if parts == nil {
		return time.Time{}, fmt.Errorf("%q is not a time like 08:00 or 08:00:30", text)
	}
	var numbers [3]int
	for i, part := range parts[1:] {
		numbers[i], _ = strconv.Atoi(part) // no third is zero
	}
	return day.Add(time.Duration(numbers[0])*time.Hour + time.Duration(numbers[1])*time.Minute + time.Duration(numbers[2])*time.Second), nil
}

// kinds are the events by their letters.
var kinds = map[string]string{
	"S": "started", "E": "ended", "J": "joined", "L": "left", "WJ": "waiting_joined", "WL": "waiting_left",
	"joined": "app_joined", "left": "app_left",
}

// parseEvents reads the events of one line: "zoom DATE [RUN] ATTRIBUTES", "page DATE".
func parseEvents(head []string, body string, starts map[string]time.Time) ([]event, error) {
	if len(head) < 2 {
		return nil, fmt.Errorf("%q has no date", head[0])
	}
	day, err := time.Parse(time.DateOnly, head[1])
	if err != nil {
		return nil, err
	}
	var instance string
	var common []string
	for _, word := range head[2:] {
		if run, found := strings.CutPrefix(word, "["); found {
			instance = strings.TrimSuffix(run, "]")
			continue
		}
		common = append(common, word)
	}
	if head[0] == "zoom" && instance == "" {
		return nil, fmt.Errorf("the run is missing: [u], or [-] for none")
	}
	var events []event
	for _, text := range splitOutside(body) {
		e, err := parseEvent(day, text, common)
		if err != nil {
			return nil, fmt.Errorf("%q: %w", text, err)
		}
		if instance != "-" {
			e.instance = instance
		}
		if e.kind == "started" && !e.at.IsZero() && instance != "-" {
			starts[instance] = e.at
		}
		events = append(events, e)
	}
	return events, nil
}

func parseEvent(day time.Time, text string, common []string) (event, error) {
	letters, rest, _ := strings.Cut(strings.TrimSuffix(text, ")"), "(")
	if word, at, found := strings.Cut(letters, " "); found {
		letters, rest = word, at
	}
	e := event{kind: kinds[letters], more: map[string]string{}}
	if e.kind == "" {
		return e, fmt.Errorf("unknown event %q", letters)
	}
	parts := splitOutside(rest)
	fixed := 3 // person, segment, time
	switch e.kind {
	case "started", "ended":
		fixed = 1
	case "app_joined", "app_left":
		fixed = 2
	}
	if len(parts) < fixed {
		return e, fmt.Errorf("it needs %d values", fixed)
	}
	if fixed > 1 {
		e.person = strings.Trim(parts[0], "-")
	}
	if fixed > 2 {
		e.segment = strings.Trim(parts[1], "-")
	}
	if at := parts[fixed-1]; at != "-" {
		var err error
		if e.at, err = clock(day, at); err != nil {
			return e, err
		}
	}
	for _, attribute := range append(append([]string{}, common...), parts[fixed:]...) {
		name, value, _ := strings.Cut(attribute, "=")
		if strings.HasPrefix(value, `"`) {
			said, err := strconv.Unquote(value)
			if err != nil {
				return e, fmt.Errorf("%s: %w", attribute, err)
			}
			value = said
		}
		if _, known := fields[name]; !known {
			return e, fmt.Errorf("%q is no attribute", name)
		}
		e.more[name] = value
	}
	return e, e.accept(day)
}

// accept works out when the door accepted it.
func (e *event) accept(day time.Time) error {
	switch said := e.more["told"]; said {
	case "":
		if e.at.IsZero() {
			return fmt.Errorf("an event without a time needs told=")
		}
		e.told = e.at.Add(2 * time.Second)
	case "now":
		e.toldNow = true
	default:
		var err error
		e.told, err = clock(day, said)
		return err
	}
	return nil
}

// state gives it the start of its run, as all events of Zoom state it.
func (e *event) state(starts map[string]time.Time) {
	if start, known := starts[e.instance]; known && e.more["start"] == "" {
		e.more["start"] = start.Format("2006-01-02T15:04:05")
	}
}

// splitOutside splits at the commas that stand outside of parentheses and quotes.
func splitOutside(text string) []string {
	var parts []string
	depth, quoted, from := 0, false, 0
	for i, r := range text {
		switch {
		case r == '"':
			quoted = !quoted
		case quoted:
		case r == '(':
			depth++
		case r == ')':
			depth--
		case r == ',' && depth == 0:
			parts = append(parts, strings.TrimSpace(text[from:i]))
			from = i + 1
		}
	}
	return append(parts, strings.TrimSpace(text[from:]))
}

// fields are the attributes of an event, and what a fact calls them.
var fields = map[string]string{
	"name": "name", "email": "email", "account": "zoom_user_id", "id": "participant_id", "registrant": "registrant_id",
	"key": "customer_key", "conn": "connection", "host": "host_id", "host_email": "host_email", "number": "meeting",
	"start": "start", "told": "accepted", "approximate": "approximate",
}
