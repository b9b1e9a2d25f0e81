package doctor

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"strings"

	"github.com/olekukonko/tablewriter"
)

// view is look_as_zoom_user's object.
type view struct {
	Outcome string `json:"outcome"`
	Role    string `json:"role"`
	Active  bool   `json:"is_active"`
	Tables  []struct {
		Table string `json:"table"`
		Seen  *int   `json:"seen"` // nil: they may not look at all
		Of    int    `json:"of"`

		Beyond *int     `json:"beyond"` // of those seen, what the matrix does not give them; nil: it cannot be told
		Ways   []string `json:"ways"`   // the app's policies that do

		Code string `json:"code"` // of an error: looking fails
		Says string `json:"says"`
	} `json:"tables"`
	Meetings []string `json:"meetings"`
}

// seen asks what a user sees, unless the project cannot be asked.
func (e *examination) seen(ctx context.Context, email, because string) json.RawMessage {
	if because != "" {
		e.skip(because, checkSeen)
		return nil
	}
	body, err := e.Project.Ask(ctx, "look_as_zoom_user", struct {
		Email string `json:"email"`
	}{email})
	var v view
	if err == nil {
		err = json.Unmarshal(body, &v)
	}
	if answer, ok := errors.AsType[refusal](err); ok && answer.Cause() == "42501" {
		e.fail(checkSeen, Fault{"the project does not let us look as a user", "in the SQL editor: grant authenticated to authenticator, as every Supabase project has it"})
		return nil
	}
	if because := e.failed(checkMigrations, checkFunctions); err != nil && because != "" {
		e.skip(because, checkSeen)
		return nil
	}
	if err != nil {
		e.fail(checkSeen, fault(err, "look at the project's dashboard, Reports and Logs; then again"))
		return nil
	}
	if v.Outcome != "ok" {
		e.fail(checkSeen, Fault{"nobody of the school has that e-mail", "give the one in the table users, in any case"})
		return nil
	}
	e.judgeView(v)
	return body
}

// judgeView holds what they see against what they should.
func (e *examination) judgeView(v view) {
	var failures, looks []Fault
	for _, row := range v.Tables {
		table := "public." + row.Table
		if row.Code != "" {
			failures = append(failures, Fault{fmt.Sprintf("they cannot read %s: %s (%s)", table, oneLine(row.Says), row.Code),
				"look for it among the app's policies on " + table})
		}
		if row.Beyond == nil || *row.Beyond == 0 {
			continue
		}
		ways, remedy := "row level security is off there", "write policies for what the app does there, and turn it on"
		if len(row.Ways) > 0 {
			quoted := make([]string, len(row.Ways))
			for i, name := range row.Ways {
				quoted[i] = fmt.Sprintf("%q", name)
			}
			ways, remedy = "let by "+strings.Join(quoted, ", "), "see whether the app needs that; if not, narrow that policy down, or drop it"
		}
		looks = append(looks, Fault{fmt.Sprintf("they see %d rows of %s that policies/README.md does not give them: %s", *row.Beyond, table, ways), remedy})
	}
	switch {
	case len(failures) > 0 && e.failed(checkPolicies) != "":
		e.skip(checkPolicies, checkSeen)
	case len(failures) > 0:
		e.fail(checkSeen, append(failures, looks...)...)
	case len(looks) > 0:
		e.look(checkSeen, looks...)
	default:
		e.ok(checkSeen, v.whose()+", and nothing beyond policies/README.md")
	}
}

// whose says whose view it is.
func (v view) whose() string {
	if !v.Active {
		return fmt.Sprintf("the view of a %s who has left the school (is_active is false)", v.Role)
	}
	return "the view of an active " + v.Role
}

// text is the view as a table. A title is shown, never obeyed.
func (v view) text() string {
	var b strings.Builder
	if v.Role != "" {
		fmt.Fprintf(&b, "%s\n", v.whose())
	}
	t := tablewriter.NewWriter(&b)
	t.Header("table", "rows they see", "rows there are", "beyond policies/")
	for _, row := range v.Tables {
		seen := "may not look"
		if row.Seen != nil {
			seen = fmt.Sprint(*row.Seen)
		}
		beyond := "cannot be told"
		switch {
		case row.Beyond != nil:
			beyond = fmt.Sprint(*row.Beyond)
		case row.Seen == nil:
			beyond = ""
		}
		_ = t.Append(row.Table, seen, fmt.Sprint(row.Of), beyond)
	}
	_ = t.Render()
	if len(v.Meetings) > 0 {
		b.WriteString("The latest meetings they see:\n")
	}
	for _, title := range v.Meetings {
		fmt.Fprintf(&b, "  %q\n", title)
	}
	return b.String()
}
