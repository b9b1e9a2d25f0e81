package main

import (
	"context"
	"errors"
	"io"
	"net"
	"net/http"
	"os"
	"time"

	"github.com/gin-gonic/gin"
	"github.com/spf13/cobra"

	"zoom-attendance/sidecar/zoom"
)

// ginCommand is what this program runs as when it is the limit gin+hmac.
func ginCommand() *cobra.Command {
	return &cobra.Command{
		Use: "gin", Hidden: true, Args: cobra.NoArgs,
		RunE: func(cmd *cobra.Command, _ []string) error { return serveGin(cmd.Context()) },
	}
}

// serveGin checks signatures, answers 200 and keeps nothing: as fast as a door
// of this make can be.
func serveGin(ctx context.Context) error {
	gin.SetMode(gin.ReleaseMode)
	engine := gin.New()
	secrets := []zoom.Secret{zoom.Secret(os.Getenv("ZOOM_WEBHOOK_SECRET"))}
	engine.GET("/readyz", func(c *gin.Context) { c.Status(http.StatusOK) })
	engine.POST(webhookPath, func(c *gin.Context) {
		body, err := io.ReadAll(c.Request.Body)
		if err == nil {
			_, err = zoom.Verify(secrets, c.GetHeader(zoom.HeaderSignature), c.GetHeader(zoom.HeaderTimestamp), body, time.Now(), 10*time.Minute)
		}
		if err != nil {
			c.JSON(http.StatusUnauthorized, gin.H{"error": "Invalid signature"})
			return
		}
		c.JSON(http.StatusOK, gin.H{"received": true})
	})
	server := &http.Server{Addr: net.JoinHostPort(os.Getenv("HOST"), os.Getenv("PORT")), Handler: engine, ReadHeaderTimeout: 10 * time.Second}
	stop := context.AfterFunc(ctx, func() { _ = server.Close() })
	defer stop()
	if err := server.ListenAndServe(); !errors.Is(err, http.ErrServerClosed) {
		return err
	}
	return nil
}

// withGin runs it.
func withGin(ctx context.Context, do func(*door) error) (err error) {
	self, err := os.Executable()
	if err != nil {
		return err
	}
	d, err := newDoor("/readyz", self, "gin")
	if err != nil {
		return err
	}
	defer func() { err = errors.Join(err, d.stop()) }()
	if err := d.start(ctx); err != nil {
		return err
	}
	return do(d)
}
