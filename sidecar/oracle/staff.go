package oracle

import "slices"

// recogniseStaff says which connections of a run are staff, by the school's data when
// it began. Whoever is staff on one device is so on each. A name makes nobody staff.
func recogniseStaff(t *timeline, r *run) {
	s := t.asOf(r.begin).School
	var users []string
	for _, c := range r.connections {
		c.isStaff = isStaff(s, c)
		if c.isStaff {
			users = appendNew(users, c.knownID)
		}
	}
	for _, c := range r.connections {
		c.isStaff = c.isStaff || slices.Contains(users, c.knownID)
	}
}

// isStaff: Zoom's host, the row's host, the class's teacher, teachers and admins; never
// somebody who is enrolled in the class.
func isStaff(s School, c *connection) bool {
	if s.enrolled(c.in.class, c.knownID) {
		return false
	}
	if isZoomHost(c) {
		return true
	}
	user := s.User(c.knownID)
	if user == nil {
		return false
	}
	row := s.meeting(c.in.meeting)
	return user.Role == "teacher" || user.Role == "admin" ||
		row != nil && row.HostID == user.ID || s.teacherOf(c.in.class) == user.ID
}

// isZoomHost: the connection shows the account or the address of Zoom's host.
func isZoomHost(c *connection) bool {
	if slices.Contains(c.accounts(), c.in.hostID) {
		return true
	}
	return c.in.hostEmail != "" && slices.ContainsFunc(c.emails(), func(address string) bool {
		return foldEmail(address) == foldEmail(c.in.hostEmail)
	})
}
