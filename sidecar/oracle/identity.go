package oracle

import (
	"cmp"
	"slices"
	"strings"
	"time"
)

// early is how long before a run a student may come through the app for it.
const early = 30 * time.Minute

// identify says who each connection of a run is: by the school's data when the run
// began, and where that names nobody, by the first later data that does.
func identify(t *timeline, r *run, visits []Visit) {
	policy := t.asOf(r.begin).policy
	came := comers(r, visits)
	for _, c := range r.connections {
		c.userID, _ = lookUp(t, r.begin, func(m moment) string { return whoIs(m.School, c, policy, came) })
		if len(visits) == 0 { // nobody came, so nobody is known by a name
			c.knownID = c.userID
		}
	}
}

// whoIs is the user that the first rung names which names anybody. Two on one rung are
// nobody.
func whoIs(s School, c *connection, policy Policy, came []string) string {
	for _, rung := range []func() []string{
		func() []string { return keyed(s, c) },
		func() []string { return registered(s, c) },
		func() []string { return mailed(s, c) },
		func() []string { return named(s, c, policy, came) },
	} {
		if answers := rung(); len(answers) > 0 {
			return onlyOne(answers)
		}
	}
	return ""
}

// keyed: a key that we issued for that meeting.
func keyed(s School, c *connection) (users []string) {
	for _, k := range s.Keys {
		if k.MeetingID == c.in.meeting && slices.Contains(c.keys(), k.CustomerKey) {
			users = appendNew(users, k.UserID)
		}
	}
	return users
}

// registered: a registration for that meeting, where the address is nobody's or the
// registrant's own parent's.
func registered(s School, c *connection) (users []string) {
	for _, r := range s.Registrants {
		if r.MeetingID == c.in.meeting && r.RegistrantID != "" && slices.Contains(c.ids(), r.RegistrantID) && addressAllows(s, c, r.UserID) {
			users = appendNew(users, r.UserID)
		}
	}
	return users
}

func addressAllows(s School, c *connection, userID string) bool {
	return !slices.ContainsFunc(mailed(s, c), func(owner string) bool {
		return !s.isParent(owner, userID)
	})
}

// mailed: whose the addresses are.
func mailed(s School, c *connection) (users []string) {
	for _, address := range c.emails() {
		users = appendNew(users, ownerOf(s, address))
	}
	return users
}

// ownerOf is the user with this address: the one who spells it so, else the only one
// who has it in any case; empty for nobody, and for a tie.
func ownerOf(s School, address string) string {
	var exact, similar []string
	for _, u := range s.Users {
		if u.isHeld || foldEmail(u.Email) == "" || foldEmail(u.Email) != foldEmail(address) {
			continue
		}
		similar = append(similar, u.ID)
		if strings.TrimSpace(u.Email) == strings.TrimSpace(address) {
			exact = append(exact, u.ID)
		}
	}
	return cmp.Or(onlyOne(exact), onlyOne(similar))
}

// named: the one student of the class whose name, as staff wrote it, the connection
// showed last, if the app saw that student come. Whoever shows a key goes by it alone.
func named(s School, c *connection, policy Policy, came []string) []string {
	name := foldName(c.name())
	if policy.AppJoins == Ignore || len(came) == 0 || len(c.keys()) > 0 || name == "" {
		return nil
	}
	var namesakes []string
	for _, u := range s.Users {
		if foldName(u.staffName) == name && s.enrolled(c.in.class, u.ID) {
			namesakes = append(namesakes, u.ID)
		}
	}
	if len(namesakes) != 1 || !slices.Contains(came, namesakes[0]) {
		return nil
	}
	return namesakes
}

// comers are the users who opened or joined the page of a meeting for a run: in the
// window of its lesson, or from half an hour before it to its end.
func comers(r *run, visits []Visit) (users []string) {
	for _, v := range visits {
		if v.MeetingID != r.meeting || v.Kind == "left" {
			continue
		}
		forRun := !v.At.Before(r.begin.Add(-early)) && (!r.isOver || !v.At.After(r.end))
		if forRun || r.lesson != nil && r.lesson.takes(v.At, v.At) {
			users = appendNew(users, v.UserID)
		}
	}
	return users
}

func (c *connection) keys() (keys []string) {
	for _, s := range c.segments {
		keys = appendNew(keys, s.key)
	}
	return keys
}

func (c *connection) ids() (ids []string) {
	for _, s := range c.segments {
		ids = appendNew(ids, s.ids[0], s.account, s.ids[1])
	}
	return ids
}

func (c *connection) emails() (emails []string) {
	for _, s := range c.segments {
		emails = appendNew(emails, s.email)
	}
	return emails
}

func (c *connection) accounts() (accounts []string) {
	for _, s := range c.segments {
		accounts = appendNew(accounts, s.account)
	}
	return accounts
}

// name is the newest name that the connection showed.
func (c *connection) name() string { return newestName([]*connection{c}) }

func newestName(connections []*connection) string {
	return newestNameOf(connections, func(name string) bool { return name != "" })
}

// newestNameOf is the newest of the names that fit.
func newestNameOf(connections []*connection, fits func(string) bool) string {
	var newest mark
	for _, c := range connections {
		for _, s := range c.segments {
			for _, m := range s.marks {
				if m.name != "" && fits(m.name) && cmp.Or(m.at.Compare(newest.at), strings.Compare(m.name, newest.name)) > 0 {
					newest = m
				}
			}
		}
	}
	return newest.name
}

// staffName is the name of a user that staff wrote: what users write themselves
// changes nothing.
func staffName(before moment, row User, by string) string {
	old := before.User(row.ID)
	byStaff := by == "" || before.isAdmin(by)
	switch {
	case old == nil && byStaff:
		return row.Name
	case old == nil:
		return ""
	case byStaff && old.Name != row.Name:
		return row.Name
	}
	return old.staffName
}
