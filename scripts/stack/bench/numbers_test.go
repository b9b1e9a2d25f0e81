package main

import (
	"testing"
	"time"

	"github.com/stretchr/testify/require"
)

func TestAPercentileIsAValueThatWasMeasured(t *testing.T) {
	hundred := make([]time.Duration, 100)
	for i := range hundred {
		hundred[i] = time.Duration(i + 1)
	}
	for _, c := range []struct {
		name    string
		of      []time.Duration
		percent float64
		want    time.Duration
	}{
		{"the middle of a hundred", hundred, 50, 50},
		{"all but one of a hundred", hundred, 99, 99},
		{"all of a hundred", hundred, 100, 100},
		{"between two, the greater", hundred[:10], 99, 10},
		{"of one", hundred[:1], 50, 1},
		{"of none", nil, 99, 0},
	} {
		t.Run(c.name, func(t *testing.T) { require.Equal(t, c.want, percentile(c.of, c.percent)) })
	}
}

func TestTheMedianIsTheMiddleOrBetweenTheTwo(t *testing.T) {
	s := sample{3, 1, 2}
	require.Equal(t, 2.0, s.median())
	require.Equal(t, sample{3, 1, 2}, s, "the rounds stay in their order")
	require.Equal(t, 2.5, sample{4, 1, 3, 2}.median())
	require.Equal(t, 1.0, s.low())
	require.Equal(t, 3.0, s.high())
	require.True(t, sample(nil).median() != sample(nil).median(), "of nothing there is none")
}

func TestARatioIsTakenRoundByRound(t *testing.T) {
	require.Equal(t, sample{2, 3}, sample{10, 30}.over(sample{5, 10}))
	require.Empty(t, sample{10, 30}.over(nil))
	require.Equal(t, sample{50, 150}, sample{0.5, 1.5}.times(100))
}

func TestNumbersAreWrittenAsPreciselyAsTheyDeserve(t *testing.T) {
	for want, got := range map[string]string{
		"12,346/s": perSecond.write(12345.6),
		"999/s":    perSecond.write(999.4),
		"7.25×":    ratio.write(7.251),
		"42.1×":    ratio.write(42.13),
		"93.8 %":   percent.write(93.84),
		"0.42 ms":  millis.write(0.419),
		"117 ms":   millis.write(117.4),
		"30.07 MB": megabytes.write(30.0689),
		"-":        millis.write(sample(nil).median()),
		"40×":      ratio.exact(40),
		"4,000/s":  perSecond.exact(4000),
		"1 s":      seconds.exact(1),
	} {
		require.Equal(t, want, got)
	}
	require.Equal(t, "-1,234,567", thousands(-1234567))
}

func TestTheBestIsTheFewestOfTheGreatest(t *testing.T) {
	require.Equal(t, 8, best(map[int]float64{1: 100, 8: 200, 16: 200, 32: 150}))
}
