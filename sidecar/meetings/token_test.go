package meetings_test

import (
	"crypto/ecdsa"
	"crypto/elliptic"
	"crypto/rand"
	"crypto/x509"
	"encoding/base64"
	"encoding/json"
	"maps"
	"net/http"
	"net/url"
	"strings"
	"testing"
	"time"

	"github.com/golang-jwt/jwt/v5"
	"github.com/stretchr/testify/require"

	"zoom-attendance/scripts/stack"
	"zoom-attendance/sidecar/meetings"
)

// signedBy makes a token as Supabase Auth does, changed as wanted.
func signedBy(t testing.TB, method jwt.SigningMethod, key any, subject string, changes ...jwt.MapClaims) string {
	t.Helper()
	claims := jwt.MapClaims{
		"sub": subject, "role": "authenticated", "aud": "authenticated",
		"iat": time.Now().Unix(), "exp": time.Now().Add(time.Hour).Unix(),
	}
	for _, change := range changes {
		maps.Copy(claims, change)
	}
	token := jwt.NewWithClaims(method, claims)
	token.Header["kid"] = "demo"
	signed, err := token.SignedString(key)
	require.NoError(t, err)
	return signed
}

// jwks is a set of the stack's own key and a public one, as a project has it that
// is changing from the one to the other.
func jwks(t testing.TB, public *ecdsa.PublicKey) string {
	t.Helper()
	b64 := base64.RawURLEncoding.EncodeToString
	point, err := public.Bytes()
	require.NoError(t, err)
	set, err := json.Marshal(map[string]any{"keys": []map[string]string{
		{"kty": "oct", "alg": "HS256", "k": b64([]byte(stack.JWTSecret))},
		{"kty": "EC", "alg": "ES256", "crv": "P-256", "kid": "demo", "x": b64(point[1:33]), "y": b64(point[33:])},
	}})
	require.NoError(t, err)
	return string(set)
}

