package inbox

import (
	"errors"
	"fmt"
	"io/fs"
	"log/slog"
	"net/http"
	"os"
	"path/filepath"
	"time"

	"github.com/gofrs/flock"
	"github.com/nats-io/nats-server/v2/server"

	"zoom-attendance/sidecar/zoom"
)

const (
	maxPayload  = 4 << 20         // of the embedded server; a group is at most half of it
	memoryStore = 1 << 20         // we keep nothing in memory
	fileStore   = 1 << 50         // the streams have caps of their own
	startWait   = 2 * time.Minute // reading a large store after a kill takes a while
	reserve     = 64 << 20        // bytes of disk left free; a server that runs out stops
)

// directory is the embedded server and the directory that it works in:
//
//	lock                 held while we live
//	ZOOM_EVENTS.last     the last group answered for, and so for the other streams
//	ZOOM_EVENTS.settled  what is settled, and so for ZOOM_LATER
//	jetstream/           the server's
type directory struct {
	path   string
	lock   *flock.Flock
	held   os.FileInfo // the lock as it was when we took it
	server *server.Server
	made   bool // there was nothing in it
	log    *serverLog
	free   func(path string) (uint64, error)
}

// openDirectory takes the directory for this process and starts the server.
func openDirectory(o Options) (*directory, error) {
	d := &directory{path: o.Dir, log: &serverLog{log: o.Log}, free: freeBytes}
	err := d.claim()
	if err == nil {
		err = d.spare()
	}
	if err == nil {
		err = d.sweep()
	}
	if err == nil {
		err = d.serve()
	}
	if err != nil {
		d.close()
		return nil, err
	}
	o.Log.Info("inbox directory opened", slog.String(zoom.LogDir, d.path))
	if d.made {
		o.Log.Warn("a new inbox was made; if there was one before, its volume is not mounted, and its events wait there", slog.String(zoom.LogDir, d.path))
	}
	return d, nil
}

// claim makes the directory if need be and takes its lock.
func (d *directory) claim() error {
	if err := d.probe(); err != nil {
		return fmt.Errorf("%w: %s: %w; let this user write there, or set INBOX_DIR to a directory where it may", ErrNotWritable, d.path, err)
	}
	d.lock = flock.New(d.file("lock"))
	locked, err := d.lock.TryLock()
	if err != nil {
		return fmt.Errorf("%w: %s: %w; its file lock must be readable and writable for this user", ErrNotWritable, d.path, err)
	}
	if !locked {
		return fmt.Errorf("%w: %s: another process holds it; stop that one first, or give this one an INBOX_DIR of its own", ErrLocked, d.path)
	}
	if d.held, err = os.Stat(d.lock.Path()); err != nil {
		return fmt.Errorf("%w: %s: %w", ErrNotWritable, d.path, err)
	}
	return nil
}

func (d *directory) probe() error {
	if d.path == "" {
		return errors.New("no directory is set")
	}
	if err := os.MkdirAll(d.path, 0o700); err != nil {
		return err
	}
	f, err := os.CreateTemp(d.path, "probe-*")
	if err != nil {
		return err
	}
	return errors.Join(f.Close(), os.Remove(f.Name()))
}

// spare refuses to start the server where it would cut off events that can
// still be read (see block.go). It also notes whether there is nothing at all.
func (d *directory) spare() error {
	_, err := os.Stat(d.file("jetstream"))
	d.made = errors.Is(err, fs.ErrNotExist)
	for name := range subjects {
		s, err := readStored(d.path, name)
		if err != nil {
			return fmt.Errorf("read stream %s: %w", name, err)
		}
		d.made = d.made && !s.made
		what, err := s.cutAhead()
		if err != nil {
			return fmt.Errorf("read stream %s: %w", name, err)
		}
		if what != "" {
			return damagedFiles(d.path, name, what)
		}
	}
	return nil
}

// sweep removes what must not be there when the server starts. A kill right
// after a start leaves files behind that we and the server make to see that we
// can write; the server would take its own for an account, and say for ever that
// it cannot find that. And in obs versions before kept what is settled, which is
// the checkpoint's now.
func (d *directory) sweep() error {
	streams := filepath.Join("jetstream", "$G", "streams")
	for _, pattern := range []string{"probe-*", filepath.Join("jetstream", "_test_*"), filepath.Join(streams, "ZOOM_*", "obs", consumerName)} {
		left, err := filepath.Glob(d.file(pattern))
		if err != nil {
			return err
		}
		for _, path := range left {
			if err := os.RemoveAll(path); err != nil {
				return fmt.Errorf("%w: %s: %w", ErrNotWritable, d.path, err)
			}
		}
	}
	return nil
}

func (d *directory) serve() (err error) {
	d.server, err = server.NewServer(&server.Options{
		ServerName:             "inbox",
		DontListen:             true,
		NoSigs:                 true,
		NoSystemAccount:        true,
		DisableJetStreamBanner: true,
		JetStream:              true,
		JetStreamMaxMemory:     memoryStore,
		JetStreamMaxStore:      fileStore,
		StoreDir:               d.path,
		SyncAlways:             true,
		MaxPayload:             maxPayload,
	})
	if err != nil {
		return fmt.Errorf("prepare the inbox server in %s: %w", d.path, err)
	}
	d.server.SetLogger(d.log, false, false)
	d.server.Start()
	if !d.server.ReadyForConnections(startWait) || !d.server.JetStreamEnabled() {
		return fmt.Errorf("start the inbox server in %s: %s", d.path, d.log.worst())
	}
	return nil
}

// health says why the server can no longer be relied on, or nil.
func (d *directory) health() error {
	now, err := os.Stat(d.lock.Path())
	if err != nil || !os.SameFile(d.held, now) {
		return fmt.Errorf("%w: %w: %s was removed or replaced while in use", ErrUnavailable, errStopped, d.path)
	}
	if !d.server.JetStreamEnabled() {
		return fmt.Errorf("%w: %w: %s: %s", ErrUnavailable, errStopped, d.path, d.log.worst())
	}
	// Any other code says that the server was too busy to look further.
	if h := d.server.Healthz(nil); h.StatusCode == http.StatusServiceUnavailable {
		return fmt.Errorf("%w: %w: %s: %s", ErrUnavailable, errStopped, d.path, h.Error)
	}
	return nil
}

// room is ErrFull when the disk has too little space left.
func (d *directory) room() error {
	free, err := d.free(d.path)
	if err != nil {
		return fmt.Errorf("%w: look for free space in %s: %w", ErrUnavailable, d.path, err)
	}
	if free < reserve {
		return fmt.Errorf("%w: the disk of %s has %d MiB left, at least %d are needed", ErrFull, d.path, free>>20, reserve>>20)
	}
	return nil
}

func (d *directory) close() {
	if d.server != nil {
		d.server.Shutdown()
		d.server.WaitForShutdown()
	}
	if d.lock != nil {
		_ = d.lock.Close() // it ends with the process at the latest
	}
}

func (d *directory) file(name string) string { return filepath.Join(d.path, name) }
