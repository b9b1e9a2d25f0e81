package realtime

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"time"

	"github.com/coder/websocket"
	"golang.org/x/sync/errgroup"
)

// The limits of a socket.
const (
	readLimit    = 1 << 20          // bytes of one frame
	idleLimit    = 60 * time.Second // without a frame; supabase-js sends a heartbeat each 25 s
	writeLimit   = 10 * time.Second
	expiryChecks = time.Second // tokens expire at full seconds
)

var (
	errSlow      = errors.New("the client does not read fast enough")
	errUnmatched = errors.New("unmatched topic")
)

// socket is one client. Three goroutines serve it: one reads frames, one
// handles them, and one writes what is in the queue.
type socket struct {
	server   *Server
	conn     *websocket.Conn
	version  string
	token    string // of the connection
	incoming chan frame
	queue    chan []byte
	end      context.CancelCauseFunc
	channels map[string]*channel // by topic
}

func newSocket(server *Server, conn *websocket.Conn, version, token string) *socket {
	conn.SetReadLimit(readLimit)
	return &socket{
		server:   server,
		conn:     conn,
		version:  version,
		token:    token,
		incoming: make(chan frame),
		queue:    make(chan []byte, server.queue),
		channels: map[string]*channel{},
	}
}

// serve returns when the connection or the context has ended, with the reason.
func (s *socket) serve(ctx context.Context) error {
	ctx, s.end = context.WithCancelCause(ctx)
	defer s.end(nil)
	group, groupCtx := errgroup.WithContext(ctx)
	group.Go(func() error { return s.read(groupCtx) })
	group.Go(func() error { return s.handle(groupCtx) })
	group.Go(func() error { return s.write(groupCtx) })
	err := group.Wait()
	if cause := context.Cause(ctx); cause != nil {
		err = cause // rather than what it led to
	}
	for _, c := range s.channels {
		s.server.hub.remove(c)
	}
	_ = s.conn.CloseNow()
	return err
}

func (s *socket) read(ctx context.Context) error {
	for {
		f, err := s.readFrame(ctx)
		if err != nil {
			return err
		}
		select {
		case s.incoming <- f:
		case <-ctx.Done():
			return context.Cause(ctx)
		}
	}
}

func (s *socket) readFrame(ctx context.Context) (frame, error) {
	ctx, cancel := context.WithTimeout(ctx, idleLimit)
	defer cancel()
	kind, data, err := s.conn.Read(ctx)
	if err != nil {
		return frame{}, fmt.Errorf("wait for a frame: %w", err)
	}
	return decodeFrame(s.version, kind, data)
}

func (s *socket) write(ctx context.Context) error {
	for {
		select {
		case data := <-s.queue:
			if err := s.writeFrame(ctx, data); err != nil {
				return fmt.Errorf("write a frame: %w", err)
			}
		case <-ctx.Done():
			return context.Cause(ctx)
		}
	}
}

func (s *socket) writeFrame(ctx context.Context, data []byte) error {
	ctx, cancel := context.WithTimeout(ctx, writeLimit)
	defer cancel()
	return s.conn.Write(ctx, websocket.MessageText, data)
}

func (s *socket) handle(ctx context.Context) error {
	ticker := time.NewTicker(expiryChecks)
	defer ticker.Stop()
	for {
		select {
		case f := <-s.incoming:
			s.handleFrame(ctx, f)
		case now := <-ticker.C:
			for _, c := range s.channels {
				c.expire(now)
			}
		case <-ctx.Done():
			return context.Cause(ctx)
		}
	}
}

func (s *socket) handleFrame(ctx context.Context, f frame) {
	c := s.channels[f.topic]
	if c != nil && f.joinRef != "" && f.joinRef != c.joinRef {
		c = nil // meant for a join of the same topic that is over
	}
	switch {
	case f.topic == "phoenix" && f.event == "heartbeat":
		s.reply(f, "ok", struct{}{})
	case f.event == eventJoin:
		s.join(ctx, f)
	case f.event == eventLeave:
		s.reply(f, "ok", struct{}{})
		if c != nil {
			s.close(c)
		}
	case c == nil:
		s.refuse(f, errUnmatched)
	case f.event == "access_token":
		c.refresh(ctx, f)
	case f.event == "broadcast" || f.event == "presence":
		s.reply(f, "ok", struct{}{})
	}
}

// close ends a channel and tells the client.
func (s *socket) close(c *channel) {
	s.server.hub.remove(c)
	delete(s.channels, c.topic)
	s.send(frame{joinRef: c.joinRef, ref: c.joinRef, topic: c.topic, event: eventClose}, struct{}{})
}

func (s *socket) refuse(f frame, why error) {
	s.reply(f, "error", map[string]string{"reason": why.Error()})
}

// reply answers a frame.
func (s *socket) reply(f frame, status string, response any) {
	answer := frame{joinRef: f.joinRef, ref: f.ref, topic: f.topic, event: eventReply}
	s.send(answer, map[string]any{"status": status, "response": response})
}

// send puts a frame in the queue. It does not wait: a client whose queue is full
// is disconnected; it will connect again and fetch what it missed.
func (s *socket) send(f frame, payload any) {
	var err error
	if f.payload, err = json.Marshal(payload); err != nil {
		s.end(fmt.Errorf("encode a %s: %w", f.event, err))
		return
	}
	data, err := f.encode(s.version)
	if err != nil {
		s.end(fmt.Errorf("encode a %s: %w", f.event, err))
		return
	}
	select {
	case s.queue <- data:
	default:
		s.end(errSlow)
	}
}
