package supabase

import "net/http"

// headerUnfinished is where apply_zoom_events says that a large lesson left records
// for calls of their own.
const headerUnfinished = "Sidecar-Unfinished"

// unfinished notes that an answer spoke of records that were left.
func (c *Client) unfinished(h http.Header) {
	if h.Get(headerUnfinished) == "" {
		return
	}
	select {
	case c.left <- struct{}{}:
	default: // it is known already
	}
}

// Unfinished tells, once for one call or many, that a large lesson left records.
func (c *Client) Unfinished() <-chan struct{} { return c.left }
