package main

import (
	"context"
	"fmt"
	"net"
	"time"
)

func (d *dev) sidecarPorts() []string {
	return []string{net.JoinHostPort(d.settings["HOST"], d.settings["PORT"]), d.settings["ADMIN_ADDR"]}
}

// checkPorts makes sure that nobody uses our ports. A run that was killed a
// moment ago may still be letting go of them, so they get a few seconds; and
// the kernel may hold one for a minute after a connection that happened to
// have its number.
func checkPorts(ctx context.Context, addresses ...string) error {
	for _, address := range addresses {
		if err := checkPort(ctx, address); err != nil {
			return err
		}
	}
	return nil
}

func checkPort(ctx context.Context, address string) error {
	_, port, err := net.SplitHostPort(address)
	if err != nil {
		return fmt.Errorf("%q is no address to listen on: %w", address, err)
	}
	began, told := time.Now(), false
	for {
		listener, err := net.Listen("tcp", address)
		if err == nil {
			return listener.Close()
		}
		waited := time.Since(began)
		switch {
		case waited > 75*time.Second:
			return fmt.Errorf("listen on port %s: %w", port, err)
		case waited > 3*time.Second && listening(port):
			return fmt.Errorf("port %s is in use: stop what listens there (lsof -i :%s names it) and try again", port, port)
		case waited > 3*time.Second && !told:
			fmt.Printf("Waiting for the kernel to let go of port %s, a minute at most…\n", port)
			told = true
		}
		select {
		case <-ctx.Done():
			return ctx.Err()
		case <-time.After(100 * time.Millisecond):
		}
	}
}

// listening says whether somebody accepts connections on a port.
func listening(port string) bool {
	conn, err := net.Dial("tcp", net.JoinHostPort("127.0.0.1", port))
	if err != nil {
		return false
	}
	conn.Close()
	return true
}

// timed says what is being started and, when that is done, how long it took.
func timed(what string) func() {
	began := time.Now()
	fmt.Printf("Starting %s…\n", what)
	return func() { fmt.Printf("  %.1fs\n", time.Since(began).Seconds()) }
}
