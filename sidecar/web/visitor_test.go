package web_test

import (
	"errors"
	"fmt"
	"net/http"
	"net/http/httptest"
	"sync"
	"sync/atomic"
	"testing"
	"time"

	"github.com/gin-gonic/gin"
	"github.com/stretchr/testify/require"

	"zoom-attendance/sidecar/web"
)

func TestAnAddressIsKnownByItsNetwork(t *testing.T) {
	t.Parallel()
	hash := func(ip string) string { return web.HashAddress("demo-salt", ip) }
	for name, pair := range map[string][2]string{
		"an IPv4 address in IPv6 clothes":    {"::ffff:203.0.113.7", "203.0.113.7"},
		"two addresses of one /64":           {"2001:db8:1:2:3:4:5:6", "2001:db8:1:2::1"},
		"two that are none":                  {"pipe", ""},
		"the same address":                   {"203.0.113.7", "203.0.113.7"},
		"an address with a zone and one not": {"fe80::1%eth0", "fe80::2"},
	} {
		require.Equal(t, hash(pair[0]), hash(pair[1]), name)
	}
	for name, pair := range map[string][2]string{
		"two IPv4 addresses":   {"203.0.113.7", "203.0.113.8"},
		"addresses of two /64": {"2001:db8:1:2::1", "2001:db8:1:3::1"},
		"one address and none": {"203.0.113.7", ""},
	} {
		require.NotEqual(t, hash(pair[0]), hash(pair[1]), name)
	}
	require.Len(t, hash("203.0.113.7"), 32)
	require.NotEqual(t, hash("203.0.113.7"), web.HashAddress("other-salt", "203.0.113.7"))
	require.NotEqual(t, web.Hash("demo-salt", "a"), web.Hash("demo-salt", "b"))
}

func TestABucketFillsUpByItself(t *testing.T) {
	t.Parallel()
	now := time.Unix(1772440000, 0)
	l := web.NewLimiter(web.Rate{Burst: 2, Every: 1500 * time.Millisecond, Clients: 10})
	require.Equal(t, "2", l.RetryAfter(), "in whole seconds, not too early")
	require.True(t, l.Allow("a", now))
	require.True(t, l.Allow("a", now))
	require.False(t, l.Allow("a", now))
	require.True(t, l.Allow("b", now), "each has their own")
	require.True(t, l.Allow("a", now.Add(1500*time.Millisecond)))
	require.False(t, l.Allow("a", now.Add(1500*time.Millisecond)))
}

func TestWhoWasSeenLongestAgoIsForgotten(t *testing.T) {
	t.Parallel()
	now := time.Unix(1772440000, 0)
	l := web.NewLimiter(web.Rate{Burst: 1, Every: time.Hour, Clients: 100})
	require.True(t, l.Allow("first", now))
	for i := range 99 {
		require.True(t, l.Allow(fmt.Sprint(i), now))
	}
	require.False(t, l.Allow("first", now), "99 others fit beside it")
	for i := range 100 {
		require.True(t, l.Allow(fmt.Sprint("later", i), now))
	}
	require.True(t, l.Allow("first", now), "forgotten, and its bucket is full again")
}

func TestLookingAtABucketTakesNothing(t *testing.T) {
	t.Parallel()
	now := time.Unix(1772440000, 0)
	l := web.NewLimiter(web.Rate{Burst: 2, Every: time.Second, Clients: 10})
	for range 5 {
		require.False(t, l.Spent("a", now), "nobody knows them")
	}
	require.True(t, l.Allow("a", now))
	require.False(t, l.Spent("a", now))
	require.True(t, l.Allow("a", now))
	require.True(t, l.Spent("a", now))
	require.True(t, l.Spent("a", now.Add(999*time.Millisecond)))
	require.False(t, l.Spent("a", now.Add(time.Second)))
	require.False(t, l.Spent("b", now))
}

