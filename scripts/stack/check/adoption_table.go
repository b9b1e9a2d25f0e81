package main

import (
	"context"
	_ "embed"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"net/http"
	"os"
	"path/filepath"
	"regexp"
	"slices"
	"strings"
	"time"

	"zoom-attendance/scripts/stack"
)

//go:embed testdata/twin_table.txt
var twinTableText string

// person is somebody who uses the twin's app, by the number of their row in
// testdata/twin_rows.sql. A visitor has no token, and a stranger no row.
type person struct{ name, number, email string }

// The twin's people, in the order of the columns of testdata/twin_table.txt.
var people = []person{
	{"visitor", "101", ""},
	{"student", "101", "student.101@school.test"},
	{"another", "102", "student.102@school.test"},
	{"ex-student", "149", "student.149@school.test"},
	{"parent", "522", "parent.522@school.test"},
	{"ex-parent", "570", "parent.570@school.test"},
	{"teacher", "16", "teacher.16@school.test"},
	{"colleague", "17", "teacher.17@school.test"},
	{"admin", "1", "admin.1@school.test"},
	{"stranger", "999", "stranger@school.test"},
}

func (p person) token() string {
	if p.email == "" {
		return stack.AnonKey
	}
	return stack.UserToken(idOf("user", p.number), p.email)
}

// action is one request of the app, and how it goes for each of the people:
// see testdata/twin_table.txt.
type action struct {
	name, method, path, body string
	before, after            []string
	because                  map[string]string // a person, and the key of the reason
}

// actionTable is testdata/twin_table.txt.
type actionTable struct {
	head    string // what stands above the first action
	reasons map[string]string
	actions []action
}

// readTable reads the table, and sees to it that every difference that it
// tells of has a reason, and every reason is one for something.
func readTable(text string) (*actionTable, error) {
	head, rest, found := strings.Cut(text, "\n\n= ")
	if !found {
		return nil, errors.New("the table has no action")
	}
	table := &actionTable{head: head, reasons: map[string]string{}}
	for line := range strings.Lines(head) {
		if key, reason, is := strings.Cut(strings.TrimSpace(line), ": "); is && !strings.HasPrefix(line, "#") {
			table.reasons[key] = reason
		}
	}
	used := map[string]bool{}
	for _, block := range strings.Split(rest, "\n\n= ") {
		a, err := readAction(block)
		if err == nil {
			err = a.explained(table.reasons)
		}
		if err != nil {
			return nil, fmt.Errorf("%s: %w", a.name, err)
		}
		for _, key := range a.because {
			used[key] = true
		}
		table.actions = append(table.actions, a)
	}
	for key := range table.reasons {
		if !used[key] {
			return nil, fmt.Errorf("nothing is closed for the reason %q", key)
		}
	}
	return table, nil
}

func readAction(block string) (action, error) {
	name, rest, _ := strings.Cut(block, "\n")
	a := action{name: name, because: map[string]string{}}
	for line := range strings.Lines(rest) {
		word, said, _ := strings.Cut(strings.TrimSpace(line), " ")
		said = strings.TrimSpace(said)
		switch word {
		case "":
		case "GET", "POST", "PATCH", "DELETE":
			a.method, a.path = word, said
		case "body":
			a.body = said
		case "before":
			a.before = strings.Fields(said)
		case "after":
			a.after = strings.Fields(said)
		case "because":
			key, names, _ := strings.Cut(said, ": ")
			for _, name := range strings.Fields(names) {
				a.because[name] = key
			}
		default:
			return a, fmt.Errorf("what is %q?", word)
		}
	}
	if a.before == nil { // a new one: the test will say how it goes
		a.before = slices.Repeat([]string{"?"}, len(people))
	}
	if a.after == nil {
		a.after = slices.Repeat([]string{"."}, len(people))
	}
	if len(a.before) != len(people) || len(a.after) != len(people) {
		return a, fmt.Errorf("there are %d people, and this is about %d and %d", len(people), len(a.before), len(a.after))
	}
	for i, outcome := range a.after {
		if outcome == "." {
			a.after[i] = a.before[i]
		}
	}
	return a, nil
}

