package main

import (
	"encoding/xml"
	"errors"
	"io"
	"strings"
	"testing"
	"time"

	"github.com/stretchr/testify/require"
)

func TestALineOfTheTableTellsItsTargetAndWhetherItIsMet(t *testing.T) {
	for _, c := range []struct {
		name string
		of   finding
		want []string
	}{
		{"met", finding{"settled: sidecar ÷ route", sample{41, 50, 45}, ratio, ""},
			[]string{"settled: sidecar ÷ route", "45.0×", "41.0× – 50.0×", "≥ 40×", "yes", ""}},
		{"missed, being too much", finding{"visible: p50", sample{19}, millis, "a note"},
			[]string{"visible: p50", "19.0 ms", "", "≤ 15 ms", "no", "a note"}},
		{"without a target", finding{"settled: route", sample{200, 210}, perSecond, ""},
			[]string{"settled: route", "205/s", "200/s – 210/s", "", "", ""}},
		{"not measured", finding{"settled: pgbench", nil, perSecond, "not installed"},
			[]string{"settled: pgbench", "-", "", "", "", "not installed"}},
	} {
		t.Run(c.name, func(t *testing.T) { require.Equal(t, c.want, c.of.cells()) })
	}
}

func TestTheTableIsMarkdown(t *testing.T) {
	var text strings.Builder
	require.NoError(t, fill(markdown(&text), []finding{{"settled: sidecar", sample{5000}, perSecond, "64 senders"}}))
	require.Contains(t, text.String(), "| settled: sidecar | 5,000/s |")
	require.NoError(t, fillLoads(&text, []curve{{name: "route", points: []*point{{rate: 50, p50: sample{14}, p99: sample{400}, most: sample{450}}}}}))
	require.Regexp(t, `\| route \| 50/s +\| 14.0 ms \| 400 ms \| 450 ms \| 0 of 1 +\|`, text.String())
}

func TestALoadIsKeptUpWithWhenTheLastAnswerIsSoonAfterTheLastPost(t *testing.T) {
	require.True(t, keptUp(1000, 200, 5100*time.Millisecond))
	require.False(t, keptUp(1000, 200, 5300*time.Millisecond))
	require.True(t, keptUp(100, 200, 700*time.Millisecond), "a quarter of a second is nothing")
}

func TestTheBestLoadIsTheLastThatMostRoundsKeptUpWith(t *testing.T) {
	var c curve
	for _, p := range []point{{rate: 50, keptUp: 3}, {rate: 200, keptUp: 1}, {rate: 100, keptUp: 2}} {
		*c.at(p.rate) = p
	}
	require.Equal(t, 100.0, c.best(3).rate)
	require.Equal(t, 200.0, c.best(1).rate)
	c.at(50).keptUp = 1
	require.Nil(t, c.best(3))
}

func TestThePictureHasALineForEachPercentile(t *testing.T) {
	c := func(name string) curve {
		return curve{name: name, points: []*point{
			{rate: 50, p50: sample{1}, p99: sample{9}}, {rate: 1000, p50: sample{2}, p99: sample{2500}},
		}}
	}
	p := draw([]curve{c("sidecar"), c("route")})
	require.Len(t, p.Lines, 4)
	require.Equal(t, []string{"1 ms", "10 ms", "100 ms", "1 s", "10 s"}, labels(p.Latencies))
	require.Equal(t, []string{"100", "1,000"}, labels(p.Loads))
	require.NotEqual(t, p.Lines[0].Y, p.Lines[2].Y, "labels lie beside one another")
	var text strings.Builder
	require.NoError(t, pictureTemplate.Execute(&text, p))
	require.Equal(t, 4, strings.Count(text.String(), "<polyline"))
	decoder := xml.NewDecoder(strings.NewReader(text.String()))
	for {
		_, err := decoder.Token()
		if errors.Is(err, io.EOF) {
			break
		}
		require.NoError(t, err)
	}
}

func labels(ticks []tick) []string {
	var all []string
	for _, t := range ticks {
		all = append(all, t.Label)
	}
	return all
}

func TestPgbenchSaysHowFastItWas(t *testing.T) {
	rate, err := readRate("transaction type: pgbench.sql\nlatency average = 40.9 ms\ntps = 48.870233 (without initial connection time)\n")
	require.NoError(t, err)
	require.InDelta(t, 48.870233, rate, 1e-9)
	_, err = readRate("pgbench: error: connection refused")
	require.ErrorContains(t, err, "connection refused")
}
