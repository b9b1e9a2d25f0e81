package board

import (
	"encoding/json"
	"math"
	"net/http"
	"testing"
	"testing/synctest"
	"time"

	"github.com/stretchr/testify/require"
)

func TestTheHistoryIsADayOfMinutes(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		w := newWorld(t)
		defer w.run()()
		began := time.Now()
		time.Sleep(30 * time.Second)
		w.accepted.Add(30)
		require.Equal(t, []float64{1}, values(w.past24(t).Rate), "the minute that is not over yet")

		w.accepted.Add(30)
		w.backlog.WithLabelValues("waiting").Set(4)
		w.delay.Observe(1.5)
		time.Sleep(time.Minute)
		synctest.Wait()
		view := w.past24(t)
		require.Equal(t, []float64{1, 0}, values(view.Rate), "sixty in a minute, and nothing since")
		require.Equal(t, []float64{4, 4}, values(view.Waiting))
		require.Equal(t, 1.99, *view.DelayTop[0])
		require.Nil(t, view.DelayTop[1])
		require.Nil(t, view.AnswerTop[0], "nothing was answered")

		time.Sleep(48 * time.Hour)
		synctest.Wait()
		view = w.past24(t)
		require.Len(t, view.At, samplesKept+1)
		require.Equal(t, began.Unix(), view.Since.Unix())
		for i := 1; i < samplesKept; i++ {
			require.Equal(t, int64(60), view.At[i]-view.At[i-1], "in order, and none is missing")
		}
		require.Equal(t, time.Now().Unix(), view.At[samplesKept])
	})
}

func (w *world) past24(t *testing.T) (view historyView) {
	t.Helper()
	answer := w.ask(http.MethodGet, "/board/history", "")
	require.Equal(t, http.StatusOK, answer.Code)
	require.NoError(t, json.Unmarshal(answer.Body.Bytes(), &view))
	return view
}

func values(c column) (all []float64) {
	for _, value := range c {
		all = append(all, *value)
	}
	return all
}

// The expected are what Prometheus 3 gives for histogram_quantile.
func TestAQuantileIsAsPrometheusReckonsIt(t *testing.T) {
	bounds := []float64{1, 2, 4, math.Inf(1)}
	for sentence, c := range map[string]struct {
		from, to []float64
		share    float64
		want     float64
	}{
		"half of four in the first":     {nil, []float64{4, 4, 4, 4}, .5, .5},
		"half, between two":             {nil, []float64{2, 4, 4, 4}, .75, 1.5},
		"since the reading before":      {[]float64{100, 100, 100, 100}, []float64{100, 100, 110, 110}, .5, 3},
		"beyond all bounds, the last":   {nil, []float64{0, 0, 0, 9}, .5, 4},
		"none":                          {[]float64{1, 1, 1, 1}, []float64{1, 1, 1, 1}, .5, math.NaN()},
		"none, and no histogram either": {nil, nil, .5, math.NaN()},
	} {
		got := quantile(buckets{bounds, c.from}, buckets{bounds, c.to}, c.share)
		if math.IsNaN(c.want) {
			require.True(t, math.IsNaN(got), sentence)
			continue
		}
		require.InDelta(t, c.want, got, 1e-9, sentence)
	}
}
