package main

import (
	"crypto/sha256"
	"encoding/hex"
	"errors"
	"fmt"
	"io/fs"
	"maps"
	"os"
	"path/filepath"
	"strings"

	"github.com/joho/godotenv"

	"zoom-attendance/scripts/stack"
)

// localURL is where the local project is, as with `supabase start`.
const localURL = "http://127.0.0.1:54321"

// demoSecret signs the events of the local project, and demoToken opens the
// admin address, unless the user set others.
const (
	demoSecret = "local-demo-secret"
	demoToken  = "local-demo-admin-token"
)

// The ports of the local project.
const (
	gatewayPort  = "54321"
	postgresPort = 54322
)

// settings are the environment that the sidecar is started with: the user's
// own, above what .env says, above what suits this machine.
type settings map[string]string

func readSettings(root string) (settings, error) {
	s := settings{
		"HOST":                "127.0.0.1",
		"PORT":                "8080",
		"ADMIN_ADDR":          "127.0.0.1:9090",
		"LOG_FORMAT":          "text",
		"ZOOM_WEBHOOK_SECRET": demoSecret,
		"ADMIN_TOKEN":         demoToken,
	}
	file, err := godotenv.Read(filepath.Join(root, ".env"))
	if err != nil && !errors.Is(err, fs.ErrNotExist) {
		return nil, fmt.Errorf("read .env: %w", err)
	}
	dropEmpty(file)
	maps.Copy(s, file)
	own := map[string]string{}
	for _, kv := range os.Environ() {
		name, value, _ := strings.Cut(kv, "=")
		own[name] = value
	}
	dropEmpty(own)
	maps.Copy(s, own)
	return s, nil
}

// dropEmpty treats a setting without a value as not set.
func dropEmpty(m map[string]string) {
	maps.DeleteFunc(m, func(_, value string) bool { return value == "" })
}

// ownProject says whether the user named a project to use instead of the local
// one. The address of the local one, with nobody there, means the local one.
func (s settings) ownProject() (bool, error) {
	url := s["SUPABASE_URL"]
	key := s["SUPABASE_SECRET_KEY"] + s["SUPABASE_SERVICE_ROLE_KEY"]
	switch {
	case strings.TrimSuffix(url, "/") == localURL && !listening(gatewayPort):
		return false, nil
	case url != "" && key != "":
		return true, nil
	case url != "":
		return false, errors.New("SUPABASE_URL is set but no key: set SUPABASE_SECRET_KEY too, or unset it to use the local project")
	case key != "":
		return false, errors.New("a Supabase key is set but no SUPABASE_URL: set it too, or unset the key to use the local project")
	}
	return false, nil
}

// useInbox keeps the events in this directory unless the user chose one. Each
// project has its own, or events meant for one would be carried to the other.
func (s settings) useInbox(dir string) {
	if s["INBOX_DIR"] == "" {
		s["INBOX_DIR"] = dir
	}
}

// useLocal points the sidecar at the local project.
func (s settings) useLocal(inbox string) {
	s.useInbox(inbox)
	s["SUPABASE_URL"] = localURL
	s["SUPABASE_SECRET_KEY"] = stack.SecretKey
	delete(s, "SUPABASE_SERVICE_ROLE_KEY")
}

// shown is a secret as a shell word: ours for demonstration as it is, one of
// the user's own by its name.
func (s settings) shown(name string) string {
	if value := s[name]; value == demoSecret || value == demoToken {
		return value
	}
	return `"$` + name + `"`
}

// inboxName tells the inboxes of the user's own projects apart.
func (s settings) inboxName() string {
	sum := sha256.Sum256([]byte(s["SUPABASE_URL"]))
	return "inbox-" + hex.EncodeToString(sum[:4])
}

// environ is the settings in the form of [os.Environ].
func (s settings) environ() []string {
	var env []string
	for name, value := range s {
		env = append(env, name+"="+value)
	}
	return env
}

// sidecarURL is where the sidecar answers.
func (s settings) sidecarURL() string { return "http://127.0.0.1:" + s["PORT"] }
