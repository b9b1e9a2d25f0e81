package explain

import (
	"time"

	"zoom-attendance/sidecar/terminal"
)

// answer is explain_attendance's object. What is added to it later is not an
// error: `--json` shows it all.
type answer struct {
	Outcome string `json:"outcome"`
	Latest  word   `json:"latest"`
	Meeting struct {
		Number   word `json:"number"`
		Title    word `json:"title"`
		Timezone word `json:"timezone"`
		Class    *struct {
			Name word `json:"name"`
		} `json:"class"`
	} `json:"meeting"`
	Student struct {
		Name     word `json:"name"`
		Email    word `json:"email"`
		Enrolled bool `json:"enrolled"`
	} `json:"student"`
	Date   word `json:"date"`
	Policy struct {
		MinSeconds int `json:"min_seconds"`
	} `json:"policy"`
	Lessons []lesson `json:"lessons"`
	Runs    []held   `json:"runs"`
	Events  []event  `json:"events"`
	Others  []other  `json:"others"`
	Remarks []word   `json:"remarks"`
	App     struct {
		Visits []visit `json:"visits"`
		Worth  word    `json:"worth"`
	} `json:"app"`
	Union      []stay   `json:"union"`
	Seconds    int      `json:"seconds"`
	Meetings   []judged `json:"meetings"`
	Forgotten  bool     `json:"forgotten"`
	Verdict    word     `json:"verdict"`
	Rule       word     `json:"rule"`
	Record     word     `json:"record"`
	SaidBefore word     `json:"said_before"` // what somebody else had written
	SaidThen   word     `json:"said_then"`   // our verdict when they did; empty: there was none, so it was before it
	Overridden bool     `json:"overridden"`
	Note       word     `json:"note"`
	Refused    *struct {
		Wanted word `json:"wanted"`
	} `json:"refused"`
	Outlook word `json:"outlook"`
	Changes word `json:"changes"`
}

// lesson is one of the meeting on that date.
type lesson struct {
	StartsAt    time.Time  `json:"starts_at"`
	EndsAt      *time.Time `json:"ends_at"` // null: of a meeting that was held at once, and is open
	IsPlanned   bool       `json:"is_planned"`
	Why         word       `json:"why"`
	CountsFrom  *time.Time `json:"counts_from"`  // null: none of the staff was recognised, so all of it counts
	CountsUntil *time.Time `json:"counts_until"` // null: so, or one of them is still in
	HasStaff    bool       `json:"has_staff"`
}

// held is a run of the meeting on that date.
type held struct {
	StartedAt time.Time  `json:"started_at"`
	EndedAt   *time.Time `json:"ended_at"`
	EndTold   *bool      `json:"end_told"`
	Counts    *bool      `json:"counts"`
	Why       word       `json:"why"` // it counts for nothing
}

// event is one that Zoom told of the student.
type event struct {
	At          time.Time `json:"at"`
	Kind        string    `json:"kind"`
	Connection  word      `json:"connection"`
	Name        word      `json:"name"`
	By          string    `json:"by"`
	Approximate bool      `json:"approximate"`
	Counted     bool      `json:"counted"`
	Why         word      `json:"why"`
	Cut         []string  `json:"cut"` // what of it lies outside the lesson: before, after
}

// other is a connection that shows something of the student, and was not taken for
// them.
type other struct {
	Name  word      `json:"name"`
	From  time.Time `json:"from"`
	To    time.Time `json:"to"`
	Shows []string  `json:"shows"`
	WasIn *bool     `json:"was_in"` // false: they only waited to be let in
	Why   word      `json:"why"`
}

// visit is a coming or going that the app saw.
type visit struct {
	At   time.Time `json:"at"`
	Kind string    `json:"kind"`
}

// stay is a time that counts.
type stay struct {
	From time.Time `json:"from"`
	To   time.Time `json:"to"`
}

// judged is what one of the class's lessons of the day says.
type judged struct {
	Number   word      `json:"number"`
	Title    word      `json:"title"`
	Seconds  int       `json:"seconds"`
	Verdict  word      `json:"verdict"`
	StartsAt time.Time `json:"starts_at"`
}

// word is text of somebody's, fit to be shown.
type word = terminal.Word
