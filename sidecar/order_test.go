package main_test

import (
	"context"
	"fmt"
	"math/rand/v2"
	"os"
	"slices"
	"strconv"
	"strings"
	"sync/atomic"
	"testing"
	"time"

	"github.com/jackc/pgx/v5/pgxpool"
	"golang.org/x/sync/errgroup"

	"zoom-attendance/sidecar/simulate"
	"zoom-attendance/sidecar/zoom"
)

// Order means nothing: whatever the order of a lesson's facts, however often
// each is given, however they are split into batches and whoever calls, they
// end in the rows that the rules demand. Each lesson is made up from a seed;
// ORDER_SEED plays one of them, ORDER_LESSONS says how many to play.

// orderTags keeps the ids of every play of every lesson apart.
var orderTags atomic.Int64

func nextTag() int { return int(orderTags.Add(1)) }

// orderPlayers is how many lessons are played at once.
const orderPlayers = 4

func TestOrderMeansNothing(t *testing.T) {
	db := openOrderDatabase(t)
	forEachLesson(t, 500, func(ctx context.Context, seed uint64) error {
		random := rand.New(rand.NewPCG(seed, 2))
		for _, callers := range []int{1, 2} {
			l := newLesson(seed, nextTag())
			l.batches = shuffled(random, len(l.facts))
			problem := play(ctx, db, l, callers)
			if problem == "" {
				continue
			}
			l, problem = shrink(l, problem, func(smaller lesson) string { return play(ctx, db, smaller, 1) })
			return fmt.Errorf("%d at once: %s\n%s", callers, problem, tell(l))
		}
		return nil
	})
}

func TestOrderMeansNothingWhenATeacherWritesInBetween(t *testing.T) {
	db := openOrderDatabase(t)
	forEachLesson(t, 150, func(ctx context.Context, seed uint64) error {
		interrupted := func(l lesson) string { return interrupt(ctx, db, l, rand.New(rand.NewPCG(seed, 4))) }
		random := rand.New(rand.NewPCG(seed, 3))
		l := newLesson(seed, nextTag())
		order := random.Perm(len(l.facts))
		before := random.IntN(len(order) + 1)
		l.batches = [][]int{order[:before], order[before:]}
		problem := interrupted(l)
		if problem == "" {
			return nil
		}
		l, problem = shrink(l, problem, interrupted)
		return fmt.Errorf("%s\n%s", problem, tell(l))
	})
}

// forEachLesson plays lessons on several connections at once and reports the
// first few that go wrong, with the command that plays them alone.
func forEachLesson(t *testing.T, lessons int, play func(context.Context, uint64) error) {
	first := rand.Uint64N(1 << 40)
	if text := os.Getenv("ORDER_LESSONS"); text != "" {
		lessons = number(t, "ORDER_LESSONS", text)
	}
	if text := os.Getenv("ORDER_SEED"); text != "" {
		first, lessons = uint64(number(t, "ORDER_SEED", text)), 1
	}
	var players errgroup.Group
	players.SetLimit(orderPlayers)
	var wrong atomic.Int32
	for i := range lessons {
		seed := first + uint64(i)
		players.Go(func() error {
			if wrong.Load() >= 3 {
				return nil
			}
			if err := play(t.Context(), seed); err != nil {
				wrong.Add(1)
				t.Errorf("lesson %d went wrong; to play it alone:\n  ORDER_SEED=%d ./scripts/test --go ./sidecar -run '^%s$'\n%v",
					seed, seed, t.Name(), err)
			}
			return nil
		})
	}
	players.Wait()
}

func number(t *testing.T, name, text string) int {
	n, err := strconv.Atoi(text)
	if err != nil {
		t.Fatalf("%s must be a whole number: %v", name, err)
	}
	return n
}

