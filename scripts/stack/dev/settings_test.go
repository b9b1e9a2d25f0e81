package main

import (
	"net"
	"os"
	"path/filepath"
	"strings"
	"testing"

	"github.com/stretchr/testify/require"
)

func TestWhichProjectIsMeant(t *testing.T) {
	cases := []struct {
		name     string
		settings settings
		own      bool
		fault    string
	}{
		{"nothing set means the local project", settings{}, false, ""},
		{"a URL and a secret key mean that project",
			settings{"SUPABASE_URL": "https://abc.supabase.test", "SUPABASE_SECRET_KEY": "sb_secret_x"}, true, ""},
		{"a URL and a legacy key mean that project",
			settings{"SUPABASE_URL": "https://abc.supabase.test", "SUPABASE_SERVICE_ROLE_KEY": "eyJ"}, true, ""},
		{"a URL alone is a mistake", settings{"SUPABASE_URL": "https://abc.supabase.test"}, false, "no key"},
		{"a key alone is a mistake", settings{"SUPABASE_SECRET_KEY": "sb_secret_x"}, false, "no SUPABASE_URL"},
	}
	for _, c := range cases {
		t.Run(c.name, func(t *testing.T) {
			own, err := c.settings.ownProject()
			if c.fault != "" {
				require.ErrorContains(t, err, c.fault)
				return
			}
			require.NoError(t, err)
			require.Equal(t, c.own, own)
		})
	}
}

func TestTheEnvironmentOutranksTheFileOutranksTheDefaults(t *testing.T) {
	root := t.TempDir()
	text := "PORT=8181\nADMIN_ADDR=127.0.0.1:9191\nSUPABASE_URL=\n"
	require.NoError(t, os.WriteFile(filepath.Join(root, ".env"), []byte(text), 0o600))
	t.Setenv("PORT", "8282")
	t.Setenv("SUPABASE_URL", "")

	s, err := readSettings(root)
	require.NoError(t, err)
	require.Equal(t, "8282", s["PORT"])
	require.Equal(t, "127.0.0.1:9191", s["ADMIN_ADDR"])
	require.Equal(t, "text", s["LOG_FORMAT"])
	require.NotContains(t, s, "SUPABASE_URL", "a setting without a value is not set")
}

func TestProjectsDoNotShareAnInbox(t *testing.T) {
	a := settings{"SUPABASE_URL": "https://a.supabase.test"}
	b := settings{"SUPABASE_URL": "https://b.supabase.test"}
	require.NotEqual(t, a.inboxName(), b.inboxName())

	a.useInbox("/state/" + a.inboxName())
	require.Equal(t, "/state/"+a.inboxName(), a["INBOX_DIR"])
	b["INBOX_DIR"] = "/mine"
	b.useLocal("/state/dev/inbox")
	require.Equal(t, "/mine", b["INBOX_DIR"], "the user's choice stays")
}

func TestTheUsersOwnWebhookSecretIsNotShown(t *testing.T) {
	s := settings{"ZOOM_WEBHOOK_SECRET": "mine"}
	var said strings.Builder
	d := &dev{settings: s}
	require.NoError(t, d.explain(&said, true))
	require.Contains(t, said.String(), "$ZOOM_WEBHOOK_SECRET")
	require.NotContains(t, said.String(), "mine")
}

func TestAPortInUseIsNamed(t *testing.T) {
	t.Parallel()
	listener, err := net.Listen("tcp", "127.0.0.1:0")
	require.NoError(t, err)
	defer listener.Close()
	_, port, err := net.SplitHostPort(listener.Addr().String())
	require.NoError(t, err)
	require.ErrorContains(t, checkPort(t.Context(), listener.Addr().String()), "port "+port+" is in use")
}
