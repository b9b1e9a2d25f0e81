package inbox

import (
	"bytes"
	"context"
	"fmt"
	"log/slog"
	"os"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/nats-io/nats-server/v2/server"
	"github.com/nats-io/nats.go/jetstream"
	"github.com/stretchr/testify/require"
)

func openNATS(t testing.TB, o Options) *jetStreamInbox {
	t.Helper()
	return open(t, o).(*jetStreamInbox)
}

// logBuffer is a log that may be read while it is written.
type logBuffer struct {
	mu   sync.Mutex
	text bytes.Buffer
}

func (b *logBuffer) Write(p []byte) (int, error) {
	b.mu.Lock()
	defer b.mu.Unlock()
	return b.text.Write(p)
}

func (b *logBuffer) String() string {
	b.mu.Lock()
	defer b.mu.Unlock()
	return b.text.String()
}

func TestServersOutOfReachAreNamedWithoutTheirPasswords(t *testing.T) {
	for url, named := range map[string]string{
		"nats://user:secret@127.0.0.1:1":                             "127.0.0.1:1",
		"nats://user:secret@127.0.0.1:1,nats://u:secret@127.0.0.2:1": "127.0.0.1:1, 127.0.0.2:1",
		"user:secret@127.0.0.1:1":                                    "127.0.0.1:1",
		"nats://user:secret is@127.0.0.1:1":                          "a server of NATS_URL",
		"nats://user:secret/is@127.0.0.1:1":                          "a server of NATS_URL",
		"nats://user:secret":                                         "a server of NATS_URL",
		"nats://secret%zz@127.0.0.1:1":                               "a server of NATS_URL",
	} {
		t.Run(url, func(t *testing.T) {
			var logged logBuffer
			_, err := Open(testContext(t), Options{URL: url, Log: slog.New(slog.NewTextHandler(&logged, nil))})
			require.ErrorIs(t, err, ErrUnavailable)
			require.ErrorContains(t, err, named)
			require.NotContains(t, err.Error()+logged.String(), "secret")
			_, err = TryCluster(testContext(t), url, 1)
			require.ErrorIs(t, err, ErrUnavailable)
			require.NotContains(t, err.Error(), "secret")
		})
	}
}

func TestServersOutOfReachAreRefusedAtOnceAndComeBack(t *testing.T) {
	s := startServer(t, func(o *server.Options) { o.Username, o.Password = "user", "secret" })
	var logged logBuffer
	url := strings.Replace(s.url, "nats://", "nats://user:secret@", 1)
	in := open(t, Options{URL: url, AckWait: time.Second, Log: slog.New(slog.NewTextHandler(&logged, nil))})
	run(t, in)
	accept(t, in, "before", "held")
	held := take(t, in, 2)[1]
	s.stop()
	require.Eventually(t, func() bool { return in.Ready() != nil }, patience, 10*time.Millisecond)
	require.ErrorIs(t, in.Ready(), ErrUnavailable)
	require.ErrorIs(t, in.Accept(testContext(t), of("81", "during")), ErrUnavailable)
	require.ErrorIs(t, held.Done(testContext(t), "applied"), ErrUnavailable)
	s.start(t)
	require.Eventually(t, func() bool { return in.Ready() == nil }, patience, 10*time.Millisecond)
	require.Eventually(t, func() bool { return in.Accept(testContext(t), of("81", "after")) == nil }, patience, 10*time.Millisecond)
	require.ElementsMatch(t, []string{"held", "after"}, bodies(take(t, in, 2)), "what could not be settled comes again")
	require.Contains(t, logged.String(), "connected again")
	require.NotContains(t, logged.String(), "secret")
}

func TestServersForSmallMessagesAreRefused(t *testing.T) {
	s := startServer(t, func(o *server.Options) { o.MaxPayload = 1 << 20 })
	_, err := Open(testContext(t), Options{URL: s.url})
	require.ErrorIs(t, err, ErrUnavailable)
	require.ErrorContains(t, err, "max_payload")
}

func TestProcessesShareServers(t *testing.T) {
	o := Options{URL: startServer(t).url, AckWait: time.Second}
	one, two := open(t, o), open(t, o)
	for range 10 {
		accept(t, one, "event")
		accept(t, two, "event")
	}
	seen := map[uint64]int{}
	for len(seen) < 20 {
		for _, in := range []Inbox{one, two} {
			ctx, cancel := context.WithTimeout(t.Context(), 50*time.Millisecond)
			some, _ := in.Next(ctx, 3)
			cancel()
			for _, d := range some {
				seen[d.Number()]++
				require.NoError(t, d.Done(testContext(t), "applied"))
			}
		}
	}
	for number, times := range seen {
		require.Equal(t, 1, times, number)
	}
	requireStats(t, one, func(s Stats) bool { return s.Waiting == 0 && s.Settled == 20 })
	require.Equal(t, statsOf(t, one).Settled, statsOf(t, two).Settled)
}

