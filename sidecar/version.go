package main

import (
	"cmp"
	"fmt"
	"runtime/debug"
)

// release is set where no repository is at hand to read the commit from:
//
//	go build -ldflags "-X main.release=$(git describe --always --dirty)" ./sidecar
var release string

// version names the commit this was built from, and the Go it was built with.
func version() string {
	info, ok := debug.ReadBuildInfo()
	if !ok {
		return cmp.Or(release, "unknown")
	}
	settings := map[string]string{}
	for _, setting := range info.Settings {
		settings[setting.Key] = setting.Value
	}
	commit := cmp.Or(settings["vcs.revision"], "unknown")
	commit = commit[:min(len(commit), 12)]
	if settings["vcs.modified"] == "true" {
		commit += ", changed since"
	}
	return fmt.Sprintf("%s (%s)", cmp.Or(release, commit), info.GoVersion)
}
