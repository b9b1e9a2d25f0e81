package doctor

import (
	"fmt"
	"regexp"
	"slices"
	"strings"
)

// policies compares ours with what they should say.
func policies(want, have state) (faults []Fault) {
	for _, should := range want.Policies {
		if _, ok := have.Tables[should.Table]; !ok || have.readsItself(want, should.Table) {
			continue
		}
		at := slices.IndexFunc(have.Policies, func(is policy) bool { return is.Table == should.Table && is.Name == should.Name })
		said := fmt.Sprintf("%q on %s", should.Name, should.Table)
		if at < 0 {
			faults = append(faults, Fault{said + " is not there", again(should.Table)})
		} else if differs := should.differs(have.Policies[at]); differs != "" {
			faults = append(faults, Fault{fmt.Sprintf("%s is not as it should be: %s", said, differs), again(should.Table)})
		}
	}
	return faults
}

// again is how the rules of a table are brought back: its file may be run twice.
func again(table string) string {
	return fmt.Sprintf("in the SQL editor: all of policies/%s.sql, which may be run again and again", bare(table))
}

// bare is the name of a table without its schema.
func bare(table string) string { return table[strings.Index(table, ".")+1:] }

// differs says which part of a policy is another.
func (p policy) differs(is policy) string {
	slices.Sort(p.Roles)
	slices.Sort(is.Roles)
	switch {
	case p.Verb != is.Verb:
		return "it is for " + is.Verb
	case !slices.Equal(p.Roles, is.Roles):
		return "it is for " + strings.Join(is.Roles, ", ")
	case p.Permissive != is.Permissive:
		return "it narrows the others down instead of adding to them"
	case plain(p.Using) != plain(is.Using) && perRow(plain(p.Using)) != plain(is.Using):
		return "it lets others see or change rows (using)"
	case plain(p.Check) != plain(is.Check) && perRow(plain(p.Check)) != plain(is.Check):
		return "it lets other rows be written (with check)"
	}
	return ""
}

var (
	castName = regexp.MustCompile(`\(("?[a-z_.]+"?)\)::[a-z]+( varying)?`)
	castWord = regexp.MustCompile(`('[^']*')::[a-z]+( varying)?`)
)

// plain is an expression without what the catalog's way of printing adds: blanks,
// and casts that say of which of the text types a column of the app's is.
func plain(expression string) string {
	expression = strings.Join(strings.Fields(expression), " ")
	return castWord.ReplaceAllString(castName.ReplaceAllString(expression, "$1"), "$1")
}

var (
	askedOnce    = regexp.MustCompile(`\( SELECT (zoom\.\w+\(\)) AS \w+\)`)
	askedOnceFor = regexp.MustCompile(`\(` + askedOnce.String() + `::uuid\[\]\)`)
)

// perRow is an expression of ours as zoom.avoid_recursion leaves it where policies of
// the app come back to its table: it asks its functions for each row.
func perRow(expression string) string {
	return askedOnce.ReplaceAllString(askedOnceFor.ReplaceAllString(expression, "($1)"), "$1")
}

// isForUsers says whether visitors or users go by a policy.
func (p policy) isForUsers() bool {
	return slices.ContainsFunc(p.Roles, func(role string) bool { return slices.Contains([]string{"public", anon, authenticated}, role) })
}

// opened are policies that are not ours and add to what ours allow, on the tables
// whose access ours decide.
func opened(want, have state) (found []Fault) {
	for _, p := range have.Policies {
		t, ours := want.Tables[p.Table]
		if !ours || !p.Permissive || isTheApps(t.Granted[authenticated]) ||
			slices.ContainsFunc(want.Policies, func(w policy) bool { return w.Table == p.Table && w.Name == p.Name }) {
			continue
		}
		if p.isForUsers() {
			found = append(found, Fault{fmt.Sprintf("%q on %s is not ours, and lets users %s more rows than ours do", p.Name, p.Table, map[string]string{
				"select": "see", "insert": "add", "update": "change", "delete": "delete", "all": "see and write"}[p.Verb]),
				fmt.Sprintf("see whether the app needs it; if not: drop policy %q on %s", p.Name, p.Table)})
		}
	}
	return found
}

// guards compares our triggers with what they should be.
func guards(want, have state) (faults []Fault) {
	for _, should := range want.Guards {
		if _, ok := have.Tables[should.Table]; !ok {
			continue
		}
		at := slices.IndexFunc(have.Guards, func(is guard) bool { return is.Table == should.Table && is.Name == should.Name })
		said := fmt.Sprintf("the trigger %s on %s", should.Name, should.Table)
		switch {
		case at < 0:
			faults = append(faults, Fault{said + " is not there", want.anew(should)})
		case !have.Guards[at].On:
			faults = append(faults, Fault{said + " is off", fmt.Sprintf("in the SQL editor: alter table %s enable trigger %s", should.Table, should.Name)})
		case plain(have.Guards[at].Made) != plain(should.Made):
			faults = append(faults, Fault{said + " is not as it should be", want.anew(should)})
		}
	}
	return faults
}

// anew is how a guard is brought back.
func (want state) anew(g guard) string {
	if from := want.Makes[g.Name]; !strings.HasSuffix(from, "_policies.sql") {
		return fmt.Sprintf("in the SQL editor: its create trigger from supabase/migrations/%s, as create or replace", from)
	}
	return again(g.Table)
}