// shuffled deals out n facts, each at least once and some again, in any order
// and in batches of any size.
func shuffled(random *rand.Rand, n int) [][]int {
	order := random.Perm(n)
	for i := range order {
		if random.IntN(4) == 0 {
			order = slices.Insert(order, random.IntN(len(order)), order[i])
		}
	}
	size := []int{1, 4, 12, max(1, len(order)), max(1, len(order))}[random.IntN(5)]
	var batches [][]int
	for len(order) > 0 {
		take := min(len(order), 1+random.IntN(size))
		if size >= len(order) {
			take = len(order)
		}
		batches = append(batches, order[:take])
		order = order[take:]
	}
	return batches
}

// play gives the lesson's batches to as many callers and says in words how the
// rows, or the outcomes, differ from what they should be; empty for all is
// well. Every other lesson is then given once more as a whole.
func play(ctx context.Context, db *pgxpool.Pool, l lesson, callers int) string {
	if err := enter(ctx, db, l.school); err != nil {
		return fmt.Sprintf("enter the school: %v", err)
	}
	var calls errgroup.Group
	for caller := range callers {
		calls.Go(func() error {
			for i := caller; i < len(l.batches); i += callers {
				if err := applyBatch(ctx, db, l, l.batches[i]); err != nil {
					return fmt.Errorf("batch %d %v: %w", i, l.batches[i], err)
				}
			}
			return nil
		})
	}
	if err := calls.Wait(); err != nil {
		return err.Error()
	}
	if problem := compare(ctx, db, l, simulate.Expect(l.school, l.facts, l.policy)); problem != "" {
		return fmt.Sprintf("after batches %v\n%s", l.batches, problem)
	}
	if l.tag%2 == 0 {
		return ""
	}
	return repeatAll(ctx, db, l)
}

func applyBatch(ctx context.Context, db *pgxpool.Pool, l lesson, batch []int) error {
	facts := l.batch(batch)
	outcomes, err := apply(ctx, db, facts, l.policy)
	if err != nil {
		return err
	}
	if len(outcomes) != len(facts) {
		return fmt.Errorf("%d outcomes for %d facts", len(outcomes), len(facts))
	}
	for i, outcome := range outcomes {
		known := slices.ContainsFunc(l.school.Meetings, func(m simulate.Meeting) bool { return m.Number == facts[i].Meeting })
		if known != (outcome != zoom.UnknownMeeting) {
			return fmt.Errorf("outcome %s for %s", outcome, simulate.Sentence(facts[i]))
		}
	}
	return nil
}

// repeatAll gives everything once more: all of it is known, no row is written.
func repeatAll(ctx context.Context, db *pgxpool.Pool, l lesson) string {
	_, before, err := readRows(ctx, db, l.school)
	if err != nil {
		return err.Error()
	}
	outcomes, err := apply(ctx, db, l.facts, l.policy)
	if err != nil {
		return fmt.Sprintf("repeat everything: %v", err)
	}
	_, after, err := readRows(ctx, db, l.school)
	if err != nil {
		return err.Error()
	}
	if before != after {
		return fmt.Sprintf("repeating everything wrote rows\nbefore %s\nafter  %s", before, after)
	}
	if slices.Contains(outcomes, zoom.Applied) {
		return fmt.Sprintf("repeating everything was %v", outcomes)
	}
	return ""
}

// compare says which rows are missing and which should not be there.
func compare(ctx context.Context, db *pgxpool.Pool, l lesson, want simulate.Rows) string {
	rows, _, err := readRows(ctx, db, l.school)
	if err != nil {
		return err.Error()
	}
	var report strings.Builder
	got, expected := rows.Lines(), want.Lines()
	for _, line := range without(expected, got) {
		fmt.Fprintf(&report, "  want %s\n", l.labels().Replace(line))
	}
	for _, line := range without(got, expected) {
		fmt.Fprintf(&report, "  got  %s\n", l.labels().Replace(line))
	}
	return report.String()
}

// without is the lines of a that b lacks, counting repeats.
func without(a, b []string) []string {
	left := map[string]int{}
	for _, line := range b {
		left[line]++
	}
	var rest []string
	for _, line := range a {
		if left[line]--; left[line] < 0 {
			rest = append(rest, line)
		}
	}
	return rest
}

