package watch_test

import (
	"strings"
	"sync"
	"testing"
	"testing/synctest"
	"time"

	"github.com/stretchr/testify/require"

	"zoom-attendance/sidecar/operator/watch"
	"zoom-attendance/sidecar/rejudge"
	"zoom-attendance/sidecar/relay"
)

// inBubble runs each case with a clock of its own.
func inBubble(t *testing.T, cases map[string]func(t *testing.T)) {
	for sentence, test := range cases {
		t.Run(sentence, func(t *testing.T) { synctest.Test(t, test) })
	}
}

const (
	hour = 60
	day  = 24 * hour
)

func TestAnOrdinaryWeekHasNoMark(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		b := newBoard()
		s := start(t, b, rarely)
		s.challenged()
		for range 7 {
			pass(8*hour, func() {
				s.kept()
				s.verified("0", time.Second)
				s.settled.WithLabelValues("done").Inc()
			})
			pass(16 * hour)
			require.Empty(t, s.names())
			s.challenged()
		}
		require.Empty(t, s.log.String())
		require.Empty(t, s.receiver.told())
		lintMetrics(t, s.shown)
	})
}

// rarely looks every ten minutes, for tests that take days.
func rarely(o *watch.Options) { o.Every = 10 * time.Minute }

func TestNoChallenge(t *testing.T) {
	inBubble(t, map[string]func(*testing.T){
		"six hours after it is due it is missed, and over when it comes": func(t *testing.T) {
			b := newBoard()
			s := start(t, b, rarely)
			s.challenged()
			pass(78*hour - 10)
			require.Empty(t, s.names())
			pass(20)
			require.Equal(t, []string{"no_challenge"}, s.names())
			require.Equal(t, "Zoom has not checked the endpoint for 78 hours; it does so every 72 hours.", s.Marks()[0].Says)
			began := s.Marks()[0].Since
			pass(hour)
			require.Equal(t, began, s.Marks()[0].Since)
			require.Equal(t, 1, s.logged("level=WARN"))
			s.challenged()
			pass(10)
			require.Empty(t, s.names())
			require.Equal(t, 1, s.logged("it is over"))
		},
		"before the first ever, the time counts from the first start": func(t *testing.T) {
			b := newBoard()
			s := start(t, b, rarely)
			pass(77 * hour)
			require.Empty(t, s.names())
			pass(hour + 10)
			require.Contains(t, s.Marks()[0].Says, "never checked the endpoint in the 78 hours")
		},
		"a school that deploys every day is told": func(t *testing.T) {
			b := newBoard()
			for range 3 {
				s := start(t, b, rarely)
				pass(day)
				require.Empty(t, s.names())
				s.stop()
			}
			s := start(t, b, rarely)
			pass(6*hour + 10)
			require.Equal(t, []string{"no_challenge"}, s.names())
		},
		"the challenge that another sidecar got is one": func(t *testing.T) {
			b := newBoard()
			one, other := start(t, b, rarely), start(t, b, rarely)
			require.Zero(t, other.seen("challenge"))
			for range 3 {
				at := time.Now()
				one.challenged()
				pass(72 * hour)
				require.Empty(t, other.names())
				require.Equal(t, at.Unix(), other.seen("challenge"))
				require.Zero(t, other.seen("event"))
			}
		},
		"while the database is away nobody can tell, and a mark stays": func(t *testing.T) {
			b := newBoard()
			s := start(t, b, rarely)
			pass(77 * hour)
			b.set(func() { b.away = away{} })
			pass(2 * hour)
			require.Empty(t, s.names())
			b.set(func() { b.away = nil })
			pass(10)
			require.Equal(t, []string{"no_challenge"}, s.names())
			b.set(func() { b.away = away{} })
			pass(hour)
			require.Equal(t, []string{"no_challenge"}, s.names())
			require.Equal(t, 2, s.logged("cannot ask the database"), "once each time, and not each minute")
			require.Equal(t, 1, s.logged("hears from the database again"))
			require.NotContains(t, s.log.String(), "198.51.100.7")
		},
	})
}

