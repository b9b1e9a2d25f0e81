package main

import (
	"context"
	"log/slog"
	"os"
	"strings"

	"github.com/spf13/cobra"

	"zoom-attendance/sidecar/inbox"
	"zoom-attendance/sidecar/operator/admin"
	"zoom-attendance/sidecar/operator/doctor"
	"zoom-attendance/sidecar/operator/explain"
	"zoom-attendance/sidecar/operator/unmatched"
	"zoom-attendance/sidecar/rejudge"
	"zoom-attendance/sidecar/supabase"
	"zoom-attendance/sidecar/zoom"
)

// explainCommand is for whoever asks why: it speaks to the project itself.
func explainCommand() *cobra.Command {
	return explain.Command(func() (explain.Project, error) {
		c, err := readExplainConfig(os.Environ())
		if err != nil {
			return nil, err
		}
		return c.openProject()
	})
}

// openProject is for the commands that speak to the project themselves.
func (c Config) openProject() (*supabase.Client, error) {
	return supabase.New(supabase.Options{URL: c.SupabaseURL, Key: c.supabaseKey(), Policy: c.policy(), Log: c.logger()})
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

// rejudgeCommand is for whoever wants lessons judged anew: it speaks to the project
// itself.
func rejudgeCommand() *cobra.Command {
	return rejudge.Command(func() (rejudge.School, error) {
		c, err := readExplainConfig(os.Environ())
		if err != nil {
			return nil, err
		}
		return c.openProject()
	})
}

// listCommand is for whoever sets right what cannot be matched: it speaks to the
// project itself, and to the running sidecar.
func listCommand() *cobra.Command {
	return unmatched.Command(unmatched.Places{
		Open: func() (unmatched.Project, error) {
			c, err := readExplainConfig(os.Environ())
			if err != nil {
				return nil, err
			}
			return c.openProject()
		},
		Numbers: func(ctx context.Context, at string) ([]inbox.UnknownMeeting, error) {
			return admin.UnknownMeetings(ctx, at, zoom.Secret(os.Getenv("ADMIN_TOKEN")))
		},
		Admin: admin.URL(os.Getenv("ADMIN_ADDR")),
	})
}

// doctorCommand looks at the place by the settings that there are, however wrong.
func doctorCommand() *cobra.Command {
	return doctor.Command(func() doctor.Place { return placeOf(os.Environ()) })
}

// placeOf is the place that the settings tell of.
func placeOf(environ []string) doctor.Place {
	c, faults := parseConfig(environ)
	p := doctor.Place{
		Faults: faults, Store: c.tryStore, MaxBytes: uint64(max(c.InboxMaxBytes, 0)),
		URL: c.SupabaseURL, Key: c.supabaseKey(), Policy: c.policy(),
		Secrets: c.WebhookSecrets, Window: c.SignatureWindow,
	}
	client, err := supabase.New(supabase.Options{URL: c.SupabaseURL, Key: c.supabaseKey(), Log: slog.New(slog.DiscardHandler)})
	if p.Refused = err; err == nil {
		p.Project = client
	}
	return p
}

// tryStore tries where the settings keep events.
func (c Config) tryStore(ctx context.Context) (inbox.Trial, error) {
	if c.NATSURL != "" {
		return inbox.TryCluster(ctx, string(c.NATSURL), c.NATSReplicas)
	}
	return inbox.TryDirectory(ctx, c.InboxDir)
}
