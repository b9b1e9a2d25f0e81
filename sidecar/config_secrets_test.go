package main

import (
	"os"
	"path/filepath"
	"reflect"
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

// secretSettings are right values of every setting that is a secret.
var secretSettings = map[string]string{
	"ZOOM_WEBHOOK_SECRET":       "invented-secret",
	"IP_HASH_SALT":              "invented-and-long-enough",
	"SUPABASE_SECRET_KEY":       "sb_secret_invented",
	"SUPABASE_SERVICE_ROLE_KEY": "invented.legacy.key",
	"ZOOM_SDK_SECRET":           "invented-sdk-secret",
	"NATS_URL":                  "nats://user:invented@127.0.0.1:4222",
	"ADMIN_TOKEN":               "invented-token-of-an-operator",
	"ALERT_URL":                 "https://hooks.school.test/invented",
	"ALERT_SECRET":              "whsec_aW52ZW50ZWQtaW52ZW50ZWQtaW52ZW50ZWQ=",

	"OTEL_EXPORTER_OTLP_HEADERS": "x-key=invented",
}

func TestASecretWithQuotesOrBlanksIsRefusedByName(t *testing.T) {
	all := append(slices.Clone(enough), "ZOOM_SDK_KEY=key", "OTEL_EXPORTER_OTLP_ENDPOINT=https://collector.test")
	for name, value := range secretSettings {
		all = append(all, name+"="+value)
	}
	_, err := readConfig(all)
	require.NoError(t, err, "as they stand they are right")

	for _, field := range reflect.VisibleFields(reflect.TypeFor[Config]()) {
		if field.Type != reflect.TypeFor[zoom.Secret]() && field.Type != reflect.TypeFor[[]zoom.Secret]() {
			continue
		}
		name := field.Tag.Get("env")
		value, ok := secretSettings[name]
		require.True(t, ok, "%s is a secret and not in this test", name)
		spoilt := []string{`"` + value + `"`, "'" + value + "'"}
		if name != "OTEL_EXPORTER_OTLP_HEADERS" {
			spoilt = append(spoilt, value[:9]+" "+value[9:], value+`"`, "“"+value+"”", "\ufeff"+value)
		}
		for _, set := range spoilt {
			_, err := readConfig(append(slices.Clone(all), name+"="+set))
			require.Error(t, err, name)
			require.Regexp(t, `^these settings are not right:\n  `+name+` [^\n]*$`, err.Error(), "one fault, and no other")
			require.NotContains(t, err.Error(), "invented")
			require.NotContains(t, err.Error(), "aW52")
			if name != "OTEL_EXPORTER_OTLP_HEADERS" {
				require.ErrorContains(t, err, "an env file kept", name)
			}
		}
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
		"that is not there":               {"ZOOM_WEBHOOK_SECRET_FILE=" + filepath.Join(dir, "none")},
		"that is a directory":             {"ZOOM_WEBHOOK_SECRET_FILE=" + dir},
		"that holds no secret":            {"ZOOM_WEBHOOK_SECRET_FILE=" + write("empty", []byte(" ,\n"))},
		"whose secrets kept their quotes": {"ZOOM_WEBHOOK_SECRET_FILE=" + write("quoted", []byte("new-invented\n\"old-invented\"\n"))},
		"that an editor marked":           {"ZOOM_WEBHOOK_SECRET_FILE=" + write("marked", []byte("\ufeffinvented\n"))},
		"that is some other file":         {"ZOOM_WEBHOOK_SECRET_FILE=" + write("large", make([]byte, maxSecretFile+1))},
		"when there is the setting, too":  {"ZOOM_WEBHOOK_SECRET_FILE=" + write("one", []byte("invented")), enough[0]},
	} {
		t.Run(sentence, func(t *testing.T) {
			_, err := readConfig(append(slices.Clone(enough[1:]), set...))
			require.Error(t, err)
			require.Regexp(t, `^these settings are not right:\n  ZOOM_WEBHOOK_SECRET_FILE [^\n]*$`, err.Error(), "one fault, and no other")
			require.NotContains(t, err.Error(), "invented")
		})
	}
}
