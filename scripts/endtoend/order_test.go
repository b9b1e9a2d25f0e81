package endtoend_test

import (
	"context"
	"fmt"
	"math/rand/v2"
	"os"
	"regexp"
	"slices"
	"strconv"
	"strings"
	"sync/atomic"
	"testing"
	"time"

	"github.com/jackc/pgx/v5"
	"golang.org/x/sync/errgroup"

	"zoom-attendance/sidecar/oracle"
	"zoom-attendance/sidecar/zoom"
)

// Order means nothing: whatever the order of the facts, however often each is given,
// however they are split into batches, whoever calls, and wherever they come in one
// timeline of changes of the school's data, they end in the rows that the rules demand.
// Each lesson is made up from a seed. The same ones are played each time, so that a
// change is judged by what it changed; ORDER_LESSONS=5000 looks for faults in so many new
// ones, and ORDER_SEED plays one.

// orderPlayers is how many lessons are played at once, each in a project of its own.
const orderPlayers = 4

// player plays one lesson and says in words how the rows differ from what they should
// be; empty for all is well. The error is one of playing it.
type player func(ctx context.Context, p *orderPlace, l lesson) (string, error)

func TestOrderMeansNothing(t *testing.T) {
	forEachLesson(t, 500, func(ctx context.Context, p *orderPlace, l lesson) error {
		callers := 1 + int(l.seed/2%2)
		l.batches = shuffled(rand.New(rand.NewPCG(l.seed, 2)), len(l.facts), len(l.history.Changes))
		problem, err := playAndForget(ctx, p, l, callers)
		switch {
		case err != nil:
			return fmt.Errorf("%d at once: %w\n%s", callers, err, tell(l))
		case problem != "":
			smaller, what := shrink(ctx, p, l, problem, func(ctx context.Context, p *orderPlace, l lesson) (string, error) { return playAndForget(ctx, p, l, 1) })
			return fmt.Errorf("%d at once: %s\n%s", callers, what, tell(smaller))
		}
		return nil
	})
}

func TestOrderMeansNothingWhenATeacherWritesInBetween(t *testing.T) {
	forEachLesson(t, 150, func(ctx context.Context, p *orderPlace, l lesson) error {
		random := rand.New(rand.NewPCG(l.seed, 3))
		order := random.Perm(len(l.facts))
		before := random.IntN(len(order) + 1)
		l.batches = []batch{{order[:before], len(l.history.Changes)}, {order[before:], len(l.history.Changes)}}
		interrupted := func(ctx context.Context, p *orderPlace, l lesson) (string, error) {
			return interrupt(ctx, p, l, rand.New(rand.NewPCG(l.seed, 4)))
		}
		problem, err := interrupted(ctx, p, l)
		if err != nil || problem == "" {
			return err
		}
		smaller, what := shrink(ctx, p, l, problem, interrupted)
		return fmt.Errorf("%s\n%s", what, tell(smaller))
	})
}

// forEachLesson plays lessons in several projects at once and reports the first few
// that go wrong, with the command that plays them alone.
func forEachLesson(t *testing.T, lessons int, play func(context.Context, *orderPlace, lesson) error) {
	first := uint64(1)
	if text := os.Getenv("ORDER_LESSONS"); text != "" {
		first = rand.Uint64N(1 << 40)
		lessons = number(t, "ORDER_LESSONS", text)
	}
	if text := os.Getenv("ORDER_SEED"); text != "" {
		first, lessons = uint64(number(t, "ORDER_SEED", text)), 1
	}
	seeds := make(chan uint64)
	var players errgroup.Group
	var wrong atomic.Int32
	for range min(orderPlayers, lessons) {
		place := openOrderPlace(t)
		players.Go(func() error {
			for seed := range seeds {
				if wrong.Load() >= 3 {
					continue
				}
				if err := playSeed(t.Context(), place, seed, play); err != nil {
					wrong.Add(1)
					t.Errorf("lesson %d went wrong; to play it alone:\n  ORDER_SEED=%d ./scripts/test --go ./scripts/endtoend -run '^%s$'\n%v",
						seed, seed, t.Name(), err)
				}
			}
			return nil
		})
	}
	for i := range lessons {
		seeds <- first + uint64(i)
	}
	close(seeds)
	_ = players.Wait()
}

func playSeed(ctx context.Context, p *orderPlace, seed uint64, play func(context.Context, *orderPlace, lesson) error) error {
	now, err := p.now(ctx)
	if err != nil {
		return err
	}
	return play(ctx, p, newLesson(seed, now))
}

