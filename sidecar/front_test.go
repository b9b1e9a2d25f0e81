package main

import (
	"net/http"
	"net/http/httptest"
	"testing"

	"github.com/stretchr/testify/require"
)

// What is asked of a page of the app is never asked of Zoom, because the door is
// another room.
func TestOneAddressLeadsToTheRoomAndToTheDoor(t *testing.T) {
	says := func(word string) http.Handler {
		return http.HandlerFunc(func(w http.ResponseWriter, _ *http.Request) { _, _ = w.Write([]byte(word)) })
	}
	both := front(says("room"), says("door"))
	for path, want := range map[string]string{
		"/api/zoom/meetings/0b0e0f0a-0000-4000-8000-000000000001/join": "room",
		"/api/zoom/meetings/":           "room",
		"/api/zoom/meetings/../webhook": "room",
		"/api/zoom/meetings//join":      "room",
		"/api/zoom/webhook":             "door",
		"/api/zoom/webhook/":            "door",
		"//api/zoom/webhook":            "door",
		"/api/zoom/meetings":            "door",
		"/api/zoom/meetingsjoin":        "door",
		"/livez":                        "door",
		"/":                             "door",
	} {
		answer := httptest.NewRecorder()
		both.ServeHTTP(answer, httptest.NewRequest(http.MethodPost, path, nil))
		require.Equal(t, want, answer.Body.String(), path)
		require.Equal(t, http.StatusOK, answer.Code, path)
	}
}
