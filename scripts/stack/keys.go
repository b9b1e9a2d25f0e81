package stack

import (
	"crypto/hmac"
	"crypto/sha256"
	"encoding/base64"
	"encoding/json"
	"time"
)

// The keys of the local stack are the published defaults of `supabase start`:
// known to everyone, secret from no one, good for loopback only.
const (
	// JWTSecret signs and verifies every token of the local stack (HS256).
	JWTSecret = "super-secret-jwt-token-with-at-least-32-characters-long"

	// PublishableKey acts as the role anon until a user signs in.
	PublishableKey = "sb_publishable_ACJWlzQHlZjBrEguHvfOxg_3BJgxAaH"

	// SecretKey acts as service_role, which row level security does not bind.
	SecretKey = "sb_secret_N7UND0UgjKTVK-Uodkm0Hg_xSvEMPvz"
)

// The legacy keys: tokens that expire in November 2032.
var (
	AnonKey        = sign(legacyClaims{Issuer: "supabase-demo", Role: "anon", Expires: 1983812996})
	ServiceRoleKey = sign(legacyClaims{Issuer: "supabase-demo", Role: "service_role", Expires: 1983812996})
)

type legacyClaims struct {
	Issuer  string `json:"iss"`
	Role    string `json:"role"`
	Expires int64  `json:"exp"`
}

type userClaims struct {
	Audience string `json:"aud"`
	Expires  int64  `json:"exp"`
	Issued   int64  `json:"iat"`
	Subject  string `json:"sub"`
	Email    string `json:"email,omitempty"`
	Role     string `json:"role"`
}

// UserToken returns the access token that Supabase Auth would give to a
// signed-in user: role authenticated, auth.uid() being id (a uuid) and
// auth.email() being email. It is good for a day.
func UserToken(id, email string) string {
	now := time.Now()
	return sign(userClaims{
		Audience: "authenticated",
		Expires:  now.Add(24 * time.Hour).Unix(),
		Issued:   now.Unix(),
		Subject:  id,
		Email:    email,
		Role:     "authenticated",
	})
}

// sign makes a JSON Web Token of claims with [JWTSecret].
func sign(claims any) string {
	payload, err := json.Marshal(claims)
	if err != nil {
		panic(err) // the claims are our own structs of strings and numbers
	}
	b64 := base64.RawURLEncoding
	text := b64.EncodeToString([]byte(`{"alg":"HS256","typ":"JWT"}`)) + "." + b64.EncodeToString(payload)
	mac := hmac.New(sha256.New, []byte(JWTSecret))
	mac.Write([]byte(text))
	return text + "." + b64.EncodeToString(mac.Sum(nil))
}