func TestTokens(t *testing.T) {
	t.Parallel()
	key, err := ecdsa.GenerateKey(elliptic.P256(), rand.Reader)
	require.NoError(t, err)
	other, err := ecdsa.GenerateKey(elliptic.P256(), rand.Reader)
	require.NoError(t, err)
	public, err := x509.MarshalPKIXPublicKey(&key.PublicKey)
	require.NoError(t, err)
	s := newSchool(t, func(c *stack.PostgRESTConfig) { c.JWTSecret = jwks(t, &key.PublicKey) })
	w := open(t, s)

	id, secret := s.people[pupil], []byte(stack.JWTSecret)
	hs, es := signedBy(t, jwt.SigningMethodHS256, secret, id), signedBy(t, jwt.SigningMethodES256, key, id)
	past := jwt.MapClaims{"exp": time.Now().Add(-time.Hour).Unix()}
	future := jwt.MapClaims{"nbf": time.Now().Add(time.Hour).Unix()}
	parts, asHost := strings.Split(es, "."), strings.Split(signedBy(t, jwt.SigningMethodES256, other, s.people[host]), ".")
	none := signedBy(t, jwt.SigningMethodNone, jwt.UnsafeAllowNoneSignatureType, id)

	for name, c := range map[string]struct {
		token, reason string
	}{
		"signed with the shared secret": {hs, ""},
		"signed with the private key":   {es, ""},
		"of Supabase Auth":              {s.token(pupil), ""},

		"expired, signed with the shared secret":        {signedBy(t, jwt.SigningMethodHS256, secret, id, past), "token_refused"},
		"expired, signed with the private key":          {signedBy(t, jwt.SigningMethodES256, key, id, past), "token_refused"},
		"not valid yet":                                 {signedBy(t, jwt.SigningMethodES256, key, id, future), "token_refused"},
		"signed with another's secret":                  {signedBy(t, jwt.SigningMethodHS256, []byte(strings.Repeat("x", 40)), id), "token_refused"},
		"signed with another's key":                     {signedBy(t, jwt.SigningMethodES256, other, id), "token_refused"},
		"signed with the public key for a secret":       {signedBy(t, jwt.SigningMethodHS256, public, id), "token_refused"},
		"of somebody else, under the pupil's signature": {parts[0] + "." + asHost[1] + "." + parts[2], "token_refused"},
		"with a garbled signature":                      {parts[0] + "." + parts[1] + "." + asHost[2], "token_refused"},
		"with a garbled header":                         {"e" + es, "token_refused"},
		"unsigned, with something for a signature":      {none + "x", "token_refused"},
		"of nobody":                         {signedBy(t, jwt.SigningMethodES256, key, ""), "token_refused"},
		"that does not say of whom":         {signedBy(t, jwt.SigningMethodES256, key, id, jwt.MapClaims{"sub": nil}), "token_refused"},
		"of somebody who is no uuid":        {signedBy(t, jwt.SigningMethodES256, key, "pia@school.test"), "token_refused"},
		"of a number":                       {signedBy(t, jwt.SigningMethodHS256, secret, id, jwt.MapClaims{"sub": 42}), "token_refused"},
		"of a uuid with something after it": {signedBy(t, jwt.SigningMethodHS256, secret, id+"'--"), "token_refused"},

		"of a user without a role":                {signedBy(t, jwt.SigningMethodES256, key, id, jwt.MapClaims{"role": "anon"}), "token_refused"},
		"of the service's role":                   {signedBy(t, jwt.SigningMethodES256, key, id, jwt.MapClaims{"role": "service_role"}), "token_refused"},
		"which is the project's anon key":         {s.AnonKey, "token_refused"},
		"which is the project's service_role key": {s.ServiceRoleKey, "token_refused"},

		"which is the project's secret key":      {s.SecretKey, "no_token"},
		"which is the project's publishable key": {s.PublishableKey, "no_token"},
		"which begins like a secret key":         {"sb_secret_" + hs, "no_token"},
		"unsigned":                               {none, "no_token"},
		"that is a word":                         {"word", "no_token"},
		"that is empty":                          {"", "no_token"},
		"of two parts":                           {parts[0] + "." + parts[1], "no_token"},
		"of four parts":                          {es + "." + parts[2], "no_token"},
		"with a blank in it":                     {parts[0] + " ." + parts[1] + "." + parts[2], "no_token"},
		"with something behind it":               {hs + ", " + es, "no_token"},
		"of more than 8 KiB":                     {signedBy(t, jwt.SigningMethodHS256, secret, id, jwt.MapClaims{"x": strings.Repeat("x", 8<<10)}), "no_token"},
	} {
		t.Run("a token "+name, func(t *testing.T) {
			for what, ask := range map[string]struct {
				route string
				got   func() reply
			}{
				"enters": {"get_join", func() reply { return w.enter(t, lesson, bearing(c.token)) }},
				"joins":  {"post_join", func() reply { return w.say(t, lesson, "join", bearing(c.token)) }},
				"looks":  {"get_participants", func() reply { return w.people(t, assembly, bearing(c.token)) }},
			} {
				if c.reason == "" {
					require.NotEqual(t, http.StatusUnauthorized, ask.got().status, what)
					continue
				}
				before := w.count(t, ask.route, 401, c.reason)
				requireRefused(t, ask.got(), http.StatusUnauthorized, unauthorized)
				require.EqualValues(t, 1, w.count(t, ask.route, 401, c.reason)-before, what)
			}
		})
	}
}

// session is what supabase-js keeps, as JSON; it is longer than one cookie may be.
func session(token string) string {
	text, err := json.Marshal(map[string]any{
		"access_token": token, "token_type": "bearer", "expires_in": 3600, "refresh_token": "demo-refresh",
		"user": map[string]any{"id": "demo", "email": "pia@school.test", "note": `quotes ", commas , percents %41 and ümläuts` + strings.Repeat(" and more", 400)},
	})
	if err != nil {
		panic(err)
	}
	return string(text)
}

// base64ed is a cookie's value as @supabase/ssr writes it today.
func base64ed(session string) string {
	return "base64-" + base64.RawURLEncoding.EncodeToString([]byte(session))
}

// chunks are a value in several cookies of at most 3,180 characters.
func chunks(name, value string) string {
	var pairs []string
	for i := 0; value != ""; i++ {
		size := min(3180, len(value))
		pairs = append(pairs, name+"."+string(rune('0'+i))+"="+value[:size])
		value = value[size:]
	}
	return strings.Join(pairs, "; ")
}

