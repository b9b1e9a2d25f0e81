package main

import (
	"cmp"
	"fmt"
	"runtime"
	"runtime/debug"

	"github.com/spf13/cobra"

	"zoom-attendance/sidecar/terminal"
)

// release is set where no repository is at hand to read the commit from:
//
//	go build -ldflags "-X main.release=$(git describe --always --dirty)" ./sidecar
var release string

// build is what this program was built from.
type build struct {
	Version string `json:"version"` // the release, else the commit
	Changed bool   `json:"changed"` // there were changes since that commit
	Go      string `json:"go"`
}

func readBuild() build {
	b := build{Version: release, Go: runtime.Version()}
	settings := map[string]string{}
	if info, ok := debug.ReadBuildInfo(); ok {
		for _, setting := range info.Settings {
			settings[setting.Key] = setting.Value
		}
	}
	if b.Version == "" {
		commit := cmp.Or(settings["vcs.revision"], "unknown")
		b.Version = commit[:min(len(commit), 12)]
		b.Changed = settings["vcs.modified"] == "true"
	}
	return b
}

// version says it on one line.
func version() string {
	b := readBuild()
	if b.Changed {
		b.Version += ", changed since"
	}
	return fmt.Sprintf("%s (%s)", b.Version, b.Go)
}

func versionCommand() *cobra.Command {
	var asJSON bool
	command := &cobra.Command{
		Use: "version", Short: "Say which commit this is, and which Go built it", Args: cobra.NoArgs,
		Example: `  sidecar version
  sidecar version --json | jq -r .version`,
		RunE: func(cmd *cobra.Command, _ []string) error {
			if asJSON {
				return terminal.PrintJSON(cmd.OutOrStdout(), readBuild())
			}
			_, err := fmt.Fprintln(cmd.OutOrStdout(), "sidecar version", version())
			return err
		},
	}
	command.Flags().BoolVar(&asJSON, "json", false, "print it for programs")
	return command
}
