//go:build linux

package inbox

import (
	"slices"
	"strings"
	"testing"

	"github.com/stretchr/testify/require"
)

// diskFaults are what strace has system calls answer. It counts the calls of each thread
// by itself, and so a fault comes and goes several times.
var diskFaults = map[string]struct {
	inject string
	says   error
}{
	"a sync fails":           {"fdatasync:error=EIO:when=20..21", ErrUnavailable},
	"every tenth sync fails": {"fdatasync:error=EIO:when=25+10", ErrUnavailable},
	"a write fails":          {"pwrite64:error=EIO:when=150+150", ErrUnavailable},
	"a write finds no space": {"pwrite64:error=ENOSPC:when=150..152", ErrFull},
	"a sync finds no space":  {"fdatasync:error=ENOSPC:when=20..21", ErrUnavailable},
}

func TestAFaultOfTheDiskLosesNothingThatWasAnsweredAndEndsByItself(t *testing.T) {
	for name, fault := range diskFaults {
		t.Run(name, func(t *testing.T) {
			t.Parallel() // it mostly waits until the file is opened again
			_, random := roundsOf(t, "INBOX_CUTS", usualCuts)
			root, dir := watchedPlace(t)
			r := recordChild(t, "persist", root, dir, []string{fault.inject}, childEnvironment(1, 80)...)
			require.Len(t, r.claims.answered, 80, "it goes on when the fault is over")
			for _, why := range r.claims.refused {
				require.True(t, strings.Contains(why, ErrUnavailable.Error()) || strings.Contains(why, ErrFull.Error()), why)
			}
			require.Contains(t, strings.Join(r.claims.refused, "\n"), fault.says.Error())
			require.True(t, slices.ContainsFunc(r.claims.ready, func(why string) bool { return strings.Contains(why, fault.says.Error()) }), "Ready says why")
			require.Equal(t, "nil", r.claims.ready[len(r.claims.ready)-1])

			cutsOf(t, r, 100, random, func(root string, said claims, how string) {
				require.NoError(t, loss(t.Context(), inboxIn(root), said), how)
			})
			require.NoError(t, loss(t.Context(), dir, r.claims), "after a kill")
		})
	}
}
