package board

import (
	"context"
	"encoding/json"
	"errors"
	"io"
	"log/slog"
	"net/http"
	"regexp"
	"sync"
	"time"

	"github.com/prometheus/client_golang/prometheus"

	"zoom-attendance/sidecar/operator/explain"
	"zoom-attendance/sidecar/operator/watch"
	"zoom-attendance/sidecar/zoom"
)

const (
	answerWait = 12 * time.Second // for the database to answer a page
	maxBody    = 4 << 10          // bytes of a question
	lookAgain  = 10 * time.Minute // after which a look at the same lesson is another one
	looksKept  = 256
)

// School is the database. Its answers are shown as they are.
type School interface {
	// RecentLessons returns recent_lessons' array.
	RecentLessons(ctx context.Context) (json.RawMessage, error)
	// Unmatched returns unmatched_zoom's object.
	Unmatched(ctx context.Context, most int) (json.RawMessage, error)
	// LessonTimeline returns lesson_timeline's object.
	LessonTimeline(ctx context.Context, meeting, date string) (json.RawMessage, error)
	// Explain returns explain_attendance's object.
	Explain(ctx context.Context, meeting, student, date string) (json.RawMessage, error)
}

// Options are what the board shows. Each field but Marks must be set.
type Options struct {
	Metrics  prometheus.Gatherer // of the process; monitoring/README.md names them
	School   School              //
	Marks    func() []watch.Mark // what the watch sees now; nil: there is no watch
	Timezone string              // in which times are shown: an IANA name, or "meeting" for each meeting's own
	Version  string              // of the program
	Log      *slog.Logger        //
}

// Board is the pages, and what goes on behind them while [Board.Run] runs.
type Board struct {
	Options
	routes *http.ServeMux
	began  time.Time
	life   context.Context // until Stop
	stop   context.CancelFunc
	looked chan struct{} // somebody began to look

	mu      sync.Mutex
	past    ring
	recent  []reading // of the last seconds, the newest last, while somebody looks
	lessons lessons
	news    news
	streams map[stream]struct{}
	shown   map[string]time.Time // when a look at a lesson was last written down
}

// New returns the board. Without Run it shows nothing that moves.
func New(o Options) *Board {
	b := &Board{Options: o, routes: http.NewServeMux(), began: time.Now(), looked: make(chan struct{}, 1), streams: map[stream]struct{}{}, shown: map[string]time.Time{}}
	b.life, b.stop = context.WithCancel(context.Background())
	b.routes.HandleFunc("GET /{$}", b.index)
	for name, file := range assets {
		b.routes.HandleFunc("GET "+assetPath+name, file.serve)
	}
	b.routes.HandleFunc("GET /board/live", b.live)
	b.routes.HandleFunc("GET /board/lesson", b.lesson)
	b.routes.HandleFunc("POST /board/why", b.why)
	b.routes.HandleFunc("GET /board/history", b.history)
	b.routes.HandleFunc("/", func(w http.ResponseWriter, _ *http.Request) {
		refuse(w, http.StatusNotFound, "nothing of that name, or another method")
	})
	return b
}

// Stop ends every stream soon, so that a server can shut down.
func (b *Board) Stop() { b.stop() }

// ServeHTTP answers whoever may look; that is for the caller to know.
func (b *Board) ServeHTTP(w http.ResponseWriter, req *http.Request) {
	protect(w)
	b.routes.ServeHTTP(w, req)
}

// protect has a browser use an answer for nothing but these pages.
func protect(w http.ResponseWriter) {
	h := w.Header()
	h.Set("Cache-Control", "no-store")
	h.Set("Content-Security-Policy", "default-src 'none'; script-src 'self'; style-src 'self'; img-src 'self'; connect-src 'self'; "+
		"form-action 'self'; base-uri 'none'; frame-ancestors 'none'; require-trusted-types-for 'script'; trusted-types 'none'")
	h.Set("Cross-Origin-Opener-Policy", "same-origin")
	h.Set("Cross-Origin-Resource-Policy", "same-origin")
	h.Set("Referrer-Policy", "no-referrer")
	h.Set("X-Content-Type-Options", "nosniff")
	h.Set("X-Frame-Options", "DENY")
}