func TestCookies(t *testing.T) {
	t.Parallel()
	w := open(t, newSchool(t))
	token := w.token(pupil)
	text := session(token)
	encoded := base64ed(text)
	require.Greater(t, len(chunks(cookie, encoded)), len(encoded)+len(cookie+".0=")+2, "more than one chunk")
	for name, c := range map[string]struct {
		cookies string
		status  int
	}{
		"base64url in one cookie":              {cookie + "=" + encoded, 200},
		"base64url with padding":               {cookie + "=" + base64ed(text+strings.Repeat(" ", 2-len(text)%3)) + "==", 200},
		"base64url in chunks":                  {chunks(cookie, encoded), 200},
		"chunks in another order, with others": {"a=b; " + chunks(cookie, encoded) + "; theme=dark; " + cookie + "-code-verifier=demo", 200},
		"plain JSON":                           {cookie + "=" + text, 200},
		"URL-encoded JSON":                     {cookie + "=" + url.PathEscape(text), 200},
		"plain JSON in chunks":                 {chunks(cookie, text), 200},
		"URL-encoded chunks":                   {cookie + ".0=" + url.PathEscape(text[:900]) + "; " + cookie + ".1=" + url.PathEscape(text[900:]), 200},
		"one cookie, and old chunks beside it": {cookie + "=" + encoded + "; " + cookie + ".0=base64-old", 200},

		"another project's cookie":    {"sb-other-auth-token=" + encoded, 401},
		"a chunk of another name":     {"x" + cookie + ".0=" + encoded, 401},
		"truncated base64url":         {cookie + "=" + encoded[:len(encoded)-2], 401},
		"a chunk without the first":   {strings.ReplaceAll(chunks(cookie, encoded), ".0=", ".7="), 401},
		"a first chunk without more":  {strings.ReplaceAll(chunks(cookie, encoded), ".1=", ".2="), 401},
		"truncated JSON":              {cookie + "=" + text[:len(text)-1], 401},
		"base64 that is none":         {cookie + "=base64-%%%", 401},
		"JSON of another shape":       {cookie + "=" + url.PathEscape(`["`+token+`"]`), 401},
		"a session without a token":   {cookie + "=" + base64ed(`{"refresh_token":"demo"}`), 401},
		"a token that is a number":    {cookie + "=" + base64ed(`{"access_token":1}`), 401},
		"the secret key for a token":  {cookie + "=" + base64ed(session(w.SecretKey)), 401},
		"the token itself":            {cookie + "=" + token, 401},
		"nothing in it":               {cookie + "=", 401},
		"no name":                     {"=" + encoded + ";;; =", 401},
		"a token refused by Supabase": {cookie + "=" + base64ed(session(token[:len(token)-4]+"AAAA")), 401},
	} {
		t.Run(name, func(t *testing.T) {
			got := w.enter(t, lesson, with("Cookie", c.cookies))
			require.Equal(t, c.status, got.status, got.body)
		})
	}
	t.Run("what is borne goes before the cookie", func(t *testing.T) {
		good := with("Cookie", cookie+"="+encoded)
		require.Equal(t, http.StatusUnauthorized, w.enter(t, lesson, good, bearing("word")).status)
		require.Equal(t, http.StatusNotFound, w.enter(t, lesson, good, w.by(guest)).status)
		require.Equal(t, http.StatusOK, w.enter(t, lesson, good, with("Authorization", "Basic ZGVtbzpkZW1v")).status, "that is for a proxy before us")
		require.Equal(t, http.StatusOK, w.enter(t, lesson, with("Authorization", "bearer  "+token)).status)
	})
	t.Run("it may come in several lines", func(t *testing.T) {
		require.Equal(t, http.StatusOK, w.enter(t, lesson, with("Cookie", "a=b"), also("Cookie", cookie+"="+encoded)).status)
	})
}

func TestTheCookiesNameIsThatOfSupabaseJS(t *testing.T) {
	t.Parallel()
	for address, want := range map[string]string{
		"https://abcdefgh.supabase.co":      "sb-abcdefgh-auth-token",
		"https://abcdefgh.supabase.co:443/": "sb-abcdefgh-auth-token",
		"http://127.0.0.1:54321":            "sb-127-auth-token",
		"http://localhost:54321":            "sb-localhost-auth-token",
	} {
		require.Equal(t, want, meetings.CookieName(address), address)
	}
}
