package realtime

import "time"

// The kinds of change, as clients name them.
const (
	kindInsert = "INSERT"
	kindUpdate = "UPDATE"
	kindDelete = "DELETE"
)

// change is a committed change of one row.
type change struct {
	kind      string
	relation  *relation
	committed time.Time
	old, row  tuple // either may be absent, see [update]
}

// fields are values by the names of their columns: nil for null, absent if the
// log does not have them.
type fields map[string]*string

// record are the new values. What is too big to be logged again comes from the
// old row, if that is in the log.
func (c *change) record() fields {
	record := c.fields(c.row)
	for name, text := range c.before() {
		if _, logged := record[name]; !logged {
			record[name] = text
		}
	}
	return record
}

// before are the old values of the replica identity: the primary key, unless a
// table says otherwise.
func (c *change) before() fields {
	source := c.old
	if source == nil {
		source = c.row // an update that left them alone does not log them
	}
	before := c.fields(source)
	for _, column := range c.relation.columns {
		if !column.identity {
			delete(before, column.name)
		}
	}
	return before
}

// compared are the values that filters are about.
func (c *change) compared() fields {
	if c.kind == kindDelete {
		return c.before()
	}
	return c.fields(c.row)
}

func (c *change) fields(row tuple) fields {
	named := fields{}
	for i, v := range row {
		if i >= len(c.relation.columns) {
			break
		}
		switch name := c.relation.columns[i].name; v.kind {
		case valueNull:
			named[name] = nil
		case valueText:
			named[name] = &v.text
		}
	}
	return named
}

// size is about as much as the change takes in the log, in bytes.
func (c *change) size() (size int) {
	for _, row := range []tuple{c.old, c.row} {
		for _, v := range row {
			size += len(v.text)
		}
	}
	return size
}
