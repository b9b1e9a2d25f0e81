package board

import (
	"errors"
	"net/http"
	"testing"
	"testing/synctest"
	"time"

	"github.com/stretchr/testify/require"

	"zoom-attendance/sidecar/operator/watch"
)

func TestAPageIsToldHowItIsAtOnceAndThenEveryTwoSeconds(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		w := newWorld(t)
		defer w.run()()
		w.school.set(`[{"is_on":true,"people_in":7},{"is_on":true,"people_in":2},{"is_on":false,"people_in":0}]`, nil)
		p := w.look()
		synctest.Wait()
		now := p.now(t)
		require.Equal(t, 2, *now.Lessons)
		require.Equal(t, 9, *now.People)
		require.True(t, now.Up)
		require.Nil(t, now.LastEvent, "none came")
		require.Empty(t, now.Marks)
		require.Equal(t, []string{`[{"is_on":true,"people_in":7},{"is_on":true,"people_in":2},{"is_on":false,"people_in":0}]`}, p.heard("lessons"))

		// Twenty events in the next ten seconds.
		w.answers.WithLabelValues("200", "kept").Inc()
		w.backlog.WithLabelValues("waiting").Set(3)
		w.backlog.WithLabelValues("later").Set(1)
		for range 5 {
			w.accepted.Add(4)
			time.Sleep(lookEvery)
		}
		synctest.Wait()
		now = p.now(t)
		require.InDelta(t, 2, now.Rate, 0.01)
		require.Equal(t, 3.0, now.Waiting)
		require.Equal(t, 1.0, now.Later)
		require.NotNil(t, now.LastEvent)
		require.Len(t, p.heard("lessons"), 1, "they are the same")
		require.InDelta(t, 12, len(p.heard("now")), 2, "one each two seconds, and one more when the lessons were known")
	})
}

func TestWhatAnotherSidecarOrAnEarlierStartSawOfZoomIsShown(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		w := newWorld(t)
		defer w.run()()
		at := time.Now().Add(-48 * time.Hour).Truncate(time.Second)
		w.zoom.WithLabelValues("challenge").Set(float64(at.Unix()))
		w.zoom.WithLabelValues("event").Set(0) // not known
		p := w.look()
		synctest.Wait()
		now := p.now(t)
		require.True(t, at.Equal(*now.LastChallenge))
		require.Nil(t, now.LastEvent)

		w.answers.WithLabelValues("200", "kept").Inc()
		w.zoom.WithLabelValues("event").Set(float64(at.Unix()))
		time.Sleep(lookEvery)
		synctest.Wait()
		require.WithinDuration(t, time.Now(), *p.now(t).LastEvent, time.Minute, "our own is later")
	})
}

func TestTheDatabaseIsAskedWhileSomebodyLooksAndOnceAtATime(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		w := newWorld(t)
		defer w.run()()
		time.Sleep(time.Hour)
		require.Zero(t, w.school.count(), "nobody looks")

		p, q := w.look(), w.look()
		time.Sleep(time.Minute)
		synctest.Wait()
		require.InDelta(t, 31, w.school.count(), 1, "as often for two as for one")

		w.school.mu.Lock()
		w.school.takes = 5 * time.Second
		w.school.mu.Unlock()
		before := w.school.count()
		time.Sleep(time.Minute)
		synctest.Wait()
		require.InDelta(t, 10, w.school.count()-before, 2, "a slow one is waited for")
		require.Equal(t, 1, w.school.most)

		p.leave()
		q.leave()
		<-p.left
		time.Sleep(time.Minute)
		before = w.school.count()
		time.Sleep(time.Hour)
		require.Equal(t, before, w.school.count(), "nobody looks any more")
	})
}

func TestADatabaseThatIsAwayIsSaidAndTheNumbersGoOn(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		w := newWorld(t)
		defer w.run()()
		p := w.look()
		time.Sleep(time.Second)
		w.school.set("", errors.New("recent_lessons: connection refused"))
		time.Sleep(2 * lookEvery)
		synctest.Wait()
		now := p.now(t)
		require.Equal(t, "recent_lessons: connection refused", now.Fault)
		require.Nil(t, now.Lessons)
		w.school.set("{}", nil)
		time.Sleep(2 * lookEvery)
		synctest.Wait()
		require.Contains(t, p.now(t).Fault, "something else than lessons")
		w.school.set("[]", nil)
		time.Sleep(2 * lookEvery)
		synctest.Wait()
		require.Empty(t, p.now(t).Fault)
		require.Zero(t, *p.now(t).Lessons)
	})
}

// What an admin should look at is asked for when somebody begins to look, and then
// every ten seconds.
func TestWhatCannotBeMatchedIsToldWhenItChanges(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		w := newWorld(t)
		defer w.run()()
		time.Sleep(time.Hour)
		require.Zero(t, w.school.unmatchedAsked, "nobody looks")
		p := w.look()
		synctest.Wait()
		require.Equal(t, []string{nothingUnmatched}, p.heard("unmatched"), "at once")
		time.Sleep(5 * time.Minute)
		synctest.Wait()
		require.Len(t, p.heard("unmatched"), 1, "they are the same")
		w.school.mu.Lock()
		require.InDelta(t, 30, w.school.unmatchedAsked, 2)
		w.school.unmatched = `{"of":1,"items":[{"title":"Algebra","says":"It is doubtful.","remedy":"An admin looks."}]}`
		w.school.mu.Unlock()
		time.Sleep(unmatchedEvery)
		synctest.Wait()
		heard := p.heard("unmatched")
		require.Len(t, heard, 2)
		require.Contains(t, heard[1], "Algebra")

		another := w.look()
		time.Sleep(lookEvery)
		synctest.Wait()
		require.Equal(t, heard[1:], another.heard("unmatched"), "whoever comes later is told, too")

		w.school.set("", errors.New("unmatched_zoom: connection refused"))
		time.Sleep(unmatchedEvery)
		synctest.Wait()
		require.Equal(t, `{"fault":"unmatched_zoom: connection refused"}`, p.heard("unmatched")[2])
		w.school.set("[]", nil)
		w.school.mu.Lock()
		w.school.unmatched = `[]`
		w.school.mu.Unlock()
		time.Sleep(unmatchedEvery)
		synctest.Wait()
		require.Contains(t, p.heard("unmatched")[3], "something else than items")
	})
}

func TestTheMarksOfTheWatchAreShown(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		w := newWorld(t)
		since := time.Now().UTC()
		w.Marks = func() []watch.Mark {
			return []watch.Mark{{Name: "no_events", Since: since, Says: "Nothing came.", Remedy: "Look at Zoom."}}
		}
		defer w.run()()
		p := w.look()
		synctest.Wait()
		require.Equal(t, []markView{{"no_events", since, "Nothing came.", "Look at Zoom."}}, p.now(t).Marks)
	})
}

func TestThereAreOnlySoManyPagesAndStopEndsThem(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		w := newWorld(t)
		defer w.run()()
		var pages []*page
		for range streamsMost {
			pages = append(pages, w.look())
		}
		synctest.Wait()
		refused := w.look()
		<-refused.left
		require.Equal(t, http.StatusServiceUnavailable, refused.status)
		require.Equal(t, "5", refused.header.Get("Retry-After"))

		pages[0].leave()
		<-pages[0].left
		instead := w.look()
		synctest.Wait()
		require.NotEmpty(t, instead.heard("now"), "where one left there is room")
		w.Stop()
		for _, p := range append(pages, instead) {
			<-p.left
		}
	})
}
