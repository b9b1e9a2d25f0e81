package main

import (
	"cmp"
	"encoding/json"
	"fmt"
	"net"
	"net/http"
	"net/http/httptest"
	"strconv"
	"sync"
	"time"
)

// line is the way from the sidecar to the project, and its weather. It is in
// front of the gateway, where the internet would be.
type line struct {
	url     string
	gateway http.Handler
	bites   *tally
	trouble *tally // all that the project refused, under one name
	server  *http.Server

	mu      sync.Mutex
	weather weather
	over    chan struct{} // closed when the weather changes
}

// weather is what happens to each exchange. Fair weather has no do.
type weather struct {
	name string // of what is counted: "answers lost"
	do   func(exchange)
}

// exchange is one request under the weather.
type exchange struct {
	w    http.ResponseWriter
	r    *http.Request
	pass func() *httptest.ResponseRecorder // has the project do its work
	over <-chan struct{}
}

func newLine(gateway http.Handler, bites *tally) (*line, error) {
	listener, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		return nil, err
	}
	l := &line{url: "http://" + listener.Addr().String(), gateway: gateway, bites: bites, trouble: newTally(), over: make(chan struct{})}
	l.server = &http.Server{Handler: l, ReadHeaderTimeout: 10 * time.Second}
	go func() { _ = l.server.Serve(listener) }() // until close
	return l, nil
}

func (l *line) close() error {
	l.fair()
	return l.server.Close()
}

// turn changes the weather.
func (l *line) turn(to weather) {
	l.mu.Lock()
	defer l.mu.Unlock()
	l.weather = to
	close(l.over)
	l.over = make(chan struct{})
}

func (l *line) fair() { l.turn(weather{}) }

func (l *line) ServeHTTP(w http.ResponseWriter, r *http.Request) {
	l.mu.Lock()
	now, over := l.weather, l.over
	l.mu.Unlock()
	pass := func() *httptest.ResponseRecorder {
		answer := httptest.NewRecorder()
		l.gateway.ServeHTTP(answer, r)
		l.note(answer)
		return answer
	}
	if now.do == nil {
		copyAnswer(w, pass())
		return
	}
	l.bites.add(now.name)
	now.do(exchange{w, r, pass, over})
}

// note counts what the project itself refuses, by its code.
func (l *line) note(answer *httptest.ResponseRecorder) {
	if answer.Code < 400 {
		return
	}
	var body struct{ Code string }
	if json.Unmarshal(answer.Body.Bytes(), &body); body.Code == "" {
		body.Code = strconv.Itoa(answer.Code)
	}
	l.bites.add(answersOf(body.Code))
	l.trouble.add(refusals)
}

const refusals = "refusals"

// answersOf names what [line.note] counts.
func answersOf(code string) string { return "answers " + code }

func copyAnswer(w http.ResponseWriter, answer *httptest.ResponseRecorder) {
	for name, values := range answer.Header() {
		w.Header()[name] = values
	}
	w.WriteHeader(answer.Code)
	_, _ = w.Write(answer.Body.Bytes())
}

// The weather there is.
var (
	answersLost = weather{"answers lost", func(e exchange) {
		e.pass()
		hangUp()
	}}
	answersCut = weather{"answers cut in mid-body", func(e exchange) {
		answer := e.pass()
		e.w.Header().Set("Content-Type", "application/json")
		e.w.Header().Set("Content-Length", strconv.Itoa(answer.Body.Len()))
		e.w.WriteHeader(answer.Code)
		_, _ = e.w.Write(answer.Body.Bytes()[:answer.Body.Len()/2])
		_ = http.NewResponseController(e.w).Flush()
		reset(e.w)
	}}
	callsReset = weather{"calls reset", func(e exchange) { reset(e.w) }}
	callsHung  = weather{"calls hung", func(e exchange) {
		select {
		case <-e.r.Context().Done():
		case <-e.over:
		}
		hangUp()
	}}
	callsSlow = weather{"calls slowed", func(e exchange) {
		pause(e.r.Context(), 300*time.Millisecond)
		copyAnswer(e.w, e.pass())
	}}
	errors500   = refusal(500, "", "an error of a gateway")
	errors503   = refusal(503, "PGRST002", "Could not query the database for the schema cache. Retrying.")
	errors429   = refusal(429, "", "Too many requests")
	staleTable  = refusal(404, "PGRST205", "Could not find the table in the schema cache")
	staleColumn = refusal(400, "PGRST204", "Could not find the column in the schema cache")
	keyRevoked  = refusal(401, "", "Invalid API key")
	keyExpired  = refusal(401, "PGRST301", "JWT expired")
)

// refusal answers in the project's place.
func refusal(status int, code, message string) weather {
	return weather{"invented " + answersOf(cmp.Or(code, strconv.Itoa(status))), func(e exchange) {
		if status == http.StatusTooManyRequests {
			e.w.Header().Set("Retry-After", "1")
		}
		e.w.Header().Set("Content-Type", "application/json")
		e.w.WriteHeader(status)
		_, _ = fmt.Fprintf(e.w, `{"code":%q,"message":%q,"details":null,"hint":null}`, code, message)
	}}
}

// hangUp closes the connection without a word.
func hangUp() { panic(http.ErrAbortHandler) }

// reset breaks the connection, as a router that forgot it does.
func reset(w http.ResponseWriter) {
	conn, _, err := http.NewResponseController(w).Hijack()
	if err != nil {
		hangUp()
	}
	if tcp, ok := conn.(*net.TCPConn); ok {
		_ = tcp.SetLinger(0)
	}
	_ = conn.Close()
}