func number(t *testing.T, name, text string) int {
	n, err := strconv.Atoi(text)
	if err != nil {
		t.Fatalf("%s must be a whole number: %v", name, err)
	}
	return n
}

// shuffled deals out n facts, each at least once and some again, in any order, in
// batches of any size, and anywhere between the changes of the school's data.
func shuffled(random *rand.Rand, n, changes int) []batch {
	order := random.Perm(n)
	for i := range order {
		if random.IntN(4) == 0 {
			order = slices.Insert(order, random.IntN(len(order)), order[i])
		}
	}
	size := []int{1, 4, 12, max(1, len(order)), max(1, len(order))}[random.IntN(5)]
	first, last := 0, changes
	switch random.IntN(4) {
	case 0: // all events before the school changes anything
		last = 0
	case 1: // and all after
		first = changes
	}
	var batches []batch
	for len(order) > 0 {
		take := min(len(order), 1+random.IntN(size))
		if size >= len(order) {
			take = len(order)
		}
		batches = append(batches, batch{order[:take], first + random.IntN(last-first+1)})
		order = order[take:]
	}
	slices.SortStableFunc(batches, func(a, b batch) int { return a.after - b.after })
	return batches
}

// possible puts batches where they can be: what the app saw is told of a row by the
// number that the row has, so never before the row was changed. Zoom's events may come
// before a change that they follow (its clock is another).
func (l lesson) possible() []batch {
	var later []batch
	for _, b := range l.batches {
		var stays []int
		for _, i := range b.facts {
			after := b.after
			for _, at := range []time.Time{l.facts[i].At, l.facts[i].Start, l.facts[i].Accepted} {
				after = max(after, changesUntil(l.history, at))
			}
			if after == b.after || l.facts[i].User == "" {
				stays = append(stays, i)
			} else {
				later = append(later, batch{[]int{i}, after})
			}
		}
		if len(stays) > 0 {
			later = append(later, batch{stays, b.after})
		}
	}
	slices.SortStableFunc(later, func(a, b batch) int { return a.after - b.after })
	return later
}

func changesUntil(h oracle.History, at time.Time) int {
	n := 0
	for n < len(h.Changes) && !h.Changes[n].At.After(at) {
		n++
	}
	return n
}

// play gives the lesson's batches to as many callers, between the changes of the
// school's data, catches up, and compares. Every other lesson is then given once more
// as a whole.
func play(ctx context.Context, p *orderPlace, l lesson, callers int) (string, error) {
	if err := p.begin(ctx, l); err != nil {
		return "", err
	}
	l.batches = l.possible()
	r := relay{place: p, lesson: l}
	for made := range len(l.history.Changes) + 1 {
		if made > 0 {
			if err := r.change(ctx, made); err != nil {
				return "", err
			}
		}
		if err := r.giveBatches(ctx, made, callers); err != nil {
			return "", err
		}
		if l.seed%3 == 0 { // the loop ran in between
			if err := p.catchUp(ctx); err != nil {
				return "", err
			}
		}
	}
	problem, err := settled(ctx, p, l, l.history)
	if err != nil || problem != "" {
		return fmt.Sprintf("after batches %v\n%s", l.batches, problem), err
	}
	if l.seed%2 == 0 {
		return "", nil
	}
	return repeatAll(ctx, p, l)
}

// playAndForget plays the lesson; in every other one somebody is deleted in the end.
func playAndForget(ctx context.Context, p *orderPlace, l lesson, callers int) (string, error) {
	problem, err := play(ctx, p, l, callers)
	if err != nil || problem != "" || l.seed%2 == 1 {
		return problem, err
	}
	return deleteSomebody(ctx, p, l)
}

// begin makes the project the lesson's school, as it was at adoption.
func (p *orderPlace) begin(ctx context.Context, l lesson) error {
	if err := p.clear(ctx); err != nil {
		return fmt.Errorf("clear the school: %w", err)
	}
	if err := p.enter(ctx, l.history); err != nil {
		return fmt.Errorf("enter the school: %w", err)
	}
	return nil
}

// relay gives facts, and again those that were settled as unknown when a row with
// their number appears: as the sidecar does with what its inbox has.
type relay struct {
	place   *orderPlace
	lesson  lesson
	unknown []int
}

func (r *relay) change(ctx context.Context, made int) error {
	change, before := r.lesson.history.Changes[made-1], schoolAfter(r.lesson.history, made-1)
	if err := r.place.change(ctx, change, before); err != nil {
		return fmt.Errorf("change %d: %w", made-1, err)
	}
	var again []int
	for _, row := range slices.Concat(change.Put.Meetings, rowsBefore(change, before)) {
		for _, i := range r.unknown {
			if answersTo(row, r.lesson.facts[i].Meeting) {
				again = append(again, i)
			}
		}
	}
	if len(again) == 0 {
		return nil
	}
	r.unknown = nil
	return r.give(ctx, again, made)
}

