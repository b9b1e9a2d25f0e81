package meetings

import (
	"encoding/json"

	"github.com/gin-gonic/gin"
)

// people is the answer of zoom_meeting_people, and ours but for the outcome. What
// is in it, is between the database and the page.
type people struct {
	Outcome           string          `json:"outcome,omitempty"`
	Meeting           json.RawMessage `json:"meeting"`
	Participants      json.RawMessage `json:"participants"`
	ExpectedAttendees json.RawMessage `json:"expectedAttendees"`
	Stats             json.RawMessage `json:"stats"`
}

// people tells those who oversee a meeting who is there.
func (r *room) people(c *gin.Context, v *visit) error {
	ctx, done := r.begin(c)
	defer done()
	var p people
	err := r.ask(ctx, v, "zoom_meeting_people", struct {
		Meeting string `json:"meeting"`
	}{v.meeting}, &p)
	if err != nil {
		return err
	}
	if err := judge(p.Outcome); err != nil {
		return err
	}
	p.Outcome = ""
	v.body = p
	return nil
}
