package main

import (
	"bufio"
	"fmt"
	"io"
	"net"
	"net/http"
	"strconv"
	"sync"
	"time"

	"zoom-attendance/sidecar/zoom"
)

// answerPatience is more than any answer should take.
const answerPatience = 30 * time.Second

// signed is a whole request, ready to be written, so that sending it takes
// little of the processor that the contestants need.
func signed(address string, body []byte, now time.Time) []byte {
	timestamp := strconv.FormatInt(now.Unix(), 10)
	return fmt.Appendf(nil, "POST %s HTTP/1.1\r\nHost: %s\r\nContent-Type: application/json; charset=utf-8\r\nContent-Length: %d\r\n%s: %s\r\n%s: %s\r\n\r\n%s",
		webhookPath, address, len(body), zoom.HeaderTimestamp, timestamp, zoom.HeaderSignature, zoom.Sign(webhookSecret, timestamp, body), body)
}

// wire is a connection that is kept alive and carries one request at a time.
type wire struct {
	conn net.Conn
	read *bufio.Reader
}

// post writes a request and reads the status of its answer.
func (w *wire) post(request []byte) (status int, keep bool, err error) {
	if err := w.conn.SetDeadline(time.Now().Add(answerPatience)); err != nil {
		return 0, false, err
	}
	if _, err := w.conn.Write(request); err != nil {
		return 0, false, err
	}
	response, err := http.ReadResponse(w.read, nil)
	if err != nil {
		return 0, false, err
	}
	defer response.Body.Close()
	_, err = io.Copy(io.Discard, response.Body)
	return response.StatusCode, err == nil && !response.Close, err
}

// wires are the connections to one address that nobody uses at the moment.
// The one that was used last is used next, so there are only as many as are
// needed at once.
type wires struct {
	address string
	mu      sync.Mutex
	idle    []*wire
}

// post sends a request on a connection that is free, or a new one.
func (ws *wires) post(request []byte) (status int, err error) {
	w, err := ws.take()
	if err != nil {
		return 0, err
	}
	status, keep, err := w.post(request)
	if !keep {
		_ = w.conn.Close()
		return status, err
	}
	ws.mu.Lock()
	defer ws.mu.Unlock()
	ws.idle = append(ws.idle, w)
	return status, nil
}

func (ws *wires) take() (*wire, error) {
	ws.mu.Lock()
	if last := len(ws.idle) - 1; last >= 0 {
		w := ws.idle[last]
		ws.idle = ws.idle[:last]
		ws.mu.Unlock()
		return w, nil
	}
	ws.mu.Unlock()
	conn, err := net.Dial("tcp", ws.address)
	if err != nil {
		return nil, err
	}
	return &wire{conn, bufio.NewReader(conn)}, nil
}

func (ws *wires) close() {
	ws.mu.Lock()
	defer ws.mu.Unlock()
	for _, w := range ws.idle {
		_ = w.conn.Close()
	}
	ws.idle = nil
}
