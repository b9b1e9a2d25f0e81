package web

import (
	"crypto/rand"
	"fmt"
	"strings"

	"github.com/gin-gonic/gin"
)

// gin says what it does on standard output unless told otherwise.
func init() { gin.SetMode(gin.ReleaseMode) }

// Router makes a router that never redirects (Zoom does not follow, and a POST
// would lose its body), tells a wrong method from a wrong path, and knows whose
// word to take for a visitor's address.
//
// That are the addresses and networks (CIDR) of trusted proxies, whose
// X-Forwarded-For header says who the visitor is: its rightmost address that is
// not itself trusted. The word "fly" stands for Fly.io, where every connection
// comes through Fly's proxy: there Fly-Client-IP says it, and X-Forwarded-For ends
// with the app's own address. Without any, no header is believed.
func Router(proxies []string) (*gin.Engine, error) {
	router := gin.New()
	router.RedirectTrailingSlash = false
	router.RedirectFixedPath = false
	router.HandleMethodNotAllowed = true

	var networks []string
	for _, proxy := range proxies {
		if proxy = strings.TrimSpace(proxy); proxy == "fly" {
			router.TrustedPlatform = gin.PlatformFlyIO
		} else {
			networks = append(networks, proxy)
		}
	}
	router.RemoteIPHeaders = []string{"X-Forwarded-For"}
	if err := router.SetTrustedProxies(networks); err != nil {
		return nil, fmt.Errorf("trusted proxies: %w", err)
	}
	return router, nil
}

// SetHeaders sets what every answer carries and returns the request's id, which
// is ours and never the client's, for it goes into our log. Nobody is meant to look
// at these answers in a browser, so a browser is told to do nothing with them.
func SetHeaders(c *gin.Context) (requestID string) {
	requestID = rand.Text()
	c.Header("X-Request-Id", requestID)
	c.Header("Cache-Control", "no-store")
	c.Header("Content-Security-Policy", "default-src 'none'; frame-ancestors 'none'")
	c.Header("Referrer-Policy", "no-referrer")
	c.Header("X-Content-Type-Options", "nosniff")
	c.Header("X-Frame-Options", "DENY")
	return requestID
}
