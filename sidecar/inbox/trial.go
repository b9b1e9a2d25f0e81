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

	"github.com/nats-io/nats.go/jetstream"
)

// Trial is what came of trying the place where an inbox is, or would be.
type Trial struct {
	Where    string        // the directory, or the servers
	Made     bool          // there is an inbox
	Remote   bool          // they are servers, whose disks are not ours to see
	Running  bool          // a process works in the directory, so it was not read
	Damage   []string      // what of the inbox is missing or cannot be read
	Warnings []string      // what is unwise about the place
	Taken    uint64        // bytes that the inbox takes
	Free     uint64        // bytes that are left on its disk
	Sync     time.Duration // the median of keeping something small until it is safe
}

const (
	tries     = 5    // of keeping something
	trialSize = 2048 // bytes of it: those of an event and what belongs to it
)

// TryDirectory tries the directory of an inbox, or where it would be made, and leaves it
// as it was. It may be called while a process works there. It fails with ErrNotWritable.
func TryDirectory(ctx context.Context, dir string) (Trial, error) {
	t := Trial{Where: dir}
	place, err := nearest(dir)
	if err == nil {
		t.Sync, err = tryDisk(place)
	}
	if err == nil {
		err = t.tryFileSystem(place)
	}
	if err == nil && place == dir {
		err = t.look(ctx)
	}
	if err != nil && ctx.Err() == nil && !errors.Is(err, ErrNotWritable) {
		err = fmt.Errorf("%w: %s: %w; let this user write there, or set INBOX_DIR to a directory where it may", ErrNotWritable, dir, err)
	}
	return t, err
}

func (t *Trial) tryFileSystem(place string) error {
	free, err := freeBytes(place)
	if err != nil {
		return err
	}
	t.Free = uint64(max(free, 0))
	system, err := fileSystem(place)
	if err != nil {
		return err
	}
	if system.memory {
		t.Warnings = append(t.Warnings, t.Where+" is on "+system.name+", in memory: a restart of the machine loses what it keeps; set INBOX_DIR to a directory on a disk")
	}
	if system.network {
		return networkError(t.Where, system)
	}
	return nil
}

// nearest is the directory itself, or the nearest above it that is there.
func nearest(dir string) (string, error) {
	for {
		_, err := os.Stat(dir)
		if above := filepath.Dir(dir); errors.Is(err, fs.ErrNotExist) && above != dir {
			dir = above
			continue
		}
		return dir, err
	}
}

// tryDisk writes and syncs a few times.
func tryDisk(dir string) (_ time.Duration, err error) {
	f, err := os.CreateTemp(dir, "probe-*")
	if err != nil {
		return 0, err
	}
	defer func() { err = errors.Join(err, f.Close(), os.Remove(f.Name())) }()
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

// look reads the inbox that is there, if no process works on it.
func (t *Trial) look(ctx context.Context) error {
	if errors.Is(findAny(t.Where), ErrNone) {
		return nil
	}
	t.Made = true
	for _, name := range []string{databaseName, databaseName + "-wal", watermarkName} {
		if info, err := os.Stat(filepath.Join(t.Where, name)); err == nil {
			t.Taken += uint64(info.Size())
		}
	}
	report, err := Inspect(ctx, t.Where)
	if t.Running = errors.Is(err, ErrLocked); t.Running {
		return nil
	}
	t.Damage = report.Damage
	return err
}

// What TryCluster refuses, besides ErrUnavailable.
var (
	ErrNoJetStream = errors.New("JetStream is not on")
	ErrReplicas    = errors.New("so many copies cannot be kept")
)

// TryCluster tries the servers of a URL: that they keep what they are given, and as many
// copies of it as wanted, in a stream that is made for that and deleted. Whether they
// sync always is not to be learnt from them; a warning says so.
func TryCluster(ctx context.Context, url string, replicas int) (_ Trial, err error) {
	in := &jetStreamInbox{options: Options{URL: url, Replicas: replicas}.withDefaults(), log: slog.New(slog.DiscardHandler), where: serversOf(url)}
	t := Trial{Where: in.where, Remote: true}
	err = in.connect()
	if in.nc != nil {
		defer in.nc.Close()
	}
	if err != nil {
		return t, err
	}
	if _, err := in.js.AccountInfo(ctx); err != nil {
		return t, fmt.Errorf("%w at %s: %w; put jetstream {store_dir: …, sync_interval: always} into the servers' settings", ErrNoJetStream, t.Where, err)
	}
	for _, c := range streamConfigs(in.options) {
		if s, err := in.js.Stream(ctx, c.Name); err == nil {
			t.Made, t.Taken = true, t.Taken+s.CachedInfo().State.Bytes
		}
	}
	t.Warnings = []string{"NATS servers do not tell whether they sync always: see that their settings have jetstream {sync_interval: always}, " +
		"or an event answered for may be in memory only, of as many servers as make a quorum"}

	name := "ZOOM_TRIAL_" + rand.Text()
	_, err = in.js.CreateStream(ctx, jetstream.StreamConfig{
		Name: name, Subjects: []string{"zoom.trial." + name}, Storage: jetstream.FileStorage, Replicas: in.options.Replicas, MaxBytes: 1 << 20,
	})
	if _, ok := errors.AsType[*jetstream.APIError](err); ok {
		return t, fmt.Errorf("%w at %s: %d: %w; set NATS_REPLICAS to as many as there are servers, or start more of them", ErrReplicas, t.Where, replicas, err)
	}
	if err != nil {
		return t, fmt.Errorf("%w: make a stream at %s: %w", ErrUnavailable, t.Where, err)
	}
	defer func() { err = errors.Join(err, in.js.DeleteStream(context.WithoutCancel(ctx), name)) }()
	t.Sync, err = median(func() error {
		_, err := in.js.Publish(ctx, "zoom.trial."+name, make([]byte, trialSize))
		return err
	})
	if err != nil {
		return t, fmt.Errorf("%w: keep something at %s: %w", ErrUnavailable, t.Where, err)
	}
	return t, nil
}