// rowsBefore are the meetings that a change changes or deletes, as they were: where two
// rows had one number, another may have it alone now.
func rowsBefore(change oracle.Change, before oracle.School) (rows []oracle.Meeting) {
	for _, row := range slices.Concat(change.Put.Meetings, change.Gone.Meetings) {
		if old := meetingIn(before, row.ID); old != nil {
			rows = append(rows, *old)
		}
	}
	return rows
}

// answersTo: the row has this number, or is held in the personal room that has it.
func answersTo(row oracle.Meeting, number string) bool {
	return strings.Contains(strings.ReplaceAll(row.Number+" "+row.JoinURL, " ", ""), number)
}

func (r *relay) giveBatches(ctx context.Context, made, callers int) error {
	var due []batch
	for _, b := range r.lesson.batches {
		if b.after == made {
			due = append(due, b)
		}
	}
	unknown := make([][]int, callers)
	var calls errgroup.Group
	for caller := range callers {
		calls.Go(func() error {
			one := relay{place: r.place, lesson: r.lesson}
			for i := caller; i < len(due); i += callers {
				if err := one.give(ctx, due[i].facts, made); err != nil {
					return err
				}
			}
			unknown[caller] = one.unknown
			return nil
		})
	}
	err := calls.Wait()
	r.unknown = append(r.unknown, slices.Concat(unknown...)...)
	return err
}

func (r *relay) give(ctx context.Context, facts []int, made int) error {
	outcomes, err := r.place.apply(ctx, r.lesson.some(facts), settingsAfter(r.lesson.history, made))
	if err != nil {
		return fmt.Errorf("apply %v after %d changes: %w", facts, made, err)
	}
	for i, outcome := range outcomes {
		if outcome == zoom.UnknownMeeting {
			r.unknown = append(r.unknown, facts[i])
		}
	}
	return nil
}

// settled catches up and says how the rows differ from those of the model.
func settled(ctx context.Context, p *orderPlace, l lesson, h oracle.History) (string, error) {
	if err := p.catchUp(ctx); err != nil {
		return "", err
	}
	now, err := p.now(ctx)
	if err != nil {
		return "", err
	}
	return compare(ctx, p, l, oracle.Expect(h, l.facts, now))
}

// repeatAll gives everything once more: all of it is known, no row is written.
func repeatAll(ctx context.Context, p *orderPlace, l lesson) (string, error) {
	_, before, err := p.rows(ctx)
	if err != nil {
		return "", err
	}
	outcomes, err := p.apply(ctx, l.facts, settingsAfter(l.history, len(l.history.Changes)))
	if err != nil {
		return "", fmt.Errorf("repeat everything: %w", err)
	}
	if err := p.catchUp(ctx); err != nil {
		return "", err
	}
	_, after, err := p.rows(ctx)
	if err != nil {
		return "", err
	}
	if before != after {
		return fmt.Sprintf("repeating everything wrote rows\nbefore %s\nafter  %s", before, after), nil
	}
	if slices.Contains(outcomes, zoom.Applied) {
		return fmt.Sprintf("repeating everything was %v", outcomes), nil
	}
	return "", nil
}

// deleteSomebody deletes a user once everything is settled, and has all judged anew:
// what others' rows say stays.
func deleteSomebody(ctx context.Context, p *orderPlace, l lesson) (string, error) {
	school := schoolAfter(l.history, len(l.history.Changes))
	users := slices.DeleteFunc(slices.Clone(school.Users), func(u oracle.User) bool { return l.sharesWhatItShows(u) })
	if len(users) == 0 {
		return "", nil
	}
	user := users[l.seed%uint64(len(users))]
	gone := user.ID
	err := p.asService(ctx, func(tx pgx.Tx) error {
		_, err := tx.Exec(ctx, "delete from public.users where id = $1", gone)
		return err
	})
	if err != nil {
		return "", fmt.Errorf("delete %s: %w", gone, err)
	}
	err = p.asService(ctx, func(tx pgx.Tx) error {
		_, err := tx.Exec(ctx, "select public.rejudge_zoom('{}')")
		return err
	})
	if err != nil {
		return "", fmt.Errorf("rejudge: %w", err)
	}
	if err := p.catchUp(ctx); err != nil {
		return "", err
	}
	now, err := p.now(ctx)
	if err != nil {
		return "", err
	}
	h := l.history
	h.Changes = append(slices.Clone(h.Changes), oracle.Change{At: now, Gone: rowsOfUser(school, user)})
	// Their own rows go, or are a guest's; and what others showed of them is nowhere.
	rest := regexp.MustCompile(`, name .*`)
	problem, err := compareThose(ctx, p, l, oracle.Expect(h, l.facts, now), func(line string) string {
		if strings.Contains(line, gone) || strings.Contains(line, "user null") {
			return ""
		}
		return rest.ReplaceAllString(line, "")
	})
	if problem != "" {
		problem = fmt.Sprintf("after %s was deleted\n%s", gone, problem)
	}
	return l.labels().Replace(problem), err
}