func TestTheEventsOfADeadProcessGoToAnother(t *testing.T) {
	o := Options{URL: startServer(t).url, AckWait: time.Second}
	one := openNATS(t, o)
	accept(t, one, "event")
	take(t, one, 1)
	one.nc.Close() // as when its machine is cut off: it gives nothing back
	require.Equal(t, []string{"event"}, bodies(take(t, open(t, o), 1)))
}

func TestTheEventsOfAClosedProcessGoToAnotherAtOnce(t *testing.T) {
	o := Options{URL: startServer(t).url, AckWait: time.Hour}
	one, two := open(t, o), open(t, o)
	accept(t, one, "event")
	take(t, one, 1)
	shut(t, one)
	require.Equal(t, []string{"event"}, bodies(take(t, two, 1)))
}

func TestAClusterGoesOnWithoutOneOfItsServers(t *testing.T) {
	servers := startCluster(t)
	urls := servers[0].url + "," + servers[1].url + "," + servers[2].url
	in := openNATS(t, Options{URL: urls, Replicas: 3, AckWait: time.Second})
	trial, err := TryCluster(testContext(t), urls, 3)
	require.NoError(t, err)
	require.True(t, trial.Made)
	keepMany(t, in, 200)
	accept(t, in, "in flight", "waits")
	held := take(t, in, 1)[0]
	connected := in.nc.ConnectedUrl()
	for _, s := range servers {
		if s.url == connected {
			s.stop()
		}
	}
	require.Eventually(t, func() bool { return in.Accept(testContext(t), of("81", "after")) == nil }, patience, 10*time.Millisecond)
	seen := map[string]bool{string(held.Body()): held.Done(testContext(t), "applied") == nil}
	for len(seen) < 3 || !seen["in flight"] {
		for _, d := range take(t, in, 1) {
			seen[string(d.Body())] = d.Done(testContext(t), "applied") == nil
		}
	}
	requireStats(t, in, func(s Stats) bool { return s.Waiting == 0 && s.Settled >= 203 })
	require.GreaterOrEqual(t, len(replayAll(t, in, Replay{}, "applied")), 203)
}

func TestAMissingStreamIsDamage(t *testing.T) {
	for _, missing := range []string{streamEvents, streamLater, streamDone, streamDead} {
		t.Run(missing, func(t *testing.T) {
			o := Options{URL: startServer(t).url}
			in := openNATS(t, o)
			accept(t, in, "one", "two")
			settle(t, in, 1, "applied")
			require.NoError(t, second(take(t, in, 1)[0].Bury(testContext(t), "no")))
			ended := make(chan error, 1)
			require.NoError(t, in.js.DeleteStream(testContext(t), missing))
			go func() { ended <- in.Run(testContext(t)) }()
			require.ErrorIs(t, <-ended, ErrDamaged)
			shut(t, in)
			_, err := Open(testContext(t), o)
			require.ErrorIs(t, err, ErrDamaged)
			require.ErrorContains(t, err, missing+" missing")
			require.ErrorContains(t, err, "nats stream restore")
		})
	}
}

func TestAStreamMadeAnewIsDamage(t *testing.T) {
	o := Options{URL: startServer(t).url}
	in := openNATS(t, o)
	accept(t, in, "one", "two")
	settle(t, in, 2, "applied")
	require.NoError(t, in.js.DeleteStream(testContext(t), streamEvents))
	configs := streamConfigs(in.options)
	require.NoError(t, second(in.js.CreateStream(testContext(t), configs[len(configs)-1])))
	shut(t, in)
	_, err := Open(testContext(t), o)
	require.ErrorIs(t, err, ErrDamaged)
	require.ErrorContains(t, err, "ends with event 0, but ZOOM_DONE has event 2")
}

func TestAStartThatWasBrokenOffWhileItMadeTheStreamsGoesOn(t *testing.T) {
	o := Options{URL: startServer(t).url}
	in := openNATS(t, o)
	require.NoError(t, in.js.DeleteStream(testContext(t), streamEvents))
	shut(t, in)
	in = openNATS(t, o)
	require.True(t, in.made)
	accept(t, in, "one")
	require.Equal(t, []string{"one"}, bodies(take(t, in, 1)))
}

