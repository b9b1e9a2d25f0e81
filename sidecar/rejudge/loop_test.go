package rejudge_test

import (
	"context"
	"encoding/json"
	"errors"
	"log/slog"
	"strings"
	"testing"
	"testing/synctest"
	"time"

	"github.com/prometheus/client_golang/prometheus"
	"github.com/stretchr/testify/require"

	"zoom-attendance/scripts/stack/stacktest"
	"zoom-attendance/sidecar/inbox"
	"zoom-attendance/sidecar/rejudge"
)

// database answers as the test wants, and notes when it was asked and for what.
type database struct {
	began  time.Time
	calls  []time.Duration
	since  []string
	answer func(n int) (string, error)
}

func (d *database) Call(_ context.Context, function string, args, into any) error {
	if function != "catch_up_zoom" {
		return errors.New("another function: " + function)
	}
	text, err := json.Marshal(args)
	if err != nil {
		return err
	}
	d.calls = append(d.calls, time.Since(d.began))
	d.since = append(d.since, string(text))
	answer, err := d.answer(len(d.calls))
	if err != nil {
		return err
	}
	return json.Unmarshal([]byte(answer), into)
}

// kept is an inbox with an event each of unknown meetings, that notes what it is asked for.
type kept struct {
	unknown  []inbox.UnknownMeeting
	replayed []inbox.Replay
	fails    time.Time // Replay does, until then
}

func (k *kept) Unknown(context.Context) ([]inbox.UnknownMeeting, error) { return k.unknown, nil }

func (k *kept) Replay(_ context.Context, r inbox.Replay, settled func()) (inbox.Replayed, error) {
	k.replayed = append(k.replayed, r)
	if time.Now().Before(k.fails) {
		return inbox.Replayed{}, errors.New("disk of glass")
	}
	settled()
	return inbox.Replayed{Events: 1}, nil
}

type refused struct{ code string }

func (r refused) Error() string   { return "refused: " + r.code }
func (r refused) BlamesUs() bool  { return r.code == "PGRST202" }
func (r refused) Cause() string   { return r.code }
func (r refused) Meaning() string { return "meaning of " + r.code }

// run has a loop ask for so long, in a bubble of synctest.
func run(t *testing.T, d *database, k *kept, lasts time.Duration, change ...func(*rejudge.Options)) *stacktest.Journal {
	t.Helper()
	log := &stacktest.Journal{Patience: time.Minute}
	d.began = time.Now()
	o := rejudge.Options{Project: d, Inbox: k, Log: slog.New(slog.NewTextHandler(log, nil))}
	for _, c := range change {
		c(&o)
	}
	ctx, cancel := context.WithTimeout(t.Context(), lasts)
	defer cancel()
	require.NoError(t, rejudge.New(o).Run(ctx))
	return log
}

const quiet = `{"left": 0, "numbers": [], "until": "2026-03-02T08:00:00.123456+00:00", "failed": []}`

func TestItCallsAtOnceAndEveryFiveSecondsAndPassesOnUntil(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		d := &database{answer: func(int) (string, error) { return quiet, nil }}
		run(t, d, &kept{}, 12*time.Second)
		require.Equal(t, []time.Duration{0, 5 * time.Second, 10 * time.Second}, d.calls)
		require.Equal(t, []string{`{"since":null}`, `{"since":"2026-03-02T08:00:00.123456+00:00"}`, `{"since":"2026-03-02T08:00:00.123456+00:00"}`}, d.since)
	})
}

func TestItAsksForAllNumbersSinceTheFirstThatTheInboxListsAndReplaysThose(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		d := &database{answer: func(int) (string, error) {
			return `{"left": 0, "numbers": ["82", "81", "80"], "until": "u", "failed": []}`, nil
		}}
		first := time.Date(2026, 3, 2, 8, 0, 0, 5000, time.UTC)
		k := &kept{unknown: []inbox.UnknownMeeting{
			{Meeting: "83", First: first.Add(time.Hour)}, {Meeting: "81", First: first}, {Meeting: "82", First: first.Add(time.Minute)},
		}}
		log := run(t, d, k, time.Second)
		require.Equal(t, []string{`{"since":"2026-03-02T07:55:00.000005Z"}`}, d.since)
		require.Equal(t, []inbox.Replay{{Meeting: "81", Outcome: "unknown_meeting"}, {Meeting: "82", Outcome: "unknown_meeting"}}, k.replayed)
		require.Len(t, log.Lines("handed out again", "events=2"), 1)
	})
}

func TestItCallsAgainAtOnceWhileSomethingIsLeft(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		left := []string{"3", "2", "1", "0"}
		d := &database{answer: func(n int) (string, error) {
			return strings.Replace(quiet, `"left": 0`, `"left": `+left[min(n, 4)-1], 1), nil
		}}
		run(t, d, &kept{}, 4*time.Second)
		require.Equal(t, []time.Duration{0, 0, 0, 0}, d.calls)
	})
}

