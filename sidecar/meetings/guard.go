package meetings

import (
	"errors"

	"github.com/gin-gonic/gin"
	"github.com/google/uuid"

	"zoom-attendance/sidecar/web"
)

// asUser lets a request through to its route when a user may have sent it; the
// route learns who and which meeting. See the package documentation for the order
// of checks, and for who can spend what.
func (r *room) asUser(route handler) handler {
	return func(c *gin.Context, v *visit) error {
		r.shareWithAllowed(c)
		if !r.isOurs(c.Request) {
			return errOrigin
		}
		if v.token = tokenOf(c.Request.Header, r.Cookie); v.token == "" {
			return r.withoutToken(c)
		}
		v.user = web.Hash(r.IPHashSalt, string(v.token))
		if _, v.known = r.accepted.Get(v.user); !v.known && r.addresses.Spent(r.address(c), r.Now()) {
			return errAddress
		}
		err := r.withToken(c, v, route)
		r.learn(c, v, err)
		return err
	}
}

// withoutToken counts apart from what tokens fail: it costs nobody anything.
func (r *room) withoutToken(c *gin.Context) error {
	if !r.addresses.Allow("no token "+r.address(c), r.Now()) {
		return errAddress
	}
	return errNoToken
}

// withToken checks what does not need Supabase.
func (r *room) withToken(c *gin.Context, v *visit, route handler) error {
	if !r.users.Allow(v.user, r.Now()) {
		return errUser
	}
	id, err := uuid.Parse(c.Param("id"))
	if err != nil || len(c.Param("id")) != len(id.String()) { // it takes braces, too
		return errNoMeeting
	}
	v.meeting = id.String()
	return route(c, v)
}

// learn keeps in mind which tokens Supabase took, and counts against an address
// what came from it with others.
func (r *room) learn(c *gin.Context, v *visit, err error) {
	refused := errors.Is(err, errRefused)
	switch {
	case refused:
		r.accepted.Remove(v.user)
		v.known = false
	case v.taken:
		r.accepted.Add(v.user, struct{}{})
		v.known = true
	}
	if err != nil && !v.known && answerTo(err).isRefusal() {
		r.addresses.Allow(r.address(c), r.Now())
	}
}

// otherMethod answers what is neither GET nor POST where one of them is at home: it
// is a browser's question whether an allowed page may ask, or a mistake.
func (r *room) otherMethod(c *gin.Context, _ *visit) error {
	if isPreflight(c.Request) {
		r.shareWithAllowed(c)
	}
	if c.Writer.Written() {
		return nil
	}
	return errMethod
}
