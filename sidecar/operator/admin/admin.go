package admin

import (
	"context"
	"crypto/rand"
	"crypto/sha256"
	"crypto/subtle"
	"encoding/json"
	"errors"
	"io"
	"log/slog"
	"net/http"
	"strings"
	"sync"
	"time"

	"zoom-attendance/sidecar/inbox"
	"zoom-attendance/sidecar/web"
	"zoom-attendance/sidecar/zoom"
)

const (
	maxBody    = 4 << 10          // bytes of a request; none of ours has any
	answerWait = 10 * time.Second // for an answer that is no progress
	countWait  = 2 * time.Minute  // for a count, which reads what is kept
)

// School is the database: rows that its own checks or triggers refused are set aside
// there, each by itself. RefusedRows answers refused_zoom_rows' object; its errors may
// be a [Refusal].
type School interface {
	RefusedRows(ctx context.Context, most int) (json.RawMessage, error)
}

// Refusal is what a School's error may say about itself.
type Refusal interface {
	error
	Meaning() string // the cause in plain words and what to do, never personal
}

// Options are what the room needs. Each field but Token, School and Pages must be set.
type Options struct {
	Token   zoom.Secret // what requests must carry; empty: only metrics are served
	Inbox   inbox.Inbox
	School  School       // nil: nobody tells what it refused
	Metrics http.Handler // of /metrics
	Pages   Pages        // at / and beneath /board/; nil: none
	Log     *slog.Logger
}

// Room answers on the admin address.
type Room struct {
	Options
	routes   *http.ServeMux
	working  sync.Mutex      // by what shows its progress
	life     context.Context // until Stop
	stop     context.CancelFunc
	sessions sessions
	wrong    *web.Limiter // tokens
	refusals *web.Refusals
	origin   *http.CrossOriginProtection
	salt     zoom.Secret // of the addresses in these two
}

// New returns the room. Stop ends what takes long.
func New(o Options) *Room {
	r := &Room{
		Options: o, routes: http.NewServeMux(), wrong: web.NewLimiter(guesses), refusals: web.NewRefusals(guesses.Clients),
		origin: http.NewCrossOriginProtection(), salt: zoom.Secret(rand.Text()),
	}
	r.life, r.stop = context.WithCancel(context.Background())
	r.routes.Handle("GET /metrics", o.Metrics)
	r.route("GET /dead", r.list)
	r.route("GET /dead/{number}", r.show)
	r.route("POST /dead/{number}/replay", r.putBack)
	r.route("POST /dead/replay", r.putAllBack)
	r.route("DELETE /dead/{number}", r.drop)
	r.route("GET /unknown", r.unknown)
	r.route("GET /replay", r.count)
	r.route("POST /replay", r.replay)
	if o.Pages != nil {
		r.servePages()
	}
	r.route("/", func(http.ResponseWriter, *http.Request) error {
		return refusal{http.StatusNotFound, "nothing of that name, or another method"}
	})
	return r
}

// Stop makes what shows its progress end soon, so that a server can shut down.
func (r *Room) Stop() { r.stop() }

// ServeHTTP answers who may ask.
func (r *Room) ServeHTTP(w http.ResponseWriter, req *http.Request) {
	w.Header().Set("Cache-Control", "no-store")
	w.Header().Set("X-Content-Type-Options", "nosniff")
	w.Header().Set("Cross-Origin-Resource-Policy", "same-origin")
	if r.outside(w, req) {
		return
	}
	inside, end, err := r.admit(req)
	if err != nil {
		r.turnAway(w, req, err)
		return
	}
	defer end()
	r.routes.ServeHTTP(w, inside)
}

// admit lets a request in, or says why it may not come. The one it returns ends
// when whoever sent it has no business here any more.
func (r *Room) admit(req *http.Request) (inside *http.Request, end context.CancelFunc, err error) {
	if r.Token == "" {
		if req.URL.Path == "/metrics" {
			return req, func() {}, nil
		}
		return nil, nil, errNoToken
	}
	if inside, end, err = r.inSession(req); inside != nil || err != nil {
		return inside, end, err
	}
	header := req.Header.Get("Authorization")
	given, bearer := strings.CutPrefix(header, "Bearer ")
	switch {
	case bearer && r.isToken(given):
		return req, func() {}, nil
	case header == "":
		return nil, nil, errToken // which is no guess
	}
	return nil, nil, r.wrongToken(req)
}

// isToken compares hashes, so that the time it takes tells nothing of the token,
// nor of its length.
func (r *Room) isToken(given string) bool {
	got, want := sha256.Sum256([]byte(given)), sha256.Sum256([]byte(r.Token))
	return r.Token != "" && subtle.ConstantTimeCompare(got[:], want[:]) == 1
}

// refusal is an error with an answer of its own.
type refusal struct {
	status int
	text   string
}

func (r refusal) Error() string { return r.text }

// route adds a handler, whose error becomes the answer.
func (r *Room) route(pattern string, handle func(http.ResponseWriter, *http.Request) error) {
	r.routes.HandleFunc(pattern, func(w http.ResponseWriter, req *http.Request) {
		if _, err := io.Copy(io.Discard, http.MaxBytesReader(w, req.Body, maxBody)); err != nil {
			refuse(w, refusal{http.StatusRequestEntityTooLarge, "no request here has a body"})
			return
		}
		if err := handle(w, req); err != nil {
			refuse(w, err)
		}
	})
}

// refuse answers an error. What is not ours is the inbox's, and nothing of that
// is personal.
func refuse(w http.ResponseWriter, err error) {
	status := http.StatusServiceUnavailable
	switch own, ok := errors.AsType[refusal](err); {
	case ok:
		status = own.status
	case errors.Is(err, inbox.ErrNoLetter):
		status = http.StatusNotFound
	}
	switch status {
	case http.StatusUnauthorized:
		w.Header().Set("WWW-Authenticate", "Bearer")
	case http.StatusTooManyRequests:
		w.Header().Set("Retry-After", guesses.RetryAfter())
	}
	_ = write(w, status, map[string]string{"error": err.Error()})
}

// write sends an answer. Its error says that the client is gone.
func write(w http.ResponseWriter, status int, answer any) error {
	w.Header().Set("Content-Type", "application/json")
	w.WriteHeader(status)
	return json.NewEncoder(w).Encode(answer)
}

// record writes the log line of an action.
func (r *Room) record(ctx context.Context, action string, err error, attrs ...slog.Attr) {
	attrs = append(attrs, slog.String(zoom.LogAction, action))
	level := slog.LevelInfo
	if err != nil {
		level, attrs = slog.LevelWarn, append(attrs, slog.String(zoom.LogError, err.Error()))
	}
	r.Log.LogAttrs(ctx, level, "operator", attrs...)
}