func TestStreamsOfSomebodyElseAreRefused(t *testing.T) {
	for sentence, change := range map[string]func(*jetstream.StreamConfig){
		"made for something else":  func(c *jetstream.StreamConfig) { c.Metadata = nil },
		"made by a later version":  func(c *jetstream.StreamConfig) { c.Metadata = map[string]string{formatKey: "2"} },
		"that keeps what is acked": func(c *jetstream.StreamConfig) { c.Retention = jetstream.LimitsPolicy },
	} {
		t.Run(sentence, func(t *testing.T) {
			o := Options{URL: startServer(t).url}
			in := openNATS(t, o)
			configs := streamConfigs(in.options)
			events := configs[len(configs)-1]
			require.NoError(t, in.js.DeleteStream(testContext(t), streamEvents))
			change(&events)
			require.NoError(t, second(in.js.CreateStream(testContext(t), events)))
			shut(t, in)
			_, err := Open(testContext(t), o)
			require.ErrorIs(t, err, ErrVersion)
			require.ErrorContains(t, err, streamEvents)
		})
	}
}

func TestAnEventThatTheServersSendTwiceIsHandedOutOnce(t *testing.T) {
	o := Options{URL: startServer(t).url}
	in := openNATS(t, o)
	accept(t, in, "held")
	held := take(t, in, 1)[0]
	// $JS.ACK.<stream>.<consumer>.<deliveries>.<sequence>.<of the consumer>.<time>.<pending>
	require.NoError(t, in.nc.Publish(fmt.Sprintf("$JS.ACK.%s.%s.1.1.1.0.0", streamEvents, consumerName), []byte("-NAK")))
	accept(t, in, "behind it")
	require.Equal(t, []string{"behind it"}, bodies(take(t, in, 1)))
	require.NoError(t, held.Done(testContext(t), "applied"))
	shut(t, in)
	require.Equal(t, []string{"behind it"}, bodies(take(t, open(t, o), 1)))
}

func TestTheServersKnowThatAnEventInFlightIsWorkedOn(t *testing.T) {
	o := Options{URL: startServer(t).url, AckWait: 300 * time.Millisecond}
	in := openNATS(t, o)
	accept(t, in, "held")
	take(t, in, 1)
	c, err := in.js.Consumer(testContext(t), streamEvents, consumerName)
	require.NoError(t, err)
	require.Never(t, func() bool {
		info, err := c.Info(testContext(t))
		return err != nil || info.NumRedelivered > 0
	}, 5*o.AckWait, 50*time.Millisecond)
}

func TestAConsumerThatIsDeletedIsMadeAgain(t *testing.T) {
	in := openNATS(t, Options{URL: startServer(t).url})
	accept(t, in, "one")
	settle(t, in, 1, "applied")
	require.NoError(t, in.js.DeleteConsumer(testContext(t), streamEvents, consumerName))
	accept(t, in, "two")
	require.Equal(t, []string{"two"}, bodies(take(t, in, 1)))
}

func TestWhatCannotBeSettledComesAgain(t *testing.T) {
	in := openNATS(t, Options{URL: startServer(t).url})
	keep(t, in, "applied", of("81", "kept"))
	ended := replayOf(testContext(t), in, Replay{})
	accept(t, in, "one", "two")
	gone, leave := context.WithCancel(t.Context())
	leave()
	for _, d := range take(t, in, 3) {
		require.ErrorIs(t, second(d.Bury(gone, "no")), context.Canceled)
		require.NoError(t, d.Done(testContext(t), "applied"), "which does nothing")
	}
	again := take(t, in, 3)
	require.ElementsMatch(t, []string{"kept", "one", "two"}, bodies(again))
	for _, d := range again {
		require.NoError(t, d.Done(testContext(t), "applied"))
	}
	require.NoError(t, (<-ended).err)
	requireOthers(t, in, 0)
}

func TestAnEventIsPutOffAsSoonAsThereIsRoom(t *testing.T) {
	in := openNATS(t, Options{URL: startServer(t).url, MaxBytes: 2 << 20})
	e := Event{Body: bytes.Repeat([]byte{'x'}, 1<<20)}
	require.NoError(t, in.Accept(testContext(t), e))
	require.NoError(t, take(t, in, 1)[0].Later(testContext(t), 300*time.Millisecond))
	require.NoError(t, in.Accept(testContext(t), e))
	require.ErrorIs(t, take(t, in, 1)[0].Later(testContext(t), time.Hour), ErrFull)
	for _, d := range take(t, in, 2) {
		require.NoError(t, d.Done(testContext(t), "applied"))
	}
	requireStats(t, in, func(s Stats) bool { return s.Waiting == 0 && s.Settled == 1 }) // the other had to go
	r := <-replayOf(testContext(t), in, Replay{DryRun: true})
	require.NoError(t, r.err)
	require.False(t, r.From.IsZero())
}

