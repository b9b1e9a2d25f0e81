package realtime

import (
	"context"
	"encoding/json"
	"slices"
	"strings"
	"time"
)

// channel is a topic that a client joined. All but push belongs to the
// goroutine of its socket that handles frames.
type channel struct {
	socket  *socket
	topic   string
	joinRef string
	asked   []json.RawMessage // the bindings, as the client wrote them
	token   string
	caller  caller
}

// joinPayload is what comes with a join.
type joinPayload struct {
	Config struct {
		PostgresChanges []json.RawMessage `json:"postgres_changes"`
		Options         struct {
			Wait bool `json:"wait"` // for the subscription, before the join is answered
		} `json:"postgres_changes_options"`
	} `json:"config"`
	AccessToken string `json:"access_token"`
}

// maxChannels is how many topics a socket may join, as with Supabase.
const maxChannels = 100

// join lets the client into a topic, in place of its earlier join of the same.
func (s *socket) join(ctx context.Context, f frame) {
	if earlier := s.channels[f.topic]; earlier != nil {
		s.close(earlier)
	}
	c, wait, err := s.admit(f)
	if err != nil {
		s.refuse(f, err)
		return
	}
	if !wait {
		s.accept(f, c)
	}
	err = c.listen(ctx)
	if wait && err != nil {
		s.refuse(f, err)
		return
	}
	if wait {
		s.accept(f, c)
	}
	c.sayListening(err)
}

// admit checks who joins what. The errors are refusals.
func (s *socket) admit(f frame) (c *channel, wait bool, err error) {
	var payload joinPayload
	if err := json.Unmarshal(f.payload, &payload); err != nil {
		return nil, false, &refusal{"InvalidJoinPayload", err.Error()}
	}
	switch topic, ours := strings.CutPrefix(f.topic, "realtime:"); {
	case !ours:
		return nil, false, errUnmatched
	case topic == "":
		return nil, false, &refusal{"TopicNameRequired", "You must provide a topic name"}
	case len(s.channels) >= maxChannels:
		return nil, false, &refusal{"ChannelRateLimitReached", "Too many channels"}
	}
	token := payload.AccessToken
	if token == "" || isKey(token) {
		token = s.token
	}
	who, err := verify(token, s.server.secret)
	if err != nil {
		return nil, false, err
	}
	c = &channel{socket: s, topic: f.topic, joinRef: f.ref, token: token, caller: who}
	c.asked = slices.DeleteFunc(payload.Config.PostgresChanges, isNull)
	return c, payload.Config.Options.Wait, nil
}

// isNull says so of a JSON value. A binding that is null is as none.
func isNull(value json.RawMessage) bool { return string(value) == "null" }

// isKey says whether what came as a token is a key, which stands for the token
// of the connection.
func isKey(token string) bool { return strings.HasPrefix(token, "sb_") }

// accept answers with what the client asked for, numbered: supabase-js compares
// this with what it believes to have asked for.
func (s *socket) accept(f frame, c *channel) {
	s.channels[c.topic] = c
	numbered := make([]map[string]json.RawMessage, len(c.asked))
	for i, asked := range c.asked {
		_ = json.Unmarshal(asked, &numbered[i]) // listen complains of what is no object
		if numbered[i] == nil {
			numbered[i] = map[string]json.RawMessage{}
		}
		numbered[i]["id"], _ = json.Marshal(bindingID(i))
	}
	s.reply(f, "ok", map[string]any{"postgres_changes": numbered})
}

// bindingID is the number of the i-th binding of a channel. None is zero, which
// supabase-js would take for absent.
func bindingID(i int) int { return i + 1 }

// listen subscribes to what the client asked for. When it returns, whatever is
// committed from now on will be delivered.
func (c *channel) listen(ctx context.Context) error {
	server := c.socket.server
	server.hub.remove(c)
	if len(c.asked) == 0 {
		return nil
	}
	var bindings []binding
	for i, asked := range c.asked {
		l, err := parseListening(asked)
		if err != nil {
			return err
		}
		if err := server.validator.validate(ctx, l, c.caller.role); err != nil {
			return err
		}
		bindings = append(bindings, binding{bindingID(i), l})
	}
	if err := server.feed.reach(ctx); err != nil {
		return err
	}
	server.hub.listen(subscription{c, c.caller.identity, bindings})
	return nil
}

// sayListening tells the client whether its subscription is in place.
func (c *channel) sayListening(err error) {
	switch {
	case err != nil:
		c.system("postgres_changes", "error", message(err))
	case len(c.asked) > 0:
		c.system("postgres_changes", "ok", "Subscribed to PostgreSQL")
	}
}

// refresh makes the channel listen with another token.
func (c *channel) refresh(ctx context.Context, f frame) {
	var payload struct {
		AccessToken string `json:"access_token"`
	}
	_ = json.Unmarshal(f.payload, &payload) // what is none is ignored
	token := payload.AccessToken
	if token == "" || token == c.token || isKey(token) {
		return
	}
	who, err := verify(token, c.socket.server.secret)
	if err != nil {
		c.shutDown(err)
		return
	}
	c.token, c.caller = token, who
	c.sayListening(c.listen(ctx))
}

// expire closes the channel if its token is no longer good. supabase-js does
// not join again by itself: it is meant to bring a new token in time.
func (c *channel) expire(now time.Time) {
	if at := c.caller.expires; !at.IsZero() && !now.Before(at) {
		c.shutDown(expired(at))
	}
}

// shutDown closes the channel and says why.
func (c *channel) shutDown(why error) {
	c.system("system", "error", message(why))
	c.socket.close(c)
}

func (c *channel) system(extension, status, message string) {
	c.push("system", map[string]string{
		"channel":   strings.TrimPrefix(c.topic, "realtime:"),
		"extension": extension,
		"status":    status,
		"message":   message,
	})
}

// push sends an event of this channel. It does not wait.
func (c *channel) push(event string, payload any) {
	c.socket.send(frame{joinRef: c.joinRef, topic: c.topic, event: event}, payload)
}
