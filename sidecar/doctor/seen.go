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
	says := "the view of an active " + v.Role
	if !v.Active {
		says = fmt.Sprintf("the view of a %s who has left the school (is_active is false)", v.Role)
	}
	e.ok(checkSeen, says)
	return body
}

// text is the view as a table. A title is shown, never obeyed.
func (v view) text() string {
	var b strings.Builder
	t := tablewriter.NewWriter(&b)
	t.Header("table", "rows they see", "rows there are")
	for _, row := range v.Tables {
		seen := "may not look"
		if row.Seen != nil {
			seen = fmt.Sprint(*row.Seen)
		}
		_ = t.Append(row.Table, seen, fmt.Sprint(row.Of))
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
