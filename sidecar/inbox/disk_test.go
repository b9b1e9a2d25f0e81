//go:build linux

package inbox

import (
	"fmt"
	"maps"
	"math/rand/v2"
	"os"
	"path/filepath"
	"slices"
	"strings"
)

// disk is what a disk holds while a recording is played: of each file what is synced,
// and what was written since; of the names those that are synced, and the changes since.
type disk struct {
	root    string
	names   map[string]*node // as the process sees them
	durable map[string]*node // as they are after a power cut for sure
	pending []rename
	syncing map[*systemCall]*node
	syncOf  map[*systemCall][]*change
	claims  claims
}

// node is a file or a directory.
type node struct {
	directory bool
	content   []byte    // what is on the disk for sure, before changes
	changes   []*change // in their order
}

// change is a write, or a new size.
type change struct {
	call  *systemCall
	state changeState
}

type changeState int

const (
	begun   changeState = iota // or ended: it may be on the disk
	ended                      // a sync takes it
	durable                    // it is on the disk
	doubted                    // a sync of it failed: the kernel does not try again
)

// rename is a change of names that happens as a whole.
type rename []struct {
	path string
	node *node // nil: the name goes
}

func newDisk(r *recording) *disk {
	d := &disk{root: r.root, names: map[string]*node{}, syncing: map[*systemCall]*node{}, syncOf: map[*systemCall][]*change{}, claims: newClaims()}
	for path, content := range r.start {
		d.names[path] = &node{directory: content == nil, content: slices.Clone(content)}
	}
	d.names[r.root] = &node{directory: true}
	d.durable = maps.Clone(d.names)
	return d
}

// play has a moment happen. It reports whether something was answered.
func (d *disk) play(m callMoment) (answered bool, err error) {
	call := m.systemCall
	switch {
	case call.name == "tell":
		for line := range strings.Lines(string(call.data)) {
			answered = answered || strings.HasPrefix(line, "answered")
			if err := d.claims.add(strings.TrimSuffix(line, "\n")); err != nil {
				return answered, err
			}
		}
	case call.name == "pwrite64", call.name == "truncate":
		d.write(call, m.ended)
	case call.name == "sync":
		d.sync(call, m.ended)
	case m.ended && call.result >= 0:
		return false, d.name(call)
	}
	return answered, nil
}

func (d *disk) write(call *systemCall, isOver bool) {
	file := d.names[call.path]
	if file == nil {
		return // it has no name any more
	}
	if !isOver {
		file.changes = append(file.changes, &change{call: call})
		return
	}
	i := slices.IndexFunc(file.changes, func(c *change) bool { return c.call == call })
	switch {
	case i < 0:
	case call.injected:
		file.changes = slices.Delete(file.changes, i, i+1) // the kernel never saw it
	case call.result < 0:
		file.changes[i].state = doubted
	default:
		if call.name == "pwrite64" {
			call.data = call.data[:call.result]
		}
		file.changes[i].state = ended
	}
}

// sync makes durable what was written when it began. When it fails, that is in doubt
// for good: Linux takes a page that it could not write for written.
func (d *disk) sync(call *systemCall, isOver bool) {
	if !isOver {
		n := d.names[call.path]
		d.syncing[call] = n
		if n != nil {
			for _, c := range n.changes {
				if c.state == ended {
					d.syncOf[call] = append(d.syncOf[call], c)
				}
			}
		}
		return
	}
	n := d.syncing[call]
	if n == nil {
		return
	}
	if n.directory {
		if call.result == 0 {
			d.syncNames(call.path)
		}
		return
	}
	for _, c := range d.syncOf[call] {
		if c.state = durable; call.result != 0 {
			c.state = doubted
		}
	}
	for len(n.changes) > 0 && n.changes[0].state == durable {
		n.content = n.changes[0].apply(n.content)
		n.changes = n.changes[1:]
	}
}

// syncNames makes the names in a directory durable.
func (d *disk) syncNames(dir string) {
	var left []rename
	for _, r := range d.pending {
		var rest rename
		for _, one := range r {
			if filepath.Dir(one.path) == dir {
				setName(d.durable, one.path, one.node)
			} else {
				rest = append(rest, one)
			}
		}
		if len(rest) > 0 {
			left = append(left, rest)
		}
	}
	d.pending = left
}

func setName(names map[string]*node, path string, n *node) {
	if n == nil {
		delete(names, path)
		return
	}
	names[path] = n
}

