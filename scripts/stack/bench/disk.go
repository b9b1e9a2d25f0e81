package main

import (
	"errors"
	"fmt"
	"os"
	"path/filepath"
	"time"
)

// recordSize is about that of an event.
const recordSize = 1 << 10

// writeAndSync appends records to a file, syncs it after each group, and
// returns how many were on the disk in a second: what no durable answer can
// exceed that shares a sync with so many others.
func writeAndSync(dir string, group int, during time.Duration) (perSecond float64, err error) {
	path := filepath.Join(dir, "writing")
	file, err := os.Create(path)
	if err != nil {
		return 0, err
	}
	defer func() { err = errors.Join(err, file.Close(), os.Remove(path)) }()
	records := make([]byte, group*recordSize)
	written, began := 0, time.Now()
	for time.Since(began) < during {
		if _, err := file.Write(records); err != nil {
			return 0, fmt.Errorf("write to the disk: %w", err)
		}
		if err := file.Sync(); err != nil {
			return 0, fmt.Errorf("sync the disk: %w", err)
		}
		written += group
	}
	return float64(written) / time.Since(began).Seconds(), nil
}