// compare says which rows are missing and which should not be there.
func compare(ctx context.Context, p *orderPlace, l lesson, want oracle.Rows) (string, error) {
	return compareThose(ctx, p, l, want, func(line string) string { return line })
}

// compareThose compares what counts of each line.
func compareThose(ctx context.Context, p *orderPlace, l lesson, want oracle.Rows, counts func(line string) string) (string, error) {
	rows, _, err := p.rows(ctx)
	if err != nil {
		return "", err
	}
	var report strings.Builder
	var got, expected []string
	for _, line := range rows.Lines() {
		got = append(got, counts(line))
	}
	for _, line := range want.Lines() {
		expected = append(expected, counts(line))
	}
	got = slices.DeleteFunc(got, func(line string) bool { return line == "" })
	expected = slices.DeleteFunc(expected, func(line string) bool { return line == "" })
	for _, line := range without(expected, got) {
		fmt.Fprintf(&report, "  want %s\n", l.labels().Replace(line))
	}
	for _, line := range without(got, expected) {
		fmt.Fprintf(&report, "  got  %s\n", l.labels().Replace(line))
	}
	return report.String(), nil
}

// sharesWhatItShows: a connection showed an address of a user's and another's, or a
// key; or their address, or their registration, is another's too. Once they are
// forgotten nobody knows that any more.
func (l lesson) sharesWhatItShows(user oracle.User) bool {
	theirs, others := map[string]bool{}, map[string]bool{}
	for i := range len(l.history.Changes) + 1 {
		for _, was := range schoolAfter(l.history, i).Users {
			if was.ID == user.ID {
				theirs[foldedAddress(was.Email)] = true
			} else {
				others[foldedAddress(was.Email)] = true
			}
		}
	}
	for address := range theirs {
		if others[address] {
			return true
		}
	}
	registered := map[string]bool{}
	for i := range len(l.history.Changes) + 1 {
		for _, row := range schoolAfter(l.history, i).Registrants {
			if isTheirs, ok := registered[row.RegistrantID]; ok && isTheirs != (row.UserID == user.ID) {
				return true
			}
			registered[row.RegistrantID] = row.UserID == user.ID
		}
	}
	shown := map[string]map[bool]bool{}
	one := l.connections()
	for _, fact := range l.facts {
		who := one(fact)
		if shown[who] == nil {
			shown[who] = map[bool]bool{}
		}
		if fact.Email != "" {
			shown[who][theirs[foldedAddress(fact.Email)]] = true
		}
		if fact.CustomerKey != "" {
			shown[who][false] = true
		}
		for _, id := range []string{fact.RegistrantID, fact.ParticipantID, fact.ZoomUserID} {
			if isTheirs, ok := registered[id]; ok {
				shown[who][isTheirs] = true
			}
		}
		if len(shown[who]) == 2 {
			return true
		}
	}
	return false
}

// connections tells by a key which facts are of one connection: those that name it, or
// a segment of it.
func (l lesson) connections() (key func(zoom.Fact) string) {
	is := map[string]string{}
	root := func(name string) string {
		for is[name] != "" {
			name = is[name]
		}
		return name
	}
	named := func(fact zoom.Fact, kind, name string) string {
		return root(strings.Join([]string{fact.Meeting, fact.Instance, kind, name}, " "))
	}
	for _, fact := range l.facts {
		segment, connection := named(fact, "segment", fact.Segment), named(fact, "connection", fact.Connection)
		if fact.Segment != "" && fact.Connection != "" && segment != connection {
			is[segment] = connection
		}
	}
	return func(fact zoom.Fact) string {
		if fact.Segment != "" {
			return named(fact, "segment", fact.Segment)
		}
		return named(fact, "connection", fact.Connection)
	}
}

// foldedAddress is an address without blanks around it, in small letters.
func foldedAddress(address string) string { return strings.ToLower(strings.TrimSpace(address)) }

