package realtime

import (
	"errors"
	"fmt"
	"slices"
	"strings"
	"time"

	"github.com/golang-jwt/jwt/v5"
)

// roles are the database roles that a token may speak for.
var roles = []string{"anon", "authenticated", "service_role"}

// identity is as whom row level security is asked.
type identity struct {
	role   string
	claims string // of the token, as JSON
}

// caller is an identity for as long as its token is good.
type caller struct {
	identity
	expires time.Time // zero for never
}

// anonymous is who brings no token at all.
var anonymous = caller{identity: identity{role: "anon", claims: `{"role":"anon"}`}}

// refusal says, in the words of Realtime, why something was not done.
type refusal struct{ code, message string }

func (r *refusal) Error() string { return r.code + ": " + r.message }

// message is a refusal without its code, or the text of another error.
func message(err error) string {
	var refused *refusal
	if errors.As(err, &refused) {
		return refused.message
	}
	return err.Error()
}

// verify returns whom a token speaks for. Its errors are refusals.
func verify(token string, secret []byte) (caller, error) {
	if token == "" {
		return anonymous, nil
	}
	claims := jwt.MapClaims{}
	_, err := jwt.ParseWithClaims(token, claims,
		func(*jwt.Token) (any, error) { return secret, nil },
		jwt.WithValidMethods([]string{jwt.SigningMethodHS256.Alg()}), jwt.WithExpirationRequired())
	if err != nil {
		return caller{}, refuseToken(err, claims)
	}
	role, _ := claims["role"].(string)
	switch {
	case role == "":
		return caller{}, refuseToken(jwt.ErrTokenRequiredClaimMissing, claims)
	case !slices.Contains(roles, role):
		return caller{}, &refusal{"InvalidJWTToken", fmt.Sprintf("role %q is none of this project", role)}
	}
	text, err := jwt.NewParser().DecodeSegment(strings.Split(token, ".")[1])
	if err != nil {
		return caller{}, refuseToken(err, claims)
	}
	return caller{identity{role, string(text)}, expiry(claims)}, nil
}

func refuseToken(err error, claims jwt.MapClaims) error {
	switch {
	case errors.Is(err, jwt.ErrTokenSignatureInvalid):
		return &refusal{"JwtSignatureError", "Failed to validate JWT signature"}
	case errors.Is(err, jwt.ErrTokenRequiredClaimMissing):
		return &refusal{"InvalidJWTToken", "Fields `role` and `exp` are required in JWT"}
	case errors.Is(err, jwt.ErrTokenExpired):
		return expired(expiry(claims))
	default:
		return &refusal{"MalformedJWT", "The token provided is not a valid JWT"}
	}
}

func expired(at time.Time) *refusal {
	ago := int(time.Since(at).Seconds())
	return &refusal{"InvalidJWTToken", fmt.Sprintf("Token has expired %d seconds ago", ago)}
}

func expiry(claims jwt.MapClaims) time.Time {
	if at, err := claims.GetExpirationTime(); err == nil && at != nil {
		return at.Time
	}
	return time.Time{}
}
