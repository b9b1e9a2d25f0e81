package inbox

import (
	"bytes"
	"strconv"
	"testing"
	"time"

	"github.com/nats-io/nats.go"
	"github.com/stretchr/testify/require"
)

func TestAGroupIsReadAsItWasWritten(t *testing.T) {
	at := time.Date(2025, 3, 4, 5, 6, 7, 8000, time.UTC)
	events := []event{
		{body: []byte(`{"event":"meeting.started"}`), acceptedAt: at, attempt: 1},
		{body: []byte{}, acceptedAt: at.Add(-100 * 365 * 24 * time.Hour), attempt: 4},
		{body: bytes.Repeat([]byte{0}, 300), acceptedAt: at, attempt: 1000},
	}
	msg := newGroup(subjectEvents, events)
	read, err := readGroup(msg.Header, msg.Data)
	require.NoError(t, err)
	require.Equal(t, events, read)
}

func TestAGroupThatIsNoneIsRefused(t *testing.T) {
	good := newGroup(subjectEvents, []event{{body: []byte("body"), attempt: 1}})
	for name, msg := range map[string]nats.Msg{
		"another format":         {Header: nats.Header{headerFormat: {"2"}, headerEvents: {"1"}}, Data: good.Data},
		"no header":              {Data: good.Data},
		"no number of events":    {Header: nats.Header{headerFormat: {"1"}}, Data: good.Data},
		"too many events":        {Header: nats.Header{headerFormat: {"1"}, headerEvents: {"2"}}, Data: good.Data},
		"far too many events":    {Header: nats.Header{headerFormat: {"1"}, headerEvents: {"1000000000"}}, Data: good.Data},
		"too few bytes":          {Header: good.Header, Data: good.Data[:len(good.Data)-1]},
		"too many bytes":         {Header: good.Header, Data: append(good.Data[:len(good.Data):len(good.Data)], 0)},
		"a length beyond itself": {Header: good.Header, Data: []byte{0, 1, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 1}},
	} {
		t.Run(name, func(t *testing.T) {
			_, err := readGroup(msg.Header, msg.Data)
			require.ErrorIs(t, err, errFrame)
		})
	}
}

// FuzzReadGroup: no bytes make it panic, and what it reads it writes alike.
func FuzzReadGroup(f *testing.F) {
	f.Add(1, newGroup(subjectEvents, []event{{body: []byte("body"), attempt: 1}}).Data)
	f.Add(2, []byte{0, 1, 0, 0, 1, 1, 'x'})
	f.Fuzz(func(t *testing.T, count int, data []byte) {
		header := nats.Header{headerFormat: {formatOne}, headerEvents: {strconv.Itoa(count)}}
		events, err := readGroup(header, data)
		if err != nil {
			return
		}
		msg := newGroup(subjectEvents, events)
		again, err := readGroup(msg.Header, msg.Data)
		require.NoError(t, err)
		require.Equal(t, events, again)
	})
}
