package inbox

import (
	"bufio"
	"bytes"
	"cmp"
	"context"
	"database/sql"
	"errors"
	"fmt"
	"maps"
	"math/rand/v2"
	"os"
	"os/exec"
	"path/filepath"
	"strconv"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/stretchr/testify/require"
	"golang.org/x/sys/unix"
)

// What a kill, a power cut or a failing disk leaves can be seen of another process only.
// This binary is that process when the environment says so. It tells what it does, a line
// each, with one system call:
//
//	answered N   Accept returned nil for event N
//	refused N E  Accept returned an error for event N, which is sent again
//	settles N    event N is about to be settled with an outcome; from here on retention may remove it
//	settled N    it is, by Done; a commit writes it later
//	drops N      event N, a dead letter, is about to be removed
//	ready E      what Ready says, when it says something else than before
//	done         all the work is done
const (
	childJob    = "INBOX_TEST_CHILD_JOB"
	childDir    = "INBOX_TEST_CHILD_DIR"
	childFirst  = "INBOX_TEST_CHILD_FIRST"  // the number of its first event
	childEvents = "INBOX_TEST_CHILD_EVENTS" // how many there are
	childMax    = "INBOX_TEST_CHILD_MAX"    // the most that its inbox may take
	childNormal = "INBOX_TEST_CHILD_NORMAL" // it commits with synchronous=normal
)

const childSenders = 16 // at once, of a child that is killed

var childJobs = map[string]func(*childProcess) error{
	"work":      (*childProcess).work,
	"accept":    (*childProcess).acceptUntilKilled,
	"settle":    (*childProcess).settleUntilKilled,
	"persist":   (*childProcess).persist,
	"read":      (*childProcess).read,
	"set aside": (*childProcess).setAside,
}

// runChild is the main of a child. It reports false where this process is none.
func runChild() (isChild bool, status int) {
	job := childJobs[os.Getenv(childJob)]
	if job == nil {
		return false, 0
	}
	c := &childProcess{dir: os.Getenv(childDir)}
	c.first, _ = strconv.Atoi(os.Getenv(childFirst))
	c.events, _ = strconv.Atoi(os.Getenv(childEvents))
	if err := job(c); err != nil {
		fmt.Fprintln(os.Stderr, err)
		return true, 1
	}
	return true, 0
}

// childProcess is the other process, as seen from inside.
type childProcess struct {
	dir           string
	first, events int
}

func (c *childProcess) options() Options {
	most, err := strconv.ParseInt(os.Getenv(childMax), 10, 64)
	if err != nil {
		most = 4 << 20 // so small that its log is often taken into the file
	}
	return Options{Dir: c.dir, MaxBytes: most}
}

func tell(what string, about any) { _, _ = os.Stdout.WriteString(fmt.Sprintln(what, about)) }

// childEvent is the event of a number. Its body begins with that.
func childEvent(n int) Event {
	random := rand.New(rand.NewPCG(uint64(n), 1))
	size := 200 + random.IntN(200)
	if n%40 == 7 {
		size = 6000 // more than a page
	}
	filler := make([]byte, size)
	for i := range filler {
		filler[i] = 'a' + byte(random.IntN(26))
	}
	return Event{
		Body: fmt.Appendf(nil, "%d %s", n, filler), Meeting: fmt.Sprint("8", n%7),
		Kind: []string{"meeting.started", "meeting.participant_joined"}[n%2], Source: SourceWebhook,
	}
}

// another is the number of an event that a test accepts to see whether it can.
const another = 1 << 40

// childNumber is the number of an event.
func childNumber(body []byte) int {
	digits, _, _ := bytes.Cut(body, []byte{' '})
	n, err := strconv.Atoi(string(digits))
	if err != nil {
		return -1
	}
	return n
}

func (c *childProcess) open() (*sqliteInbox, error) {
	in, err := Open(context.Background(), c.options())
	if err != nil {
		return nil, err
	}
	s := in.(*sqliteInbox)
	if os.Getenv(childNormal) != "" {
		_, err = s.db().write.Exec("pragma synchronous=normal")
	}
	return s, err
}

