package doctor

import (
	_ "embed" // expected.json
	"encoding/json"
)

// state is how a project stands: inspect_zoom_project's object. In what is
// expected, applied are the files of the migrations, and makes says which of them
// makes a function or a trigger.
type state struct {
	Server    string              `json:"server"`
	Role      string              `json:"role"`
	Applied   []string            `json:"applied"` // nil when the project notes none
	Tables    map[string]table    `json:"tables"`
	Schemas   map[string][]string `json:"schemas"`
	Functions map[string]function `json:"functions"`
	Policies  []policy            `json:"policies"`
	Guards    []guard             `json:"guards"`
	Published []string            `json:"published"`
	Makes     map[string]string   `json:"makes"`

	Identities map[string]string `json:"identities"` // of published tables: full, nothing or index; the others' is the default
	Theirs     []string          `json:"theirs"`     // tables of people that the app's own rules let users read
	Granted    []string          `json:"granted"`    // tables of people whose grants are as the app had them
	Circles    []string          `json:"circles"`    // tables that policies of the app come back to
	Refuses    []statusCheck     `json:"refuses"`    // checks of attendance that refuse a status
	Risks      []risk            `json:"risks"`
}

// statusCheck is a check of attendance and which statuses it refuses.
type statusCheck struct {
	Name     string   `json:"name"`
	Statuses []string `json:"statuses"`
}

// risk is something of the app's own that stays risky.
type risk struct {
	Of     string `json:"of"` // a table, view or function
	What   string `json:"what"`
	Remedy string `json:"remedy"`
}

type table struct {
	Guarded *bool               `json:"guarded"` // row level security is on; nil of a view
	Key     []string            `json:"key"`
	Granted map[string][]string `json:"granted"` // by role
}

type function struct {
	Made string   `json:"made"` // a hash of what makes it what it is
	May  []string `json:"may"`  // the roles that may execute it
}

type policy struct {
	Table      string   `json:"table"`
	Name       string   `json:"name"`
	Verb       string   `json:"verb"`
	Permissive bool     `json:"permissive"`
	Roles      []string `json:"roles"`
	Using      string   `json:"using"`
	Check      string   `json:"check"`
}

type guard struct {
	Table string `json:"table"`
	Name  string `json:"name"`
	On    bool   `json:"on"`
	Made  string `json:"made"`
}

//go:embed expected.json
var expectedJSON []byte

// expected is how a project should stand. The checks of the repository hold it
// to a migrated database.
func expected() (want state) {
	if err := json.Unmarshal(expectedJSON, &want); err != nil {
		panic(err) // it is ours, and every test reads it
	}
	return want
}
