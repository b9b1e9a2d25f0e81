package stack

import (
	"context"
	"encoding/json"
	"errors"
	"net"
	"net/http"
	"net/http/httputil"
	"net/url"
	"strings"
)

// Gateway is the front door of the local project: the URLs, keys and headers
// of a hosted one. It is an [http.Handler]; further services are mounted with
// [Gateway.Handle], pages with [Gateway.HandlePage].
//
// A key comes in the header apikey or the query parameter of that name. The
// services behind see tokens only: an `Authorization` that is one stays, else
// a new key becomes the token of its role.
type Gateway struct{ mux *http.ServeMux }

// NewGateway returns a gateway whose /rest/v1 is the PostgREST that the
// transport leads to.
func NewGateway(rest http.RoundTripper) *Gateway {
	g := &Gateway{mux: http.NewServeMux()}
	g.Handle("/rest/v1", &httputil.ReverseProxy{
		Transport: rest,
		Rewrite: func(r *httputil.ProxyRequest) {
			r.SetURL(&url.URL{Scheme: "http", Host: "postgrest"})
			r.Out.Close = closesAfter(r.Out)
		},
		ErrorHandler: upstreamError,
		ModifyResponse: func(r *http.Response) error {
			dropCORS(r.Header) // the gateway speaks for itself
			return nil
		},
	})
	g.mux.HandleFunc("/", func(w http.ResponseWriter, _ *http.Request) {
		answer(w, http.StatusNotFound, "no Route matched with those values")
	})
	return g
}

// Handle mounts a service beneath a path such as /realtime/v1. It sees its
// requests without that path, with a known key and a token in Authorization.
func (g *Gateway) Handle(prefix string, service http.Handler) {
	g.mux.Handle(prefix+"/", http.StripPrefix(prefix, requireKey(service)))
}

// HandlePage mounts what a browser opens by its address, for which no key is
// asked: it sees its requests as they came.
func (g *Gateway) HandlePage(prefix string, page http.Handler) {
	g.mux.Handle(prefix+"/", page)
}

func (g *Gateway) ServeHTTP(w http.ResponseWriter, r *http.Request) {
	allowOrigins(w.Header(), r)
	if r.Method == http.MethodOptions && r.Header.Get("Access-Control-Request-Method") != "" {
		w.WriteHeader(http.StatusOK)
		return
	}
	g.mux.ServeHTTP(w, r)
}

// tokens are the tokens that stand for the keys.
var tokens = map[string]string{
	SecretKey:      ServiceRoleKey,
	PublishableKey: AnonKey,
	AnonKey:        "",
	ServiceRoleKey: "",
}

// requireKey refuses requests without a key of this project, and sees to it
// that those with a new key carry the token it stands for.
func requireKey(next http.Handler) http.Handler {
	return http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		key := r.Header.Get("apikey")
		if query := r.URL.Query(); key == "" && query.Has("apikey") {
			key = query.Get("apikey")
			query.Del("apikey") // PostgREST would take it for a column
			r.URL.RawQuery = query.Encode()
		}
		token, known := tokens[key]
		switch {
		case key == "":
			answer(w, http.StatusUnauthorized, "No API key found in request")
			return
		case !known:
			answer(w, http.StatusUnauthorized, "Invalid API key")
			return
		case key == SecretKey && strings.HasPrefix(r.UserAgent(), "Mozilla/"):
			answer(w, http.StatusUnauthorized, "Forbidden use of secret API key in browser")
			return
		}
		if auth := r.Header.Get("Authorization"); auth == "" || strings.HasPrefix(auth, "Bearer sb_") {
			r.Header.Del("Authorization")
			if token != "" {
				r.Header.Set("Authorization", "Bearer "+token)
			}
		}
		next.ServeHTTP(w, r)
	})
}

// allowOrigins lets a page of any origin read the answers, as Supabase does.
func allowOrigins(h http.Header, r *http.Request) {
	h.Set("Access-Control-Allow-Origin", "*")
	h.Set("Access-Control-Expose-Headers", "Content-Encoding, Content-Location, Content-Range, Content-Type, "+
		"Date, Location, Server, Transfer-Encoding, Range-Unit, Preference-Applied")
	if r.Method != http.MethodOptions {
		return
	}
	h.Set("Access-Control-Allow-Methods", "GET,HEAD,PUT,PATCH,POST,DELETE,OPTIONS,TRACE,CONNECT")
	if asked := r.Header.Get("Access-Control-Request-Headers"); asked != "" {
		h.Set("Access-Control-Allow-Headers", asked)
	}
	h.Set("Access-Control-Max-Age", "3600")
}

func dropCORS(h http.Header) {
	for name := range h {
		if strings.HasPrefix(name, "Access-Control-") {
			h.Del(name)
		}
	}
}

// upstreamError answers for a service that is down (503) or broke off (502).
func upstreamError(w http.ResponseWriter, _ *http.Request, err error) {
	var dial *net.OpError
	switch {
	case errors.Is(err, context.Canceled):
		// the client went away; nobody reads an answer
	case errors.As(err, &dial) && dial.Op == "dial":
		answer(w, http.StatusServiceUnavailable, "Service unavailable: "+err.Error())
	default:
		answer(w, http.StatusBadGateway, "An invalid response was received from the upstream server: "+err.Error())
	}
}

func answer(w http.ResponseWriter, status int, message string) {
	w.Header().Set("Content-Type", "application/json")
	w.WriteHeader(status)
	_ = json.NewEncoder(w).Encode(map[string]string{"message": message})
}
