package inbox

import (
	"context"
	"sync"
	"time"

	"github.com/nats-io/nats.go/jetstream"
)

// settleWait is how long the server may take to confirm an acknowledgement.
const settleWait = 8 * time.Second

// group is one message in hand: events that share an acknowledgement.
type group struct {
	queue *queue
	seq   uint64

	mu   sync.Mutex
	msg  jetstream.Msg
	left int // events not settled
}

// settleOne counts one event as settled and, after the last, acknowledges the
// message. On an error it counted nothing.
func (g *group) settleOne(ctx context.Context) error {
	msg, last := g.count(-1)
	if !last {
		return nil
	}
	if err := g.queue.acknowledge(ctx, msg, g.seq); err != nil {
		g.count(+1)
		return err
	}
	g.queue.hand.drop(g)
	return nil
}

func (g *group) count(by int) (msg jetstream.Msg, last bool) {
	g.mu.Lock()
	defer g.mu.Unlock()
	g.left += by
	return g.msg, g.left == 0
}

// renew takes the message as it was sent again.
func (g *group) renew(msg jetstream.Msg) {
	g.mu.Lock()
	defer g.mu.Unlock()
	g.msg = msg
}

// release lets the server hand the group out again, to us or to others.
func (g *group) release() { g.queue.hand.drop(g) }

// hand knows the groups of one queue that are being worked on.
type hand struct {
	mu     sync.Mutex
	groups map[uint64]*group // by stream sequence
}

func newHand() *hand { return &hand{groups: make(map[uint64]*group)} }

// take puts the group in hand. It reports false when it was there already: a
// late heartbeat made the server send it twice.
func (h *hand) take(g *group) bool {
	h.mu.Lock()
	known := h.groups[g.seq]
	if known == nil {
		h.groups[g.seq] = g
	}
	h.mu.Unlock()
	if known != nil {
		known.renew(g.msg)
	}
	return known == nil
}

func (h *hand) drop(g *group) {
	h.mu.Lock()
	defer h.mu.Unlock()
	if h.groups[g.seq] == g {
		delete(h.groups, g.seq)
	}
}

// each calls do for the message of every group in hand.
func (h *hand) each(do func(jetstream.Msg) error) {
	h.mu.Lock()
	groups := make([]*group, 0, len(h.groups))
	for _, g := range h.groups {
		groups = append(groups, g)
	}
	h.mu.Unlock()
	for _, g := range groups {
		msg, _ := g.count(0)
		_ = do(msg) // nobody waits for it; a group it was lost for comes again
	}
}
