package simulate

import (
	"bytes"
	"slices"
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"zoom-attendance/sidecar/oracle"
	"zoom-attendance/sidecar/zoom"
)

// busy has everything happen to somebody.
var busy = Options{Duration: 45 * time.Minute, Absent: 0.1, Late: 0.2, Guests: 0.2, Dropouts: 0.3, Crashes: 0.3,
	Breakouts: 0.5, TwoDevices: 0.2, Lost: 0.2, Seed: 7}

func busyLesson() Lesson {
	roster := inventedStage("81234567890", 40).roster
	roster.Host = Attendee{Name: "Adaeze Okafor", Email: "a.okafor@school.test"}
	roster.Attendees[3] = Attendee{Name: "김하나 😀", RegistrantID: "regDEMO00000000000118"}
	return Script(roster, busy, "aB/cD+eFgHiJkLmNoPqRsQ==", at("08:00"))
}

func TestTheSidecarUnderstandsEveryEventAsTheScriptMeansIt(t *testing.T) {
	lesson := busyLesson()
	var decoded []zoom.Fact
	for _, event := range lesson.Events(Disorder{Duplicates: 0.3, Shuffle: true}) {
		fact, err := zoom.Decode(event.Body, time.Time{})
		require.NoError(t, err, "%s", event.Body)
		fact.ZoomUserID = ""
		decoded = append(decoded, fact)
	}
	require.ElementsMatch(t, lesson.Facts(), slices.CompactFunc(sorted(decoded), sameFact))
}

func sorted(facts []zoom.Fact) []zoom.Fact {
	slices.SortFunc(facts, func(a, b zoom.Fact) int { return bytes.Compare([]byte(oracle.Sentence(a)), []byte(oracle.Sentence(b))) })
	return facts
}

func sameFact(a, b zoom.Fact) bool { return oracle.Sentence(a) == oracle.Sentence(b) }

func TestTheSameSeedMakesTheSameLesson(t *testing.T) {
	require.Equal(t, busyLesson(), busyLesson())
	require.Equal(t, busyLesson().Events(Disorder{Duplicates: 0.5}), busyLesson().Events(Disorder{Duplicates: 0.5}))
}

func TestEverythingThatCanHappenHappensInABusyLesson(t *testing.T) {
	lesson := busyLesson()
	reasons, lost := map[string]int{}, 0
	for _, v := range lesson.Visits {
		require.False(t, v.Join.Before(lesson.Start) || v.Join.After(lesson.End), "joins during the lesson: %v", v)
		if v.Leave.IsZero() {
			lost++
			continue
		}
		reasons[v.Reason]++
		require.False(t, v.Leave.Before(v.Join) || v.Leave.After(lesson.End), "leaves after the join and before the end: %v", v)
	}
	for _, reason := range []string{reasonEnded, reasonLeft, reasonBreakout, reasonBack, reasonCrash} {
		require.NotZero(t, reasons[reason], reason)
	}
	require.NotZero(t, lost)
}

func TestACrashOverlapsTheRejoin(t *testing.T) {
	lesson := Script(inventedStage("1", 1).roster, Options{Duration: time.Hour, Crashes: 1}, "i", at("08:00"))
	require.Len(t, lesson.Visits, 2)
	require.True(t, lesson.Visits[1].Join.Before(lesson.Visits[0].Leave))
	require.NotEqual(t, lesson.Visits[0].Connection, lesson.Visits[1].Connection)
}

func TestAMoveIsALeftAndAJoinedOfOneInstantAndConnection(t *testing.T) {
	lesson := Script(inventedStage("1", 1).roster, Options{Duration: time.Hour, Breakouts: 1}, "i", at("08:00"))
	require.Len(t, lesson.Visits, 3)
	require.Equal(t, lesson.Visits[0].Leave, lesson.Visits[1].Join)
	require.Equal(t, lesson.Visits[0].Connection, lesson.Visits[1].Connection)
	require.NotEqual(t, lesson.Visits[0].Segment, lesson.Visits[1].Segment)
}

func TestEmojiAreWrittenAsZoomWritesThem(t *testing.T) {
	body := busyLesson().Events(Disorder{})[0].Body
	require.Contains(t, string(body), `A lesson \uD83D\uDCD0`)
	require.Equal(t, `"Ä <\uD83D\uDE00> –"`, string(zoomJSON("Ä <😀> –")))
}

// at reads 08:00 of the first day.
func at(text string) time.Time {
	clock, err := time.Parse("15:04", text)
	if err != nil {
		panic(err)
	}
	return time.Date(2026, 3, 2, clock.Hour(), clock.Minute(), 0, 0, time.UTC)
}
