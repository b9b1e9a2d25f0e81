package meetings

import (
	"context"
	"errors"
	"fmt"

	"github.com/gin-gonic/gin"

	"zoom-attendance/sidecar/zoom"
)

// Refusal is what the error of a [Project] or [Recorder] may say about itself. An
// error that is no Refusal is weather: it may be better in a moment.
type Refusal interface {
	error
	RefusesUser() bool // the user's token is not accepted
	BlamesUs() bool    // an operator must mend something first
	BlamesData() bool  // the same call will never succeed
}

// begin is the time that a request has with the project. A client that hangs up
// does not end it.
func (r *room) begin(c *gin.Context) (context.Context, context.CancelFunc) {
	return context.WithTimeout(context.WithoutCancel(c.Request.Context()), r.Timeout)
}

// blame says in our words whose fault it is that there was no answer.
func blame(err error) error {
	if err == nil {
		return nil
	}
	refusal, ok := errors.AsType[Refusal](err)
	switch {
	case ok && refusal.RefusesUser():
		return fmt.Errorf("%w: %w", errRefused, err)
	case ok && (refusal.BlamesUs() || refusal.BlamesData()):
		return fmt.Errorf("%w: %w", errOurs, err)
	}
	return fmt.Errorf("%w: %w", errWeather, err)
}

// ask calls a function of the database as the user who asks, and notes that
// Supabase took their token if there is an answer.
func (r *room) ask(ctx context.Context, v *visit, function string, args, into any) error {
	err := r.Project.CallAs(ctx, v.token, function, args, into)
	v.taken = err == nil
	return blame(err)
}

// outcomes are the first word of every function's answer.
var outcomes = map[string]error{
	"ok":           nil,
	"unauthorized": errRefused,
	"not_found":    errNoMeeting,
	"cancelled":    errCancelled,
	"not_enrolled": errNotEnrolled,
	"denied":       errDenied,
	"wrong_domain": errDomain,
	"forbidden":    errForbidden,
}

// judge is the error that an outcome means. One that is not known blames us: the
// migrations and this binary are of different ages.
func judge(outcome string) error {
	err, known := outcomes[outcome]
	if !known {
		return fmt.Errorf("%w: an outcome that is not known", errOurs)
	}
	return err
}

// apply records one fact. The database has named the user and the meeting a moment
// ago; if the meeting is gone since, it is not found.
func (r *room) apply(ctx context.Context, fact zoom.Fact) error {
	became, err := r.Recorder.Apply(ctx, []zoom.Fact{fact})
	if err != nil {
		return blame(fmt.Errorf("record the visit: %w", err))
	}
	if len(became) == 1 && became[0] == zoom.UnknownMeeting {
		return errNoMeeting
	}
	return nil
}
