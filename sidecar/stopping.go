package main

import (
	"context"
	"errors"
	"fmt"
	"log/slog"
	"os"
	"os/signal"
	"sync"
	"syscall"
	"time"

	"golang.org/x/sync/errgroup"

	"zoom-attendance/sidecar/inbox"
	"zoom-attendance/sidecar/zoom"
)

// untilSignal returns a context that ends with the first SIGINT or SIGTERM. A
// second one ends the process at once, wherever it is, with the code that a
// shell gives to a death by that signal: 130 or 143. (Left to the system, a
// second signal would be lost on a process that is number 1 of a container.)
func untilSignal() context.Context {
	ctx, stop := context.WithCancel(context.Background())
	signals := make(chan os.Signal, 2)
	signal.Notify(signals, os.Interrupt, syscall.SIGTERM)
	go func() {
		<-signals
		stop()
		second := <-signals
		fmt.Fprintln(os.Stderr, "sidecar: ended at once by a second signal; what was not settled comes again")
		code := exitFailed
		if number, ok := second.(syscall.Signal); ok {
			code = exitSignal + int(number)
		}
		os.Exit(code)
	}()
	return ctx
}

// errLeft is why a call to the database was cut off.
var errLeft = errors.New("left at the end of SHUTDOWN_TIMEOUT")

// Answering may take a quarter of SHUTDOWN_TIMEOUT, answering and settling
// three, and closing the rest: what one does not need, the next one has.
const (
	answerQuarters = 1
	settleQuarters = 3
	allQuarters    = 4
)

// stopping shares SHUTDOWN_TIMEOUT among the parts of stopping, in the order of
// the flow. What is not finished in its time is left: Zoom sends again what was
// not answered, and the inbox hands out again what was not settled.
type stopping struct {
	limit                 time.Duration
	log                   *slog.Logger
	once                  sync.Once
	answer, settle, close part
}

// part of stopping: its context ends when its time is over. Before stopping
// begins it has time without end.
type part struct {
	context.Context
	over context.CancelCauseFunc
}

func newPart() part {
	ctx, over := context.WithCancelCause(context.Background())
	return part{ctx, over}
}

func (p part) within(d time.Duration) { time.AfterFunc(d, func() { p.over(errLeft) }) }

func newStopping(limit time.Duration, log *slog.Logger) *stopping {
	return &stopping{limit: limit, log: log, answer: newPart(), settle: newPart(), close: newPart()}
}

// begin starts the clock, the first time that it is called.
func (s *stopping) begin() {
	s.once.Do(func() {
		s.log.Info("stopping", zoom.LogLimit, s.limit)
		s.answer.within(s.limit * answerQuarters / allQuarters)
		s.settle.within(s.limit * settleQuarters / allQuarters)
		s.close.within(s.limit)
	})
}

// attend is ctx, cut off when the time for settling is over: a database that
// does not answer is not waited for.
func (s *stopping) attend(ctx context.Context) (context.Context, func()) {
	ctx, cancel := context.WithCancelCause(ctx)
	stop := context.AfterFunc(s.settle, func() { cancel(errLeft) })
	return ctx, func() { stop(); cancel(nil) }
}

// wait waits for the rooms, but not beyond the limit.
func (s *stopping) wait(rooms *errgroup.Group) (err error) {
	ended := make(chan error, 1)
	go func() { ended <- rooms.Wait() }()
	select {
	case err = <-ended:
	case <-s.close.Done():
	}
	if s.settle.Err() != nil {
		s.log.Warn("not all was settled within SHUTDOWN_TIMEOUT; it comes again", zoom.LogLimit, s.limit)
	}
	return err
}

// closeInbox closes it in what time is left.
func (s *stopping) closeInbox(kept inbox.Inbox) error {
	s.begin()
	s.log.Info("closing the inbox")
	closed := make(chan error, 1)
	go func() { closed <- kept.Close(s.close) }()
	select {
	case err := <-closed:
		s.log.Info("stopped")
		return err
	case <-s.close.Done():
		s.log.Warn("the inbox was not closed within SHUTDOWN_TIMEOUT; the next start finds it as after a kill", zoom.LogLimit, s.limit)
		return nil
	}
}
