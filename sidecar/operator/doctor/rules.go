package doctor

import (
	"fmt"
	"regexp"
	"slices"
	"strings"
)

// policies compares ours with what they should say.
func policies(want, have state) (faults []Fault) {
	for _, should := range have.expectedOf(want) {
		if _, ok := have.Tables[should.Table]; !ok {
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
	return append(faults, circles(have)...)
}

// expectedOf are the policies of ours that should be there: on a table of people
// that the app itself has users read, none has to be.
func (have state) expectedOf(want state) (policies []policy) {
	for _, p := range want.Policies {
		if !slices.Contains(have.Theirs, p.Table) || slices.ContainsFunc(have.Policies, func(is policy) bool { return is.Table == p.Table && is.Name == p.Name }) {
			policies = append(policies, p)
		}
	}
	return policies
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
	case plain(p.Using) != plain(is.Using):
		return "it lets others see or change rows (using)"
	case plain(p.Check) != plain(is.Check):
		return "it lets other rows be written (with check)"
	}
	return ""
}

var (
	castName = regexp.MustCompile(`\(("?[a-z_.]+"?)\)::[a-z]+( varying)?`)
	castWord = regexp.MustCompile(`('[^']*')::[a-z]+( varying)?`)

	// asksApart is how a policy of ours asks once per statement.
	asksApart = regexp.MustCompile(`\( ?SELECT (zoom\.\w+\(\)) AS \w+\)`)
	castCall  = regexp.MustCompile(`(zoom\.\w+\(\))::(?:uuid|text)\[\]`)
)

// plain is an expression without what makes no difference: blanks, casts that say
// of which of the text types a column of the app's is, and whether ours ask their
// functions once or, where policies of the app come back to the table, for each row.
func plain(expression string) string {
	expression = strings.Join(strings.Fields(expression), " ")
	expression = castCall.ReplaceAllString(asksApart.ReplaceAllString(expression, "$1"), "$1")
	return castWord.ReplaceAllString(castName.ReplaceAllString(expression, "$1"), "$1")
}

// circles names the tables where a sub-select of ours makes writing fail.
func circles(have state) (faults []Fault) {
	for _, table := range have.Circles {
		for _, p := range have.Policies {
			if p.Table == table && asksApart.MatchString(p.Using+" "+p.Check) {
				faults = append(faults, Fault{fmt.Sprintf("%q on %s has a sub-select, and policies of the app come back to that table: writing there fails for everybody (42P17)", p.Name, table),
					fmt.Sprintf("in the SQL editor: call zoom.avoid_recursion('%s')", table)})
				break // the remedy is for all of them
			}
		}
	}
	return faults
}

// risks are what of the app's own rules somebody should look at. What is said of
// ours already is left out.
func risks(want, have state) (found []Fault) {
	for _, r := range have.Risks {
		said := slices.ContainsFunc(want.Policies, func(p policy) bool {
			return p.Table == r.Of && strings.Contains(r.What, fmt.Sprintf(`policy "%s" `, p.Name))
		}) || strings.HasPrefix(r.What, "row level security is off") && !slices.Contains(have.leftOpen(want), r.Of)
		if !said {
			found = append(found, Fault{r.Of + ": " + r.What, r.Remedy})
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
