package main

import (
	"os"
	"reflect"
	"regexp"
	"testing"
	"time"

	"github.com/stretchr/testify/require"
)

// The platform must not kill before the sidecar has stopped by itself.
func TestFlyWaitsLongerThanStoppingTakes(t *testing.T) {
	text, err := os.ReadFile("../fly.toml")
	require.NoError(t, err)
	found := regexp.MustCompile(`(?m)^kill_timeout = "([^"]*)"`).FindSubmatch(text)
	require.NotNil(t, found)
	kill, err := time.ParseDuration(string(found[1]))
	require.NoError(t, err)
	field, _ := reflect.TypeFor[Config]().FieldByName("ShutdownTimeout")
	stop, err := time.ParseDuration(field.Tag.Get("envDefault"))
	require.NoError(t, err)
	require.GreaterOrEqual(t, kill-stop, 5*time.Second)
	require.NotContains(t, string(text), "SHUTDOWN_TIMEOUT =", "the default holds on Fly.io")
}
