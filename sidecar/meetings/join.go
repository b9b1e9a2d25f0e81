package meetings

import (
	"encoding/json"
	"errors"
	"io"
	"net/http"
	"time"

	"github.com/gin-gonic/gin"

	"zoom-attendance/sidecar/zoom"
)

// maxBody is the longest body of a POST.
const maxBody = 4 << 10

// question is what the functions about one meeting are asked.
type question struct {
	Meeting     string `json:"meeting"`
	EmailDomain string `json:"email_domain"` // empty: any
}

// entrance is the answer of enter_zoom_meeting. All but the outcome is of an ok.
type entrance struct {
	Outcome       string  `json:"outcome"`
	MeetingNumber string  `json:"meeting_number"`
	IsHost        bool    `json:"is_host"`
	MayHost       bool    `json:"may_host"`  // nobody else's meeting has this number
	JoinURL       *string `json:"join_url"`  // null when it is not an address of a page
	StartURL      *string `json:"start_url"` // the host's alone
	Password      *string `json:"password"`
	IsRegistered  bool    `json:"is_registered"`
	UserName      string  `json:"user_name"`
	UserEmail     string  `json:"user_email"`
	CustomerKey   string  `json:"customer_key"`
}

// invitation is what the page of a meeting reads. Every field is always there.
type invitation struct {
	JoinURL       *string `json:"joinUrl"`
	StartURL      *string `json:"startUrl"`
	Password      *string `json:"password"`
	MeetingNumber string  `json:"meetingNumber"`
	IsHost        bool    `json:"isHost"`
	SDKSignature  *string `json:"sdkSignature"` // null when there is no SDK app, or the number is none
	SDKKey        *string `json:"sdkKey"`       // null when the signature is
	UserName      string  `json:"userName"`
	UserEmail     string  `json:"userEmail"`
	IsRegistered  bool    `json:"isRegistered"`
	CustomerKey   string  `json:"customerKey"` // what the page passes to Zoom, so that we know them again
}

// enter tells a user how to get into a meeting.
func (r *room) enter(c *gin.Context, v *visit) error {
	ctx, done := r.begin(c)
	defer done()
	var e entrance
	if err := r.ask(ctx, v, "enter_zoom_meeting", question{v.meeting, r.EmailDomain}, &e); err != nil {
		return err
	}
	if err := judge(e.Outcome); err != nil {
		return err
	}
	key, signature, err := r.sign(e.MeetingNumber, e.MayHost)
	switch {
	case errors.Is(err, errNotDigits):
		r.Log.Debug("no signature for the Meeting SDK: write the meeting's number as digits alone", zoom.LogMeetingID, v.meeting)
	case err != nil:
		return err
	}
	v.body = invitation{
		JoinURL: e.JoinURL, StartURL: e.StartURL, Password: e.Password, MeetingNumber: e.MeetingNumber, IsHost: e.IsHost,
		SDKSignature: signature, SDKKey: key,
		UserName: e.UserName, UserEmail: e.UserEmail, IsRegistered: e.IsRegistered, CustomerKey: e.CustomerKey,
	}
	return nil
}

// admission is the answer of zoom_meeting_admission.
type admission struct {
	Outcome       string `json:"outcome"`
	UserID        string `json:"user_id"`
	MeetingNumber string `json:"meeting_number"`
}

// note records that a user joined or left. Who may see a meeting may leave it: it
// may have been cancelled, or they be no longer enrolled, since they joined.
func (r *room) note(c *gin.Context, v *visit) error {
	kind, err := actionOf(http.MaxBytesReader(c.Writer, c.Request.Body, maxBody))
	if err != nil {
		return err
	}
	ctx, done := r.begin(c)
	defer done()
	var a admission
	if err := r.ask(ctx, v, "zoom_meeting_admission", question{v.meeting, r.EmailDomain}, &a); err != nil {
		return err
	}
	if err := judge(a.Outcome); err != nil && (kind == zoom.AppJoined || a.UserID == "") {
		return err
	}
	v.body = gin.H{"success": true}
	return r.apply(ctx, zoom.Fact{Kind: kind, Meeting: a.MeetingNumber, User: a.UserID, At: r.Now().UTC().Truncate(time.Microsecond)})
}

// actionOf reads what a user did.
func actionOf(body io.Reader) (zoom.Kind, error) {
	text, err := io.ReadAll(body)
	if _, over := errors.AsType[*http.MaxBytesError](err); over {
		return "", errTooLarge
	}
	if err != nil || !json.Valid(text) {
		return "", errNotJSON
	}
	var said struct {
		Action string `json:"action"`
	}
	_ = json.Unmarshal(text, &said) // of another shape, it has no action
	switch said.Action {
	case "join":
		return zoom.AppJoined, nil
	case "leave":
		return zoom.AppLeft, nil
	}
	return "", errAction
}
