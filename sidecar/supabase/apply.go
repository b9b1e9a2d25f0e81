package supabase

import (
	"context"
	"encoding/json"
	"fmt"

	supabasego "github.com/supabase-community/supabase-go"

	"zoom-attendance/sidecar/zoom"
)

const (
	applyFunction = "apply_zoom_events"

	// noReturn is neither of the two words that postgrest-go turns into a
	// "Prefer: return=…", which would mean nothing to a function.
	noReturn = "none"
)

// Policy is what the school decided about attendance.
type Policy struct {
	MinMinutes int    `json:"min_minutes"` // from how many minutes a student counts as present
	Timezone   string `json:"timezone"`    // whose calendar a lesson's date is of: an IANA name, or "meeting" for each meeting's own
	AppJoins   string `json:"app_joins"`   // what it is worth that the app saw somebody come: corroborate (or empty), count or ignore

	// PlanMarginMinutes is how long before and after its planned time a lesson's
	// meeting may run and still be that lesson. Nil: 60.
	PlanMarginMinutes *int `json:"plan_margin_minutes,omitempty"`
}

// Apply sets facts down in one transaction and returns what became of each,
// in the same order. On error nothing is certain: the transaction may have
// been undone, or its answer lost. Either way the same call may be made again.
func (c *Client) Apply(ctx context.Context, facts []zoom.Fact) ([]zoom.Outcome, error) {
	if facts == nil {
		facts = []zoom.Fact{} // null is not an array of events
	}
	arguments, err := json.Marshal(struct {
		Events []zoom.Fact `json:"events"`
		Policy Policy      `json:"policy"`
	}{facts, c.policy})
	if err != nil {
		return nil, &Error{Operation: applyFunction, Code: CodeUnencodable, Err: err}
	}
	var got []zoom.Outcome
	err = c.call(ctx, applyFunction, func(p *supabasego.Client) ([]byte, int64, error) {
		return p.From("rpc/"+applyFunction).Insert(json.RawMessage(arguments), false, "", noReturn, "").Execute()
	}, func(body []byte) (err error) {
		got, err = outcomes(body, len(facts))
		return err
	})
	if err != nil {
		return nil, err
	}
	return got, nil
}

// Check asks the project to apply nothing. No error means that the address,
// the key, the function and its grant are all as they should be.
func (c *Client) Check(ctx context.Context) error {
	_, err := c.Apply(ctx, nil)
	return err
}

// outcomes reads the function's answer, which has one text per fact.
func outcomes(body []byte, want int) ([]zoom.Outcome, error) {
	var got []zoom.Outcome
	if err := json.Unmarshal(body, &got); err != nil {
		return nil, unexpected("an array of texts was expected")
	}
	if len(got) != want {
		return nil, unexpected(fmt.Sprintf("%d outcomes for %d facts", len(got), want))
	}
	return got, nil
}

// unexpected is a 2xx answer that another function than ours would give. It
// blames us: the migrations and this binary are of different ages.
func unexpected(what string) error {
	return &Error{Code: CodeUnexpected, Message: what}
}
