package inbox

import (
	"errors"
	"fmt"
	"io/fs"
	"os"
	"path/filepath"
	"strconv"
	"strings"
	"sync"
)

// watermark remembers, in a file beside the store, the last group of a stream
// that was answered for. A store that ends before it has lost something; a
// store without the stream has lost all. It is not synced: after a power cut
// it may lag behind, never run ahead. A nil watermark does nothing: a cluster
// looks after itself.
type watermark struct {
	mu   sync.Mutex
	file *os.File
	last uint64
}

// watermarkFile is where the watermark of a stream is, in our own directory.
func watermarkFile(dir, stream string) string { return filepath.Join(dir, stream+".last") }

// readWatermark returns the number in the file at path, and whether there is
// such a file.
func readWatermark(path string) (last uint64, made bool, err error) {
	text, err := os.ReadFile(path)
	if errors.Is(err, fs.ErrNotExist) {
		return 0, false, nil
	}
	if err != nil {
		return 0, false, err
	}
	last, err = strconv.ParseUint(strings.TrimSpace(string(text)), 10, 64)
	if err != nil {
		return 0, true, fmt.Errorf("no number in %s", path)
	}
	return last, true, nil
}

// openWatermark opens the file at path, or makes it, at last.
func openWatermark(path string, last uint64) (*watermark, error) {
	file, err := os.OpenFile(path, os.O_RDWR|os.O_CREATE, 0o600)
	if err != nil {
		return nil, err
	}
	w := &watermark{file: file}
	if err := errors.Join(w.write(last), file.Sync()); err != nil {
		w.close()
		return nil, err
	}
	return w, nil
}

// raise moves the mark up to seq.
func (w *watermark) raise(seq uint64) error {
	if w == nil {
		return nil
	}
	w.mu.Lock()
	defer w.mu.Unlock()
	if seq <= w.last {
		return nil
	}
	if err := w.write(seq); err != nil {
		return fmt.Errorf("%w: note the last group: %w", ErrUnavailable, err)
	}
	return nil
}

// write replaces the number in one piece: it always has the same length.
func (w *watermark) write(seq uint64) error {
	w.last = seq
	_, err := fmt.Fprintf(offsetZero{w.file}, "%020d\n", seq)
	return err
}

func (w *watermark) close() {
	if w != nil {
		_ = w.file.Close()
	}
}

// offsetZero writes at the beginning of the file, always.
type offsetZero struct{ *os.File }

func (f offsetZero) Write(p []byte) (int, error) { return f.WriteAt(p, 0) }