// work does all that an inbox does, closes it in the middle, and ends by a kill.
func (c *childProcess) work() error {
	for half := range 2 {
		in, err := c.open()
		if err != nil {
			return err
		}
		n := c.events / 2
		if err := c.workWith(in, c.first+half*n, n); err != nil {
			return err
		}
		if half == 1 {
			tell("done", "")
			return unix.Kill(unix.Getpid(), unix.SIGKILL)
		}
		if err := in.Close(context.Background()); err != nil {
			return err
		}
	}
	return nil
}

func (c *childProcess) workWith(in *sqliteInbox, first, n int) error {
	ctx := context.Background()
	in.options.Retention = time.Millisecond
	go relayOf(ctx, in)
	for _, part := range []int{first, first + n/2} {
		acceptNumbers(ctx, in, 8, part, n/2)
		if err := in.PutOff(ctx, "83", time.Now().Add(30*time.Millisecond), "trial"); err != nil {
			return err
		}
		if err := disposeOfLetters(ctx, in); err != nil {
			return err
		}
		if part == c.first {
			if err := in.removeOld(ctx); err != nil {
				return err
			}
		}
		vacuum := func(ctx context.Context, tx *sql.Tx) error {
			_, err := tx.ExecContext(ctx, "pragma incremental_vacuum(3)")
			return err
		}
		if err := in.writer.do(vacuum); err != nil {
			return err
		}
		replay, cancel := context.WithTimeout(ctx, time.Second)
		_, _ = in.Replay(replay, Replay{Outcome: OutcomeUnknown}, func() {})
		cancel()
	}
	return nil
}

// acceptNumbers has events accepted by several senders at once.
func acceptNumbers(ctx context.Context, in Inbox, senders, first, n int) {
	numbers := make(chan int)
	var sending sync.WaitGroup
	for range senders {
		sending.Go(func() {
			for n := range numbers {
				acceptNumber(ctx, in, n)
			}
		})
	}
	for i := range n {
		numbers <- first + i
	}
	close(numbers)
	sending.Wait()
}

func acceptNumber(ctx context.Context, in Inbox, n int) bool {
	if err := in.Accept(ctx, childEvent(n)); err != nil {
		tell("refused", fmt.Sprint(n, " ", err))
		return false
	}
	tell("answered", n)
	return true
}

// relayOf settles every event, each number in the same way.
func relayOf(ctx context.Context, in Inbox) {
	for {
		some, err := in.Next(ctx, 10)
		if err != nil {
			return
		}
		for _, d := range some {
			switch n := childNumber(d.Body()); {
			case n%10 == 3 && d.Attempt() == 1:
				_, _ = d.Bury(ctx, "a trial")
			case n%10 == 4 && d.Attempt() == 1:
				_ = d.Later(ctx, 20*time.Millisecond)
			case n%10 == 5: // stays in flight
			case n%2 == 0:
				settleAloud(ctx, d, OutcomeUnknown)
			default:
				settleAloud(ctx, d, "applied")
			}
		}
	}
}

func settleAloud(ctx context.Context, d *Delivery, outcome string) {
	n := childNumber(d.Body())
	tell("settles", n)
	if err := d.Done(ctx, outcome); err == nil {
		tell("settled", n)
	}
}

// disposeOfLetters puts half of the dead letters back, and drops every fourth.
func disposeOfLetters(ctx context.Context, in Inbox) error {
	i := 0
	for letter, err := range in.DeadLetters(ctx, 0) {
		if err != nil {
			return err
		}
		switch i++; i % 4 {
		case 0, 2:
			err = in.PutBack(ctx, letter.Number)
		case 1:
			tell("drops", childNumber(letter.Body))
			err = in.Drop(ctx, letter.Number)
		}
		if err != nil {
			return err
		}
	}
	return nil
}

// acceptUntilKilled accepts, and a relay has some of it in flight.
func (c *childProcess) acceptUntilKilled() error {
	in, err := c.open()
	if err != nil {
		return err
	}
	go func() {
		for {
			if _, err := in.Next(context.Background(), 10); err != nil {
				return
			}
		}
	}()
	acceptNumbers(context.Background(), in, childSenders, c.first, another-c.first)
	return nil
}

