package zoom_test

import (
	"testing"

	"github.com/stretchr/testify/require"

	"zoom-attendance/sidecar/zoom"
)

func TestOpen(t *testing.T) {
	for name, tc := range map[string]struct {
		body string
		want zoom.Envelope
		used bool
	}{
		"an empty object says nothing":         {body: `{}`},
		"space around the object is allowed":   {body: " \n{}\t "},
		"a challenge carries its token":        {body: challengeBody, want: zoom.Envelope{Event: zoom.EventURLValidation, PlainToken: challengeToken, HasToken: true}},
		"a token is taken as it stands":        {body: `{"payload":{"plainToken":" a b "}}`, want: zoom.Envelope{PlainToken: " a b ", HasToken: true}},
		"an empty token is none":               {body: `{"payload":{"plainToken":""}}`},
		"a token that is null is none":         {body: `{"payload":{"plainToken":null}}`},
		"a token that is a number is none":     {body: `{"payload":{"plainToken":12}}`},
		"a token outside of payload is none":   {body: `{"plainToken":"abc"}`},
		"keys match in any case":               {body: `{"PAYLOAD":{"plaintoken":"abc"}}`, want: zoom.Envelope{PlainToken: "abc", HasToken: true}},
		"the last of two tokens counts":        {body: `{"payload":{"plainToken":"a","plainToken":"b"}}`, want: zoom.Envelope{PlainToken: "b", HasToken: true}},
		"a meeting number as text":             {body: `{"event":"meeting.started","payload":{"object":{"id":" 81234567890 "}}}`, want: zoom.Envelope{Event: "meeting.started", MeetingID: "81234567890"}, used: true},
		"a meeting number as a number":         {body: `{"event":"meeting.participant_left","payload":{"object":{"id":81234567890}}}`, want: zoom.Envelope{Event: "meeting.participant_left", MeetingID: "81234567890"}, used: true},
		"a meeting number that is empty":       {body: `{"event":"meeting.ended","payload":{"object":{"id":""}}}`, want: zoom.Envelope{Event: "meeting.ended"}, used: true},
		"a payload that is a list":             {body: `{"event":"meeting.participant_joined","payload":[]}`, want: zoom.Envelope{Event: "meeting.participant_joined"}, used: true},
		"an event we do not use":               {body: `{"event":"meeting.sharing_started"}`, want: zoom.Envelope{Event: "meeting.sharing_started"}},
		"an event name with a control in it":   {body: `{"event":"meeting\u0000.ended"}`},
		"an event name that is an object":      {body: `{"event":{}}`},
		"a wide object is read all the same":   {body: `{"event":"meeting.ended","a":[1,{"event":"x"}],"b":{"event":"y"}}`, want: zoom.Envelope{Event: "meeting.ended"}, used: true},
		"a number beyond int64 is not a float": {body: `{"payload":{"object":{"id":99999999999999999999}}}`, want: zoom.Envelope{MeetingID: "99999999999999999999"}},
	} {
		t.Run(name, func(t *testing.T) {
			got, err := zoom.Open([]byte(tc.body))
			require.NoError(t, err)
			require.Equal(t, tc.want, got)
			require.Equal(t, tc.used, got.Used())
		})
	}
}

func TestOpenRefusesWhatIsNotExactlyOneObject(t *testing.T) {
	for name, body := range map[string]string{
		"nothing":               ``,
		"space":                 ` `,
		"null":                  `null`,
		"a list":                `[{}]`,
		"a text":                `"{}"`,
		"a number":              `1`,
		"two objects":           `{}{}`,
		"an object and a comma": `{},`,
		"an object and a NUL":   "{}\x00",
		"a byte order mark":     "\ufeff{}",
		"half an object":        `{"event":`,
		"single quotes":         `{'event':'x'}`,
		"a comment":             `{}//`,
		"a form":                `event=meeting.ended`,
	} {
		t.Run(name, func(t *testing.T) {
			got, err := zoom.Open([]byte(body))
			require.ErrorIs(t, err, zoom.ErrNotObject)
			require.Zero(t, got)
		})
	}
}