func TestLessons(t *testing.T) {
	at := func(minutes int) time.Time { return time.Now().Add(time.Duration(minutes) * time.Minute).UTC() }
	inBubble(t, map[string]func(*testing.T){
		"one that is silent has a mark and an alert of its own, by its number": func(t *testing.T) {
			b := newBoard()
			s := start(t, b)
			s.kept()
			pass(hour)
			b.set(func() { b.lessons, b.due = []lesson{{"81234567890", at(-10)}}, 9 })
			pass(1)
			require.Equal(t, []string{"lesson_silent"}, s.names())
			require.Equal(t, "Meeting 81234567890 should be running since 00:50 UTC on 1 January, and Zoom has told nothing of it.", s.Marks()[0].Says)
			require.Equal(t, []string{"lesson_silent firing 81234567890"}, s.receiver.told())
			b.set(func() { b.lessons = append(b.lessons, lesson{"81234567891", at(-10)}) })
			pass(1)
			require.Equal(t, []string{"lesson_silent", "lesson_silent"}, s.names())
			require.Equal(t, []string{"lesson_silent firing 81234567891"}, s.receiver.told())
			pass(30)
			require.Empty(t, s.receiver.told())
			b.set(func() { b.lessons = b.lessons[1:] })
			pass(1)
			require.Equal(t, []string{"lesson_silent"}, s.names())
			pass(10)
			require.Equal(t, []string{"lesson_silent resolved 81234567890"}, s.receiver.told())
		},
		"many at once are counted in one, while Zoom tells of others": func(t *testing.T) {
			b := newBoard()
			s := start(t, b)
			pass(hour)
			s.kept()
			b.set(func() {
				for _, number := range strings.Fields("1 2 3 4 5 6 7") {
					b.lessons = append(b.lessons, lesson{"8123456789" + number, at(-10)})
				}
				b.due = 40
			})
			pass(1)
			require.Equal(t, []string{"lesson_silent"}, s.names())
			require.Equal(t, "Zoom has told nothing of 7 of the 40 lessons that should be running: meetings 81234567891, 81234567892, 81234567893, 81234567894, 81234567895 and 2 more.", s.Marks()[0].Says)
			require.Equal(t, []string{"lesson_silent firing"}, s.receiver.told())
			b.set(func() { b.lessons = b.lessons[:1] })
			pass(20)
			require.Equal(t, []string{"lesson_silent"}, s.names(), "the last of them has no alert of its own")
			require.Empty(t, s.receiver.told())
			b.set(func() { b.lessons = nil })
			pass(12)
			require.Empty(t, s.names())
			require.Equal(t, []string{"lesson_silent resolved"}, s.receiver.told())
		},
		"if Zoom has told nothing since they should have begun, it is silent until it speaks": func(t *testing.T) {
			b := newBoard()
			s := start(t, b)
			s.kept()
			pass(hour)
			b.set(func() {
				b.lessons = []lesson{{"81234567891", at(-10)}, {"81234567892", at(-10)}, {"81234567893", at(-10)}}
				b.due = 4
			})
			pass(1)
			require.Equal(t, []string{"zoom_silent"}, s.names())
			require.Equal(t, "Zoom tells nothing: 3 of the 4 lessons that should be running are silent. Its last event came at 00:00 UTC on 1 January.", s.Marks()[0].Says)
			require.Contains(t, s.Marks()[0].Remedy, "subscription")
			require.Equal(t, []string{"zoom_silent firing"}, s.receiver.told())

			b.set(func() { b.lessons = nil }) // the school day is over
			pass(12 * hour)
			require.Equal(t, []string{"zoom_silent"}, s.names())
			began := s.Marks()[0].Since
			s.stop() // and the sidecar is started anew
			s = start(t, b)
			require.Equal(t, []string{"zoom_silent"}, s.names())
			require.Equal(t, began, s.Marks()[0].Since)
			pass(hour)
			require.Empty(t, s.receiver.told())

			s.kept()
			pass(1)
			require.Empty(t, s.names())
			pass(10)
			require.Equal(t, []string{"zoom_silent resolved"}, s.receiver.told())
		},
		"teachers who do not come are not Zoom's silence": func(t *testing.T) {
			b := newBoard()
			s := start(t, b)
			pass(hour)
			s.kept()
			b.set(func() {
				b.lessons = []lesson{{"81234567891", at(-30)}, {"81234567892", at(-30)}, {"81234567893", at(-30)}, {"81234567894", at(20)}}
			})
			pass(1)
			require.Equal(t, []string{"lesson_silent"}, s.names())
		},
		"the event that another sidecar got breaks the silence": func(t *testing.T) {
			b := newBoard()
			one, other := start(t, b), start(t, b)
			pass(hour)
			b.set(func() {
				b.lessons = []lesson{{"81234567891", at(-10)}, {"81234567892", at(-10)}, {"81234567893", at(-10)}}
			})
			pass(1)
			require.Equal(t, []string{"zoom_silent"}, one.names())
			one.kept()
			pass(2)
			require.Equal(t, []string{"lesson_silent"}, other.names())
			require.Equal(t, "Zoom has told nothing of all 3 lessons that should be running: meetings 81234567891, 81234567892, 81234567893.", other.Marks()[0].Says)
		},
		"while a sidecar is behind nobody can tell, and a mark stays": func(t *testing.T) {
			b := newBoard()
			s := start(t, b)
			pass(hour)
			b.set(func() { b.lessons = []lesson{{"81234567891", at(-10)}} })
			b.set(func() { b.cannotTell = true })
			pass(1)
			require.Empty(t, s.names())
			b.set(func() { b.cannotTell = false })
			pass(1)
			require.Equal(t, []string{"lesson_silent"}, s.names())
			b.set(func() { b.cannotTell, b.lessons = true, nil })
			pass(30)
			require.Equal(t, []string{"lesson_silent"}, s.names())
		},
	})
}

