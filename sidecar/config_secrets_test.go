package main

import (
	"os"
	"path/filepath"
	"slices"
	"testing"

	"github.com/stretchr/testify/require"

	"zoom-attendance/sidecar/zoom"
)

func TestWebhookSecretsAreTakenAsAListOrFromAFile(t *testing.T) {
	file := filepath.Join(t.TempDir(), "secrets")
	require.NoError(t, os.WriteFile(file, []byte("new-invented, old-invented\r\n\toldest-invented\n"), 0o600))
	for sentence, c := range map[string]struct {
		set  string
		want []zoom.Secret
	}{
		"a list with blanks": {"ZOOM_WEBHOOK_SECRET= new-invented , old-invented", []zoom.Secret{"new-invented", "old-invented"}},
		"a file":             {"ZOOM_WEBHOOK_SECRET_FILE=" + file, []zoom.Secret{"new-invented", "old-invented", "oldest-invented"}},
	} {
		t.Run(sentence, func(t *testing.T) {
			got, err := readConfig(append(slices.Clone(enough[1:]), c.set))
			require.NoError(t, err)
			require.True(t, slices.Equal(c.want, got.WebhookSecrets))
		})
	}
}

func TestAFileOfSecretsIsRefused(t *testing.T) {
	dir := t.TempDir()
	write := func(name string, text []byte) string {
		path := filepath.Join(dir, name)
		require.NoError(t, os.WriteFile(path, text, 0o600))
		return path
	}
	for sentence, set := range map[string][]string{
		"that is not there":              {"ZOOM_WEBHOOK_SECRET_FILE=" + filepath.Join(dir, "none")},
		"that is a directory":            {"ZOOM_WEBHOOK_SECRET_FILE=" + dir},
		"that holds no secret":           {"ZOOM_WEBHOOK_SECRET_FILE=" + write("empty", []byte(" ,\n"))},
		"that is some other file":        {"ZOOM_WEBHOOK_SECRET_FILE=" + write("large", make([]byte, maxSecretFile+1))},
		"when there is the setting, too": {"ZOOM_WEBHOOK_SECRET_FILE=" + write("one", []byte("invented")), enough[0]},
	} {
		t.Run(sentence, func(t *testing.T) {
			_, err := readConfig(append(slices.Clone(enough[1:]), set...))
			require.Error(t, err)
			require.Regexp(t, `^these settings are not right:\n  ZOOM_WEBHOOK_SECRET_FILE [^\n]*$`, err.Error(), "one fault, and no other")
			require.NotContains(t, err.Error(), "invented")
		})
	}
}
