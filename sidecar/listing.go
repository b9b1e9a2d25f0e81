package main

import (
	"context"
	"os"

	"github.com/spf13/cobra"

	"zoom-attendance/sidecar/admin"
	"zoom-attendance/sidecar/supabase"
	"zoom-attendance/sidecar/unmatched"
	"zoom-attendance/sidecar/zoom"
)

// listCommand is for whoever sets right what cannot be matched: it speaks to the
// project itself, and to the running sidecar.
func listCommand() *cobra.Command {
	return unmatched.Command(unmatched.Places{
		Open: func() (unmatched.Project, error) {
			c, err := readExplainConfig(os.Environ())
			if err != nil {
				return nil, err
			}
			return supabase.New(supabase.Options{URL: c.SupabaseURL, Key: c.supabaseKey(), Log: c.logger()})
		},
		Numbers: func(ctx context.Context, at string) (numbers []unmatched.Number, err error) {
			all, err := admin.UnknownMeetings(ctx, at, zoom.Secret(os.Getenv("ADMIN_TOKEN")))
			for _, one := range all {
				numbers = append(numbers, unmatched.Number(one))
			}
			return numbers, err
		},
		Admin: admin.URL(os.Getenv("ADMIN_ADDR")),
	})
}