func TestEventsThatWait(t *testing.T) {
	age := func(s *sidecar) func() { return func() { s.oldest.Add(60) } }
	inBubble(t, map[string]func(*testing.T){
		"after five minutes, whatever else is settled, until it is": func(t *testing.T) {
			b := newBoard()
			s := start(t, b)
			settling := func() { s.settled.WithLabelValues("done").Inc() }
			pass(3, age(s), settling)
			require.Empty(t, s.names())
			pass(3, age(s), settling)
			require.Equal(t, []string{"not_settling"}, s.names())
			require.Equal(t, "Events have waited for 6 minutes, though others are settled.", s.Marks()[0].Says)
			pass(1, age(s))
			require.Equal(t, "Events have waited for 7 minutes, and none was settled lately.", s.Marks()[0].Says)
			s.oldest.Set(0)
			pass(1)
			require.Empty(t, s.names())
		},
		"also if it is put off, because its meeting is held up": func(t *testing.T) {
			b := newBoard()
			s := start(t, b)
			s.heldOldest.Set(360)
			pass(6, func() { s.settled.WithLabelValues("done").Inc() })
			require.Equal(t, []string{"not_settling"}, s.names())
			require.Equal(t, "Events of one meeting or more have waited for 6 minutes, though the database takes others.", s.Marks()[0].Says)
			require.Contains(t, s.Marks()[0].Remedy, "meeting_held_up")
		},
		"because the database does not answer, and that is said": func(t *testing.T) {
			b := newBoard()
			s := start(t, b)
			s.answer.Set(0)
			b.set(func() { b.away = away{} })
			pass(7, age(s))
			require.Equal(t, []string{"not_settling"}, s.names())
			require.Contains(t, s.Marks()[0].Says, "the database does not answer")
			require.Equal(t, []string{"not_settling firing"}, s.receiver.told(), "which this one tells by itself")
		},
		"a quiet night": func(t *testing.T) {
			b := newBoard()
			s := start(t, b)
			pass(8 * hour)
			require.Empty(t, s.names())
		},
		"a start that finds an old backlog has time to work it off": func(t *testing.T) {
			b := newBoard()
			s := start(t, b)
			s.oldest.Set(3600)
			pass(4, age(s))
			require.Empty(t, s.names())
			pass(2, age(s))
			require.Equal(t, []string{"not_settling"}, s.names())
		},
	})
}

