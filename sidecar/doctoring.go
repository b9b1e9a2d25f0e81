package main

import (
	"context"
	"log/slog"
	"os"

	"github.com/spf13/cobra"

	"zoom-attendance/sidecar/doctor"
	"zoom-attendance/sidecar/inbox"
	"zoom-attendance/sidecar/supabase"
)

// doctorCommand looks at the place by the settings that there are, however wrong.
func doctorCommand() *cobra.Command {
	return doctor.Command(func() doctor.Place { return placeOf(os.Environ()) })
}

// placeOf is the place that the settings tell of.
func placeOf(environ []string) doctor.Place {
	c, faults := parseConfig(environ)
	p := doctor.Place{
		Faults: faults, Store: c.tryStore, MaxBytes: uint64(max(c.InboxMaxBytes, 0)), Room: inbox.Reserve,
		URL: c.SupabaseURL, Key: c.supabaseKey(), Policy: c.policy(),
		Secrets: c.WebhookSecrets, Window: c.SignatureWindow,
	}
	client, err := supabase.New(supabase.Options{URL: c.SupabaseURL, Key: c.supabaseKey(), Log: slog.New(slog.DiscardHandler)})
	if p.Refused = err; err == nil {
		p.Project = forDoctor{client}
	}
	return p
}

// tryStore tries where the settings keep events.
func (c Config) tryStore(ctx context.Context) (doctor.Store, error) {
	try := func() (inbox.Trial, error) { return inbox.TryDirectory(ctx, c.InboxDir) }
	if c.NATSURL != "" {
		try = func() (inbox.Trial, error) { return inbox.TryCluster(ctx, string(c.NATSURL), c.NATSReplicas) }
	}
	t, err := try()
	return doctor.Store{
		Where: t.Where, Made: t.Made, Running: t.Running, Damage: t.Damage, Warnings: t.Warnings,
		Taken: t.Taken, Free: t.Free, Sync: t.Sync, Remote: c.NATSURL != "",
	}, err
}

// forDoctor is the project as the doctor wants it.
type forDoctor struct{ *supabase.Client }

func (f forDoctor) Greet(ctx context.Context) (doctor.Greeting, error) {
	g, err := f.Client.Greet(ctx)
	return doctor.Greeting(g), err
}
