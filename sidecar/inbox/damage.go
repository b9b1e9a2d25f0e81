package inbox

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"log/slog"

	"github.com/nats-io/nats.go/jetstream"
)

// streamState is what the server says about a stream, with what it lost when
// it recovered, which the client library leaves out.
type streamState struct {
	Messages uint64 `json:"messages"`
	First    uint64 `json:"first_seq"`
	Last     uint64 `json:"last_seq"`
	Lost     *struct {
		Messages []uint64 `json:"msgs"`
		Bytes    uint64   `json:"bytes"`
	} `json:"lost"`
}

// check looks for damage before anything is made or changed.
func (b *Inbox) check(ctx context.Context) error {
	for _, name := range []string{streamEvents, streamLater, streamDead} {
		if err := b.checkStream(ctx, name); err != nil {
			return err
		}
	}
	return nil
}

func (b *Inbox) checkStream(ctx context.Context, name string) error {
	answered, made, err := b.answered(name)
	if err != nil {
		return b.damaged(name, err.Error())
	}
	settled, delivered, err := b.progress(ctx, name) // before the state, which only grows
	if err != nil {
		return err
	}
	state, err := b.state(ctx, name)
	switch {
	case errors.Is(err, jetstream.ErrStreamNotFound) && made:
		return b.damaged(name, "the stream is gone")
	case errors.Is(err, jetstream.ErrStreamNotFound):
		return nil
	case err != nil:
		return err
	}
	if state.Lost != nil {
		if n := len(state.Lost.Messages); n > 0 {
			return b.damaged(name, fmt.Sprintf("%d groups of events are lost", n))
		}
		b.log.Warn("a write that was cut short was dropped; nobody had been answered for it",
			slog.String(logStream, name), slog.Uint64("bytes", state.Lost.Bytes))
	}
	if state.Last < max(answered, delivered) {
		return b.damaged(name, fmt.Sprintf("it ends at group %d, but group %d was answered for", state.Last, max(answered, delivered)))
	}
	if name == streamDead { // dead letters may be dropped one by one, and have no consumer
		return b.readAll(ctx, name, state.First, state.Last, true)
	}
	if held := state.Last + 1 - state.First; state.Messages != held {
		return b.damaged(name, fmt.Sprintf("%d groups of events are missing in its middle", held-state.Messages))
	}
	if err := b.checkMarks(ctx, name, state, settled); err != nil {
		return err
	}
	if b.dir == nil { // a cluster repairs itself from its replicas
		return nil
	}
	return b.readAll(ctx, name, max(state.First, settled+1), state.Last, false)
}

// checkMarks compares the first group with what we removed ourselves, and how
// far the stream is settled with what we noted.
func (b *Inbox) checkMarks(ctx context.Context, name string, state streamState, settled uint64) error {
	m, err := b.readMarks(ctx, name)
	if err != nil || !m.known {
		return err
	}
	if state.First > m.Removed+1 {
		return b.damaged(name, fmt.Sprintf("groups %d to %d are missing at its front", m.Removed+1, state.First-1))
	}
	if settled < m.last() {
		b.log.Warn("how far the inbox was settled is forgotten; its events are applied again, which changes nothing",
			slog.String(logStream, name))
	}
	return nil
}

// readAll reads groups, which makes the server check their sums.
func (b *Inbox) readAll(ctx context.Context, name string, from, to uint64, gaps bool) error {
	stream, err := b.js.Stream(ctx, name)
	if err != nil {
		return fmt.Errorf("open stream %s: %w", name, err)
	}
	for seq := from; seq <= to; seq++ {
		msg, err := stream.GetMsg(ctx, seq)
		switch {
		case ctx.Err() != nil:
			return fmt.Errorf("read stream %s: %w", name, ctx.Err())
		case gaps && errors.Is(err, jetstream.ErrMsgNotFound):
		case err != nil:
			return b.damaged(name, fmt.Sprintf("group %d cannot be read: %v", seq, err))
		case name != streamDead && msg.Header.Get(headerFormat) == "":
			return b.damaged(name, fmt.Sprintf("group %d is none of ours", seq))
		}
	}
	if to >= from {
		b.log.Info("inbox checked", slog.String(logStream, name), slog.Uint64("groups", to-from+1))
	}
	return nil
}

// answered is the last group that a watermark remembers for the stream, and
// whether the stream was ever made.
func (b *Inbox) answered(name string) (last uint64, made bool, err error) {
	if b.dir == nil {
		return 0, false, nil
	}
	return readWatermark(b.watermarkPath(name))
}

func (b *Inbox) watermarkPath(stream string) string { return b.dir.file(stream + ".last") }

// openWatermarks opens the files, raised to what the streams hold.
func (b *Inbox) openWatermarks() (err error) {
	marks := map[string]**watermark{streamEvents: &b.events.mark, streamLater: &b.later.mark, streamDead: &b.dead}
	for name, mark := range marks {
		last, _, err := b.answered(name)
		if err != nil {
			return err
		}
		if *mark, err = openWatermark(b.watermarkPath(name), last); err != nil {
			return fmt.Errorf("%w: %s: %w", ErrNotWritable, b.dir.path, err)
		}
	}
	return nil
}

// progress is how far the consumer of a stream has settled and has handed
// out; zeros when there is none.
func (b *Inbox) progress(ctx context.Context, name string) (settled, delivered uint64, err error) {
	consumer, err := b.js.Consumer(ctx, name, consumerName)
	if errors.Is(err, jetstream.ErrConsumerNotFound) || errors.Is(err, jetstream.ErrStreamNotFound) {
		return 0, 0, nil
	}
	if err != nil {
		return 0, 0, fmt.Errorf("%w: ask %s about %s: %w", ErrUnavailable, b.where(), name, err)
	}
	info := consumer.CachedInfo()
	return info.AckFloor.Stream, info.Delivered.Stream, nil
}

// state asks the server about a stream; jetstream.ErrStreamNotFound when it
// has none of that name.
func (b *Inbox) state(ctx context.Context, name string) (streamState, error) {
	msg, err := b.nc.RequestWithContext(ctx, jetstream.DefaultAPIPrefix+"STREAM.INFO."+name, []byte(`{"deleted_details":true}`))
	if err != nil {
		return streamState{}, fmt.Errorf("%w: ask %s about %s: %w; is JetStream enabled there?", ErrUnavailable, b.where(), name, err)
	}
	var answer struct {
		State streamState         `json:"state"`
		Error *jetstream.APIError `json:"error"`
	}
	if err := json.Unmarshal(msg.Data, &answer); err != nil {
		return streamState{}, fmt.Errorf("read the state of %s: %w", name, err)
	}
	if answer.Error != nil && answer.Error.ErrorCode == jetstream.JSErrCodeStreamNotFound {
		return streamState{}, jetstream.ErrStreamNotFound
	}
	if answer.Error != nil {
		return streamState{}, fmt.Errorf("ask %s about %s: %w", b.where(), name, answer.Error)
	}
	answer.State.First = max(answer.State.First, 1) // 0 before the first message
	return answer.State, nil
}

// damaged is ErrDamaged with the line for the operator.
func (b *Inbox) damaged(stream, what string) error {
	return fmt.Errorf("%w: %s: stream %s: %s; restore it from a backup, or, to go on without what is lost, "+
		"move it to another place and start again", ErrDamaged, b.where(), stream, what)
}