// name changes names.
func (d *disk) name(call *systemCall) error {
	type one = struct {
		path string
		node *node
	}
	var r rename
	switch call.name {
	case "open":
		n := d.names[call.path]
		if n == nil && call.create {
			r = rename{one{call.path, &node{}}}
		} else if n != nil && call.cuts {
			n.changes = append(n.changes, &change{&systemCall{name: "truncate"}, ended})
		}
	case "mkdir":
		r = rename{one{call.path, &node{directory: true}}}
	case "unlink":
		r = rename{one{call.path, nil}}
	case "rename":
		r = rename{one{call.path, nil}, one{call.to, d.names[call.path]}}
	default:
		return fmt.Errorf("the model of a disk knows no %s", call.name)
	}
	for _, change := range r {
		setName(d.names, change.path, change.node)
	}
	if r != nil {
		d.pending = append(d.pending, r)
	}
	return nil
}

func (c *change) apply(content []byte) []byte {
	if c.call.name == "truncate" {
		return resize(content, int(c.call.at))
	}
	return put(content, c.call.data, int(c.call.at))
}

func resize(content []byte, size int) []byte {
	if size <= len(content) {
		return content[:size]
	}
	return append(content, make([]byte, size-len(content))...)
}

func put(content, data []byte, at int) []byte {
	if at+len(data) > len(content) {
		content = resize(content, at+len(data))
	}
	copy(content[at:], data)
	return content
}

// manner is which part of what was not synced the disk has after a power cut.
type manner int

const (
	nothing  manner = iota // none of it
	all                    // all of it
	upToOne                // what was written before some moment
	someEach               // any of the writes
	sectors                // each sector as it was at any time since
	manners
)

const sectorSize = 512

// content is what a file holds after a power cut.
func (n *node) contentAfter(how manner, random *rand.Rand) []byte {
	content := slices.Clone(n.content)
	until := random.IntN(len(n.changes) + 1)
	cuts := map[int64]int{}
	for i, c := range n.changes {
		if how == sectors && c.state != durable && c.call.name == "pwrite64" {
			content = c.applySectors(content, i, len(n.changes), cuts, random)
			continue
		}
		kept := how == all || how == upToOne && i < until || (how == someEach || how == sectors) && random.IntN(2) == 0
		if c.state == durable || kept {
			content = c.apply(content)
		}
	}
	return content
}

// applySectors writes the sectors that reached the disk after this change. cuts is up to
// which change each sector did.
func (c *change) applySectors(content []byte, i, n int, cuts map[int64]int, random *rand.Rand) []byte {
	data, at := c.call.data, c.call.at
	for len(data) > 0 {
		sector := at / sectorSize
		most := min(int64(len(data)), (sector+1)*sectorSize-at)
		if _, ok := cuts[sector]; !ok {
			cuts[sector] = random.IntN(n + 1)
		}
		if i < cuts[sector] {
			content = put(content, data[:most], int(at))
		}
		data, at = data[most:], at+most
	}
	return content
}

// namesAfter are the names after a power cut: all changes up to some, as a journal
// keeps them, or any of them.
func (d *disk) namesAfter(inOrder bool, random *rand.Rand) map[string]*node {
	names := maps.Clone(d.durable)
	until := random.IntN(len(d.pending) + 1)
	for i, r := range d.pending {
		if inOrder && i >= until || !inOrder && random.IntN(2) == 0 {
			continue
		}
		for _, one := range r {
			setName(names, one.path, one.node)
		}
	}
	return names
}

// cut makes, below a directory, what a power cut leaves now.
func (d *disk) cut(into string, random *rand.Rand) (how string, err error) {
	inOrder := random.IntN(2) == 0
	names := d.namesAfter(inOrder, random)
	files, other := manner(random.IntN(int(manners))), manner(random.IntN(int(manners)))
	for _, path := range slices.Sorted(maps.Keys(names)) { // a directory before what is in it
		n := names[path]
		to := filepath.Join(into, strings.TrimPrefix(path, d.root))
		if parent := names[filepath.Dir(path)]; path != d.root && (parent == nil || !parent.directory) || strings.HasSuffix(path, "-shm") {
			if n.directory {
				delete(names, path)
			}
			continue
		}
		if n.directory {
			err = os.MkdirAll(to, 0o700)
		} else {
			err = os.WriteFile(to, n.contentAfter(files, random), 0o600)
		}
		if err != nil {
			return "", err
		}
		files, other = other, files
	}
	return fmt.Sprintf("names in order: %v, files: %d and %d", inOrder, files, other), nil
}