func TestWhatDoesNotGetLessIsNotAskedForWithoutARest(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		d := &database{answer: func(int) (string, error) { return strings.Replace(quiet, `"left": 0`, `"left": 7`, 1), nil }}
		run(t, d, &kept{}, time.Minute)
		require.Less(t, len(d.calls), 30)
		require.Greater(t, len(d.calls), 10)
	})
}

func TestItIsWoken(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		wake := make(chan struct{}, 1)
		d := &database{answer: func(int) (string, error) { return quiet, nil }}
		time.AfterFunc(2*time.Second, func() { wake <- struct{}{} })
		run(t, d, &kept{}, 4*time.Second, func(o *rejudge.Options) { o.Wake = wake })
		require.Equal(t, []time.Duration{0, 2 * time.Second}, d.calls)
	})
}

func TestAnOutageHasOneLineWhenItBeginsAndOneWhenItIsOver(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		began := time.Now()
		d := &database{answer: func(int) (string, error) {
			if time.Since(began) < time.Hour {
				return "", refused{"PGRST202"}
			}
			return quiet, nil
		}}
		log := run(t, d, &kept{}, time.Hour+5*time.Minute)
		require.Less(t, len(d.calls), 400)
		require.Len(t, log.Lines("level=ERROR", "cannot look again", "meaning of PGRST202"), 1)
		require.Len(t, log.Lines("the database looks again"), 1)
	})
}

func TestAConflictWithAnotherSidecarIsNobodysBusiness(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		d := &database{answer: func(n int) (string, error) {
			if n%3 == 1 {
				return "", refused{"40P01"}
			}
			return quiet, nil
		}}
		log := run(t, d, &kept{}, time.Minute)
		require.Empty(t, log.Lines("level="))
	})
}

func TestAMeetingThatCannotBeJudgedIsNamedSeldomAndToldUntilItIs(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		var loop *rejudge.Loop
		var held [][]rejudge.Held // as each call found it
		log := &stacktest.Journal{Patience: time.Minute}
		d := &database{began: time.Now(), answer: func(n int) (string, error) {
			held = append(held, loop.Held())
			switch {
			case n > 500:
				return quiet, nil
			case n%2 == 0: // it is put off, and others are judged
				return strings.Replace(quiet, `"failed": []`, `"failed": [], "held": [{"meeting": "81234567890", "code": "57014", "since": "2026-03-02T08:00:00+00:00"}]`, 1), nil
			}
			return strings.Replace(quiet, `"failed": []`, `"failed": [{"meeting": "81234567890", "code": "57014"}],
				"held": [{"meeting": "81234567890", "code": "57014", "since": "2026-03-02T08:00:00+00:00"}]`, 1), nil
		}}
		ctx, cancel := context.WithTimeout(t.Context(), 50*time.Minute)
		defer cancel()
		metrics := prometheus.NewRegistry()
		loop = rejudge.New(rejudge.Options{Project: d, Inbox: &kept{}, Log: slog.New(slog.NewTextHandler(log, nil)), Metrics: metrics})
		require.NoError(t, loop.Run(ctx))
		require.Len(t, log.Lines("level=WARN", "meeting=81234567890", "code=57014"), 1)
		require.Empty(t, held[0])
		for _, one := range held[1:501] {
			require.Equal(t, []rejudge.Held{{Meeting: "81234567890", Code: "57014", Since: time.Date(2026, 3, 2, 8, 0, 0, 0, time.UTC)}}, toUTC(one))
		}
		require.Empty(t, held[501])
		require.Len(t, log.Lines("level=INFO", "judges the lessons of this meeting again", "meeting=81234567890"), 1)
	})
}

func toUTC(all []rejudge.Held) []rejudge.Held {
	for i := range all {
		all[i].Since = all[i].Since.UTC()
	}
	return all
}

func TestNumbersAreKeptUntilTheInboxTookThem(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		d := &database{answer: func(n int) (string, error) {
			if n == 1 {
				return `{"left": 0, "numbers": ["81"], "until": "u", "failed": []}`, nil
			}
			return quiet, nil
		}}
		k := &kept{unknown: []inbox.UnknownMeeting{{Meeting: "81"}}, fails: time.Now().Add(10 * time.Second)}
		log := run(t, d, k, time.Minute)
		require.Greater(t, len(k.replayed), 3)
		require.Less(t, len(k.replayed), 15)
		require.Len(t, log.Lines("disk of glass"), 1)
		require.Len(t, log.Lines("the inbox hands out the events of meetings that became known again"), 1)
	})
}
