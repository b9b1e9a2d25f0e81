package inbox

import (
	"context"
	"crypto/rand"
	"errors"
	"fmt"
	"io/fs"
	"log/slog"
	"os"
	"path/filepath"
	"slices"
	"time"

	"github.com/gofrs/flock"
	"github.com/nats-io/nats.go/jetstream"
)

// Trial is what came of trying the place where an inbox is, or would be.
type Trial struct {
	Where   string        // the directory, or the servers
	Made    bool          // there is an inbox
	Running bool          // a process works in the directory, so it was not read
	Damage  []string      // what of the inbox is missing or cannot be read
	Taken   uint64        // bytes that the inbox takes
	Free    uint64        // bytes that are left on its disk
	Sync    time.Duration // the median of keeping something small until it is safe
}

// Room is the free space below which an inbox in a directory keeps nothing more.
const Room = reserve

// What TryCluster refuses, besides ErrUnavailable.
var (
	ErrNoJetStream = errors.New("JetStream is not on")
	ErrReplicas    = errors.New("so many copies cannot be kept")
)

const (
	tries     = 5    // of keeping something
	trialSize = 2048 // bytes of it: those of an event and what belongs to it
)

// TryDirectory tries the directory of an inbox, or where it would be made, and
// leaves it as it was. It may be called while a process works there, and holds
// no lock meanwhile. It fails with ErrNotWritable.
func TryDirectory(ctx context.Context, dir string) (Trial, error) {
	t := Trial{Where: dir}
	place, err := standing(dir)
	if err == nil {
		t.Sync, err = tryDisk(place)
	}
	if err == nil {
		t.Free, err = freeBytes(place)
	}
	if err == nil && place == dir {
		err = t.look(ctx)
	}
	if err != nil && ctx.Err() == nil {
		err = fmt.Errorf("%w: %s: %w; let this user write there, or set INBOX_DIR to a directory where it may", ErrNotWritable, dir, err)
	}
	return t, err
}

// standing is the directory itself, or the nearest above it that is there.
func standing(dir string) (string, error) {
	for {
		_, err := os.Stat(dir)
		if above := filepath.Dir(dir); errors.Is(err, fs.ErrNotExist) && above != dir {
			dir = above
			continue
		}
		return dir, err
	}
}

// tryDisk writes and syncs a few times. What it leaves if it is killed is swept
// up at the next start.
func tryDisk(dir string) (_ time.Duration, err error) {
	f, err := os.CreateTemp(dir, "probe-*")
	if err != nil {
		return 0, err
	}
	defer func() {
		if gone := os.Remove(f.Name()); !errors.Is(gone, fs.ErrNotExist) { // a sidecar that starts now sweeps it away
			err = errors.Join(err, gone)
		}
	}()
	defer func() { err = errors.Join(err, f.Close()) }()
	return median(func() error {
		if _, err := f.Write(make([]byte, trialSize)); err != nil {
			return err
		}
		return f.Sync()
	})
}

// median is how long something takes, of a few times.
func median(do func() error) (time.Duration, error) {
	var took []time.Duration
	for range tries {
		began := time.Now()
		if err := do(); err != nil {
			return 0, err
		}
		took = append(took, time.Since(began))
	}
	slices.Sort(took)
	return took[tries/2], nil
}

// look reads the inbox that is there. The lock is taken for a moment only, so
// that no sidecar is kept from starting; if one did meanwhile, what was read
// means nothing.
func (t *Trial) look(ctx context.Context) (err error) {
	_, errStreams := os.Stat(filepath.Join(t.Where, "jetstream"))
	_, errMark := os.Stat(watermarkFile(t.Where, streamEvents))
	if t.Made = errStreams == nil || errMark == nil; !t.Made {
		return nil
	}
	if t.Taken, err = size(t.Where); err != nil {
		return err
	}
	if t.Running = isLocked(t.Where); t.Running {
		return nil
	}
	report, _, err := inspect(ctx, t.Where)
	if t.Running = isLocked(t.Where); t.Running || err != nil {
		return err
	}
	for _, s := range report.Streams {
		for _, what := range s.Damage {
			t.Damage = append(t.Damage, s.Name+": "+what)
		}
	}
	return nil
}

// isLocked tells whether a process works in a directory.
func isLocked(dir string) bool {
	path := filepath.Join(dir, "lock")
	if _, err := os.Stat(path); err != nil {
		return false
	}
	lock := flock.New(path)
	defer func() { _ = lock.Close() }()
	free, err := lock.TryLock()
	return err == nil && !free
}

// size is how many bytes the files beneath a directory have. Some may go while
// it counts.
func size(dir string) (total uint64, err error) {
	err = filepath.WalkDir(dir, func(_ string, e fs.DirEntry, err error) error {
		var info fs.FileInfo
		if err == nil && e.Type().IsRegular() {
			if info, err = e.Info(); err == nil {
				total += uint64(info.Size())
			}
		}
		if errors.Is(err, fs.ErrNotExist) {
			return nil
		}
		return err
	})
	return total, err
}

// TryCluster tries the servers of a URL: that they keep what they are given, and
// as many copies of it as wanted, in a stream that is made for that and deleted.
func TryCluster(ctx context.Context, url string, replicas int) (_ Trial, err error) {
	b := &Inbox{options: Options{URL: url, Replicas: replicas}.withDefaults(), log: slog.New(slog.DiscardHandler)}
	t := Trial{Where: b.where()}
	err = b.connect()
	if b.nc != nil {
		defer b.nc.Close()
	}
	if err != nil {
		return t, err
	}
	if _, err := b.js.AccountInfo(ctx); err != nil {
		return t, fmt.Errorf("%w at %s: %w; put jetstream {store_dir: …} into the servers' settings", ErrNoJetStream, t.Where, err)
	}
	_, err = b.js.Stream(ctx, streamEvents)
	t.Made = err == nil

	name := "ZOOM_TRIAL_" + rand.Text()
	stream := streamConfig(b.options, name, "zoom.trial."+name)
	stream.MaxBytes = 1 << 20
	_, err = b.js.CreateStream(ctx, stream)
	if _, ok := errors.AsType[*jetstream.APIError](err); ok {
		return t, fmt.Errorf("%w at %s: %d: %w; set NATS_REPLICAS to as many as there are servers, or start more of them", ErrReplicas, t.Where, replicas, err)
	}
	if err != nil {
		return t, fmt.Errorf("%w: make a stream at %s: %w", ErrUnavailable, t.Where, err)
	}
	defer func() {
		err = errors.Join(err, b.js.DeleteStream(context.WithoutCancel(ctx), name))
	}()
	t.Sync, err = median(func() error {
		_, err := b.js.Publish(ctx, stream.Subjects[0], make([]byte, trialSize))
		return err
	})
	if err != nil {
		return t, fmt.Errorf("%w: keep something at %s: %w", ErrUnavailable, t.Where, err)
	}
	return t, nil
}
