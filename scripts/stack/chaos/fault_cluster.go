package main

import (
	"context"
	"math/rand/v2"
	"strings"
)

const (
	nodesKilled = "nodes killed"
	goneOn      = "events taken with a node down"
)

// onCluster is a sidecar whose inbox is a cluster that keeps each event three
// times.
func onCluster(ctx context.Context, w *world) (err error) {
	if w.nodes, err = w.startCluster(ctx); err != nil {
		return err
	}
	var urls []string
	for _, n := range w.nodes {
		urls = append(urls, n.url)
	}
	s, err := w.newSidecar("", "NATS_URL="+strings.Join(urls, ","), "NATS_REPLICAS=3")
	if err != nil {
		return err
	}
	return s.start(ctx)
}

// killNodes kills one, after which all goes on; then another, after which
// nothing may be answered 200; and starts both.
func killNodes(ctx context.Context, w *world) error {
	rand.Shuffle(len(w.nodes), func(i, j int) { w.nodes[i], w.nodes[j] = w.nodes[j], w.nodes[i] })
	one, two := w.nodes[0], w.nodes[1]
	before := 0
	err := w.meanwhile(ctx, w.effort.events/2,
		func() error { one.kill(w); before = w.ledger.answers200(); return nil },
		func(context.Context) error { return nil },
		func() error { return nil })
	if err != nil {
		return err
	}
	w.bites.addN(goneOn, w.ledger.answers200()-before)
	return w.meanwhile(ctx, w.effort.events/2,
		func() error { two.kill(w); return nil },
		func(ctx context.Context) error { return w.closedFor(ctx, 2*senders) },
		func() error {
			for _, n := range []*node{one, two} {
				if err := n.launch(); err != nil {
					return err
				}
			}
			return awaitNodes(ctx, w.nodes)
		})
}

func (n *node) kill(w *world) {
	n.running.Kill()
	w.bites.add(nodesKilled)
}
