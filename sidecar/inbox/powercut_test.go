//go:build linux

package inbox

import (
	"context"
	"errors"
	"fmt"
	"math/rand/v2"
	"os"
	"path/filepath"
	"testing"
	"time"

	"github.com/stretchr/testify/require"
)

// usualCuts is how many power cuts a run of the tests has at least; INBOX_CUTS says
// another number.
const usualCuts = 600

// quickDirectory is an empty directory, in memory if there is room: what a power cut
// left is read there, and nothing depends on its being kept.
func quickDirectory(t *testing.T) string {
	t.Helper()
	if free, err := freeBytes("/dev/shm"); err == nil && free > 4*Reserve {
		if dir, err := os.MkdirTemp("/dev/shm", "inbox-test-*"); err == nil {
			t.Cleanup(func() { _ = os.RemoveAll(dir) })
			return dir
		}
	}
	return t.TempDir()
}

// watchedPlace is an empty directory to watch, and the inbox's in it, not made yet.
func watchedPlace(t *testing.T) (root, dir string) {
	t.Helper()
	root, err := filepath.EvalSymlinks(t.TempDir())
	require.NoError(t, err)
	return root, filepath.Join(root, "school", "inbox")
}

// cutsOf plays a recording and has so many power cuts, or somewhat more: at each answer,
// at each new name of a file, and at random moments. see is given what the disk holds then.
func cutsOf(t *testing.T, r *recording, cuts int, random *rand.Rand, see func(dir string, told claims, how string)) (done int) {
	t.Helper()
	d, scratch := newDisk(r), quickDirectory(t)
	chance := max(0, float64(cuts-len(r.claims.answered))) / float64(len(r.moments))
	const atRename = 8
	for i, m := range r.moments {
		answered, err := d.play(m)
		require.NoError(t, err)
		more := 0
		switch {
		case m.name == "rename" && m.ended:
			more = atRename
		case answered, random.Float64() < chance:
			more = 1
		}
		for range more {
			root := filepath.Join(scratch, "disk")
			how, err := d.cut(root, random)
			require.NoError(t, err)
			see(root, d.claims, fmt.Sprintf("cut %d, at %d of %d: %s", done, i, len(r.moments), how))
			require.NoError(t, os.RemoveAll(root))
			done++
		}
	}
	return done
}

// inboxIn is the directory of the inbox below another root.
func inboxIn(root string) string { return filepath.Join(root, "school", "inbox") }

func TestAPowerCutLosesNothingThatWasAnswered(t *testing.T) {
	cuts, random := roundsOf(t, "INBOX_CUTS", usualCuts)
	root, dir := watchedPlace(t)
	fresh := recordChild(t, "work", root, dir, nil, childEnvironment(1, 200)...)
	require.Greater(t, len(fresh.claims.answered), 190)
	require.NotEmpty(t, fresh.claims.letGo)

	done, left := 0, "" // a disk that a cut left, near the end
	var told claims
	done += cutsOf(t, fresh, cuts*7/10, random, func(root string, said claims, how string) {
		if len(said.answered) > 150 && left == "" {
			left, told = filepath.Join(t.TempDir(), "left"), said.with(newClaims())
			require.NoError(t, os.CopyFS(left, os.DirFS(root)))
		}
		require.NoError(t, loss(t.Context(), inboxIn(root), said), how)
	})
	require.NotEmpty(t, left)

	again := recordChild(t, "work", left, inboxIn(left), nil, childEnvironment(1001, 60)...)
	done += cutsOf(t, again, cuts*4/10, random, func(root string, said claims, how string) {
		require.NoError(t, loss(t.Context(), inboxIn(root), said.with(told)), how)
	})
	require.GreaterOrEqual(t, done, cuts)
}

func TestAPowerCutWhileAnInboxIsMadeIsNoDamage(t *testing.T) {
	_, random := roundsOf(t, "INBOX_CUTS", usualCuts)
	root, dir := watchedPlace(t)
	r := recordChild(t, "persist", root, dir, nil, childEnvironment(1, 1)...)
	cutsOf(t, r, len(r.moments), random, func(root string, said claims, how string) {
		require.NoError(t, loss(t.Context(), inboxIn(root), said), how)
	})
}

func TestAPowerCutWhileAnInboxIsSetAsideLosesNothing(t *testing.T) {
	_, random := roundsOf(t, "INBOX_CUTS", usualCuts)
	root, dir := watchedPlace(t)
	c := startChild(t, "settle", dir)
	c.answers(t, 150)
	c.cut(t) // and so there is a -wal
	require.NoError(t, os.Remove(filepath.Join(dir, watermarkName)))
	r := recordChild(t, "set aside", root, dir, nil)
	again := 0
	cutsOf(t, r, 30, random, func(root string, _ claims, how string) {
		err := loss(t.Context(), inboxIn(root), c.claims)
		if errors.Is(err, ErrDamaged) {
			again++
			_, err = SetAside(t.Context(), Options{Dir: inboxIn(root)}, time.Now(), func(Report) error { return nil }, func(int) {})
			require.NoError(t, err, how)
			err = loss(t.Context(), inboxIn(root), c.claims)
		}
		require.NoError(t, err, how)
	})
	require.Positive(t, again)
}

// The tests before find loss where there is some.
func TestAPowerCutLosesEventsWithoutASyncForEach(t *testing.T) {
	_, random := roundsOf(t, "INBOX_CUTS", usualCuts)
	root, dir := watchedPlace(t)
	r := recordChild(t, "work", root, dir, nil, append(childEnvironment(1, 100), childNormal+"=1")...)
	lost := 0
	cutsOf(t, r, 50, random, func(root string, said claims, how string) {
		if loss(context.Background(), inboxIn(root), said) != nil {
			lost++
		}
	})
	require.Positive(t, lost)
}
