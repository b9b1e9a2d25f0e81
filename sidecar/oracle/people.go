package oracle

// Edit is what somebody wrote into a record after we had said something: theirs stands
// until the evidence exceeds what we had said.
type Edit struct {
	Record        // an empty status: they deleted it
	Said   string `json:"said"` // our verdict when they wrote
}

// outranked is the record that is there in the end: what people wrote stands until the
// evidence exceeds what we had said when they did; then it is only raised. Late and
// excused are never touched.
func outranked(theirs, said, verdict string) string {
	if theirs == "late" || theirs == "excused" || rank[verdict] <= rank[said] || rank[verdict] <= rank[theirs] {
		return theirs
	}
	return verdict
}

// IsBetter: a record outranks what was expected, or is one that only people write.
func IsBetter(got, want string) bool { return rank[got] > rank[want] || rank[got] == 0 }

// records are the attendance records: for each student and date of a class the best
// verdict of its lessons, and what people wrote.
func records(h History, now moment, verdicts map[Record]string) []Record {
	written := map[Record]Edit{}
	for _, r := range h.Start.Records {
		written[r.On()] = Edit{Record: r}
	}
	for _, edit := range h.Edits {
		written[edit.Record.On()] = edit
	}
	status := map[Record]string{}
	for record, verdict := range verdicts {
		status[record] = verdict
	}
	for record, edit := range written {
		status[record] = outranked(edit.Status, edit.Said, verdicts[record])
	}
	var rows []Record
	for row, status := range status {
		if row.Status = status; status != "" && now.User(row.StudentID) != nil {
			rows = append(rows, row)
		}
	}
	return rows
}

// On is the record without its status: whose it is, and of what.
func (r Record) On() Record {
	r.Status = ""
	return r
}
