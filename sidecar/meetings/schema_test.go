package meetings_test

import (
	"os"
	"strings"
	"sync"
	"testing"

	"github.com/santhosh-tekuri/jsonschema/v6"
	"github.com/stretchr/testify/require"
)

// schemas are the whole answers, nested objects too: nothing may be missing, and
// nothing be there beside it.
var schemas = sync.OnceValue(func() map[string]*jsonschema.Schema {
	compiler := jsonschema.NewCompiler()
	compiler.AssertFormat()
	compiled := map[string]*jsonschema.Schema{}
	for _, route := range []string{"join", "participants"} {
		compiled[route] = compiler.MustCompile("testdata/" + route + ".schema.json")
	}
	return compiled
})

// requireShape holds a 200 of a route to its schema.
func requireShape(t testing.TB, route, body string) {
	t.Helper()
	answer, err := jsonschema.UnmarshalJSON(strings.NewReader(body))
	require.NoError(t, err, body)
	require.NoError(t, schemas()[route].Validate(answer), body)
}

// A schema that takes everything would hold nobody to anything.
func TestTheSchemasRefuseWhatTheComponentCannotRead(t *testing.T) {
	t.Parallel()
	for route, changes := range map[string][][2]string{
		"join": {
			{`"isHost":false,`, ``}, {`"isHost":false`, `"isHost":"no"`}, {`"startUrl":null`, `"startUrl":"https://zoom.test/s"`},
			{`"https://zoom.test/j/1"`, `"javascript:alert(1)"`}, {`"password":null`, `"password":""`}, {`"sdkKey":null`, `"sdkKey":"key"`},
			{`"isHost":false`, `"isHost":false,"more":1`},
		},
		"participants": {
			{`,"attended":true`, ``}, {`"attended":true`, `"attended":null`}, {`"attended":true`, `"hasJoined":true`}, {`"duration":null`, `"duration":1.5`},
			{`"duration":null`, `"duration":"0"`}, {`"class":null`, `"class":{}`}, {`"class":null`, `"class":null,"password":"secret"`},
			{`"join_time":null`, `"join_time":"yesterday"`}, {`"user_id":null`, `"user_id":""`}, {`"attendanceRate":100`, `"attendanceRate":99.5`},
			{`"attendanceRate":100`, `"attendanceRate":"100"`}, {`"user":null`, `"user":{"id":"00000000-0000-4000-8000-000000000001"}`},
			{`,"user":null`, ``}, {`"participants":[`, `"participants":[null,`},
		},
	} {
		file, err := os.ReadFile("testdata/" + route + ".example.json")
		require.NoError(t, err)
		good := strings.TrimSpace(string(file))
		requireShape(t, route, good)
		for _, change := range changes {
			require.Contains(t, good, change[0])
			answer, err := jsonschema.UnmarshalJSON(strings.NewReader(strings.Replace(good, change[0], change[1], 1)))
			require.NoError(t, err)
			require.Error(t, schemas()[route].Validate(answer), "%s: %s for %s", route, change[1], change[0])
		}
	}
}
