package inbox

import (
	"errors"
	"os"
	"path/filepath"
)

// renameBoth moves dir aside and fresh in its place, or leaves both.
func renameBoth(dir, fresh, aside string) error {
	if err := rename(dir, aside); err != nil {
		return err
	}
	if err := rename(fresh, dir); err != nil {
		return errors.Join(err, rename(aside, dir))
	}
	return nil
}

// rename moves a directory and makes that survive a power cut.
func rename(from, to string) error {
	if err := os.Rename(from, to); err != nil {
		return err
	}
	parent, err := os.Open(filepath.Dir(to))
	if err != nil {
		return err
	}
	return errors.Join(parent.Sync(), parent.Close())
}
