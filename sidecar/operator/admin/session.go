package admin

import (
	"context"
	"crypto/rand"
	"crypto/sha256"
	"net"
	"net/http"
	"strconv"
	"sync"
	"time"
)

const (
	sessionLife  = 12 * time.Hour // then one signs in again
	sessionsMost = 64             // at once; one more ends the oldest
)

// session is a browser that has signed in.
type session struct {
	ctx   context.Context // ends with it
	end   context.CancelFunc
	began time.Time
}

// sessions are kept in memory alone: a restart ends them all. What is kept of an
// id is its hash, so that looking it up tells nothing of it.
type sessions struct {
	mu   sync.Mutex
	open map[[sha256.Size]byte]session
}

// begin opens a session and returns its id.
func (s *sessions) begin() string {
	s.mu.Lock()
	defer s.mu.Unlock()
	for len(s.open) >= sessionsMost {
		s.close(s.oldest())
	}
	id := rand.Text()
	ctx, end := context.WithTimeout(context.Background(), sessionLife)
	if s.open == nil {
		s.open = map[[sha256.Size]byte]session{}
	}
	s.open[sha256.Sum256([]byte(id))] = session{ctx, end, time.Now()}
	return id
}

// of returns the session of a request; nil for none, or one that is over.
func (s *sessions) of(req *http.Request) context.Context {
	cookie, err := req.Cookie(cookieName(req))
	if err != nil {
		return nil
	}
	s.mu.Lock()
	defer s.mu.Unlock()
	key := sha256.Sum256([]byte(cookie.Value))
	found, known := s.open[key]
	switch {
	case !known:
		return nil
	case found.ctx.Err() != nil:
		s.close(key)
		return nil
	}
	return found.ctx
}

// finish ends the session of a request, and all that is still answered in it.
func (s *sessions) finish(req *http.Request) {
	if cookie, err := req.Cookie(cookieName(req)); err == nil {
		s.mu.Lock()
		defer s.mu.Unlock()
		s.close(sha256.Sum256([]byte(cookie.Value)))
	}
}

func (s *sessions) close(key [sha256.Size]byte) {
	if found, known := s.open[key]; known {
		found.end()
		delete(s.open, key)
	}
}

func (s *sessions) oldest() (key [sha256.Size]byte) {
	var began time.Time
	for k, one := range s.open {
		if began.IsZero() || one.began.Before(began) {
			key, began = k, one.began
		}
	}
	return key
}

// cookieName is that of the session's cookie. A browser shows cookies to every
// port of a host, and two sidecars are often seen through two ports of one's own
// machine: so each port has a cookie.
func cookieName(req *http.Request) string {
	_, port, _ := net.SplitHostPort(req.Host)
	if _, err := strconv.ParseUint(port, 10, 16); err != nil {
		return "sidecar-board"
	}
	return "sidecar-board-" + port
}

// cookie carries a session's id; an empty one takes it away.
func cookie(req *http.Request, id string) *http.Cookie {
	c := &http.Cookie{
		Name: cookieName(req), Value: id, Path: "/", MaxAge: int(sessionLife.Seconds()),
		HttpOnly: true, SameSite: http.SameSiteStrictMode,
		// A proxy with TLS before us says so. Who lies about it spoils their own cookie.
		Secure: req.TLS != nil || req.Header.Get("X-Forwarded-Proto") == "https",
	}
	if id == "" {
		c.MaxAge = -1
	}
	return c
}
