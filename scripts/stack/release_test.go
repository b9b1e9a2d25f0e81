package stack

import (
	"os"
	"testing"

	"github.com/stretchr/testify/require"
)

func TestTheImageIsBuiltAsTheReleaseIs(t *testing.T) {
	text, err := os.ReadFile("../../sidecar/Dockerfile")
	require.NoError(t, err)
	require.Contains(t, string(text), "CGO_ENABLED=0 go build "+releaseFlags+` -ldflags="-s -w -X main.release=$RELEASE" -o /sidecar ./sidecar`)
}
