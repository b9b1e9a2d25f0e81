package realtime

import "sync"

// hub knows which channels listen to what.
type hub struct {
	mu       sync.Mutex
	channels map[*channel]subscription
}

// subscription is a channel that listens, and as whom.
type subscription struct {
	channel  *channel
	who      identity
	bindings []binding
}

func newHub() *hub { return &hub{channels: map[*channel]subscription{}} }

// listen adds a subscription, or replaces the one of that channel.
func (h *hub) listen(s subscription) {
	h.mu.Lock()
	defer h.mu.Unlock()
	h.channels[s.channel] = s
}

func (h *hub) remove(c *channel) {
	h.mu.Lock()
	defer h.mu.Unlock()
	delete(h.channels, c)
}

// concerned returns the subscriptions with bindings about a change, with these
// bindings alone.
func (h *hub) concerned(c *change) []subscription {
	h.mu.Lock()
	defer h.mu.Unlock()
	var concerned []subscription
	for _, s := range h.channels {
		if s.bindings = s.about(c); len(s.bindings) > 0 {
			concerned = append(concerned, s)
		}
	}
	return concerned
}

func (s subscription) about(c *change) []binding {
	var about []binding
	for _, b := range s.bindings {
		if b.concerns(c) {
			about = append(about, b)
		}
	}
	return about
}