func TestADeadLetterThatCannotBeRemovedIsPutBackAllTheSame(t *testing.T) {
	in := openNATS(t, Options{URL: startServer(t).url})
	letter := bury(t, in, "one")[0]
	stuck := streamConfigs(in.options)[0]
	stuck.DenyDelete = true
	require.NoError(t, second(in.js.UpdateStream(testContext(t), stuck)))
	require.ErrorIs(t, in.PutBack(testContext(t), letter), ErrUnavailable)
	require.ErrorIs(t, in.Drop(testContext(t), letter), ErrUnavailable)
	require.Equal(t, []string{"one"}, lettersOf(t, in, 0))
	require.Equal(t, []string{"one"}, bodies(take(t, in, 1)))
}

func TestADeadLetterStaysWhenThereIsNoRoomForIt(t *testing.T) {
	in := openNATS(t, Options{URL: startServer(t).url})
	letter := bury(t, in, "one")[0]
	configs := streamConfigs(in.options)
	full := configs[len(configs)-1]
	full.MaxBytes = 1
	require.NoError(t, second(in.js.UpdateStream(testContext(t), full)))
	require.ErrorIs(t, in.PutBack(testContext(t), letter), ErrFull)
	require.ErrorIs(t, PutAllBack(testContext(t), in, func(uint64) {}), ErrFull)
	require.Equal(t, []string{"one"}, lettersOf(t, in, 0))
}

func TestAMessageThatIsNotFromHereIsHandedOutAsFarAsItGoes(t *testing.T) {
	in := openNATS(t, Options{URL: startServer(t).url})
	require.NoError(t, second(in.js.Publish(testContext(t), subjectWait+"81", []byte("from nowhere"))))
	d := take(t, in, 1)[0]
	require.Equal(t, Event{Body: []byte("from nowhere")}, d.Event)
	require.Equal(t, 1, d.Attempt())
	require.Equal(t, uint64(1), d.Number())
	require.WithinDuration(t, time.Now(), d.AcceptedAt(), patience)
	require.NoError(t, second(d.Bury(testContext(t), "nobody knows it")))
	requireNothing(t, in)
}

func TestAnyTextIsATokenOfASubject(t *testing.T) {
	for text, want := range map[string]string{
		"": "-", "-": "%2D", "81234567890": "81234567890", "unknown_meeting": "unknown_meeting",
		"a.b": "a%2Eb", "*": "%2A", ">": "%3E", "a b": "a%20b", "\r\n": "%0D%0A",
	} {
		require.Equal(t, want, token(text))
	}
	long := token(strings.Repeat("9", 300))
	require.LessOrEqual(t, len(long), maxToken)
	require.NotEqual(t, long, token(strings.Repeat("9", 301)))
	require.Equal(t, "*", tokenOrAny(""))
}

func TestServersAreTriedAndLeftAsTheyWere(t *testing.T) {
	s := startServer(t)
	trial, err := TryCluster(testContext(t), s.url, 1)
	require.NoError(t, err)
	require.False(t, trial.Made)
	require.Positive(t, trial.Sync)
	require.Equal(t, strings.TrimPrefix(s.url, "nats://"), trial.Where)
	require.Contains(t, trial.Warnings[0], "sync_interval: always")

	in := openNATS(t, Options{URL: s.url})
	accept(t, in, "one")
	trial, err = TryCluster(testContext(t), s.url, 1)
	require.NoError(t, err)
	require.True(t, trial.Made)
	require.Positive(t, trial.Taken)
	list := in.js.StreamNames(testContext(t))
	for name := range list.Name() {
		require.NotContains(t, name, "TRIAL")
	}
	require.NoError(t, list.Err())

	_, err = TryCluster(testContext(t), s.url, 3)
	require.ErrorIs(t, err, ErrReplicas)
	require.ErrorContains(t, err, "NATS_REPLICAS")
	_, err = TryCluster(testContext(t), startServer(t, func(o *server.Options) { o.JetStream = false }).url, 1)
	require.ErrorIs(t, err, ErrNoJetStream)
	s.stop()
	_, err = TryCluster(testContext(t), s.url, 1)
	require.ErrorIs(t, err, ErrUnavailable)
}

func TestTheProgramHasNoServerInIt(t *testing.T) {
	files, err := os.ReadDir(".")
	require.NoError(t, err)
	for _, f := range files {
		if !strings.HasSuffix(f.Name(), ".go") || strings.HasSuffix(f.Name(), "_test.go") {
			continue
		}
		text, err := os.ReadFile(f.Name())
		require.NoError(t, err)
		require.NotContains(t, string(text), `"github.com/nats-io/nats-server`, f.Name())
	}
}
