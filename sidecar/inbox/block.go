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
	"strconv"
	"strings"

	"github.com/minio/highwayhash"
	"github.com/nats-io/nats.go"
)

// The server cuts a block at the first record that it cannot read, and so
// loses the readable ones behind it. What has to be saved from a damaged store
// is therefore read here, from the files, before the server sees them.
//
// A stream keeps its records in msgs/<n>.blk. A record, in little-endian:
//
//	length(4) sequence(8) time(8) subject length(2) subject [headers length(4) headers] data sum(8)
//
// The highest bit of the length says that there are headers. The sum is the
// HighwayHash-64 of all but the lengths, with the SHA-256 of "<stream>-<n>" as
// its key. Two bits of the sequence mark what is no message: one that was
// erased, and the note that one was removed elsewhere.
// https://github.com/nats-io/nats-server/blob/v2.15.2/server/filestore.go
const (
	recordHead  = 22
	recordSum   = 8
	bitHeaders  = 1 << 31
	bitErased   = 1 << 63
	bitRemoved  = 1 << 62
	blockSuffix = ".blk"
)

// record is one that can be read.
type record struct {
	seq     uint64
	removed bool // a note that the message of this number was removed
	subject string
	header  nats.Header
	data    []byte
}

// span is a stretch of a block that belongs to no readable record.
type span struct{ from, to int }

// block is a file of records.
type block struct {
	path    string
	stream  string
	number  int
	subject string // what the subjects of the stream begin with
}

// blocksOf lists the blocks of a stream in their order.
func blocksOf(streamDir, stream, subject string) ([]block, error) {
	paths, err := filepath.Glob(filepath.Join(streamDir, "msgs", "*"+blockSuffix))
	if err != nil {
		return nil, err
	}
	var blocks []block
	for _, path := range paths {
		if n, err := strconv.Atoi(strings.TrimSuffix(filepath.Base(path), blockSuffix)); err == nil {
			blocks = append(blocks, block{path: path, stream: stream, number: n, subject: subject})
		}
	}
	slices.SortFunc(blocks, func(a, b block) int { return a.number - b.number })
	return blocks, nil
}

// reading is what came of reading a block, besides its records.
type reading struct {
	spoilt []span // between records
	torn   span   // at the end, which a write that was cut short leaves, or an empty one
	fault  error  // of the disk: what came before it was read
}

// read gives every readable record to visit, in their order. Its error is that
// of visit, or says that this user may not read the file.
func (b block) read(visit func(record) error) (found reading, err error) {
	buf, fault := os.ReadFile(b.path)
	if errors.Is(fault, fs.ErrPermission) {
		return found, fault
	}
	found.fault = fault
	key := sha256.Sum256(fmt.Appendf(nil, "%s-%d", b.stream, b.number))
	sum, err := highwayhash.NewDigest64(key[:])
	if err != nil {
		return found, err
	}
	good := 0 // all before belongs to a record or a span
	for at := 0; at < len(buf); {
		length, r, ok := parseRecord(buf[at:], sum)
		if !ok {
			at = b.next(buf, at)
			continue
		}
		if at > good {
			found.spoilt = append(found.spoilt, span{good, at})
		}
		at += length
		good = at
		if r.seq == 0 { // erased
			continue
		}
		if err := visit(r); err != nil {
			return found, err
		}
	}
	found.torn = span{good, len(buf)}
	return found, nil
}

// next is where the next record may begin: its subject stands so far behind.
func (b block) next(buf []byte, at int) int {
	from := at + 1 + recordHead
	if from >= len(buf) {
		return len(buf)
	}
	found := bytes.Index(buf[from:], []byte(b.subject))
	if found < 0 {
		return len(buf)
	}
	return from + found - recordHead
}

// parseRecord reads the record that buf begins with, if there is one and its
// sum is right. Its parts share the memory of buf.
func parseRecord(buf []byte, sum *highwayhash.Digest64) (length int, r record, ok bool) {
	if len(buf) < recordHead+recordSum {
		return 0, r, false
	}
	first := binary.LittleEndian.Uint32(buf)
	length = int(first &^ bitHeaders)
	bodyAt := recordHead + int(binary.LittleEndian.Uint16(buf[20:]))
	headers := first&bitHeaders != 0
	if headers {
		bodyAt += 4
	}
	end := length - recordSum
	if length > len(buf) || bodyAt > end {
		return 0, r, false
	}
	subjectEnd := recordHead + int(binary.LittleEndian.Uint16(buf[20:]))
	sum.Reset()
	_, _ = sum.Write(buf[4:20])
	_, _ = sum.Write(buf[recordHead:subjectEnd])
	_, _ = sum.Write(buf[bodyAt:end])
	if !bytes.Equal(sum.Sum(nil), buf[end:length]) {
		return 0, r, false
	}
	r.subject, r.data = string(buf[recordHead:subjectEnd]), buf[bodyAt:end]
	r.setSequence(binary.LittleEndian.Uint64(buf[4:]))
	if headers {
		ok = r.splitHeader(int(binary.LittleEndian.Uint32(buf[subjectEnd:])))
		return length, r, ok
	}
	return length, r, true
}

// setSequence takes the bits off; an erased record has the number 0.
func (r *record) setSequence(seq uint64) {
	r.removed = seq&bitRemoved != 0
	if seq&bitErased == 0 {
		r.seq = seq &^ bitRemoved
	}
}

// splitHeader takes the headers off the front of the data.
func (r *record) splitHeader(size int) (ok bool) {
	if size > len(r.data) {
		return false
	}
	header, err := nats.DecodeHeadersMsg(r.data[:size])
	if err != nil {
		return false
	}
	r.header, r.data = header, r.data[size:]
	return true
}

// firstSequence is the number of the first record of the block, 0 if that
// cannot be told.
func (b block) firstSequence() uint64 {
	f, err := os.Open(b.path)
	if err != nil {
		return 0
	}
	defer func() { _ = f.Close() }()
	var head [recordHead]byte
	if _, err := f.ReadAt(head[:], 0); err != nil {
		return 0
	}
	return binary.LittleEndian.Uint64(head[4:]) &^ (bitErased | bitRemoved)
}
