package inbox

import (
	"os"
	"testing"

	"go.uber.org/goleak"
)

func TestMain(m *testing.M) {
	if isChild, status := runChild(); isChild {
		os.Exit(status)
	}
	goleak.VerifyTestMain(m)
}
