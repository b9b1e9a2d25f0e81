package hook

import (
	"time"

	"github.com/gin-gonic/gin"

	"zoom-attendance/sidecar/web"
)

// Failures is how often a client may fail before it gets 429. The zero value of
// each field means its default: 20 at once, one more every 3 seconds, and 4,096
// clients that are remembered.
type Failures = web.Rate

var defaultFailures = Failures{Burst: 20, Every: 3 * time.Second, Clients: 4096}

// client names the sender of a request by a hash.
func (d *door) client(c *gin.Context) string {
	return web.HashAddress(d.IPHashSalt, c.ClientIP())
}
