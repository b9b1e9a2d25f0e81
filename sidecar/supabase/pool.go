package supabase

import (
	"net"
	"net/http"
	"time"
)

const defaultConns = 8

// newPool makes the connections that all calls of a client share.
//
// A hosted project is reached over HTTP/2: one connection carries every call,
// and pings find out when it died silently, which a call alone would only
// notice by its own deadline, time after time. A local stack over plain http
// speaks HTTP/1.1, where Go keeps two idle connections per host unless told
// otherwise; ours are all kept.
func newPool(conns int) *http.Transport {
	if conns <= 0 {
		conns = defaultConns
	}
	dialer := net.Dialer{Timeout: 5 * time.Second, KeepAlive: 15 * time.Second}
	return &http.Transport{
		Proxy:                 http.ProxyFromEnvironment,
		DialContext:           dialer.DialContext,
		ForceAttemptHTTP2:     true,
		TLSHandshakeTimeout:   5 * time.Second,
		MaxConnsPerHost:       conns,
		MaxIdleConns:          conns,
		MaxIdleConnsPerHost:   conns,
		IdleConnTimeout:       90 * time.Second,
		ExpectContinueTimeout: time.Second,
		HTTP2:                 &http.HTTP2Config{SendPingTimeout: 15 * time.Second, PingTimeout: 5 * time.Second},
	}
}
