package inbox

import (
	"bytes"
	"fmt"
	"testing"
	"time"

	"github.com/nats-io/nats.go"
	"github.com/stretchr/testify/require"
)

// columns are the values of a row, as Scan gives them.
type columns []any

func (c columns) Scan(into ...any) error {
	for i, to := range into {
		switch to := to.(type) {
		case *uint64:
			*to = c[i].(uint64)
		case *int64:
			*to = c[i].(int64)
		case *int:
			*to = c[i].(int)
		case *string:
			*to = c[i].(string)
		case *[]byte:
			*to = c[i].([]byte)
		default:
			return fmt.Errorf("column %d is %T", i, to)
		}
	}
	return nil
}

// A row that scanRecord takes has the sum of all that never changes: no change of any of
// these is taken for the event.
func FuzzARowIsTakenOnlyAsItWasWritten(f *testing.F) {
	f.Add(uint64(1), "81234567890", "meeting.ended", "webhook", "00-0af7651916cd43dd8448eb211c80319c-b7ad6b7169203331-01", int64(1772438400000000), []byte(`{}`), uint8(0))
	f.Add(uint64(2), "8", "1", "", "", int64(-1), []byte{}, uint8(3))
	f.Add(uint64(3), "", "", "", "no trace", int64(0), []byte("x"), uint8(4))
	f.Add(uint64(3), "\x00", "", "0", "0", int64(-32), []byte("0"), uint8(2))
	f.Fuzz(func(t *testing.T, number uint64, meeting, kind, source, trace string, accepted int64, body []byte, change uint8) {
		written := record{Event: Event{Body: body, Meeting: meeting, Kind: kind, Source: source, Trace: readTrace(trace)}, number: number, acceptedAt: time.UnixMicro(accepted)}
		row := columns{number, meeting, kind, source, writeTrace(written.Trace), accepted, sumOf(written), 1, body}
		read, err := scanRecord(row)
		require.NoError(t, err)
		require.Equal(t, meeting, read.Meeting)
		require.True(t, bytes.Equal(body, read.Body))
		require.Equal(t, accepted, read.acceptedAt.UnixMicro())

		switch change % 6 {
		case 0:
			row[0] = number + 1
		case 1:
			row[1] = meeting + "0"
		case 2:
			row[1], row[2] = kind, meeting
			if meeting == kind {
				return
			}
		case 3:
			row[3] = source + " "
		case 4:
			row[5] = accepted ^ 1<<(change%63)
		case 5:
			row[8] = append(bytes.Clone(body), change)
		}
		_, err = scanRecord(row)
		require.ErrorIs(t, err, ErrDamaged)
	})
}

func FuzzASlotIsReadOnlyAsItWasWritten(f *testing.F) {
	f.Add([]byte{}, uint64(0), uint16(0))
	f.Add(writeSlot(mark{"ABCDEFGHIJKLMNOPQRSTUVWXYZ", 17}), uint64(17), uint16(9))
	f.Fuzz(func(t *testing.T, data []byte, last uint64, flip uint16) {
		if m, ok := readSlot(data); ok {
			require.Equal(t, data, writeSlot(m), "nothing but a slot is taken for one")
		}
		m := mark{"ABCDEFGHIJKLMNOPQRSTUVWXYZ", last}
		slot := writeSlot(m)
		read, ok := readSlot(slot)
		require.True(t, ok)
		require.Equal(t, m, read)
		slot[int(flip>>3)%len(slot)] ^= 1 << (flip & 7)
		_, ok = readSlot(slot)
		require.False(t, ok)
	})
}

func FuzzAMessageIsReadAsItWasWritten(f *testing.F) {
	f.Add("81234567890", "meeting.ended", "webhook", int64(1772438400000000), []byte(`{}`))
	f.Add("a.b *>", "\r\nX: y", "%", int64(0), []byte(nil))
	f.Fuzz(func(t *testing.T, meeting, kind, source string, accepted int64, body []byte) {
		at := time.UnixMicro(accepted).UTC()
		if y := at.Year(); y < 1 || y > 9999 {
			return // which no clock says
		}
		r := record{Event: Event{Body: body, Meeting: meeting, Kind: kind, Source: source}, number: 7, acceptedAt: at, attempt: 3}
		read := readStored(place{streamDone, 9}, time.Now(), r.message("").Header, body)
		require.Equal(t, r, read.record)

		readStored(place{streamEvents, 9}, time.Now(), nats.Header{headerAttempt: {kind}, headerAccepted: {source}, headerNumber: {meeting}, headerMeeting: {kind}}, body)
	})
}