// settleUntilKilled accepts, settles and removes.
func (c *childProcess) settleUntilKilled() error {
	in, err := c.open()
	if err != nil {
		return err
	}
	in.options.Retention = 50 * time.Millisecond
	go relayOf(context.Background(), in)
	go func() {
		for err := error(nil); err == nil; {
			err = in.removeOld(context.Background())
		}
	}()
	acceptNumbers(context.Background(), in, childSenders, c.first, another-c.first)
	return nil
}

// persist accepts one event after another, tries each until it is kept, and tells what
// Ready says.
func (c *childProcess) persist() error {
	in, err := c.open()
	if err != nil {
		return err
	}
	go func() { _ = in.Run(context.Background()) }()
	said := "nil"
	for n := c.first; n < c.first+c.events; {
		ctx, cancel := context.WithTimeout(context.Background(), 10*time.Second)
		if acceptNumber(ctx, in, n) {
			n++
		} else {
			time.Sleep(20 * time.Millisecond) // so a sender would
		}
		cancel()
		now := "nil"
		if err := in.Ready(); err != nil {
			now = err.Error()
		}
		if now != said {
			tell("ready", now)
		}
		said = now
	}
	tell("done", "")
	return unix.Kill(unix.Getpid(), unix.SIGKILL)
}

// read reads the file beside another process, as sqlite3 would, and holds each of its
// transactions for a while.
func (c *childProcess) read() error {
	db, err := sql.Open("sqlite", "file:"+filepath.Join(c.dir, databaseName)+"?_pragma=busy_timeout(5000)")
	if err != nil {
		return err
	}
	for {
		tx, err := db.Begin()
		if err != nil {
			return err
		}
		var n int
		if err := tx.QueryRow("select count(*) from events").Scan(&n); err != nil {
			return err
		}
		tell("read", n)
		time.Sleep(200 * time.Millisecond) // the reader that a test is about
		if err := tx.Rollback(); err != nil {
			return err
		}
	}
}

// setAside sets the inbox of its directory aside.
func (c *childProcess) setAside() error {
	_, err := SetAside(context.Background(), c.options(), time.Now(), func(Report) error { return nil }, func(int) {})
	if err == nil {
		tell("done", "")
	}
	return err
}

// child is the other process, as seen from a test.
type child struct {
	process *exec.Cmd
	lines   *bufio.Scanner
	errors  *bytes.Buffer
	claims  claims
}

// claims are what a child said.
type claims struct {
	answered  map[int]bool
	letGo     map[int]bool // it may be removed
	settledAt map[int]int  // when it was settled: behind so many answers
	again     map[int]bool // it was sent again
	refused   []string     // why
	ready     []string     // what Ready said
	done      bool
}

func newClaims() claims {
	return claims{answered: map[int]bool{}, letGo: map[int]bool{}, settledAt: map[int]int{}, again: map[int]bool{}}
}

// add takes in a line.
func (c *claims) add(line string) error {
	what, about, _ := strings.Cut(line, " ")
	n, _ := strconv.Atoi(about)
	switch what {
	case "answered":
		c.answered[n] = true
	case "settles", "drops":
		c.letGo[n] = true
	case "settled":
		c.settledAt[n] = len(c.answered)
	case "refused":
		number, why, _ := strings.Cut(about, " ")
		n, _ = strconv.Atoi(number)
		c.again[n] = true
		c.refused = append(c.refused, why)
	case "ready":
		c.ready = append(c.ready, about)
	case "done":
		c.done = true
	case "read":
	default:
		return fmt.Errorf("the child says %q", line)
	}
	return nil
}

// with are these claims and others'.
func (c claims) with(others claims) claims {
	both := newClaims()
	for _, one := range []claims{c, others} {
		maps.Copy(both.answered, one.answered)
		maps.Copy(both.letGo, one.letGo)
		maps.Copy(both.again, one.again)
	}
	return both
}

// childCommand is the command of a child; before goes before it.
func childCommand(job, dir string, before []string, environment ...string) *exec.Cmd {
	args := append(before, os.Args[0])
	command := exec.Command(args[0], args[1:]...)
	command.Env = append(append(os.Environ(), childJob+"="+job, childDir+"="+dir), environment...)
	return command
}

