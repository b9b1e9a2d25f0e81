package zoom

import (
	"strings"
	"unicode"
)

// How many digits make a name look like a telephone number.
const (
	ofCaller        = 5  // anywhere in the name of somebody who dialled in: "Room 1204" passes
	ofInternational = 7  // in a name without letters that begins with "+"
	ofAnybody       = 10 // in any other name without letters: shorter ones may be a student's number
)

// nameOf returns a participant's display name, or "" if it is, or holds, a
// telephone number: Zoom names people who dial in after their number, often
// written another way than in phone_number, or partly masked.
func nameOf(p participant) string {
	name := name(p.UserName)
	dialledIn := strings.TrimSpace(textOrInteger(p.PhoneNumber)) != ""
	if looksLikePhone(name, dialledIn) {
		return ""
	}
	return name
}

func looksLikePhone(name string, dialledIn bool) bool {
	digits := 0
	for _, r := range name {
		if unicode.IsDigit(r) {
			digits++
		}
	}
	wordless := digits > 0 && !strings.ContainsFunc(name, unicode.IsLetter)
	switch {
	case dialledIn:
		return wordless || digits >= ofCaller
	case strings.HasPrefix(name, "+"):
		return wordless && digits >= ofInternational
	}
	return wordless && digits >= ofAnybody
}
