package watch_test

import (
	"context"
	"errors"
	"fmt"
	"log/slog"
	"net/http"
	"net/http/httptest"
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"zoom-attendance/sidecar/operator/watch"
	"zoom-attendance/sidecar/zoom"
)

// stuck has events wait, which every sidecar sees by itself.
func stuck(sidecars ...*sidecar) {
	for _, s := range sidecars {
		s.oldest.Set(600)
	}
	stay(6, sidecars...)
}

// stay has them wait for longer.
func stay(minutes int, sidecars ...*sidecar) {
	pass(minutes, func() {
		for _, s := range sidecars {
			s.oldest.Add(60)
		}
	})
}

// settle is the end of that.
func settle(sidecars ...*sidecar) {
	for _, s := range sidecars {
		s.oldest.Set(0)
	}
	pass(1)
}

func TestAlerts(t *testing.T) {
	inBubble(t, map[string]func(*testing.T){
		"once when it begins, once a day while it lasts, once when it is over": func(t *testing.T) {
			b := newBoard()
			s := start(t, b)
			stuck(s)
			require.Equal(t, []string{"not_settling firing"}, s.receiver.told())
			stay(23*hour, s)
			require.Empty(t, s.receiver.told())
			stay(2*hour, s)
			require.Equal(t, []string{"not_settling firing"}, s.receiver.told())
			require.Equal(t, 2, s.logged("level=WARN"), "the log is reminded as often")
			settle(s)
			require.Equal(t, 1, s.logged("it is over"))
			require.Empty(t, s.receiver.told(), "nobody is told before it has been over for ten minutes")
			pass(11)
			require.Equal(t, []string{"not_settling resolved"}, s.receiver.told())
			pass(3 * hour)
			require.Empty(t, s.receiver.told())
			require.InDelta(t, 3, s.alerts("sent"), 0)
		},
		"what is in it": func(t *testing.T) {
			b := newBoard()
			s := start(t, b)
			s.kept()
			pass(hour)
			b.set(func() { b.lessons = []lesson{{"81234567890", time.Now().Add(-10 * time.Minute).UTC()}} })
			pass(1)
			const says = "Meeting 81234567890 should be running since 00:50 UTC on 1 January, and Zoom has told nothing of it."
			got := s.receiver.got[0]
			remedy := got["remedy"].(string)
			require.NotEmpty(t, remedy)
			require.Equal(t, map[string]any{
				"name": "lesson_silent", "status": "firing", "since": "2000-01-01T01:01:00Z", "meeting": "81234567890", "version": "1.2.3",
				"says": says, "remedy": remedy, "text": "Zoom attendance: " + says + "\n" + remedy,
			}, got)
			s.receiver.told()
			b.set(func() { b.lessons = nil })
			pass(15)
			require.Equal(t, map[string]any{
				"name": "lesson_silent", "status": "resolved", "since": "2000-01-01T01:01:00Z", "meeting": "81234567890", "version": "1.2.3",
				"says": says, "text": "Zoom attendance: it is over, after 11 minutes. It was: " + says,
			}, s.receiver.got[0])
		},
		"of two sidecars one sends it": func(t *testing.T) {
			b := newBoard()
			one, other := start(t, b), start(t, b)
			one.receiver.slow, other.receiver.slow = 9*time.Second, 9*time.Second
			stuck(one, other)
			stay(1, one, other)
			require.Len(t, append(one.receiver.told(), other.receiver.told()...), 1)
			stay(3*hour, one, other)
			settle(one, other)
			pass(12)
			require.Equal(t, []string{"not_settling resolved"}, append(one.receiver.told(), other.receiver.told()...))
		},
		"one finds it and has nobody to tell, the other one tells it": func(t *testing.T) {
			b := newBoard()
			silent := start(t, b, func(o *watch.Options) { o.AlertURL, o.AlertSecret = "", "" })
			other := start(t, b)
			stuck(silent)
			stay(1, silent)
			require.Empty(t, other.names())
			require.NotEmpty(t, other.receiver.got[0]["remedy"])
			require.Equal(t, []string{"not_settling firing"}, other.receiver.told())
			settle(silent)
			pass(11)
			require.Equal(t, []string{"not_settling resolved"}, other.receiver.told())
			require.Empty(t, silent.receiver.told())
		},
		"while the database is away each sends it, and that it is over": func(t *testing.T) {
			b := newBoard()
			one, other := start(t, b), start(t, b)
			b.set(func() { b.away = away{} })
			stuck(one, other)
			require.Equal(t, []string{"not_settling firing"}, one.receiver.told())
			require.Equal(t, []string{"not_settling firing"}, other.receiver.told())
			stay(hour, one, other)
			require.Empty(t, one.receiver.told(), "and not again")
			stay(day, one, other)
			require.Equal(t, []string{"not_settling firing"}, one.receiver.told(), "but once a day")
			other.receiver.told()
			b.set(func() { b.away = nil })
			settle(one, other)
			require.Equal(t, []string{"not_settling resolved"}, one.receiver.told())
			require.Equal(t, []string{"not_settling resolved"}, other.receiver.told())
			pass(3 * hour)
			require.Empty(t, one.receiver.told())
			require.Empty(t, other.receiver.told())
		},
		"what was sent while the database was away, and goes on, is known to it from then on": func(t *testing.T) {
			b := newBoard()
			one, other := start(t, b), start(t, b)
			b.set(func() { b.away = away{} })
			stuck(one, other)
			one.receiver.told()
			other.receiver.told()
			b.set(func() { b.away = nil })
			stay(5, one, other)
			require.Empty(t, append(one.receiver.told(), other.receiver.told()...))
			settle(one, other)
			pass(11)
			require.Equal(t, []string{"not_settling resolved"}, append(one.receiver.told(), other.receiver.told()...))
		},
		"what was told is not told again when the database goes away": func(t *testing.T) {
			b := newBoard()
			one, other := start(t, b), start(t, b)
			stuck(one, other)
			stay(2, one, other)
			require.Len(t, append(one.receiver.told(), other.receiver.told()...), 1)
			b.set(func() { b.away = away{} })
			stay(hour, one, other)
			require.Empty(t, append(one.receiver.told(), other.receiver.told()...))
		},
		"a sidecar that is started anew does not send it again": func(t *testing.T) {
			b := newBoard()
			s := start(t, b)
			b.set(func() { b.began = time.Now().Add(-100 * time.Hour) })
			pass(1)
			require.Equal(t, []string{"no_challenge firing"}, s.receiver.told())
			pass(1)
			s.stop()
			s = start(t, b)
			pass(hour)
			require.Equal(t, []string{"no_challenge"}, s.names())
			require.Empty(t, s.receiver.told())
		},
		"without an address nothing is sent, and the marks are there": func(t *testing.T) {
			b := newBoard()
			s := start(t, b, func(o *watch.Options) { o.AlertURL, o.AlertSecret = "", "" })
			stuck(s)
			require.Equal(t, []string{"not_settling"}, s.names())
			require.Empty(t, s.receiver.told())
		},
	})
}

