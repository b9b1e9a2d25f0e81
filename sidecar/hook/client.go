package hook

import (
	"crypto/hmac"
	"crypto/sha256"
	"encoding/hex"
	"net/netip"
	"time"

	"github.com/gin-gonic/gin"
	lru "github.com/hashicorp/golang-lru/v2"
	"golang.org/x/time/rate"

	"zoom-attendance/sidecar/zoom"
)

// How often a client may fail before it gets 429.
const (
	failureBurst  = 20              // at once
	failureEvery  = 3 * time.Second // and then one in this time
	failureRefill = "3"             // the same, as a Retry-After
	rememberedMax = 4096            // clients; who was seen longest ago is forgotten
)

// client names the sender of a request: 32 hex characters of HMAC-SHA256 over its
// IP address, or over the /64 network of an IPv6 address, since one client has
// all of such a network to pick from.
func (d *door) client(c *gin.Context) string {
	return hashIP(d.IPHashSalt, c.ClientIP())
}

func hashIP(salt zoom.Secret, ip string) string {
	name := "unknown" // all who come without a readable address share one name
	if addr, err := netip.ParseAddr(ip); err == nil {
		name = network(addr.Unmap().WithZone(""))
	}
	mac := hmac.New(sha256.New, []byte(salt))
	mac.Write([]byte(name))
	return hex.EncodeToString(mac.Sum(nil))[:32]
}

func network(addr netip.Addr) string {
	if addr.Is4() {
		return addr.String()
	}
	return netip.PrefixFrom(addr, 64).Masked().String()
}

// limiter counts failures per client in token buckets. They fill up by
// themselves, so a bucket that was forgotten is no different from one left alone,
// and nothing has to clean up in the background.
type limiter struct {
	buckets *lru.Cache[string, *rate.Limiter]
}

func newLimiter() *limiter {
	buckets, err := lru.New[string, *rate.Limiter](rememberedMax)
	if err != nil {
		panic(err) // only for a size below 1
	}
	return &limiter{buckets}
}

// allow takes one failure from the client's bucket and says whether there was
// one left.
func (l *limiter) allow(client string, now time.Time) bool {
	bucket, known := l.buckets.Get(client)
	if !known {
		bucket = rate.NewLimiter(rate.Every(failureEvery), failureBurst)
		if earlier, known, _ := l.buckets.PeekOrAdd(client, bucket); known {
			bucket = earlier
		}
	}
	return bucket.AllowN(now, 1)
}
