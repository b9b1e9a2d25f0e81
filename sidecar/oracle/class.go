package oracle

// classOf is the class that a run counts for: the one its meeting counted for when it
// began, or the first one after that.
func classOf(t *timeline, r *run) string {
	class, _ := lookUp(t, r.begin, func(m moment) string { return countedClass(m.School, r.meeting) })
	return class
}

// countedClass is the class of a meeting, if its host teaches it, or if an admin or
// somebody outside a user's session wrote it there.
func countedClass(s School, meetingID string) string {
	row := s.meeting(meetingID)
	if row == nil || row.ClassID == "" {
		return ""
	}
	if row.confirmed || row.HostID != "" && s.teacherOf(row.ClassID) == row.HostID {
		return row.ClassID
	}
	return ""
}

// confirmed: an admin who saves the row confirms its class for good, and so does
// whoever writes the class outside a user's session. A class that somebody else writes
// is not confirmed.
func confirmed(before moment, row Meeting, by string) bool {
	if before.isAdmin(by) {
		return true
	}
	if old := before.meeting(row.ID); old != nil && old.ClassID == row.ClassID {
		return old.confirmed
	}
	return by == ""
}