func TestDelivery(t *testing.T) {
	inBubble(t, map[string]func(*testing.T){
		"a receiver that is away for a moment gets it with the same id, after growing waits": func(t *testing.T) {
			b := newBoard()
			s := start(t, b)
			s.receiver.answer = func(n int) (int, error) {
				switch n {
				case 1:
					return 0, errors.New("dial tcp 198.51.100.9:443: refused")
				case 2:
					return http.StatusServiceUnavailable, nil
				case 3:
					return http.StatusTooManyRequests, nil
				}
				return http.StatusOK, nil
			}
			stuck(s)
			pass(1)
			require.Len(t, s.receiver.told(), 4)
			require.Equal(t, s.receiver.ids[0], s.receiver.ids[3])
			require.Regexp(t, `^msg_\w{20,}$`, s.receiver.ids[0])
			require.Greater(t, s.receiver.times[3].Sub(s.receiver.times[2]), s.receiver.times[1].Sub(s.receiver.times[0]))
			require.Equal(t, 1, s.logged("alert sent"))
			require.Zero(t, s.logged("could not be delivered"))
		},
		"one that is away for an hour gets it then": func(t *testing.T) {
			b := newBoard()
			s := start(t, b)
			s.receiver.answer = func(int) (int, error) { return http.StatusBadGateway, nil }
			stuck(s)
			stay(6, s)
			require.Len(t, s.receiver.told(), 5)
			require.Equal(t, 1, s.logged("could not be delivered"))
			require.InDelta(t, 1, s.alerts("failed"), 0)
			s.receiver.mu.Lock()
			s.receiver.answer = nil
			s.receiver.mu.Unlock()
			b.set(func() { b.open["not_settling"].claimed = false }) // the database does this after ten minutes
			stay(2, s)
			require.Equal(t, []string{"not_settling firing"}, s.receiver.told())
		},
		"without the database, too": func(t *testing.T) {
			b := newBoard()
			s := start(t, b)
			b.set(func() { b.away = away{} })
			s.receiver.answer = func(n int) (int, error) { return http.StatusBadGateway, nil }
			stuck(s)
			stay(5, s)
			require.Len(t, s.receiver.told(), 5)
			s.receiver.mu.Lock()
			s.receiver.answer = nil
			s.receiver.mu.Unlock()
			stay(7, s)
			require.Equal(t, []string{"not_settling firing"}, s.receiver.told())
			stay(hour, s)
			require.Empty(t, s.receiver.told())
		},
		"one that will never take it is asked once": func(t *testing.T) {
			b := newBoard()
			s := start(t, b)
			s.receiver.answer = func(int) (int, error) { return http.StatusForbidden, nil }
			stuck(s)
			require.Len(t, s.receiver.told(), 1)
			require.Equal(t, 1, s.logged("reason=http_403"))
		},
		"a redirect is not followed": func(t *testing.T) {
			b := newBoard()
			s := start(t, b)
			s.receiver.answer = func(int) (int, error) { return http.StatusTemporaryRedirect, nil }
			stuck(s)
			require.Len(t, s.receiver.told(), 1)
			require.Equal(t, []string{"https://hooks.school.test/T0/mark-token"}, s.receiver.urls)
		},
		"a failure that goes on is logged once a day, and never with the address": func(t *testing.T) {
			b := newBoard()
			s := start(t, b)
			s.receiver.answer = func(int) (int, error) { return 0, errors.New("lookup hooks.school.test: no such host") }
			b.set(func() { b.away = away{} })
			stuck(s)
			stay(day+hour, s)
			require.Equal(t, 2, s.logged("could not be delivered"))
			for _, secret := range []string{"hooks.school.test", "mark-token", alertSecret, alertSecret[6:]} {
				require.NotContains(t, s.log.String(), secret)
				require.NotContains(t, fmt.Sprintf("%v %+v %#v", s.Watch, s.Watch, s.Watch), secret)
			}
		},
		"a sidecar stops at once, whatever is under way": func(t *testing.T) {
			b := newBoard()
			s := start(t, b)
			s.receiver.answer = func(int) (int, error) { return http.StatusBadGateway, nil }
			stuck(s)
			before := time.Now()
			s.stop()
			require.Equal(t, before, time.Now())
			require.Zero(t, s.logged("could not be delivered"), "it is not the receiver's fault")
		},
		"it waits for what it started": func(t *testing.T) {
			b := newBoard()
			s := start(t, b)
			s.receiver.slow = 3 * time.Second
			s.oldest.Set(600)
			stay(5, s)
			before := time.Now()
			s.stop()
			require.Equal(t, before.Add(3*time.Second), time.Now())
		},
		"a receiver that never answers holds up nothing": func(t *testing.T) {
			b := newBoard()
			s := start(t, b, func(o *watch.Options) { o.Transport = hanging{} })
			b.set(func() {
				for n := range 40 {
					b.lessons = append(b.lessons, lesson{fmt.Sprint(81234567000 + n), time.Now().UTC()})
				}
			})
			stuck(s)
			require.ElementsMatch(t, []string{"zoom_silent", "not_settling"}, s.names())
			pass(10)
			require.Equal(t, 1, s.logged("reason=timeout"))
		},
	})
}

