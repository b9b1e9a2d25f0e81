package supabase

import (
	"net/http"
	"strconv"
	"strings"
)

// headerChanges is where the functions of the database say how many rows of the
// tables that pages watch they wrote: "zoom_meetings=1, zoom_participants=22".
// One that wrote none leaves it out.
const headerChanges = "Sidecar-Row-Changes"

// watched are the tables of the publication supabase_realtime.
var watched = []string{"attendance_records", "zoom_meetings", "zoom_participants"}

// changed counts the rows that a call wrote. Of what a header says it takes the
// tables it knows, for the rest may be anybody's.
func (m metrics) changed(h http.Header) {
	for said := range strings.SplitSeq(h.Get(headerChanges), ",") {
		table, number, _ := strings.Cut(strings.TrimSpace(said), "=")
		rows, known := m.rows[table]
		if n, err := strconv.ParseUint(number, 10, 32); known && err == nil {
			rows.Add(float64(n))
		}
	}
}
