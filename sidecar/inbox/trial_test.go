package inbox

import (
	"os"
	"path/filepath"
	"testing"

	"github.com/stretchr/testify/require"
)

func TestAPlaceIsTriedAndLeftAsItWas(t *testing.T) {
	above := t.TempDir()
	dir := filepath.Join(above, "data", "inbox")
	trial, err := TryDirectory(testContext(t), dir)
	require.NoError(t, err)
	require.False(t, trial.Made)
	require.Positive(t, trial.Free)
	require.Positive(t, trial.Sync)
	entries, err := os.ReadDir(above)
	require.NoError(t, err)
	require.Empty(t, entries)

	b := open(t, Options{Dir: dir})
	accept(t, b, "one", "two")
	trial, err = TryDirectory(testContext(t), dir)
	require.NoError(t, err)
	require.True(t, trial.Made)
	require.True(t, trial.Running)
	require.Positive(t, trial.Taken)
	accept(t, b, "three")
	shut(t, b)

	trial, err = TryDirectory(testContext(t), dir)
	require.NoError(t, err)
	require.False(t, trial.Running)
	require.Empty(t, trial.Damage)
	require.Equal(t, []string{"one", "two", "three"}, bodies(take(t, open(t, Options{Dir: dir}), 3)), "it can be opened, and nothing is missing")
}

func TestAPlaceThatCannotBeWrittenIsRefused(t *testing.T) {
	file := filepath.Join(t.TempDir(), "file")
	require.NoError(t, os.WriteFile(file, nil, 0o600))
	for _, dir := range []string{file, filepath.Join(file, "inbox"), "/proc/inbox"} {
		_, err := TryDirectory(testContext(t), dir)
		require.ErrorIs(t, err, ErrNotWritable, dir)
		require.ErrorContains(t, err, "set INBOX_DIR")
	}
}

func TestDamageIsFoundWithoutOpening(t *testing.T) {
	dir := t.TempDir()
	b := open(t, Options{Dir: dir})
	accept(t, b, "one")
	shut(t, b)
	require.NoError(t, os.RemoveAll(filepath.Join(dir, "jetstream", "$G", "streams", streamEvents, "msgs")))
	trial, err := TryDirectory(testContext(t), dir)
	require.NoError(t, err)
	require.NotEmpty(t, trial.Damage)
}

func TestServersAreTriedAndLeftAsTheyWere(t *testing.T) {
	s := startNats(t)
	trial, err := TryCluster(testContext(t), s.url, 1)
	require.NoError(t, err)
	require.False(t, trial.Made)
	require.Positive(t, trial.Sync)

	b := open(t, Options{URL: s.url})
	accept(t, b, "one")
	trial, err = TryCluster(testContext(t), s.url, 1)
	require.NoError(t, err)
	require.True(t, trial.Made)
	var names []string
	list := b.js.StreamNames(testContext(t))
	for name := range list.Name() {
		names = append(names, name)
	}
	require.NoError(t, list.Err())
	for _, name := range names {
		require.NotContains(t, name, "TRIAL")
	}

	_, err = TryCluster(testContext(t), s.url, 3)
	require.ErrorIs(t, err, ErrReplicas)
	require.ErrorContains(t, err, "NATS_REPLICAS")
	s.kill()
	_, err = TryCluster(testContext(t), s.url, 1)
	require.ErrorIs(t, err, ErrUnavailable)
}
