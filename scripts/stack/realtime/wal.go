package realtime

import (
	"bytes"
	"encoding/binary"
	"errors"
	"fmt"
	"time"
)

// The messages of the plugin pgoutput, protocol version 1, as described in
// https://www.postgresql.org/docs/17/protocol-logicalrep-message-formats.html
type (
	// begin precedes the changes of a transaction.
	begin struct{ committed time.Time }

	// relation describes a table before its first change.
	relation struct {
		oid          uint32
		schema, name string
		columns      []relationColumn
	}

	insert struct {
		relation uint32
		row      tuple
	}

	// update has the old values of the replica identity if they changed, of
	// all columns if that is full, or none.
	update struct {
		relation uint32
		old, row tuple
	}

	remove struct {
		relation uint32
		old      tuple
	}

	// ignored is a message that nothing here depends on: commit, origin, type
	// and truncate.
	ignored struct{ kind byte }
)

type relationColumn struct {
	name     string
	identity bool // whether it is part of the replica identity
}

// tuple is a row: one value per column of the relation.
type tuple []value

// value is the value of a column.
type value struct {
	kind valueKind
	text string // how Postgres prints it, if there is one
}

type valueKind byte

const (
	valueNull      valueKind = 'n'
	valueUnchanged valueKind = 'u' // too big to be logged anew, and it did not change
	valueText      valueKind = 't'
)

var errShort = errors.New("message is too short")

// decode reads one message. It is one of the types above.
func decode(data []byte) (any, error) {
	r := &reader{data: data}
	kind := r.byte()
	message := r.message(kind)
	switch {
	case r.err != nil:
		return nil, fmt.Errorf("decode message %q of the log: %w", kind, r.err)
	case len(r.data) > 0:
		return nil, fmt.Errorf("decode message %q of the log: %d bytes too many", kind, len(r.data))
	}
	return message, nil
}

// reader takes a message apart. After the first error it returns zeros.
type reader struct {
	data []byte
	err  error
}

func (r *reader) message(kind byte) any {
	switch kind {
	case 'B':
		return r.begin()
	case 'R':
		return r.relation()
	case 'I':
		return insert{relation: r.uint32(), row: r.marked("N")}
	case 'U':
		return r.update()
	case 'D':
		return remove{relation: r.uint32(), old: r.marked("KO")}
	case 'C', 'O', 'Y', 'T':
		r.data = nil
		return ignored{kind}
	default:
		r.fail(errors.New("unknown kind"))
		return nil
	}
}

func (r *reader) begin() begin {
	r.take(8) // the position of the commit
	committed := r.time()
	r.take(4) // the transaction's number
	return begin{committed}
}

func (r *reader) relation() relation {
	rel := relation{oid: r.uint32(), schema: r.string(), name: r.string()}
	if rel.schema == "" {
		rel.schema = "pg_catalog"
	}
	r.byte() // the replica identity, which the columns tell too
	for range r.uint16() {
		if r.err != nil {
			break
		}
		column := relationColumn{identity: r.byte()&1 != 0, name: r.string()}
		r.take(8) // the type and its modifier, which the catalog tells too
		rel.columns = append(rel.columns, column)
	}
	return rel
}

func (r *reader) update() update {
	u := update{relation: r.uint32()}
	if len(r.data) > 0 && r.data[0] != 'N' {
		u.old = r.marked("KO")
	}
	u.row = r.marked("N")
	return u
}

// marked reads a tuple behind one of these letters.
func (r *reader) marked(letters string) tuple {
	letter := r.byte()
	if r.err == nil && bytes.IndexByte([]byte(letters), letter) < 0 {
		r.fail(fmt.Errorf("unknown kind of row %q", letter))
	}
	return r.tuple()
}

func (r *reader) tuple() tuple {
	var row tuple
	for range r.uint16() {
		if r.err != nil {
			break
		}
		row = append(row, r.value())
	}
	return row
}

func (r *reader) value() value {
	v := value{kind: valueKind(r.byte())}
	switch v.kind {
	case valueNull, valueUnchanged:
	case valueText:
		v.text = string(r.take(int(r.uint32())))
	default:
		r.fail(fmt.Errorf("unknown kind of value %q", v.kind))
	}
	return v
}

// time reads microseconds since the beginning of 2000.
func (r *reader) time() time.Time {
	since := int64(r.uint64())
	return time.Unix(946684800, 0).Add(time.Duration(since) * time.Microsecond).UTC()
}

func (r *reader) string() string {
	end := bytes.IndexByte(r.data, 0)
	if end < 0 {
		r.fail(errShort)
		return ""
	}
	text := string(r.data[:end])
	r.data = r.data[end+1:]
	return text
}

func (r *reader) byte() byte     { return r.take(1)[0] }
func (r *reader) uint16() uint16 { return binary.BigEndian.Uint16(r.take(2)) }
func (r *reader) uint32() uint32 { return binary.BigEndian.Uint32(r.take(4)) }
func (r *reader) uint64() uint64 { return binary.BigEndian.Uint64(r.take(8)) }

// take returns the next n bytes, or that many zeros of a number if there are
// no n bytes left.
func (r *reader) take(n int) []byte {
	if r.err == nil && n > len(r.data) {
		r.fail(errShort)
	}
	if r.err != nil {
		return make([]byte, 8)
	}
	taken := r.data[:n]
	r.data = r.data[n:]
	return taken
}

func (r *reader) fail(err error) {
	if r.err == nil {
		r.err, r.data = err, nil
	}
}
