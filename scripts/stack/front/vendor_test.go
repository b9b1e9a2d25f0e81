package front_test

import (
	"os"
	"path/filepath"
	"testing"

	"github.com/stretchr/testify/require"
)

// The board's chart library is the one that scripts/package.json names, byte by
// byte. To take another version: change it there, and copy the files.
func TestWhatTheBoardHasFromNpmIsAsItWasPublished(t *testing.T) {
	const vendor, published = "../../../sidecar/operator/board/assets/vendor", "../../node_modules/uplot"
	files, err := os.ReadDir(vendor)
	require.NoError(t, err)
	require.Len(t, files, 3)
	for _, file := range files {
		ours, err := os.ReadFile(filepath.Join(vendor, file.Name()))
		require.NoError(t, err)
		theirs, err := os.ReadFile(filepath.Join(published, "dist", file.Name()))
		if file.Name() == "LICENSE" {
			theirs, err = os.ReadFile(filepath.Join(published, file.Name()))
		}
		require.NoError(t, err)
		require.True(t, string(ours) == string(theirs), "%s is another one than in %s", file.Name(), published)
	}
}
