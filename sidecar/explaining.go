package main

import (
	"context"
	"encoding/json"
	"os"
	"strings"

	"github.com/spf13/cobra"

	"zoom-attendance/sidecar/explain"
	"zoom-attendance/sidecar/supabase"
)

// explainCommand is for whoever asks why: it speaks to the project itself.
func explainCommand() *cobra.Command {
	return explain.Command(func() (explain.Project, error) {
		c, err := readExplainConfig(os.Environ())
		if err != nil {
			return nil, err
		}
		client, err := supabase.New(supabase.Options{URL: c.SupabaseURL, Key: c.supabaseKey(), Log: c.logger()})
		if err != nil {
			return nil, err
		}
		return forExplaining{client, c.policy()}, nil
	})
}

// readExplainConfig reads the settings that the command needs; others may be
// missing.
func readExplainConfig(environ []string) (Config, error) {
	c, faults := parseConfig(environ)
	var ours []string
	for _, fault := range faults {
		name, _, _ := strings.Cut(fault, " ")
		switch {
		case name == "SUPABASE_URL", name == "SUPABASE_SECRET_KEY", strings.HasPrefix(name, "ATTENDANCE_"), strings.HasPrefix(name, "LOG_"):
			ours = append(ours, fault)
		}
	}
	if len(ours) > 0 {
		return Config{}, settingsError(ours)
	}
	return c, nil
}

// forExplaining is the project as the explain command wants it.
type forExplaining struct {
	*supabase.Client
	policy supabase.Policy
}

func (f forExplaining) Explain(ctx context.Context, q explain.Question) (json.RawMessage, error) {
	return f.Client.Explain(ctx, q.Meeting, q.Student, q.Date, f.policy)
}

func (f forExplaining) Timezone() string { return f.policy.Timezone }
