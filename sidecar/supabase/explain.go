package supabase

import (
	"context"
	"encoding/json"
)

// Explain asks the project why a student's attendance is what it is, by Zoom's
// number of the meeting, an e-mail or user id, and a date (YYYY-MM-DD; empty for
// that of the latest lesson). It returns the function's object as it is.
func (c *Client) Explain(ctx context.Context, meeting, student, date string) (json.RawMessage, error) {
	return c.Ask(ctx, "explain_attendance", struct {
		Meeting string `json:"meeting"`
		Student string `json:"student"`
		Date    string `json:"date,omitempty"`
		Policy  Policy `json:"policy"`
	}{meeting, student, date, c.policy})
}

// RecentLessons asks the project for its newest lessons, those in progress
// first. It returns the function's array as it is.
func (c *Client) RecentLessons(ctx context.Context) (json.RawMessage, error) {
	var lessons json.RawMessage
	err := c.Call(ctx, "recent_lessons", struct{}{}, &lessons)
	return lessons, err
}

// LessonTimeline asks the project who was in a lesson and when, by Zoom's number
// of the meeting and a date. It returns the function's object as it is.
func (c *Client) LessonTimeline(ctx context.Context, meeting, date string) (json.RawMessage, error) {
	return c.Ask(ctx, "lesson_timeline", struct {
		Meeting string `json:"meeting"`
		Date    string `json:"date"`
		Policy  Policy `json:"policy"`
	}{meeting, date, c.policy})
}

// Unmatched asks the project what cannot be matched, at most so many items of it.
// It returns the function's object as it is.
func (c *Client) Unmatched(ctx context.Context, most int) (json.RawMessage, error) {
	return c.Ask(ctx, "unmatched_zoom", struct {
		Most int `json:"most"`
	}{most})
}

// RefusedRows asks the project which rows its own checks refused, at most so many. It
// returns the function's object as it is.
func (c *Client) RefusedRows(ctx context.Context, most int) (json.RawMessage, error) {
	return c.Ask(ctx, "refused_zoom_rows", struct {
		Most int `json:"most"`
	}{most})
}

// Timezone is that of the school, or "meeting" for each meeting's own.
func (c *Client) Timezone() string { return c.policy.Timezone }