func TestMeetingsThatAreHeldUp(t *testing.T) {
	var mu sync.Mutex
	var are []relay.Held
	var notJudged []rejudge.Held
	has := func(o *watch.Options) {
		o.Held = func() []relay.Held {
			mu.Lock()
			defer mu.Unlock()
			return are
		}
		o.NotJudged = func() []rejudge.Held {
			mu.Lock()
			defer mu.Unlock()
			return notJudged
		}
	}
	hold := func(all ...relay.Held) {
		mu.Lock()
		defer mu.Unlock()
		are, notJudged = all, nil
	}
	cannotJudge := func(all ...relay.Held) {
		mu.Lock()
		defer mu.Unlock()
		notJudged = nil
		for _, one := range all {
			notJudged = append(notJudged, rejudge.Held{Meeting: one.Meeting, Since: one.Since, Code: one.Cause})
		}
	}
	meeting := func(number string) relay.Held {
		return relay.Held{Meeting: number, Since: time.Now(), Cause: "57014", Meaning: "the database stopped the statement: it took too long"}
	}
	inBubble(t, map[string]func(*testing.T){
		"one is named with why, after a minute, until it goes on": func(t *testing.T) {
			hold()
			b := newBoard()
			s := start(t, b, has)
			hold(meeting("81234567890"))
			require.Empty(t, s.names())
			pass(2)
			require.Equal(t, []string{"meeting_held_up"}, s.names())
			require.Equal(t, "The database does not take the events of meeting 81234567890: 57014, the database stopped the statement: it took too long.", s.Marks()[0].Says)
			require.Equal(t, []string{"meeting_held_up firing 81234567890"}, s.receiver.told())
			hold()
			pass(1)
			require.Empty(t, s.names())
			pass(11)
			require.Equal(t, []string{"meeting_held_up resolved 81234567890"}, s.receiver.told())
		},
		"one that cannot be judged anew is named with that": func(t *testing.T) {
			hold()
			s := start(t, newBoard(), has)
			one := meeting("81234567890")
			cannotJudge(one)
			pass(2)
			require.Equal(t, "The database cannot judge the lessons of meeting 81234567890 anew: 57014, the database stopped the statement: it took too long.", s.Marks()[0].Says)
			require.Equal(t, []string{"meeting_held_up firing 81234567890"}, s.receiver.told())
			two, three := meeting("2"), meeting("3")
			hold(two, three)
			cannotJudge(one)
			pass(2)
			require.Contains(t, s.Marks()[1].Says, "does not take the events, or cannot judge the lessons, of 3 meetings: 81234567890, 2, 3.")
			hold()
			cannotJudge(one, two, three)
			pass(1)
			require.Contains(t, s.Marks()[1].Says, "cannot judge anew the lessons of 3 meetings")
		},
		"three are counted": func(t *testing.T) {
			b := newBoard()
			hold(meeting("1"), meeting("2"), meeting("3"), meeting("4"), meeting("5"), meeting("6"), meeting("7"))
			s := start(t, b, has)
			pass(2)
			require.Equal(t, []string{"meeting_held_up"}, s.names())
			require.Contains(t, s.Marks()[0].Says, "the events of 7 meetings: 1, 2, 3, 4, 5 and 2 more.")
			require.Equal(t, []string{"meeting_held_up firing"}, s.receiver.told())
			hold()
			pass(12)
			require.Equal(t, []string{"meeting_held_up resolved"}, s.receiver.told())
		},
		"what an earlier process found is over when this one does not find it": func(t *testing.T) {
			b := newBoard()
			hold(meeting("81234567890"))
			before := start(t, b, has)
			pass(2)
			require.NotEmpty(t, before.receiver.told())
			before.stop()
			s := start(t, b)
			pass(11)
			require.Equal(t, []string{"meeting_held_up resolved 81234567890"}, s.receiver.told())
		},
		"of its lesson nobody says that Zoom is silent, here or elsewhere": func(t *testing.T) {
			b := newBoard()
			hold(meeting("81234567890"))
			s := start(t, b, has)
			pass(2)
			b.set(func() { b.lessons = []lesson{{"81234567890", time.Now().Add(-time.Minute)}} })
			other := start(t, b)
			pass(2)
			require.Equal(t, []string{"meeting_held_up"}, s.names())
			require.Empty(t, other.names())
		},
	})
}

