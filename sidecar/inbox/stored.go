package inbox

import (
	"context"
	"crypto/sha256"
	"encoding/hex"
	"encoding/json"
	"errors"
	"fmt"
	"io/fs"
	"os"
	"path/filepath"
	"strings"

	"github.com/minio/highwayhash"
)

// stored is one stream as it lies in the files of a directory that no server
// has open.
type stored struct {
	dir     string // of the stream
	name    string
	blocks  []block
	mark    uint64          // the last group answered for
	made    bool            // there has been such a stream
	known   bool            // marks are there, and so cleared says something
	cleared uint64          // groups up to here may have been removed by ourselves
	settled progress        // as far as can be told
	dropped map[uint64]bool // dead letters that were removed
	faults  []string        // of the small files beside the blocks
}

var subjects = map[string]string{streamEvents: subjectEvents, streamLater: subjectLater, streamDead: subjectDead}

// streamsIn is where the server keeps its streams.
func streamsIn(root string) string { return filepath.Join(root, "jetstream", "$G", "streams") }

// readStored reads the small files of a stream and lists its blocks.
func readStored(root, name string) (s stored, err error) {
	s = stored{dir: filepath.Join(streamsIn(root), name), name: name}
	if s.mark, s.made, err = readWatermark(watermarkFile(root, name)); err != nil {
		s.faults = append(s.faults, err.Error())
	}
	if s.blocks, err = blocksOf(s.dir, name, subjects[name]); err != nil {
		return s, err
	}
	if s.made || len(s.blocks) > 0 {
		s.faults = append(s.faults, s.metaFault()...)
	}
	if name == streamDead {
		return s, s.readDropped()
	}
	// Without it the marks say it, which lag behind by an hour or so.
	s.settled, _ = readProgress(checkpointFile(root, name))
	s.readMarks(root)
	return s, nil
}

// metaFault says what is wrong with the description of the stream.
func (s *stored) metaFault() []string {
	text, err := os.ReadFile(filepath.Join(s.dir, "meta.inf"))
	if errors.Is(err, fs.ErrNotExist) {
		return []string{"its description (meta.inf) is gone"}
	}
	sum, err2 := os.ReadFile(filepath.Join(s.dir, "meta.sum"))
	if err := errors.Join(err, err2); err != nil {
		return []string{"its description cannot be read: " + err.Error()}
	}
	key := sha256.Sum256([]byte(s.name))
	hash, err := highwayhash.NewDigest64(key[:])
	if err != nil {
		return []string{err.Error()}
	}
	_, _ = hash.Write(text)
	if hex.EncodeToString(hash.Sum(nil)) != strings.TrimSpace(string(sum)) {
		return []string{"its description (meta.inf) is spoilt"}
	}
	return nil
}

// readMarks finds the newest marks of the stream in the bucket.
func (s *stored) readMarks(root string) {
	const bucket = "KV_" + bucketMarks
	subject := "$KV." + bucketMarks + "." + s.name
	blocks, _ := blocksOf(filepath.Join(streamsIn(root), bucket), bucket, subject)
	for _, b := range blocks {
		_, _ = b.read(func(r record) error {
			var m marks
			if r.subject == subject && !r.removed && json.Unmarshal(r.data, &m) == nil {
				s.known, s.cleared = true, m.Removed
				s.settled.raise(m.last())
			}
			return nil
		}) // without marks more is applied again, and no harm is done
	}
}

// readDropped finds the dead letters that were removed.
func (s *stored) readDropped() error {
	s.dropped = map[uint64]bool{}
	for _, b := range s.blocks {
		if _, err := b.read(func(r record) error {
			if r.removed {
				s.dropped[r.seq] = true
			}
			return nil
		}); err != nil {
			return err
		}
	}
	return nil
}

// lastDropped is the greatest number of a dead letter that was removed.
func (s stored) lastDropped() (last uint64) {
	for seq := range s.dropped {
		last = max(last, seq)
	}
	return last
}

// each gives every readable group that has not been removed to visit, in order,
// and says what of the blocks could not be read.
func (s stored) each(ctx context.Context, visit func(record) error) (unreadable []string, err error) {
	last := s.cleared
	for i, b := range s.blocks {
		if err := ctx.Err(); err != nil {
			return nil, err
		}
		found, err := b.read(func(r record) error {
			if r.removed || r.seq <= last || s.dropped[r.seq] {
				return nil
			}
			last = r.seq
			return visit(r)
		})
		if err != nil {
			return nil, fmt.Errorf("read %s: %w", b.path, err)
		}
		unreadable = append(unreadable, found.faults(b, i == len(s.blocks)-1)...)
	}
	return unreadable, nil
}

// faults says what of a block could not be read. At the very end of a stream
// something may be torn: nobody was answered for it.
func (found reading) faults(b block, end bool) (faults []string) {
	name := filepath.Base(b.path)
	if found.fault != nil {
		faults = append(faults, fmt.Sprintf("%s: %v", name, found.fault))
	}
	spoilt := found.spoilt
	if found.torn.to > found.torn.from && !end {
		spoilt = append(spoilt, found.torn)
	}
	for _, gap := range spoilt {
		faults = append(faults, fmt.Sprintf("%s: %d bytes at %d cannot be read", name, gap.to-gap.from, gap.from))
	}
	return faults
}

// cutAhead names a block of which the server would cut off readable records
// when it recovers. Blocks of settled events are passed over while the server's
// index is there: then it does not look at them either.
func (s stored) cutAhead() (string, error) {
	_, err := os.Stat(filepath.Join(s.dir, "msgs", "index.db"))
	indexed := err == nil && s.name != streamDead
	for i, b := range s.blocks {
		if indexed && i+1 < len(s.blocks) {
			if next := s.blocks[i+1].firstSequence(); next > 0 && next-1 <= s.settled.floor {
				continue
			}
		}
		found, err := b.read(func(record) error { return nil })
		if err != nil {
			return "", err
		}
		found.torn = span{} // what is cut off there cannot be read anyway
		if faults := found.faults(b, false); len(faults) > 0 {
			return faults[0], nil
		}
	}
	return "", nil
}
