package realtime

import (
	"errors"
	"fmt"
	"slices"
	"strings"
)

// condition is one part of a filter such as id=eq.5.
type condition struct{ column, operator, value string }

// operators are the conditions in SQL, of a column's value and the filter's.
var operators = map[string]string{
	"eq":  "%s = %s",
	"neq": "%s <> %s",
	"lt":  "%s < %s",
	"lte": "%s <= %s",
	"gt":  "%s > %s",
	"gte": "%s >= %s",
	"in":  "%s = any(%s)",
}

// notImitated are the operators that Realtime has besides, and the negation.
var notImitated = []string{"like", "ilike", "is", "match", "imatch", "isdistinct", "not"}

// valueType is the type, in SQL, of the filter's value for a column's type.
func (c condition) valueType(columnType string) string {
	if c.operator == "in" {
		return columnType + "[]"
	}
	return columnType
}

// sql asks whether a column's value, $1, meets the condition, whose value is
// $2. Null meets none.
func (c condition) sql(columnType string) string {
	test := fmt.Sprintf(operators[c.operator], "$1::text::"+columnType, "$2::text::"+c.valueType(columnType))
	return "select coalesce(" + test + ", false)"
}

// parseFilter reads conditions with commas between them, which must all hold.
func parseFilter(filter string) ([]condition, error) {
	if strings.TrimSpace(filter) == "" {
		return nil, nil
	}
	var conditions []condition
	for _, part := range splitFilter(filter) {
		c, err := parseCondition(strings.TrimSpace(part))
		if err != nil {
			return nil, err
		}
		conditions = append(conditions, c)
	}
	return conditions, nil
}

// splitFilter splits at the commas outside of quotes and parentheses.
func splitFilter(filter string) []string {
	var parts []string
	depth, quoted, escaped, start := 0, false, false, 0
	for i, char := range filter {
		switch {
		case escaped:
			escaped = false
		case char == '"' && (quoted || opensQuote(filter[:i])):
			quoted = !quoted
		case quoted:
			escaped = char == '\\'
		case char == '(':
			depth++
		case char == ')':
			depth = max(0, depth-1)
		case char == ',' && depth == 0:
			parts = append(parts, filter[start:i])
			start = i + 1
		}
	}
	return append(parts, filter[start:])
}

// opensQuote says whether a quote after this text begins a value.
func opensQuote(before string) bool {
	return before != "" && strings.ContainsRune(".(,", rune(before[len(before)-1]))
}

func parseCondition(text string) (condition, error) {
	if text == "" {
		return condition{}, errors.New("filter must not contain empty segments (check for extra commas)")
	}
	column, rest, found := strings.Cut(text, "=")
	if !found {
		return condition{}, fmt.Errorf("[%s]", quoted(text))
	}
	operator, value, found := strings.Cut(rest, ".")
	if !found {
		return condition{}, fmt.Errorf("[%s]", quoted(rest))
	}
	if slices.Contains(notImitated, operator) {
		return condition{}, fmt.Errorf("the local stack does not imitate %s", operator)
	}
	if operators[operator] == "" {
		return condition{}, fmt.Errorf("[%s, %s]", quoted(operator), quoted(value))
	}
	if operator != "in" {
		return condition{column, operator, unquote(value)}, nil
	}
	list, opens := strings.CutPrefix(value, "(")
	list, closes := strings.CutSuffix(list, ")")
	if !opens || !closes {
		return condition{}, errors.New("`in` filter value must be wrapped by parentheses")
	}
	return condition{column, operator, "{" + list + "}"}, nil
}

// unquote takes the quotes off a value that is wholly within them.
func unquote(value string) string {
	inner, quoted := strings.CutPrefix(value, `"`)
	if !quoted {
		return value
	}
	var text strings.Builder
	for i := 0; i < len(inner); i++ {
		switch {
		case inner[i] == '\\' && i+1 < len(inner):
			i++
		case inner[i] == '"' && i+1 == len(inner):
			return text.String()
		case inner[i] == '"':
			return value
		}
		text.WriteByte(inner[i])
	}
	return value
}
