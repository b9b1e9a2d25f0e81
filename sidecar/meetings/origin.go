package meetings

import (
	"net"
	"net/http"
	"net/url"
	"slices"
	"strings"
	"time"

	"github.com/gin-contrib/cors"
	"github.com/gin-gonic/gin"
)

// Origin returns an origin as browsers write it, and whether it may be allowed:
// https://host, with a port if that is another than the usual, or http:// for pages
// of this machine.
func Origin(given string) (origin string, ok bool) {
	u, err := url.Parse(strings.ToLower(strings.TrimSpace(given)))
	if err != nil || u.Hostname() == "" || u.Scheme+"://"+u.Host != u.String() || strings.Contains(u.Host, "*") {
		return "", false
	}
	if u.Scheme != "https" && (u.Scheme != "http" || !isThisMachine(u.Hostname())) {
		return "", false
	}
	return u.Scheme + "://" + withoutUsualPort(u), true
}

// isThisMachine tells a name or address that never leaves the machine.
func isThisMachine(host string) bool {
	return host == "localhost" || net.ParseIP(host).IsLoopback()
}

func withoutUsualPort(u *url.URL) string {
	if port := u.Port(); port == "443" && u.Scheme == "https" || port == "80" && u.Scheme == "http" {
		return strings.TrimSuffix(u.Host, ":"+port)
	}
	return u.Host
}

// isOurs says whether a request may change something for what the browser says of
// the page it came from. A GET changes nothing that another page could want.
func (r *room) isOurs(req *http.Request) bool {
	if req.Method == http.MethodGet {
		return true
	}
	page, err := url.Parse(pageOf(req.Header))
	if err != nil || page.Host == "" || page.User != nil || page.Scheme != "https" && page.Scheme != "http" {
		return false // "null" is one of these
	}
	if slices.Contains(r.AllowedOrigins, page.Scheme+"://"+page.Host) {
		return true
	}
	forwarded, _, _ := strings.Cut(req.Header.Get("X-Forwarded-Host"), ",")
	return strings.EqualFold(page.Host, req.Host) || strings.EqualFold(page.Host, strings.TrimSpace(forwarded))
}

// pageOf is the address of the page a request came from, as far as it is told.
func pageOf(h http.Header) string {
	if origins := h.Values("Origin"); len(origins) > 0 {
		return strings.Join(origins, " ") // two are none
	}
	return h.Get("Referer")
}

// sharing lets pages of these origins read answers.
func sharing(origins []string) gin.HandlerFunc {
	return cors.New(cors.Config{
		AllowOriginFunc:  func(origin string) bool { return slices.Contains(origins, origin) },
		AllowMethods:     []string{http.MethodGet, http.MethodPost},
		AllowHeaders:     []string{"Authorization", "Content-Type"},
		AllowCredentials: true,
		MaxAge:           time.Hour,
	})
}

// shareWithAllowed does so, and answers a preflight. gin-contrib/cors would answer
// every page of another origin 403, a page of our own behind a proxy among them;
// they go on without, and it is the browser that keeps the answer from them.
func (r *room) shareWithAllowed(c *gin.Context) {
	if slices.Contains(r.AllowedOrigins, c.GetHeader("Origin")) {
		r.share(c)
	}
}

// isPreflight tells a browser's question from another OPTIONS.
func isPreflight(req *http.Request) bool {
	return req.Method == http.MethodOptions && req.Header.Get("Access-Control-Request-Method") != ""
}
