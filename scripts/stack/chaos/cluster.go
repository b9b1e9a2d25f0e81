package main

import (
	"context"
	"errors"
	"fmt"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"syscall"
	"time"

	"zoom-attendance/scripts/stack"
)

const clusterSize = 3

// node is one NATS server of a cluster.
type node struct {
	url, health string
	program     string
	config      string
	log         stack.Said
	running     *stack.Program
}

// startCluster starts three servers that know each other.
func (w *world) startCluster(ctx context.Context) ([]*node, error) {
	program, err := w.ground.natsServer(ctx)
	if err != nil {
		return nil, err
	}
	ports, err := quietPorts(3 * clusterSize)
	if err != nil {
		return nil, err
	}
	var routes []string
	for i := range clusterSize {
		routes = append(routes, fmt.Sprintf("nats://127.0.0.1:%d", ports[3*i+1]))
	}
	var nodes []*node
	for i := range clusterSize {
		n := &node{
			url:     fmt.Sprintf("nats://127.0.0.1:%d", ports[3*i]),
			health:  fmt.Sprintf("http://127.0.0.1:%d/healthz", ports[3*i+2]),
			program: program,
			config:  filepath.Join(w.dir, fmt.Sprintf("nats-%d.conf", i+1)),
		}
		text := fmt.Sprintf(`
listen: 127.0.0.1:%d
http: 127.0.0.1:%d
server_name: node-%d
max_payload: 4MB
jetstream { store_dir: %q, sync_interval: always }
cluster { name: chaos, listen: 127.0.0.1:%d, routes: [%s] }
`, ports[3*i], ports[3*i+2], i+1, filepath.Join(w.dir, fmt.Sprintf("nats-%d", i+1)), ports[3*i+1], strings.Join(routes, ", "))
		if err := os.WriteFile(n.config, []byte(text), 0o600); err != nil {
			return nil, err
		}
		if err := n.launch(); err != nil {
			return nil, err
		}
		w.later(func() error { n.running.Kill(); return nil })
		nodes = append(nodes, n)
	}
	return nodes, awaitNodes(ctx, nodes)
}

// natsServer builds the program, at the first call.
func (g *ground) natsServer(ctx context.Context) (_ string, err error) {
	if g.nats == "" {
		g.nats, err = g.build(ctx, "nats-server", "github.com/nats-io/nats-server/v2")
	}
	return g.nats, err
}

func (n *node) launch() error {
	cmd := exec.Command(n.program, "-c", n.config)
	cmd.Stdout, cmd.Stderr = &n.log, &n.log
	cmd.SysProcAttr = &syscall.SysProcAttr{Setpgid: true}
	program, err := stack.Run(cmd, syscall.SIGTERM)
	if err == nil {
		n.running = program
	}
	return err
}

// awaitNodes returns when each is part of the cluster.
func awaitNodes(ctx context.Context, nodes []*node) error {
	for _, n := range nodes {
		err := n.running.Await(ctx, time.Minute, func(ctx context.Context) error { return stack.Get(ctx, n.health, nil) })
		if err != nil {
			return fmt.Errorf("wait for the NATS cluster: %w\n%s", err, n.log.Tail(5))
		}
	}
	return nil
}

func quietPorts(n int) ([]int, error) {
	var ports []int
	for range 10 * n {
		port, err := stack.QuietPort()
		if err != nil {
			return nil, err
		}
		if ports = append(ports, port); len(ports) == n {
			return ports, nil
		}
	}
	return nil, errors.New("find free ports")
}
