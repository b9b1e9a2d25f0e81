package hook

import (
	"cmp"
	"crypto/hmac"
	"crypto/sha256"
	"encoding/hex"
	"math"
	"net/netip"
	"strconv"
	"time"

	"github.com/gin-gonic/gin"
	lru "github.com/hashicorp/golang-lru/v2"
	"golang.org/x/time/rate"

	"zoom-attendance/sidecar/zoom"
)

// Failures is how often a client may fail before it gets 429. The zero value of
// each field means its default.
type Failures struct {
	Burst   int           // at once; default 20
	Every   time.Duration // and then one in this time; default 3 seconds
	Clients int           // that are remembered; who was seen longest ago is forgotten; default 4,096
}

func (f Failures) withDefaults() Failures {
	f.Burst = cmp.Or(f.Burst, 20)
	f.Every = cmp.Or(f.Every, 3*time.Second)
	f.Clients = cmp.Or(f.Clients, 4096)
	return f
}

// retryAfter is when one more may fail, as the header has it: in whole seconds.
func (f Failures) retryAfter() string {
	return strconv.Itoa(int(math.Ceil(f.Every.Seconds())))
}

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
	Failures
	buckets *lru.Cache[string, *rate.Limiter]
}

func newLimiter(f Failures) *limiter {
	buckets, err := lru.New[string, *rate.Limiter](f.Clients)
	if err != nil {
		panic(err) // only for a size below 1
	}
	return &limiter{f, buckets}
}

// allow takes one failure from the client's bucket and says whether there was
// one left.
func (l *limiter) allow(client string, now time.Time) bool {
	bucket, known := l.buckets.Get(client)
	if !known {
		bucket = rate.NewLimiter(rate.Every(l.Every), l.Burst)
		if earlier, known, _ := l.buckets.PeekOrAdd(client, bucket); known {
			bucket = earlier
		}
	}
	return bucket.AllowN(now, 1)
}
