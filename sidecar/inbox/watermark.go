package inbox

import (
	"bytes"
	"crypto/sha256"
	"encoding/binary"
	"errors"
	"fmt"
	"io/fs"
	"os"
	"path/filepath"
	"slices"
)

// SQLite ends a damaged or missing write-ahead log in silence, and whole transactions
// with it. So a small file beside the database remembers its id and the last number
// that was answered for. It is written after each commit, not synced, in two slots in
// turns: of a torn one the other is left.

const (
	watermarkName = "inbox.last"
	slotSize      = 512
	idSize        = 26 // of rand.Text
)

// watermark is the file inbox.last.
type watermark struct {
	file *os.File
	turn int64
}

// mark is what it says.
type mark struct {
	id   string // of the database file; empty: it is being made
	last uint64 // the last number that was answered for
}

var errTornWatermark = errors.New("neither slot of " + watermarkName + " can be read")

// readWatermark reads the file. It returns fs.ErrNotExist where there is none.
func readWatermark(dir string) (mark, error) {
	data, err := os.ReadFile(filepath.Join(dir, watermarkName))
	if err != nil {
		return mark{}, err
	}
	var latest mark
	found := false
	for slot := range slices.Chunk(data, slotSize) {
		if m, ok := readSlot(slot); ok && (!found || m.last >= latest.last) {
			latest, found = m, true
		}
	}
	if !found {
		return mark{}, errTornWatermark
	}
	return latest, nil
}

// makeWatermark writes the file anew, and syncs it and its directory. Where there is none
// it appears whole: a power cut must leave nothing that could be taken for damage.
func makeWatermark(dir string, m mark) (*watermark, error) {
	path := filepath.Join(dir, watermarkName)
	there, err := exists(path)
	if err != nil {
		return nil, err
	}
	name := path
	if !there {
		name += ".new"
	}
	f, err := os.OpenFile(name, os.O_RDWR|os.O_CREATE, 0o600)
	if err != nil {
		return nil, err
	}
	w := &watermark{file: f}
	for range 2 {
		err = errors.Join(err, w.write(m))
	}
	if err = errors.Join(err, f.Sync()); err == nil && !there {
		err = os.Rename(name, path)
	}
	if err = errors.Join(err, syncDirectory(dir)); err != nil {
		return nil, errors.Join(err, f.Close())
	}
	return w, nil
}

// write notes a mark.
func (w *watermark) write(m mark) error {
	_, err := w.file.WriteAt(writeSlot(m), w.turn*slotSize)
	w.turn = 1 - w.turn
	return err
}

func (w *watermark) close() error { return w.file.Close() }

// writeSlot is a slot: the number, the id, zeros, and the sum of these.
func writeSlot(m mark) []byte {
	slot := make([]byte, slotSize)
	binary.BigEndian.PutUint64(slot, m.last)
	copy(slot[8:8+idSize], m.id)
	sum := sha256.Sum256(slot[:slotSize-sha256.Size])
	copy(slot[slotSize-sha256.Size:], sum[:])
	return slot
}

func readSlot(slot []byte) (mark, bool) {
	if len(slot) != slotSize {
		return mark{}, false
	}
	sum := sha256.Sum256(slot[:slotSize-sha256.Size])
	if !bytes.Equal(sum[:], slot[slotSize-sha256.Size:]) {
		return mark{}, false
	}
	return mark{id: string(bytes.TrimRight(slot[8:8+idSize], "\x00")), last: binary.BigEndian.Uint64(slot)}, true
}

// syncDirectory makes sure that the names in a directory are on the disk.
func syncDirectory(dir string) error {
	d, err := os.Open(dir)
	if err != nil {
		return err
	}
	if err := errors.Join(d.Sync(), d.Close()); err != nil {
		return fmt.Errorf("sync %s: %w", dir, err)
	}
	return nil
}

// exists reports whether there is a file.
func exists(path string) (bool, error) {
	_, err := os.Stat(path)
	if errors.Is(err, fs.ErrNotExist) {
		return false, nil
	}
	return err == nil, err
}
