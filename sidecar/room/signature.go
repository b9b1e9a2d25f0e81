package room

import (
	"fmt"
	"strings"
	"time"

	"github.com/golang-jwt/jwt/v5"
)

const (
	roleParticipant = 0
	roleHost        = 1

	backdated    = 30 * time.Second // clocks differ, and Zoom refuses what is of the future
	signatureFor = 2 * time.Hour    // Zoom takes from 30 minutes to 48 hours, counted from iat
)

// sign makes the signature with which the Meeting SDK lets a page into a meeting,
// and returns it with the key it belongs to; both nil when there is no SDK app.
// https://developers.zoom.us/docs/meeting-sdk/auth/
func (r *room) sign(meeting string, host bool) (key, signature *string, err error) {
	if r.SDKKey == "" {
		return nil, nil, nil
	}
	role := roleParticipant
	if host {
		role = roleHost
	}
	now := r.Now()
	end := now.Add(signatureFor).Unix()
	token := jwt.NewWithClaims(jwt.SigningMethodHS256, jwt.MapClaims{
		"appKey": r.SDKKey, "sdkKey": r.SDKKey, "mn": digits(meeting), "role": role,
		"iat": now.Add(-backdated).Unix(), "exp": end, "tokenExp": end,
	})
	signed, err := token.SignedString([]byte(r.SDKSecret))
	if err != nil {
		return nil, nil, fmt.Errorf("sign for the Meeting SDK: %w", err)
	}
	return &r.SDKKey, &signed, nil
}

// digits are those of a meeting number, which people write with blanks.
func digits(number string) string {
	return strings.Map(func(r rune) rune {
		if r < '0' || r > '9' {
			return -1
		}
		return r
	}, number)
}