// explained says whether exactly what changes has a reason.
func (a action) explained(reasons map[string]string) error {
	for i, p := range people {
		key, has := a.because[p.name]
		switch {
		case a.before[i] != a.after[i] && !has:
			return fmt.Errorf("%s was %s and is %s, without a reason", p.name, a.before[i], a.after[i])
		case a.before[i] == a.after[i] && has:
			return fmt.Errorf("%s has a reason, and nothing that changes", p.name)
		case has && reasons[key] == "":
			return fmt.Errorf("there is no reason %q", key)
		}
	}
	for name := range a.because {
		if !slices.ContainsFunc(people, func(p person) bool { return p.name == name }) {
			return fmt.Errorf("who is %q?", name)
		}
	}
	return nil
}

// outcomes asks everything as everybody, over HTTP, and leaves nothing of it.
func (t *twin) outcomes(ctx context.Context, table *actionTable) (outcomes [][]string, err error) {
	if !t.lived {
		return nil, nil
	}
	if err := t.startAPI(ctx); err != nil {
		return nil, err
	}
	defer func() { err = errors.Join(err, t.api.Close()) }()
	for _, a := range table.actions {
		row := make([]string, len(people))
		for i, who := range people {
			if row[i], err = t.ask(ctx, a, who); err != nil {
				return nil, fmt.Errorf("%s: %s: %w", a.name, who.name, err)
			}
		}
		outcomes = append(outcomes, row)
	}
	return outcomes, nil
}

// startAPI starts a PostgREST that rolls every request back.
func (t *twin) startAPI(ctx context.Context) error {
	program, err := t.tree.PostgRESTPath()
	if err != nil {
		return err
	}
	forget := fmt.Sprintf("alter role %s in database %s set pgrst.db_tx_end = 'rollback'", stack.Authenticator, t.name)
	if err := stack.Exec(ctx, t.url(stack.Superuser), forget); err != nil {
		return err
	}
	t.said = new(stack.Said)
	t.api, err = stack.StartPostgREST(ctx, stack.PostgRESTConfig{
		Program: program, DatabaseURL: t.url(stack.Authenticator), Pool: 4, Log: t.said, OwnGroup: true,
	})
	if err != nil {
		return fmt.Errorf("%w\n%s", err, t.said)
	}
	return nil
}

// ask sends an action as somebody and says how it went: how many rows were seen
// or written; what they say, where the action selects it; or the SQLSTATE with
// which it was refused.
func (t *twin) ask(ctx context.Context, a action, who person) (string, error) {
	path, prefer := a.path, "count=exact,return=minimal"
	if a.method == http.MethodGet {
		path += "&limit=1"
	} else if strings.Contains(path, "select=") {
		prefer = "count=exact,return=representation"
	}
	if strings.Contains(path, "on_conflict=") {
		prefer += ",resolution=merge-duplicates"
	}
	request, err := t.request(ctx, a.method, path, a.body, who)
	if err != nil {
		return "", err
	}
	request.Header.Set("Prefer", prefer)
	response, text, err := t.answer(request)
	var refused *refusal
	switch {
	case errors.As(err, &refused):
		return refused.Code, nil
	case err != nil:
		return "", err
	case a.method != http.MethodGet && strings.Contains(path, "select="):
		return values(text)
	}
	_, total, _ := strings.Cut(response.Header.Get("Content-Range"), "/")
	if total == "" || total == "*" {
		return "", fmt.Errorf("%s %s: %s, and %q rows: %s", a.method, a.path, response.Status, total, text)
	}
	return total, nil
}

// request is one to the school's PostgREST, as somebody.
func (t *twin) request(ctx context.Context, method, path, body string, who person) (*http.Request, error) {
	request, err := http.NewRequestWithContext(ctx, method, "http://postgrest/"+forPerson(path, who), strings.NewReader(forPerson(body, who)))
	if err != nil {
		return nil, err
	}
	request.Header.Set("Authorization", "Bearer "+who.token())
	request.Header.Set("Content-Type", "application/json")
	return request, nil
}

// refusal is how PostgREST tells of an error of the database.
type refusal struct{ Code, Message string }

func (r *refusal) Error() string { return r.Code + ": " + r.Message }

