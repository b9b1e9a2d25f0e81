package room

import (
	"github.com/gin-gonic/gin"
	"github.com/google/uuid"

	"zoom-attendance/sidecar/visitor"
)

// asUser lets a request through to its route when a user may have sent it; the
// route learns who and which meeting. See the package documentation for the order
// of checks.
func (r *room) asUser(route handler) handler {
	return func(c *gin.Context, v *visit) error {
		r.shareWithAllowed(c)
		if !r.isOurs(c.Request) {
			return errOrigin
		}
		now := r.Now()
		if !r.addresses.Allow(r.address(c), now) {
			return errAddress
		}
		if v.token = tokenOf(c.Request.Header, r.Cookie); v.token == "" {
			return errNoToken
		}
		if !r.users.Allow(visitor.Hash(r.IPHashSalt, string(v.token)), now) {
			return errUser
		}
		id, err := uuid.Parse(c.Param("id"))
		if err != nil || len(c.Param("id")) != len(id.String()) { // it takes braces, too
			return errNoMeeting
		}
		v.meeting = id.String()
		return route(c, v)
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
