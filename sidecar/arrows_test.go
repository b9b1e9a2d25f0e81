package main

import (
	"encoding/json"
	"errors"
	"io"
	"os/exec"
	"slices"
	"strings"
	"testing"

	"github.com/stretchr/testify/require"
)

// Arrows point one way: what each package may import of this module, and why
// not more. Packages that tests alone need are not counted.
var arrows = map[string]struct {
	may []string
	why string
}{
	"sidecar/zoom":     {nil, "the vocabulary is pure: bytes in, values out"},
	"sidecar/terminal": {nil, "it is how the commands speak, and knows none of them"},
	"sidecar/web":      {[]string{"sidecar/zoom"}, "it is what both doors share, and knows none of them"},

	"sidecar/hook":     {[]string{"sidecar/zoom", "sidecar/web"}, onTheWay},
	"sidecar/inbox":    {[]string{"sidecar/zoom"}, onTheWay},
	"sidecar/relay":    {[]string{"sidecar/zoom"}, onTheWay},
	"sidecar/supabase": {[]string{"sidecar/zoom"}, onTheWay},

	"sidecar/meetings": {[]string{"sidecar/zoom", "sidecar/web"}, "it is a door of its own: main gives it the project to ask"},
	"sidecar/rejudge":  {[]string{"sidecar/zoom", "sidecar/terminal", "sidecar/inbox"}, "it replays what the inbox lists; the database is main's to give"},
	"sidecar/traces":   {[]string{"sidecar/zoom"}, "it is where traces go, whoever makes them"},

	"sidecar/operator/admin":     {[]string{"sidecar/zoom", "sidecar/terminal", "sidecar/web", "sidecar/inbox"}, above},
	"sidecar/operator/board":     {[]string{"sidecar/zoom", "sidecar/operator/explain", "sidecar/operator/watch"}, above},
	"sidecar/operator/doctor":    {[]string{"sidecar/zoom", "sidecar/terminal", "sidecar/inbox", "sidecar/supabase"}, above},
	"sidecar/operator/explain":   {[]string{"sidecar/zoom", "sidecar/terminal"}, above},
	"sidecar/operator/unmatched": {[]string{"sidecar/terminal", "sidecar/inbox"}, above},
	"sidecar/operator/watch":     {[]string{"sidecar/zoom", "sidecar/relay", "sidecar/rejudge", "sidecar/supabase"}, above},

	"sidecar/oracle":   {[]string{"sidecar/zoom"}, "it is the independent model: it must not depend on what it judges"},
	"sidecar/simulate": {[]string{"sidecar/zoom", "sidecar/terminal", "sidecar/oracle"}, "it makes traffic, and must not depend on what it checks"},

	"sidecar": {[]string{
		"sidecar/zoom", "sidecar/terminal", "sidecar/web", "sidecar/hook", "sidecar/inbox", "sidecar/relay", "sidecar/supabase",
		"sidecar/meetings", "sidecar/rejudge", "sidecar/traces", "sidecar/simulate",
		"sidecar/operator/admin", "sidecar/operator/board", "sidecar/operator/doctor", "sidecar/operator/explain", "sidecar/operator/unmatched", "sidecar/operator/watch",
	}, "the local stack is never in the production binary"},
}

const (
	onTheWay = "rooms on the way of an event do not know each other: main wires them"
	above    = "it stands above the way of an event: it may know the rooms that it shows, and no door"
)

// foreign are imports that only these rooms may have.
var foreign = map[string]struct{ room, why string }{
	"github.com/gin-gonic/gin":                                        {"sidecar/hook sidecar/meetings sidecar/web", "gin.Context never leaves the doors"},
	"github.com/gin-contrib/cors":                                     {"sidecar/meetings", "a browser asks nobody else"},
	"github.com/golang-jwt/jwt/v5":                                    {"sidecar/meetings", "it signs for the Meeting SDK; the tokens of users are Supabase's to check"},
	"github.com/nats-io/nats.go/jetstream":                            {"sidecar/inbox", "what keeps events is the inbox's business"},
	"github.com/nats-io/nats-server/v2/server":                        {"", "tests only: no NATS server is in the production binary"},
	"modernc.org/sqlite":                                              {"sidecar/inbox", "what keeps events is the inbox's business"},
	"database/sql":                                                    {"sidecar/inbox", "what keeps events is the inbox's business"},
	"github.com/supabase-community/supabase-go":                       {"sidecar/supabase", "how the project is reached is its client's business"},
	"github.com/caarlos0/env/v11":                                     {"sidecar", "the environment is read once, in config.go"},
	"go.opentelemetry.io/otel/sdk/trace":                              {"sidecar/traces", "rooms know the API of traces; where they go is one room's business"},
	"go.opentelemetry.io/otel/sdk/resource":                           {"sidecar/traces", "rooms know the API of traces; where they go is one room's business"},
	"go.opentelemetry.io/otel":                                        {"sidecar/traces", "nothing of the process is global but what this room must set"},
	"go.opentelemetry.io/otel/exporters/otlp/otlptrace/otlptracehttp": {"", "it brings gRPC with it, 11 MB: see sidecar/traces"},
	"github.com/jackc/pgx/v5":                                         {"", "the sidecar writes through PostgREST, never straight to Postgres"},
	"github.com/stretchr/testify/require":                             {"", "tests only"},
	"github.com/supabase-community/postgrest-go":                      {"sidecar/supabase", "how the project is reached is its client's business"},
}

func TestArrowsPointOneWay(t *testing.T) {
	out, err := exec.Command("go", "list", "-json=ImportPath,Imports", "./...").Output()
	require.NoError(t, err)
	const module = "zoom-attendance/"
	seen := 0
	for list := json.NewDecoder(strings.NewReader(string(out))); ; {
		var p struct {
			ImportPath string
			Imports    []string
		}
		err := list.Decode(&p)
		if errors.Is(err, io.EOF) {
			break
		}
		require.NoError(t, err)
		name := strings.TrimPrefix(p.ImportPath, module)
		allowed, known := arrows[name]
		require.True(t, known, "%s is a new room: say in this test what it may import", name)
		seen++
		for _, path := range p.Imports {
			if inner, ours := strings.CutPrefix(path, module); ours && !slices.Contains(allowed.may, inner) {
				t.Errorf("%s imports %s, but %s", name, inner, allowed.why)
			}
			if f, ok := foreign[path]; ok && !slices.Contains(strings.Fields(f.room), name) {
				t.Errorf("%s imports %s, but %s", name, path, f.why)
			}
		}
	}
	require.Equal(t, len(arrows), seen, "a room of this test is gone")
}
