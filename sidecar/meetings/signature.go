package meetings

import (
	"errors"
	"fmt"
	"regexp"
	"time"

	"github.com/golang-jwt/jwt/v5"
)

const (
	roleParticipant = 0
	roleHost        = 1

	backdated    = 30 * time.Second // clocks differ, and Zoom refuses what is of the future
	signatureFor = 2 * time.Hour    // Zoom takes from 30 minutes to 48 hours, counted from iat
)

// meetingNumber is the form of Zoom's numbers. Any other spelling of one might be
// understood by Zoom as the number of somebody else's meeting.
var meetingNumber = regexp.MustCompile(`^[1-9][0-9]*$`)

var errNotDigits = errors.New("the meeting's number is not digits")

// sign makes the signature with which the Meeting SDK lets a page into a meeting,
// and returns it with the key it belongs to; both nil when there is no SDK app.
// For what is no number it makes none: errNotDigits.
// https://developers.zoom.us/docs/meeting-sdk/auth/
func (r *room) sign(meeting string, host bool) (key, signature *string, err error) {
	if r.SDKKey == "" {
		return nil, nil, nil
	}
	if !meetingNumber.MatchString(meeting) {
		return nil, nil, errNotDigits
	}
	role := roleParticipant
	if host {
		role = roleHost
	}
	now := r.Now()
	end := now.Add(signatureFor).Unix()
	token := jwt.NewWithClaims(jwt.SigningMethodHS256, jwt.MapClaims{
		"appKey": r.SDKKey, "sdkKey": r.SDKKey, "mn": meeting, "role": role,
		"iat": now.Add(-backdated).Unix(), "exp": end, "tokenExp": end,
	})
	signed, err := token.SignedString([]byte(r.SDKSecret))
	if err != nil {
		return nil, nil, fmt.Errorf("sign for the Meeting SDK: %w", err)
	}
	return &r.SDKKey, &signed, nil
}