// hanging is a receiver that takes a request and never answers.
type hanging struct{}

func (hanging) RoundTrip(r *http.Request) (*http.Response, error) {
	<-r.Context().Done()
	return nil, r.Context().Err()
}

func TestASecretThatIsNoneIsRefusedUnsaid(t *testing.T) {
	for _, secret := range []string{"", "whsec_not base64"} {
		_, err := watch.New(watch.Options{AlertURL: "https://hooks.school.test/", AlertSecret: zoom.Secret(secret)})
		require.EqualError(t, err, "alerts: the secret is not base64")
	}
}

// Over a real connection: what a client of its own does when it is told to go
// elsewhere, and that nothing of it stays open.
func TestOverARealConnectionNoRedirectIsFollowed(t *testing.T) {
	asked := make(chan string, 10)
	elsewhere := httptest.NewServer(http.HandlerFunc(func(http.ResponseWriter, *http.Request) { asked <- "elsewhere" }))
	defer elsewhere.Close()
	receiver := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		asked <- r.URL.Path
		http.Redirect(w, r, elsewhere.URL, http.StatusPermanentRedirect)
	}))
	defer receiver.Close()
	b := newBoard()
	b.began = time.Now().Add(-100 * time.Hour)
	counts := newCounts()
	w, err := watch.New(watch.Options{Project: b, Counts: counts.registry, Log: slog.New(slog.DiscardHandler), AlertURL: zoom.Secret(receiver.URL + "/hook"), AlertSecret: alertSecret})
	require.NoError(t, err)
	ctx, cancel := context.WithCancel(t.Context())
	ended := make(chan error, 1)
	go func() { ended <- w.Run(ctx) }()
	require.Equal(t, "/hook", <-asked)
	cancel()
	require.NoError(t, <-ended)
	require.Empty(t, asked)
}
