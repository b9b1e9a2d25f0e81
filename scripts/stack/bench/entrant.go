package main

import (
	"context"
	"errors"
	"fmt"
	"time"

	"zoom-attendance/scripts/stack"
)

// senders are what the sidecar is given at once, where the load is not constant.
const senders = 64

// settlePatience bounds how long a lot may take to be in the rows.
const settlePatience = 5 * time.Minute

// entrant is a contestant: a door, and the project behind it.
type entrant struct {
	*project
	*door
	route bool // it does the work before it answers
	other bool // it is of another revision, whose rules may be others
}

// withSidecar runs a sidecar with a project of its own.
func (g *ground) withSidecar(ctx context.Context, do func(*entrant) error) error {
	return g.withSidecarOf(ctx, g.sidecar, stack.Template, do)
}

// withSidecarOf runs one of another revision.
func (g *ground) withSidecarOf(ctx context.Context, program, template string, do func(*entrant) error) error {
	return g.withProject(ctx, template, func(p *project) error {
		d, err := p.newSidecar(program, "inbox")
		if err != nil {
			return err
		}
		return whileOpen(ctx, &entrant{project: p, door: d, other: program != g.sidecar}, do)
	})
}

// withRoute runs the plain route with a project of its own.
func (g *ground) withRoute(ctx context.Context, do func(*entrant) error) error {
	return g.withProject(ctx, stack.Template, func(p *project) error {
		d, err := p.newRoute()
		if err != nil {
			return err
		}
		return whileOpen(ctx, &entrant{project: p, door: d, route: true}, do)
	})
}

// withProject makes a project, does something with it, and closes it.
func (g *ground) withProject(ctx context.Context, template string, do func(*project) error) (err error) {
	p, err := g.openProject(ctx, template)
	if err != nil {
		return err
	}
	defer func() { err = errors.Join(err, p.close()) }()
	return do(p)
}

// whileOpen starts a door, does something, and stops it.
func whileOpen(ctx context.Context, e *entrant, do func(*entrant) error) (err error) {
	defer func() { err = errors.Join(err, e.stop()) }()
	if err := e.start(ctx); err != nil {
		return err
	}
	return do(e)
}

// race is how a lot went that was sent as fast as it was answered.
type race struct {
	settled  float64 // events a second until the last row was committed
	answered float64 // events a second until the last 200
}

// race sends a lot of at least so many new events and checks what became of it.
func (e *entrant) race(ctx context.Context, events, senders int) (race, error) {
	lot, err := e.lessons(ctx, events)
	if err != nil {
		return race{}, err
	}
	if err := e.calm(ctx); err != nil {
		return race{}, err
	}
	d, err := send(ctx, e.door, lot.bodies, senders)
	if err != nil {
		return race{}, err
	}
	last, err := e.arrived(ctx, lot)
	if err != nil {
		return race{}, err
	}
	return race{settled: float64(len(lot.bodies)) / last.Sub(d.began).Seconds(), answered: d.perSecond()}, nil
}

// warm makes the contestant ready: connections, caches, compiled code.
func (e *entrant) warm(ctx context.Context, events int) error {
	if _, err := e.race(ctx, events, 16); err != nil {
		return fmt.Errorf("warm up: %w", err)
	}
	return nil
}

// arrived waits until a lot is in the rows, checks them, and returns when the
// last of them was committed.
func (e *entrant) arrived(ctx context.Context, lot lot) (time.Time, error) {
	if err := e.settleAll(ctx); err != nil {
		return time.Time{}, err
	}
	if err := e.check(ctx, lot); err != nil {
		return time.Time{}, err
	}
	return e.lastCommit(ctx, lot)
}

func (e *entrant) settleAll(ctx context.Context) error {
	if e.route {
		return nil // it answers when all is done
	}
	ctx, cancel := context.WithTimeout(ctx, settlePatience)
	defer cancel()
	return e.door.settle(ctx)
}

// check says what is wrong with the rows of a lot.
func (e *entrant) check(ctx context.Context, lot lot) error {
	if e.route || e.other {
		return e.checkCounts(ctx, lot)
	}
	return e.checkRows(ctx, lot)
}