func startChild(t *testing.T, job, dir string, environment ...string) *child {
	t.Helper()
	c := &child{process: childCommand(job, dir, nil, environment...), claims: newClaims(), errors: &bytes.Buffer{}}
	out, err := c.process.StdoutPipe()
	require.NoError(t, err)
	c.process.Stderr = c.errors
	c.lines = bufio.NewScanner(out)
	require.NoError(t, c.process.Start())
	t.Cleanup(c.kill)
	return c
}

// until reads what the child says, until enough.
func (c *child) until(t *testing.T, enough func(line string) bool) {
	t.Helper()
	for c.lines.Scan() {
		require.NoError(t, c.claims.add(c.lines.Text()))
		if enough(c.lines.Text()) {
			return
		}
	}
	c.kill()
	require.Fail(t, "the child ended", c.errors.String())
}

// answers reads until n more events were answered.
func (c *child) answers(t *testing.T, n int) {
	t.Helper()
	c.until(t, func(line string) bool {
		if strings.HasPrefix(line, "answered") {
			n--
		}
		return n == 0
	})
}

// cut is kill -9, and reads all that the child had said.
func (c *child) cut(t *testing.T) {
	t.Helper()
	require.NoError(t, c.process.Process.Kill())
	for c.lines.Scan() {
		require.NoError(t, c.claims.add(c.lines.Text()))
	}
	c.kill()
}

func (c *child) kill() {
	_ = c.process.Process.Kill()
	_ = c.process.Wait()
}

// loss opens the inbox of a directory and compares it with what was answered for. It
// returns what is lost, twice, other than it was, or refused.
func loss(ctx context.Context, dir string, told claims) (err error) {
	opened, err := Open(ctx, Options{Dir: dir})
	if err != nil {
		return err
	}
	in := opened.(*sqliteInbox)
	defer func() { err = errors.Join(err, in.Close(ctx)) }()
	faults, err := checkPages(ctx, in.db().read)
	if err != nil {
		return err
	}
	found := map[int]int{}
	more, err := checkRows(ctx, in.db().read, 0, in.db().last, func(r row) {
		n := childNumber(r.Body)
		if want := childEvent(n); !bytes.Equal(r.Body, want.Body) || r.Meeting != want.Meeting || r.Kind != want.Kind || r.Source != want.Source {
			faults = append(faults, fmt.Sprintf("event %d is not as it came", r.number))
		}
		found[n]++
		if found[n] == 2 && !told.again[n] && n != another {
			faults = append(faults, fmt.Sprintf("event %d is there twice", n))
		}
	})
	if err != nil {
		return err
	}
	faults = append(faults, more...)
	for n := range told.answered {
		if found[n] == 0 && !told.letGo[n] {
			faults = append(faults, fmt.Sprintf("event %d is lost", n))
		}
	}
	if err := in.Accept(ctx, childEvent(another)); err != nil {
		faults = append(faults, "it accepts nothing more: "+err.Error())
	}
	if len(faults) > 0 {
		return errors.New(strings.Join(faults[:min(len(faults), 5)], "; "))
	}
	return nil
}

// childEnvironment has a child take so many events from a number.
func childEnvironment(first, n int) []string {
	return []string{fmt.Sprintf("%s=%d", childFirst, first), fmt.Sprintf("%s=%d", childEvents, n)}
}

// roundsOf is how often a random test is done, and its seed, which is printed.
func roundsOf(t *testing.T, variable string, usual int) (rounds int, random *rand.Rand) {
	t.Helper()
	rounds, err := strconv.Atoi(cmp.Or(os.Getenv(variable), strconv.Itoa(usual)))
	require.NoError(t, err)
	seed, err := strconv.ParseUint(cmp.Or(os.Getenv("INBOX_SEED"), strconv.FormatInt(time.Now().UnixNano(), 10)), 10, 64)
	require.NoError(t, err)
	t.Logf("INBOX_SEED=%d", seed)
	return rounds, rand.New(rand.NewPCG(seed, 0))
}
