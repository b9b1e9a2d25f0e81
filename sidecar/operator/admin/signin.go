package admin

import (
	"context"
	"log/slog"
	"net"
	"net/http"
	"strings"
	"time"

	"zoom-attendance/sidecar/web"
	"zoom-attendance/sidecar/zoom"
)

// Pages are what people see in a browser. They are served to whoever may come in;
// who that is, this room says.
type Pages interface {
	http.Handler
	// Open says of a path that anybody may have it: a style, a picture.
	Open(path string) bool
	// Door shows a page to whoever has not come in: what there is to say and, if
	// that may help, a form that posts "token" to /sign-in.
	Door(w http.ResponseWriter, status int, says string, form bool)
}

const (
	pathSignIn  = "/sign-in"
	pathSignOut = "/sign-out"
)

// guesses is how often each visitor may give a wrong token, in the form or in the
// header: so many at once, and then one in that time. It ends by itself, and whoever
// gives the right one never meets it: others of the same address, such as all behind
// one proxy, cannot lock an operator out.
var guesses = web.Rate{Burst: 10, Every: 5 * time.Second, Clients: 1024}

var (
	errNoToken = refusal{http.StatusForbidden, "ADMIN_TOKEN must be set where the sidecar runs, and here; without it only /metrics is served"}
	errToken   = refusal{http.StatusUnauthorized, "ADMIN_TOKEN is missing or wrong"}
	errForged  = refusal{http.StatusForbidden, "the request did not come from the board's own page"}
	errOften   = refusal{http.StatusTooManyRequests, "too many attempts from your address: wait " + guesses.Every.String() + " and try again"}
)

// What the door says.
const (
	saysNothing = ""
	saysNoToken = "The board is closed: no ADMIN_TOKEN is set where the sidecar runs. Set one of 16 characters or more (openssl rand -hex 16 makes one), start the sidecar again, and sign in with it here."
	saysWrong   = "That is not the ADMIN_TOKEN of this sidecar. It is in the environment that the sidecar was started with."
)

// servePages has the pages answer beside the JSON interface.
func (r *Room) servePages() {
	r.routes.Handle("GET /{$}", r.Pages)
	r.routes.Handle("/board/", r.Pages)
	r.routes.HandleFunc("POST "+pathSignOut, r.signOut)
}

// outside answers what is for those who have not come in, and says whether that
// was it.
func (r *Room) outside(w http.ResponseWriter, req *http.Request) bool {
	switch {
	case r.Pages == nil:
		return false
	case req.Method == http.MethodGet && r.Pages.Open(req.URL.Path):
		r.Pages.ServeHTTP(w, req)
	case r.Token != "" && req.Method == http.MethodGet && req.URL.Path == pathSignIn:
		if r.sessions.of(req) != nil {
			http.Redirect(w, req, "/", http.StatusSeeOther)
			return true
		}
		r.Pages.Door(w, http.StatusOK, saysNothing, true)
	case r.Token != "" && req.Method == http.MethodPost && req.URL.Path == pathSignIn:
		r.signIn(w, req)
	default:
		return false
	}
	return true
}

// signIn opens a session for whoever gives the token.
func (r *Room) signIn(w http.ResponseWriter, req *http.Request) {
	err := r.judgeSignIn(w, req)
	if err == nil {
		r.record(req.Context(), "sign in", nil)
	} else {
		r.noteRefusal(req, err)
	}
	switch err {
	case nil:
		r.sessions.finish(req)
		http.SetCookie(w, cookie(req, r.sessions.begin()))
		http.Redirect(w, req, "/", http.StatusSeeOther)
	case errToken:
		r.Pages.Door(w, http.StatusUnauthorized, saysWrong, true)
	case errOften:
		w.Header().Set("Retry-After", guesses.RetryAfter())
		r.Pages.Door(w, http.StatusTooManyRequests, sentence(errOften), true)
	default:
		r.Pages.Door(w, http.StatusForbidden, sentence(err), true)
	}
}

func (r *Room) judgeSignIn(w http.ResponseWriter, req *http.Request) error {
	if r.origin.Check(req) != nil {
		return errForged
	}
	req.Body = http.MaxBytesReader(w, req.Body, maxBody)
	if !r.isToken(req.PostFormValue("token")) {
		return r.wrongToken(req)
	}
	return nil
}

// wrongToken counts a wrong token and says what is answered.
func (r *Room) wrongToken(req *http.Request) error {
	if !r.wrong.Allow(r.client(req), time.Now()) {
		return errOften
	}
	return errToken
}

// client names the sender of a request by a hash.
func (r *Room) client(req *http.Request) string {
	host, _, _ := net.SplitHostPort(req.RemoteAddr)
	return web.HashAddress(r.salt, host)
}

// noteRefusal logs it, once a minute for each client and reason.
func (r *Room) noteRefusal(req *http.Request, err error) {
	write, unlogged := r.refusals.Line(r.client(req), err.Error(), time.Now())
	if !write {
		return
	}
	attrs := []slog.Attr{slog.String(zoom.LogReason, err.Error())}
	if unlogged > 0 {
		attrs = append(attrs, slog.Int(zoom.LogUnlogged, unlogged))
	}
	r.Log.LogAttrs(req.Context(), slog.LevelWarn, "an admin request was refused", attrs...)
}

// signOut ends the session, with the pages that are open in it.
func (r *Room) signOut(w http.ResponseWriter, req *http.Request) {
	r.sessions.finish(req)
	r.record(req.Context(), "sign out", nil)
	http.SetCookie(w, cookie(req, ""))
	http.Redirect(w, req, pathSignIn, http.StatusSeeOther)
}

// inSession is the request of somebody who has signed in, which ends when their
// session does; nil without one.
func (r *Room) inSession(req *http.Request) (*http.Request, context.CancelFunc, error) {
	if r.Pages == nil || req.Header.Get("Authorization") != "" {
		return nil, nil, nil
	}
	open := r.sessions.of(req)
	if open == nil {
		return nil, nil, nil
	}
	if !r.isOurPage(req) {
		return nil, nil, errForged
	}
	ctx, end := context.WithCancel(req.Context())
	forget := context.AfterFunc(open, end)
	return req.WithContext(ctx), func() { forget(); end() }, nil
}

// isOurPage says whether a request with a cookie was sent by our own page, and not
// by another that the same browser shows. Of what changes something the browser
// has to say so; a page at another port of this host is another.
func (r *Room) isOurPage(req *http.Request) bool {
	site := req.Header.Get("Sec-Fetch-Site")
	if req.Method == http.MethodGet || req.Method == http.MethodHead {
		return site == "" || site == "same-origin" || site == "none" || req.Header.Get("Sec-Fetch-Mode") == "navigate"
	}
	return (site != "" || req.Header.Get("Origin") != "") && r.origin.Check(req) == nil
}

// turnAway answers who may not come in: a browser with the door, all else with
// the error.
func (r *Room) turnAway(w http.ResponseWriter, req *http.Request, err error) {
	isPage := r.Pages != nil && req.Method == http.MethodGet && strings.Contains(req.Header.Get("Accept"), "text/html")
	switch {
	case isPage && err == errNoToken:
		r.Pages.Door(w, http.StatusForbidden, saysNoToken, false)
	case isPage && err == errToken:
		http.Redirect(w, req, pathSignIn, http.StatusSeeOther)
	default:
		r.noteRefusal(req, err)
		refuse(w, err)
	}
}

// sentence is an error as a page says it.
func sentence(err error) string {
	text := err.Error()
	return strings.ToUpper(text[:1]) + text[1:] + "."
}