// rowsOfUser are a user's row and those that go with it.
func rowsOfUser(s oracle.School, user oracle.User) oracle.School {
	gone := oracle.School{Users: []oracle.User{user}}
	for _, row := range s.Enrolments {
		if row.StudentID == user.ID {
			gone.Enrolments = append(gone.Enrolments, row)
		}
	}
	for _, row := range s.Parents {
		if row.ParentID == user.ID || row.StudentID == user.ID {
			gone.Parents = append(gone.Parents, row)
		}
	}
	for _, row := range s.Registrants {
		if row.UserID == user.ID {
			gone.Registrants = append(gone.Registrants, row)
		}
	}
	for _, row := range s.Keys {
		if row.UserID == user.ID {
			gone.Keys = append(gone.Keys, row)
		}
	}
	for _, row := range s.Visits {
		if row.UserID == user.ID {
			gone.Visits = append(gone.Visits, row)
		}
	}
	return gone
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

// interrupt gives the lesson's first batch once all changes were made, lets a teacher
// change some records, and gives everything. What the teacher wrote stays, unless the
// evidence exceeds what we had said by then.
func interrupt(ctx context.Context, p *orderPlace, l lesson, random *rand.Rand) (string, error) {
	if err := p.begin(ctx, l); err != nil {
		return "", err
	}
	r, made := relay{place: p, lesson: l}, len(l.history.Changes)
	for i := range made {
		if err := r.change(ctx, i+1); err != nil {
			return "", err
		}
	}
	first := l
	first.facts = l.some(l.batches[0].facts)
	if err := r.give(ctx, l.batches[0].facts, made); err != nil {
		return "", err
	}
	if problem, err := settled(ctx, p, first, l.history); err != nil || problem != "" {
		return fmt.Sprintf("after facts %v\n%s", l.batches[0].facts, problem), err
	}
	now, err := p.now(ctx)
	if err != nil {
		return "", err
	}
	edits := teacherEdits(l, random)
	h := l.history
	h.Edits = said(h, first.facts, now, edits)
	for _, edit := range edits {
		if err := p.rewrite(ctx, edit); err != nil {
			return "", fmt.Errorf("write %s: %w", edit, err)
		}
	}
	for range 2 {
		if err := r.give(ctx, all(len(l.facts)), made); err != nil {
			return "", err
		}
		if problem, err := settled(ctx, p, l, h); err != nil || problem != "" {
			return fmt.Sprintf("after facts %v, then %s, then all\n%s", l.batches[0].facts, l.labels().Replace(fmt.Sprint(edits)), problem), err
		}
	}
	return "", nil
}

// all are the first n indices.
func all(n int) []int {
	indices := make([]int, n)
	for i := range indices {
		indices[i] = i
	}
	return indices
}

// teacherEdits are records that a teacher writes: one a record.
func teacherEdits(l lesson, random *rand.Rand) []oracle.Record {
	now := schoolAfter(l.history, len(l.history.Changes))
	var edits []oracle.Record
	for range 1 + random.IntN(4) {
		if len(now.Enrolments) == 0 {
			break
		}
		enrolment := now.Enrolments[random.IntN(len(now.Enrolments))]
		edit := oracle.Record{StudentID: enrolment.StudentID, ClassID: enrolment.ClassID,
			Date: someDate(l, random)}
		known := slices.ContainsFunc(edits, func(other oracle.Record) bool { return other.On() == edit.On() })
		edit.Status = []string{"", "absent", "partial", "present", "late", "excused"}[random.IntN(6)]
		if !known {
			edits = append(edits, edit)
		}
	}
	return edits
}

// someDate is one on which something may have happened.
func someDate(l lesson, random *rand.Rand) string {
	if len(l.facts) > 0 {
		if fact := l.facts[random.IntN(len(l.facts))]; !fact.At.IsZero() {
			return fact.At.Format(time.DateOnly)
		}
	}
	return lessonDay.Format(time.DateOnly)
}

// said are the edits, each with what we had said when it was written. One that writes
// what stood there already is none.
func said(h oracle.History, facts []zoom.Fact, now time.Time, edits []oracle.Record) []oracle.Edit {
	shown := statuses(oracle.Expect(h, facts, now).Records)
	bare := h
	bare.Start.Records = nil
	verdicts := statuses(oracle.Expect(bare, facts, now).Records)
	var all []oracle.Edit
	for _, edit := range edits {
		if edit.Status != shown[edit.On()] {
			all = append(all, oracle.Edit{Record: edit, Said: verdicts[edit.On()]})
		}
	}
	return all
}

func statuses(records []oracle.Record) map[oracle.Record]string {
	by := map[oracle.Record]string{}
	for _, record := range records {
		by[record.On()] = record.Status
	}
	return by
}