func TestARefusalHasALineAMinuteAndNoneIsForgotten(t *testing.T) {
	t.Parallel()
	now := time.Unix(1772440000, 0)
	r := web.NewRefusals(2)
	line := func(client, kind string, after time.Duration) any {
		write, unlogged := r.Line(client, kind, now.Add(after))
		if !write {
			return "none"
		}
		return unlogged
	}
	require.Equal(t, 0, line("a", "no token", 0))
	require.Equal(t, "none", line("a", "no token", 0))
	require.Equal(t, 0, line("a", "forged", time.Second), "of another kind")
	require.Equal(t, "none", line("a", "no token", 59*time.Second))
	require.Equal(t, 2, line("a", "no token", 60*time.Second))
	require.Equal(t, "none", line("a", "no token", 61*time.Second))
	require.Equal(t, 1, line("a", "no token", 10*time.Minute))
	require.Equal(t, 0, line("b", "no token", 10*time.Minute), "and so a's other kind is forgotten")
	require.Equal(t, "none", line("a", "no token", 10*time.Minute))
	require.Equal(t, 0, line("a", "forged", 10*time.Minute))

	// Many at once: each is in a line, or counted.
	many := web.NewRefusals(1)
	var written atomic.Int64
	var all sync.WaitGroup
	for range 8 {
		all.Go(func() {
			for range 100 {
				if write, _ := many.Line("a", "no token", now); write {
					written.Add(1)
				}
			}
		})
	}
	all.Wait()
	_, unlogged := many.Line("a", "no token", now.Add(time.Hour))
	require.EqualValues(t, 1, written.Load())
	require.EqualValues(t, 799, unlogged)
}

func TestARateTakesItsDefaultsFromAnother(t *testing.T) {
	t.Parallel()
	defaults := web.Rate{Burst: 20, Every: time.Second, Clients: 100}
	require.Equal(t, defaults, web.Rate{}.Or(defaults))
	require.Equal(t, web.Rate{Burst: 3, Every: time.Second, Clients: 100}, web.Rate{Burst: 3}.Or(defaults))
	require.False(t, defaults.Negative())
	for _, r := range []web.Rate{{Burst: -1}, {Every: -1}, {Clients: -1}} {
		require.True(t, r.Negative(), r)
	}
}

func TestTheRouterBelievesOnlyWhomItIsTold(t *testing.T) {
	t.Parallel()
	_, err := web.Router([]string{"everybody"})
	require.ErrorContains(t, err, "trusted proxies")

	router, err := web.Router([]string{" 10.0.0.0/8 "})
	require.NoError(t, err)
	var seen string
	router.GET("/", func(c *gin.Context) {
		seen = c.ClientIP()
		require.Equal(t, web.SetHeaders(c), c.Writer.Header().Get("X-Request-Id"))
	})
	for remote, want := range map[string]string{"10.0.0.1:1": "198.51.100.1", "203.0.113.7:1": "203.0.113.7"} {
		request := httptest.NewRequest(http.MethodGet, "/", nil)
		request.RemoteAddr = remote
		request.Header.Set("X-Forwarded-For", "192.0.2.9, 198.51.100.1")
		router.ServeHTTP(httptest.NewRecorder(), request)
		require.Equal(t, want, seen)
	}
}

func TestOfAPanicNothingOfTheRequestIsKept(t *testing.T) {
	t.Parallel()
	for _, thrown := range []any{"Pia Pupil", errors.New("Pia Pupil"), struct{ Name string }{"Pia Pupil"}} {
		err := web.Recovered(func() error { panic(thrown) })
		require.ErrorIs(t, err, web.ErrPanicked)
		require.NotContains(t, err.Error(), "Pia")
		require.ErrorContains(t, err, "visitor_test.go", "the stack says where")
	}
	var list []int
	require.ErrorContains(t, web.Recovered(func() error { _ = list[len(list)]; return nil }), "index out of range")
	require.NoError(t, web.Recovered(func() error { return nil }))
	require.Equal(t, errors.ErrUnsupported, web.Recovered(func() error { return errors.ErrUnsupported }))
}