// answer sends a request and reads what comes back.
func (t *twin) answer(request *http.Request) (*http.Response, []byte, error) {
	response, err := t.api.Transport.RoundTrip(request)
	if err != nil {
		return nil, nil, err
	}
	defer response.Body.Close()
	text, err := io.ReadAll(response.Body)
	if err != nil {
		return nil, nil, err
	}
	if response.StatusCode < http.StatusBadRequest {
		return response, text, nil
	}
	refused := new(refusal)
	if err := json.Unmarshal(text, refused); err != nil || len(refused.Code) != len("42501") {
		return nil, nil, fmt.Errorf("%s %s: %s: %s", request.Method, request.URL, response.Status, text)
	}
	return nil, nil, refused
}

// values are what an answer says of its first row, without blanks, or 0 if it
// has none.
func values(text []byte) (string, error) {
	var rows []map[string]any
	if err := json.Unmarshal(text, &rows); err != nil || len(rows) == 0 {
		return "0", err
	}
	var said []string
	for column, value := range rows[0] {
		if column == "id" { // by chance
			value = len(rows)
		}
		said = append(said, strings.ReplaceAll(fmt.Sprint(value), " ", "_"))
	}
	slices.Sort(said)
	return strings.Join(said, ","), nil
}

// idOf is the id of a row of testdata/twin_rows.sql.
func idOf(kind, number string) string {
	group := map[string]string{"user": "8000", "class": "9000", "meeting": "a000", "code": "b000"}[kind]
	return fmt.Sprintf("00000000-0000-4000-%s-%012s", group, number)
}

var idPattern = regexp.MustCompile(`@(user|class|meeting|code)\((\d+)\)`)

// today is the day on which the school shows its codes.
var today = time.Now().UTC()

// forPerson puts ids for @user(101), @class(6), @meeting(6) and @code(6), and
// what somebody calls theirs.
func forPerson(text string, who person) string {
	return strings.NewReplacer("@me", idOf("user", who.number), "@email", who.email,
		"@today", today.Format(time.DateOnly), "@tomorrow", today.AddDate(0, 0, 1).Format(time.DateOnly)).Replace(withIDs(text, ""))
}

// withIDs puts ids, each between two quotes.
func withIDs(text, quote string) string {
	return idPattern.ReplaceAllStringFunc(text, func(said string) string {
		parts := idPattern.FindStringSubmatch(said)
		return quote + idOf(parts[1], parts[2]) + quote
	})
}

// differs says where outcomes are not those of the table, and what the table
// should say then.
func (t *actionTable) differs(before, after [][]string) error {
	var wrong []string
	for i, a := range t.actions {
		if !slices.Equal(before[i], a.before) || !slices.Equal(after[i], a.after) {
			wrong = append(wrong, "is:\n"+a.written(before[i], after[i])+"and should be:\n"+a.written(a.before, a.after))
		}
	}
	if len(wrong) == 0 {
		return nil
	}
	return errors.New(strings.Join(wrong, "\n"))
}

// write writes the table as it would be with these outcomes, for whoever finds
// that they are right.
func (t *actionTable) write(file string, before, after [][]string) error {
	var b strings.Builder
	b.WriteString(t.head + "\n")
	for i, a := range t.actions {
		b.WriteString("\n" + a.written(before[i], after[i]))
	}
	return errors.Join(os.MkdirAll(filepath.Dir(file), 0o755), os.WriteFile(file, []byte(b.String()), 0o644))
}

// written is an action as the table has it.
func (a action) written(before, after []string) string {
	var b strings.Builder
	fmt.Fprintf(&b, "= %s\n  %s %s\n", a.name, a.method, a.path)
	if a.body != "" {
		fmt.Fprintf(&b, "  body %s\n", a.body)
	}
	line := func(what string, outcomes []string) {
		fmt.Fprintf(&b, "  %-8s", what)
		for _, outcome := range outcomes {
			fmt.Fprintf(&b, " %-10s", outcome)
		}
		b.WriteString("\n")
	}
	line("before", before)
	if !slices.Equal(before, after) {
		shown := slices.Clone(after)
		for i := range shown {
			if shown[i] == before[i] {
				shown[i] = "."
			}
		}
		line("after", shown)
	}
	said := map[string][]string{}
	var keys []string
	for _, p := range people {
		if key := a.because[p.name]; key != "" {
			if said[key] == nil {
				keys = append(keys, key)
			}
			said[key] = append(said[key], p.name)
		}
	}
	for _, key := range keys {
		fmt.Fprintf(&b, "  because  %s: %s\n", key, strings.Join(said[key], " "))
	}
	return strings.ReplaceAll(b.String(), " \n", "\n")
}
