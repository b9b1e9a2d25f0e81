package inbox

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"log/slog"
	"time"

	"github.com/nats-io/nats.go/jetstream"

	"zoom-attendance/sidecar/zoom"
)

const (
	skimGroups = 32              // read at a time
	skimWait   = 2 * time.Second // for one that may be unreadable
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
	if what := state.fault(max(answered, delivered), name != streamDead); what != "" {
		return b.damaged(name, what)
	}
	m, err := b.checkMarks(ctx, name, state, settled)
	if err != nil || b.dir == nil { // a cluster repairs itself from its replicas
		return err
	}
	settled = max(settled, m.last(), state.First-1)
	b.checkpoint(name).raise(settled)
	if state.Lost != nil {
		b.log.Warn("a write that was cut short was dropped; nobody had been answered for it",
			slog.String(zoom.LogStream, name), slog.Uint64(zoom.LogBytes, state.Lost.Bytes))
	}
	return b.readAll(ctx, name, max(state.First, settled+1), state.Last)
}

// fault says what is wrong with a stream that should reach to a group and,
// unless single ones may be dropped as dead letters may, have no gaps.
func (s streamState) fault(reach uint64, whole bool) string {
	held := s.Last + 1 - s.First
	switch {
	case s.Lost != nil && len(s.Lost.Messages) > 0:
		return fmt.Sprintf("%d groups of events are lost", len(s.Lost.Messages))
	case s.Last < reach:
		return fmt.Sprintf("it ends at group %d, but group %d was answered for", s.Last, reach)
	case whole && s.Messages != held:
		return fmt.Sprintf("%d groups of events are missing in its middle", held-s.Messages)
	default:
		return ""
	}
}

// checkMarks compares the first group with what we removed ourselves, and how
// far the stream is settled with what we noted.
func (b *Inbox) checkMarks(ctx context.Context, name string, state streamState, settled uint64) (marks, error) {
	m, err := b.readMarks(ctx, name)
	if err != nil || !m.known {
		return m, err
	}
	if state.First > m.Removed+1 {
		return m, b.damaged(name, fmt.Sprintf("groups %d to %d are missing at its front", m.Removed+1, state.First-1))
	}
	if settled < m.last() {
		b.log.Warn("how far the inbox was settled is forgotten in part; some events are applied again, which changes nothing",
			slog.String(zoom.LogStream, name))
	}
	return m, nil
}

// readAll reads groups, which makes the server check their sums.
func (b *Inbox) readAll(ctx context.Context, name string, from, to uint64) error {
	stream, err := b.js.Stream(ctx, name)
	if err != nil {
		return fmt.Errorf("open stream %s: %w", name, err)
	}
	seq := from
	if name != streamDead { // where some may be missing
		seq = skim(ctx, stream, from, to)
	}
	for ; seq <= to; seq++ {
		_, err := stream.GetMsg(ctx, seq)
		switch {
		case ctx.Err() != nil:
			return fmt.Errorf("read stream %s: %w", name, ctx.Err())
		case name == streamDead && errors.Is(err, jetstream.ErrMsgNotFound):
		case err != nil:
			return b.damaged(name, fmt.Sprintf("group %d cannot be read: %v", seq, err))
		}
	}
	if to >= from {
		b.log.Info("inbox checked", slog.String(zoom.LogStream, name), slog.Uint64(zoom.LogGroups, to-from+1))
	}
	return nil
}

// skim reads many groups fast and returns the first that it did not get to.
// It does not say why; a consumer passes over or stops at what is unreadable.
func skim(ctx context.Context, stream jetstream.Stream, from, to uint64) uint64 {
	next := from
	if to < from {
		return next
	}
	consumer, err := stream.CreateConsumer(ctx, jetstream.ConsumerConfig{
		DeliverPolicy:     jetstream.DeliverByStartSequencePolicy,
		OptStartSeq:       from,
		AckPolicy:         jetstream.AckNonePolicy,
		MemoryStorage:     true,
		InactiveThreshold: time.Minute,
	})
	if err != nil {
		return next
	}
	defer func() { _ = stream.DeleteConsumer(ctx, consumer.CachedInfo().Name) }()
	for next <= to && ctx.Err() == nil {
		batch, err := consumer.Fetch(int(min(skimGroups, to-next+1)), jetstream.FetchMaxWait(skimWait))
		if err != nil {
			return next
		}
		before := next
		for msg := range batch.Messages() {
			if meta, err := msg.Metadata(); err != nil || meta.Sequence.Stream != next {
				return next
			}
			next++
		}
		if next == before {
			return next
		}
	}
	return next
}

// answered is the last group that a watermark remembers for the stream, and
// whether the stream was ever made.
func (b *Inbox) answered(name string) (last uint64, made bool, err error) {
	if b.dir == nil {
		return 0, false, nil
	}
	return readWatermark(watermarkFile(b.dir.path, name))
}

// openWatermarks opens the files, raised to what the streams hold.
func (b *Inbox) openWatermarks() (err error) {
	marks := map[string]**watermark{streamEvents: &b.events.mark, streamLater: &b.later.mark, streamDead: &b.dead}
	for name, mark := range marks {
		last, _, err := b.answered(name)
		if err != nil {
			return err
		}
		if *mark, err = openWatermark(watermarkFile(b.dir.path, name), last); err != nil {
			return fmt.Errorf("%w: %s: %w", ErrNotWritable, b.dir.path, err)
		}
	}
	return nil
}

// openCheckpoints goes on from the files. One that cannot be read is replaced.
func (b *Inbox) openCheckpoints() {
	for _, q := range b.queues() {
		path := checkpointFile(b.dir.path, q.name)
		now, err := readProgress(path)
		if err != nil {
			b.log.Warn("how far the inbox was settled cannot be read; some events are applied again, which changes nothing",
				slog.String(zoom.LogStream, q.name), slog.String(zoom.LogError, err.Error()))
		}
		q.checkpoint = newCheckpoint(path, now, b.log)
	}
}

// checkpoint is that of a stream, nil when it has none.
func (b *Inbox) checkpoint(stream string) *checkpoint {
	for _, q := range b.queues() {
		if q.name == stream {
			return q.checkpoint
		}
	}
	return nil
}

// progress is how far a stream is settled and was handed out, as far as is
// known; zeros when nothing is.
func (b *Inbox) progress(ctx context.Context, name string) (settled, delivered uint64, err error) {
	if b.dir != nil {
		floor := b.checkpoint(name).floor()
		return floor, floor, nil
	}
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
	if b.dir != nil {
		return damagedFiles(b.dir.path, stream, what)
	}
	return fmt.Errorf("%w: %s: stream %s: %s; restore it from a backup, or, to go on without what is lost, "+
		"move it to another place and start again", ErrDamaged, b.where(), stream, what)
}

// damagedFiles is the same for a directory, where commands of ours help.
func damagedFiles(dir, stream, what string) error {
	return fmt.Errorf("%w: %s: stream %s: %s; to see what is left: sidecar inbox check; "+
		"to go on with all that can still be read: sidecar inbox set-aside; or restore it from a backup", ErrDamaged, dir, stream, what)
}
