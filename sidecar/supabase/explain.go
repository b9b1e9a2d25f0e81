package supabase

import (
	"bytes"
	"context"
	"encoding/json"

	supabasego "github.com/supabase-community/supabase-go"
)

const (
	explainFunction  = "explain_attendance"
	lessonsFunction  = "recent_lessons"
	timelineFunction = "lesson_timeline"
)

// Explain asks the project why a student's attendance is what it is, by Zoom's
// number of the meeting, an e-mail or user id, and a date (YYYY-MM-DD; empty for
// that of the latest lesson). It returns the function's object as it is.
func (c *Client) Explain(ctx context.Context, meeting, student, date string, p Policy) (json.RawMessage, error) {
	return c.ask(ctx, explainFunction, struct {
		Meeting string `json:"meeting"`
		Student string `json:"student"`
		Date    string `json:"date,omitempty"`
		Policy  Policy `json:"policy"`
	}{meeting, student, date, p}, "{")
}

// RecentLessons asks the project for its newest lessons, those in progress
// first. It returns the function's array as it is.
func (c *Client) RecentLessons(ctx context.Context) (json.RawMessage, error) {
	return c.ask(ctx, lessonsFunction, struct{}{}, "[")
}

// LessonTimeline asks the project who was in a lesson and when, by Zoom's number
// of the meeting and a date. It returns the function's object as it is.
func (c *Client) LessonTimeline(ctx context.Context, meeting, date string, p Policy) (json.RawMessage, error) {
	return c.ask(ctx, timelineFunction, struct {
		Meeting string `json:"meeting"`
		Date    string `json:"date"`
		Policy  Policy `json:"policy"`
	}{meeting, date, p}, "{")
}

// ask calls a function that changes nothing, and returns its answer, which begins
// as it should.
func (c *Client) ask(ctx context.Context, function string, question any, begins string) (json.RawMessage, error) {
	arguments, err := json.Marshal(question)
	if err != nil {
		return nil, &Error{Operation: function, Code: CodeUnencodable, Err: err}
	}
	var answer json.RawMessage
	err = c.call(ctx, function, func(p *supabasego.Client) ([]byte, int64, error) {
		return p.From("rpc/"+function).Insert(json.RawMessage(arguments), false, "", noReturn, "").Execute()
	}, func(body []byte) error {
		if !bytes.HasPrefix(bytes.TrimSpace(body), []byte(begins)) || !json.Valid(body) {
			return unexpected("another kind of answer was expected")
		}
		answer = bytes.Clone(body)
		return nil
	})
	return answer, err
}