// interrupt gives the lesson's first batch, lets a teacher change some records,
// and gives everything. What the teacher wrote stays, unless the verdict changed
// since and is better than it.
func interrupt(ctx context.Context, db *pgxpool.Pool, l lesson, random *rand.Rand) string {
	if err := enter(ctx, db, l.school); err != nil {
		return fmt.Sprintf("enter the school: %v", err)
	}
	part := l.batch(l.batches[0])
	if _, err := apply(ctx, db, part, l.policy); err != nil {
		return fmt.Sprintf("apply %v: %v", l.batches[0], err)
	}
	edits := teacherEdits(l, random)
	for _, edit := range edits {
		if err := rewrite(ctx, db, edit); err != nil {
			return fmt.Sprintf("write %s: %v", edit, err)
		}
	}
	want := afterEdits(l, part, edits)
	for _, facts := range [][]zoom.Fact{l.facts, part} {
		if _, err := apply(ctx, db, facts, l.policy); err != nil {
			return fmt.Sprintf("apply %d facts: %v", len(facts), err)
		}
		if problem := compare(ctx, db, l, want); problem != "" {
			return fmt.Sprintf("after facts %v, then %s, then %d facts\n%s", l.batches[0], l.labels().Replace(fmt.Sprint(edits)), len(facts), problem)
		}
	}
	return ""
}

func teacherEdits(l lesson, random *rand.Rand) []simulate.Record {
	edits := map[simulate.Record]string{} // one a record
	for range 1 + random.IntN(4) {
		if len(l.school.Enrolments) == 0 {
			break
		}
		enrolment := l.school.Enrolments[random.IntN(len(l.school.Enrolments))]
		date := lessonDay.AddDate(0, 0, random.IntN(3)).Format(time.DateOnly)
		edits[simulate.Record{StudentID: enrolment.StudentID, ClassID: enrolment.ClassID, Date: date}] =
			[]string{"", "absent", "partial", "present", "late", "excused"}[random.IntN(6)]
	}
	var records []simulate.Record
	for record, status := range edits {
		record.Status = status
		records = append(records, record)
	}
	return records
}

// afterEdits works out the rows from three lessons without the edits: what the
// facts alone say before and after, and what stood there when the teacher came.
func afterEdits(l lesson, part []zoom.Fact, edits []simulate.Record) simulate.Rows {
	bare := l.school
	bare.Records = nil
	verdictThen := statuses(simulate.Expect(bare, part, l.policy).Records)
	verdictNow := statuses(simulate.Expect(bare, l.facts, l.policy).Records)
	shownThen := statuses(simulate.Expect(l.school, part, l.policy).Records)

	edited := l.school
	kept := map[simulate.Record]string{}
	for _, edit := range edits {
		key := simulate.Record{StudentID: edit.StudentID, ClassID: edit.ClassID, Date: edit.Date}
		if edit.Status == shownThen[key] {
			continue // nobody can tell
		}
		if verdictThen[key] == verdictNow[key] {
			kept[key] = edit.Status
		}
		edited.Records = slices.DeleteFunc(slices.Clone(edited.Records), func(r simulate.Record) bool { r.Status = ""; return r == key })
		if edit.Status != "" {
			edited.Records = append(edited.Records, edit)
		}
	}
	want := simulate.Expect(edited, l.facts, l.policy)
	want.Records = slices.DeleteFunc(want.Records, func(r simulate.Record) bool {
		r.Status = ""
		_, ok := kept[r]
		return ok
	})
	for record, status := range kept {
		if record.Status = status; status != "" {
			want.Records = append(want.Records, record)
		}
	}
	return want
}

func statuses(records []simulate.Record) map[simulate.Record]string {
	by := map[simulate.Record]string{}
	for _, record := range records {
		status := record.Status
		record.Status = ""
		by[record] = status
	}
	return by
}
