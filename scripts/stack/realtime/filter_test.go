package realtime

import (
	"testing"

	"github.com/stretchr/testify/require"
)

func TestParseFilter(t *testing.T) {
	for filter, want := range map[string][]condition{
		"":                      nil,
		"  ":                    nil,
		"id=eq.5":               {{"id", "eq", "5"}},
		"id=gt.0,id=lt.10":      {{"id", "gt", "0"}, {"id", "lt", "10"}},
		" id=eq.5 , name=neq.x": {{"id", "eq", "5"}, {"name", "neq", "x"}},
		"name=eq.a.b=c":         {{"name", "eq", "a.b=c"}},
		"name=eq.":              {{"name", "eq", ""}},
		`name=eq."a,b",id=lt.3`: {{"name", "eq", "a,b"}, {"id", "lt", "3"}},
		`name=eq."a\"\\b"`:      {{"name", "eq", `a"\b`}},
		`name=eq.5" pipe`:       {{"name", "eq", `5" pipe`}},
		`name=eq."a"b`:          {{"name", "eq", `"a"b`}},
		"id=in.(1,2),id=gt.1":   {{"id", "in", "{1,2}"}, {"id", "gt", "1"}},
		`name=in.("a,b",c)`:     {{"name", "in", `{"a,b",c}`}},
		"at=gte.12:00+00:00":    {{"at", "gte", "12:00+00:00"}},
	} {
		t.Run(filter, func(t *testing.T) {
			got, err := parseFilter(filter)
			require.NoError(t, err)
			require.Equal(t, want, got)
		})
	}
}

func FuzzParseFilter(f *testing.F) {
	for _, seed := range []string{`name=eq."a,b",id=lt.3`, "id=in.(1,2)", `a=eq."\`, "a=in.((", ",", "=.", "ü=eq.ü"} {
		f.Add(seed)
	}
	f.Fuzz(func(t *testing.T, filter string) {
		conditions, err := parseFilter(filter)
		if err != nil {
			require.Nil(t, conditions)
		}
		for _, c := range conditions {
			require.Contains(t, operators, c.operator)
		}
	})
}
