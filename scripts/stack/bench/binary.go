package main

import (
	"context"
	"os"
)

// measureBinary: how large is what is shipped?
func measureBinary(_ context.Context, b *bench) error {
	about, err := os.Stat(b.sidecar)
	if err != nil {
		return err
	}
	size := float64(about.Size()) / 1e6
	say("%s", megabytes.write(size))
	b.find("binary: production binary", megabytes, sample{size}, "static, stripped")
	return nil
}
