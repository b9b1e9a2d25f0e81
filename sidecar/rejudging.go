package main

import (
	"os"

	"github.com/spf13/cobra"

	"zoom-attendance/sidecar/rejudge"
	"zoom-attendance/sidecar/supabase"
)

// rejudgeCommand is for whoever wants lessons judged anew: it speaks to the project
// itself.
func rejudgeCommand() *cobra.Command {
	return rejudge.Command(func() (rejudge.School, error) {
		c, err := readExplainConfig(os.Environ())
		if err != nil {
			return nil, err
		}
		return supabase.New(supabase.Options{URL: c.SupabaseURL, Key: c.supabaseKey(), Log: c.logger()})
	})
}
