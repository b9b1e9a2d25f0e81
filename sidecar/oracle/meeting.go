package oracle

import (
	"slices"
	"strings"
	"time"
)

// meetingOf is the row of the school that a run is of: by its number as it was when
// the run began, else by the number of somebody's personal room.
func meetingOf(t *timeline, r *run) string {
	id, _ := lookUp(t, r.begin, func(m moment) string { return meetingAt(m, r) })
	return id
}

func meetingAt(m moment, r *run) string {
	if rows := withNumber(m, r.number); len(rows) > 0 {
		return onlyOne(rows)
	}
	return personalRoomOf(m, r)
}

// withNumber are the ids of the rows whose number has these digits.
func withNumber(m moment, number string) []string {
	var ids []string
	for _, row := range m.Meetings {
		if digits(row.Number) == number {
			ids = append(ids, row.ID)
		}
	}
	return ids
}

// personalRoomOf: of the rows that are held in the personal room of this number, those
// of Zoom's host come first, then the nearest start.
func personalRoomOf(m moment, r *run) string {
	var rooms, ofHost []Meeting
	for _, row := range m.Meetings {
		if !row.Settings.UsePMI || !slices.Contains(roomNumbers(row.JoinURL), r.number) {
			continue
		}
		rooms = append(rooms, row)
		if owner := ownerOf(m.School, r.hostEmail); owner != "" && owner == row.HostID {
			ofHost = append(ofHost, row)
		}
	}
	if len(ofHost) > 0 {
		rooms = ofHost
	}
	return onlyOne(nearest(rooms, r.begin))
}

// roomNumbers are the numbers in an address like https://zoom.us/j/5551000017.
func roomNumbers(address string) []string {
	var numbers []string
	parts := strings.Split(address, "/j/")
	for _, part := range parts[1:] {
		end := strings.IndexFunc(part, func(r rune) bool { return r < '0' || r > '9' })
		if end < 0 {
			end = len(part)
		}
		numbers = append(numbers, part[:end])
	}
	return numbers
}

// nearest are the ids of the rows whose start is nearest to an instant.
func nearest(rows []Meeting, at time.Time) []string {
	var ids []string
	var least time.Duration
	for _, row := range rows {
		distance := row.StartTime.Sub(at).Abs()
		if len(ids) > 0 && distance > least {
			continue
		}
		if distance < least {
			ids = nil
		}
		least, ids = distance, append(ids, row.ID)
	}
	return ids
}

// onlyOne: a tie is nobody's.
func onlyOne(ids []string) string {
	if len(ids) == 1 {
		return ids[0]
	}
	return ""
}

// meetingsOf says of each run which meeting it is of. A run of a number that nobody
// has is of the meeting of another run with its uuid.
func meetingsOf(t *timeline, runs []*run) {
	for _, r := range runs {
		r.meeting = meetingOf(t, r)
	}
	known := map[string][]string{}
	for _, r := range runs {
		known[r.instance] = appendNew(known[r.instance], r.meeting)
	}
	for _, r := range runs {
		if r.meeting == "" && !strings.Contains(r.instance, " ") { // a uuid, and not what stands for one
			r.meeting = onlyOne(known[r.instance])
		}
	}
}
