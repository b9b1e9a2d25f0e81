package inbox

import (
	"bytes"
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"hash/crc32"
	"io/fs"
	"log/slog"
	"maps"
	"os"
	"path/filepath"
	"slices"
	"sync"
	"time"

	"zoom-attendance/sidecar/zoom"
)

const (
	checkpointPause = 100 * time.Millisecond // between two writes, at least
	checkpointShare = 10                     // of the time it may write for one part
)

// progress is what of a stream is settled: every group up to floor, and some
// behind it.
type progress struct {
	floor  uint64
	beyond map[uint64]bool
}

func (p *progress) settle(seq uint64) {
	if p.settled(seq) {
		return
	}
	if p.beyond == nil {
		p.beyond = map[uint64]bool{}
	}
	p.beyond[seq] = true
	p.join()
}

// raise says that every group up to a sequence is settled.
func (p *progress) raise(to uint64) {
	if to <= p.floor {
		return
	}
	p.floor = to
	maps.DeleteFunc(p.beyond, func(seq uint64, _ bool) bool { return seq <= to })
	p.join()
}

// join raises the floor over what is settled right behind it.
func (p *progress) join() {
	for p.beyond[p.floor+1] {
		p.floor++
		delete(p.beyond, p.floor)
	}
}

func (p *progress) settled(seq uint64) bool { return seq <= p.floor || p.beyond[seq] }

// progressText is how progress is written, behind its sum and a space.
type progressText struct {
	Floor  uint64      `json:"floor"`
	Beyond [][2]uint64 `json:"beyond,omitempty"` // from, to
}

func (p *progress) encode() ([]byte, error) {
	text := progressText{Floor: p.floor}
	for _, seq := range slices.Sorted(maps.Keys(p.beyond)) {
		if n := len(text.Beyond); n > 0 && text.Beyond[n-1][1]+1 == seq {
			text.Beyond[n-1][1] = seq
			continue
		}
		text.Beyond = append(text.Beyond, [2]uint64{seq, seq})
	}
	body, err := json.Marshal(text)
	if err != nil {
		return nil, err
	}
	return fmt.Appendf(nil, "%s %s\n", sumOf(body), body), nil
}

var errSpoilt = errors.New("its sum is wrong")

func decodeProgress(file []byte) (p progress, err error) {
	sum, body, _ := bytes.Cut(bytes.TrimSuffix(file, []byte("\n")), []byte(" "))
	if string(sum) != sumOf(body) {
		return p, errSpoilt
	}
	var text progressText
	if err := json.Unmarshal(body, &text); err != nil {
		return p, err
	}
	p.raise(text.Floor)
	for _, run := range text.Beyond {
		for seq := run[0]; seq <= run[1]; seq++ {
			p.settle(seq)
		}
	}
	return p, nil
}

var castagnoli = crc32.MakeTable(crc32.Castagnoli)

func sumOf(body []byte) string { return fmt.Sprintf("%08x", crc32.Checksum(body, castagnoli)) }

// checkpointFile is where the checkpoint of a stream is, in our own directory.
func checkpointFile(dir, stream string) string { return filepath.Join(dir, stream+".settled") }

// readProgress reads the file of a checkpoint. Without one nothing is known to
// be settled, which is no error.
func readProgress(path string) (progress, error) {
	file, err := os.ReadFile(path)
	if errors.Is(err, fs.ErrNotExist) {
		return progress{}, nil
	}
	if err != nil {
		return progress{}, err
	}
	return decodeProgress(file)
}

// checkpoint keeps the progress of a stream in a file beside the store, with a
// sum. The server would keep it too, in a file without one: spoilt, that passes
// over events in silence. So in our own directory its consumers live in memory
// and begin where the checkpoint says.
//
// It lags behind by a moment after a kill, and by what the system had not
// written after a power cut. What it does not know to be settled is applied
// again, which changes nothing. A nil checkpoint knows of nothing: a cluster
// looks after itself.
type checkpoint struct {
	path    string
	log     *slog.Logger
	changed chan struct{} // holds one when there is something to write

	mu  sync.Mutex
	now progress

	lags bool // the last write failed, and that was said
}

func newCheckpoint(path string, now progress, log *slog.Logger) *checkpoint {
	return &checkpoint{path: path, now: now, log: log, changed: make(chan struct{}, 1)}
}

func (c *checkpoint) settle(seq uint64) {
	if c == nil {
		return
	}
	c.mu.Lock()
	defer c.mu.Unlock()
	c.now.settle(seq)
	select {
	case c.changed <- struct{}{}:
	default:
	}
}

// raise says that every group up to a sequence is settled.
func (c *checkpoint) raise(to uint64) {
	if c == nil {
		return
	}
	c.mu.Lock()
	defer c.mu.Unlock()
	c.now.raise(to)
}

// floor is how far every group is settled.
func (c *checkpoint) floor() uint64 {
	if c == nil {
		return 0
	}
	c.mu.Lock()
	defer c.mu.Unlock()
	return c.now.floor
}

func (c *checkpoint) settled(seq uint64) bool {
	if c == nil {
		return false
	}
	c.mu.Lock()
	defer c.mu.Unlock()
	return c.now.settled(seq)
}

// keep writes what changes until ctx ends.
func (c *checkpoint) keep(ctx context.Context) {
	if c == nil {
		return
	}
	for {
		select {
		case <-c.changed:
		case <-ctx.Done():
			return
		}
		start := time.Now()
		c.save()
		wait(ctx, max(checkpointPause, checkpointShare*time.Since(start)))
	}
}

// save writes now, for one goroutine at a time. Without success it lags behind,
// says so once, and tries again with the next change.
func (c *checkpoint) save() {
	if c == nil {
		return
	}
	c.mu.Lock()
	text, err := c.now.encode()
	c.mu.Unlock()
	if err == nil {
		err = replaceFile(c.path, text)
	}
	if err != nil && !c.lags {
		c.log.Warn("how far the inbox is settled could not be noted; after a restart some events are applied again, which changes nothing",
			slog.String(zoom.LogError, err.Error()))
	}
	c.lags = err != nil
}

// replaceFile leaves the old text or the new, never a part, if the process dies.
func replaceFile(path string, text []byte) error {
	fresh := path + ".new"
	if err := os.WriteFile(fresh, text, 0o600); err != nil {
		return err
	}
	return os.Rename(fresh, path)
}
