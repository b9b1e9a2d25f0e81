package meetings

import (
	"encoding/base64"
	"encoding/json"
	"net/http"
	"net/url"
	"regexp"
	"strconv"
	"strings"

	"zoom-attendance/sidecar/zoom"
)

const (
	maxToken     = 8 << 10
	base64Prefix = "base64-" // of a cookie that @supabase/ssr encoded
)

// tokenShape is the form of a signed JSON Web Token.
var tokenShape = regexp.MustCompile(`^[A-Za-z0-9_-]+\.[A-Za-z0-9_-]+\.[A-Za-z0-9_-]+$`)

// CookieName is the name under which supabase-js keeps the session of a project
// with this address.
func CookieName(projectURL string) string {
	u, err := url.Parse(projectURL)
	if err != nil {
		return ""
	}
	ref, _, _ := strings.Cut(u.Hostname(), ".")
	return "sb-" + ref + "-auth-token"
}

// tokenOf is the access token of a request: what it bears, else what is in its
// cookies; empty if that is none. It is not verified.
func tokenOf(h http.Header, cookie string) zoom.Secret {
	scheme, token, _ := strings.Cut(h.Get("Authorization"), " ")
	if !strings.EqualFold(scheme, "Bearer") {
		token = sessionToken(cookieValue(h, cookie))
	}
	token = strings.TrimSpace(token)
	if len(token) > maxToken || strings.HasPrefix(token, "sb_") || !tokenShape.MatchString(token) {
		return ""
	}
	return zoom.Secret(token)
}

// sessionToken reads the access token in a session as @supabase/ssr writes it.
func sessionToken(value string) string {
	if encoded, is := strings.CutPrefix(value, base64Prefix); is {
		plain, err := base64.RawURLEncoding.DecodeString(strings.TrimRight(encoded, "="))
		if err != nil {
			return ""
		}
		value = string(plain)
	}
	var session struct {
		AccessToken string `json:"access_token"`
	}
	if json.Unmarshal([]byte(value), &session) != nil {
		return ""
	}
	return session.AccessToken
}

// cookieValue is the value of a cookie, or of its chunks: name.0, name.1, ….
func cookieValue(h http.Header, name string) string {
	all := cookies(h)
	if whole := all[name]; whole != "" {
		return whole
	}
	var value strings.Builder
	for i := 0; all[name+"."+strconv.Itoa(i)] != ""; i++ {
		value.WriteString(all[name+"."+strconv.Itoa(i)])
	}
	return value.String()
}

// cookies reads all cookies, the first of each name. net/http would drop those
// with a quotation mark in them, and plain JSON is full of these.
func cookies(h http.Header) map[string]string {
	all := map[string]string{}
	for _, line := range h.Values("Cookie") {
		for pair := range strings.SplitSeq(line, ";") {
			name, value, _ := strings.Cut(strings.TrimSpace(pair), "=")
			if _, known := all[name]; !known {
				all[name] = decoded(value)
			}
		}
	}
	return all
}

// decoded undoes the percent signs of a cookie, if that is what they are.
func decoded(value string) string {
	if plain, err := url.PathUnescape(value); err == nil {
		return plain
	}
	return value
}