var numberShape = regexp.MustCompile(`^[0-9]{1,20}$`)

// isLesson says whether there can be a lesson of that meeting and date.
func isLesson(meeting, date string) bool {
	_, err := time.Parse(time.DateOnly, date)
	return numberShape.MatchString(meeting) && err == nil
}

func (b *Board) lesson(w http.ResponseWriter, req *http.Request) {
	meeting, date := req.URL.Query().Get("meeting"), req.URL.Query().Get("date")
	if !isLesson(meeting, date) {
		refuse(w, http.StatusBadRequest, "a lesson is Zoom's number of a meeting and a date such as 2026-03-02")
		return
	}
	b.ask(w, req, "show a lesson", meeting, func(ctx context.Context) (json.RawMessage, error) {
		return b.School.LessonTimeline(ctx, meeting, date)
	})
}

// question is whose attendance to explain. It comes as a body, for whom somebody
// looks at belongs in no address.
type question struct{ Meeting, Student, Date string }

var idShape = regexp.MustCompile(`^[0-9a-f]{8}(-[0-9a-f]{4}){3}-[0-9a-f]{12}$`)

func (b *Board) why(w http.ResponseWriter, req *http.Request) {
	var q question
	body, err := io.ReadAll(http.MaxBytesReader(w, req.Body, maxBody))
	if err != nil || json.Unmarshal(body, &q) != nil || !isLesson(q.Meeting, q.Date) || !idShape.MatchString(q.Student) {
		refuse(w, http.StatusBadRequest, "the question must have meeting, student (the id of a user) and date")
		return
	}
	b.ask(w, req, "explain", q.Meeting, func(ctx context.Context) (json.RawMessage, error) {
		return b.explain(ctx, q)
	})
}

// explain has the answer in words.
func (b *Board) explain(ctx context.Context, q question) (json.RawMessage, error) {
	body, err := b.School.Explain(ctx, q.Meeting, q.Student, q.Date)
	if err != nil {
		return nil, err
	}
	words, err := explain.Describe(body, explain.Question(q), b.Timezone)
	if err != nil {
		return nil, err
	}
	return json.Marshal(words)
}

// ask shows what the database answers. Whoever looks at people leaves a line in
// the log, which names nobody; a page that goes on looking, one now and then.
func (b *Board) ask(w http.ResponseWriter, req *http.Request, action, meeting string, of func(context.Context) (json.RawMessage, error)) {
	ctx, cancel := context.WithTimeout(req.Context(), answerWait)
	defer cancel()
	answer, err := of(ctx)
	attrs := []slog.Attr{slog.String(zoom.LogAction, action), slog.String(zoom.LogMeeting, meeting)}
	switch {
	case errors.Is(err, explain.ErrNothing):
		refuse(w, http.StatusNotFound, err.Error())
	case err != nil:
		b.Log.LogAttrs(ctx, slog.LevelWarn, "operator", append(attrs, slog.String(zoom.LogError, err.Error()))...)
		refuse(w, http.StatusServiceUnavailable, err.Error())
	default:
		if b.isNew(action + meeting) {
			b.Log.LogAttrs(ctx, slog.LevelInfo, "operator", attrs...)
		}
		send(w, http.StatusOK, answer)
	}
}

// isNew says whether a look was not written down lately.
func (b *Board) isNew(look string) bool {
	b.mu.Lock()
	defer b.mu.Unlock()
	if time.Since(b.shown[look]) < lookAgain {
		return false
	}
	if len(b.shown) >= looksKept {
		clear(b.shown)
	}
	b.shown[look] = time.Now()
	return true
}

// send writes an answer. Its error would say that the client is gone.
func send(w http.ResponseWriter, status int, answer any) {
	w.Header().Set("Content-Type", "application/json")
	w.WriteHeader(status)
	_ = json.NewEncoder(w).Encode(answer)
}

// refuse answers with an error, as the admin room does.
func refuse(w http.ResponseWriter, status int, text string) {
	send(w, status, map[string]string{"error": text})
}
