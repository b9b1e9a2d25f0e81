package monitor

import (
	"bytes"
	"cmp"
	"context"
	"embed"
	"encoding/json"
	"fmt"
	"html/template"
	"net"
	"net/http"
	"os"
	"strings"

	"github.com/jackc/pgx/v5"
)

// Config says whom the page shows the school to, and with what.
type Config struct {
	// People lists everybody who may be chosen, in the order of the picker.
	// [PeopleOf] does for a database. It is asked anew for every request.
	People func(context.Context) ([]Person, error)

	// Token makes the access token of a person, as stack.UserToken does.
	Token func(id, email string) string

	// SupabaseJS is the path of supabase-js for browsers, dist/umd/supabase.js
	// in the package. It is served as it is.
	SupabaseJS string

	// PublishableKey is the project's, on whose origin the page is mounted.
	PublishableKey string

	// Timezone decides the date of a lesson, as ATTENDANCE_TIMEZONE does for
	// the sidecar: UTC if empty; "meeting" for each meeting's own.
	Timezone string
}

// Person is somebody who may be chosen.
type Person struct {
	ID    string `json:"id"` // a uuid
	Email string `json:"email"`
	Name  string `json:"name"`
	Role  string `json:"role"` // admin, teacher, student or parent; empty if unknown
}

// PeopleOf returns a Config.People that reads public.users: the teachers, the
// admins, the students and the parents, each by name.
func PeopleOf(db interface {
	Query(ctx context.Context, sql string, args ...any) (pgx.Rows, error)
}) func(context.Context) ([]Person, error) {
	return func(ctx context.Context) ([]Person, error) {
		rows, err := db.Query(ctx, `
			select id::text, email, name, coalesce(role, '') from public.users
			order by array_position(array['teacher', 'admin', 'student', 'parent'], role), name, id`)
		if err != nil {
			return nil, err
		}
		return pgx.CollectRows(rows, pgx.RowToStructByPos[Person])
	}
}

//go:embed page
var page embed.FS

var index = template.Must(template.ParseFS(page, "page/index.html"))

// Prefix is where the monitor has to be mounted.
const Prefix = "/monitor"

// New returns the handler of everything beneath [Prefix]. It panics if the
// configuration lacks something, for that is a mistake in the program.
func New(config Config) http.Handler {
	if config.People == nil || config.Token == nil || config.SupabaseJS == "" || config.PublishableKey == "" {
		panic("monitor: People, Token, SupabaseJS and PublishableKey are needed")
	}
	config.Timezone = cmp.Or(config.Timezone, "UTC")
	m := &monitor{config}
	mux := http.NewServeMux()
	mux.HandleFunc("GET /{$}", m.index)
	mux.HandleFunc("GET /people", m.people)
	mux.HandleFunc("GET /session", m.session)
	mux.HandleFunc("GET /supabase.js", m.supabaseJS)
	for name, kind := range map[string]string{
		"style.css":  "text/css; charset=utf-8",
		"monitor.js": "text/javascript; charset=utf-8",
		"icon.svg":   "image/svg+xml",
	} {
		body, err := page.ReadFile("page/" + name)
		if err != nil {
			panic(err) // the file is embedded
		}
		mux.HandleFunc("GET /"+name, func(w http.ResponseWriter, _ *http.Request) { send(w, kind, body) })
	}
	return http.StripPrefix(Prefix, onLoopback(mux))
}

type monitor struct{ config Config }

func (m *monitor) index(w http.ResponseWriter, _ *http.Request) {
	var body bytes.Buffer
	if err := index.Execute(&body, m.config); err != nil {
		refuse(w, http.StatusInternalServerError, err.Error())
		return
	}
	send(w, "text/html; charset=utf-8", body.Bytes())
}

// people answers with a list of [Person].
func (m *monitor) people(w http.ResponseWriter, r *http.Request) {
	people, err := m.config.People(r.Context())
	if err != nil {
		refuse(w, http.StatusServiceUnavailable, "The people of the school cannot be read: "+err.Error())
		return
	}
	answer(w, http.StatusOK, append([]Person{}, people...)) // [] and not null for nobody
}

// session stands in for Supabase Auth: it signs in whoever is asked for.
func (m *monitor) session(w http.ResponseWriter, r *http.Request) {
	email := r.URL.Query().Get("as")
	if email == "" {
		refuse(w, http.StatusBadRequest, "Say who: session?as=<e-mail>")
		return
	}
	people, err := m.config.People(r.Context())
	if err != nil {
		refuse(w, http.StatusServiceUnavailable, "The people of the school cannot be read: "+err.Error())
		return
	}
	for _, person := range people {
		if strings.EqualFold(person.Email, email) {
			answer(w, http.StatusOK, session{m.config.Token(person.ID, person.Email), person})
			return
		}
	}
	refuse(w, http.StatusNotFound, fmt.Sprintf("Nobody in this school has the e-mail %s", email))
}

type session struct {
	AccessToken string `json:"access_token"`
	User        Person `json:"user"`
}

func (m *monitor) supabaseJS(w http.ResponseWriter, _ *http.Request) {
	body, err := os.ReadFile(m.config.SupabaseJS)
	if err != nil {
		refuse(w, http.StatusNotFound, "supabase-js is not there (npm ci --prefix scripts brings it): "+err.Error())
		return
	}
	send(w, "text/javascript; charset=utf-8", body)
}

// onLoopback lets through only what comes from this machine and is addressed to
// it by a name that no other can have: not what a forgotten port forwarding
// brings, and not a page elsewhere whose name suddenly leads here.
func onLoopback(next http.Handler) http.Handler {
	return http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		h := w.Header()
		h.Del("Access-Control-Allow-Origin") // whatever the mount allows: other pages do not read this
		h.Set("Cache-Control", "no-store")
		h.Set("X-Content-Type-Options", "nosniff")
		h.Set("Referrer-Policy", "no-referrer")
		if !isLoopback(r.RemoteAddr) || !isLoopback(r.Host) {
			refuse(w, http.StatusForbidden, "The class monitor answers on this machine alone, at http://127.0.0.1")
			return
		}
		h.Set("Content-Security-Policy", strings.Join([]string{
			"default-src 'self'",
			// 'self' means the WebSocket too, but not in every browser.
			fmt.Sprintf("connect-src 'self' ws://%[1]s wss://%[1]s", r.Host),
			"base-uri 'none'", "form-action 'none'", "frame-ancestors 'none'", "object-src 'none'",
		}, "; "))
		next.ServeHTTP(w, r)
	})
}

// isLoopback says so of an address with or without a port.
func isLoopback(address string) bool {
	host, _, err := net.SplitHostPort(address)
	if err != nil {
		host = strings.Trim(address, "[]")
	}
	ip := net.ParseIP(host)
	return host == "localhost" || ip != nil && ip.IsLoopback()
}

func send(w http.ResponseWriter, kind string, body []byte) {
	w.Header().Set("Content-Type", kind)
	_, _ = w.Write(body)
}

func answer(w http.ResponseWriter, status int, value any) {
	w.Header().Set("Content-Type", "application/json")
	w.WriteHeader(status)
	_ = json.NewEncoder(w).Encode(value)
}

// refuse answers an error, in the form that the rest of the project has them.
func refuse(w http.ResponseWriter, status int, message string) {
	answer(w, status, map[string]string{"message": message})
}