func TestTheClock(t *testing.T) {
	inBubble(t, map[string]func(*testing.T){
		"ahead by more than a minute, until it is right": func(t *testing.T) {
			b := newBoard()
			s := start(t, b)
			pass(2, func() { s.verified("0", 95*time.Second) })
			require.Empty(t, s.names())
			pass(1, func() { s.verified("0", 95*time.Second) })
			require.Equal(t, []string{"clock_skew"}, s.names())
			require.Equal(t, "Our clock is 95 seconds ahead of Zoom's; from 10 minutes on every event is refused.", s.Marks()[0].Says)
			pass(5, func() { s.verified("0", 45*time.Second) })
			require.Equal(t, []string{"clock_skew"}, s.names(), "a little better is not right")
			pass(3, func() { s.verified("0", time.Second) })
			require.Empty(t, s.names())
		},
		"behind": func(t *testing.T) {
			b := newBoard()
			s := start(t, b)
			pass(3, func() { s.verified("0", -3*time.Minute) })
			require.Equal(t, "Our clock is 3 minutes behind Zoom's; from 10 minutes on every event is refused.", s.Marks()[0].Says)
		},
		"by a third of a narrow window": func(t *testing.T) {
			b := newBoard()
			s := start(t, b, func(o *watch.Options) { o.Window = time.Minute })
			pass(3, func() { s.verified("0", 25*time.Second) })
			require.Equal(t, []string{"clock_skew"}, s.names())
		},
		"single slow deliveries say nothing": func(t *testing.T) {
			b := newBoard()
			s := start(t, b)
			n := 0
			pass(hour, func() {
				n++
				offset := time.Second
				if n%5 < 2 {
					offset = 4 * time.Minute
				}
				s.verified("0", offset)
			})
			require.Empty(t, s.names())
		},
		"one slow delivery before a quiet night says nothing": func(t *testing.T) {
			b := newBoard()
			s := start(t, b)
			s.verified("0", 9*time.Minute)
			pass(8 * hour)
			require.Empty(t, s.names())
		},
		"so far off that nothing gets through": func(t *testing.T) {
			b := newBoard()
			s := start(t, b)
			pass(5, func() { s.verified("0", time.Second) })
			pass(3, s.stale.Inc)
			require.Equal(t, []string{"clock_skew"}, s.names())
			require.Equal(t, "The last 3 requests that Zoom signed were refused, because our clock and their timestamps differ by more than 10 minutes.", s.Marks()[0].Says)
			pass(2, func() { s.verified("0", time.Second) })
			require.Equal(t, []string{"clock_skew"}, s.names())
			pass(1, func() { s.verified("0", time.Second) })
			require.Empty(t, s.names())
		},
		"old requests that somebody sends again, while others get through": func(t *testing.T) {
			b := newBoard()
			s := start(t, b)
			pass(hour, func() { s.stale.Add(10); s.verified("0", time.Second) })
			require.Empty(t, s.names())
		},
	})
}

func TestTheOldSecret(t *testing.T) {
	inBubble(t, map[string]func(*testing.T){
		"for an hour and twenty requests, until the new one matches": func(t *testing.T) {
			b := newBoard()
			s := start(t, b)
			pass(hour, func() { s.verified("1", time.Second) })
			require.Empty(t, s.names())
			pass(2, func() { s.verified("1", time.Second) })
			require.Equal(t, []string{"old_secret"}, s.names())
			require.Contains(t, s.Marks()[0].Says, "the newest signed none of the last")
			pass(day)
			require.Equal(t, []string{"old_secret"}, s.names(), "a quiet day changes nothing")
			s.verified("0", time.Second)
			pass(1)
			require.Empty(t, s.names())
		},
		"a rotation in which both match": func(t *testing.T) {
			b := newBoard()
			s := start(t, b)
			pass(5*hour, func() { s.verified("1", time.Second); s.verified("0", time.Second) })
			require.Empty(t, s.names())
		},
		"one match of the new one begins the hour anew": func(t *testing.T) {
			b := newBoard()
			s := start(t, b)
			pass(hour-1, func() { s.verified("1", time.Second) })
			s.verified("0", time.Second)
			pass(hour-1, func() { s.verified("1", time.Second) })
			require.Empty(t, s.names())
		},
		"a few repeats of old requests over a night": func(t *testing.T) {
			b := newBoard()
			s := start(t, b)
			for range 19 {
				s.verified("1", time.Second)
				pass(30)
			}
			require.Empty(t, s.names())
		},
		"a rush of old ones within minutes": func(t *testing.T) {
			b := newBoard()
			s := start(t, b)
			pass(30, func() { s.matches.WithLabelValues("2").Add(100) })
			require.Empty(t, s.names())
		},
	})
}
