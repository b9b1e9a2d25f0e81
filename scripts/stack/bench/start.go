package main

import (
	"context"
	"errors"
	"fmt"
	"net/http"
	"time"

	"zoom-attendance/scripts/stack"
)

// measureStart: how soon is an event answered after the program was started,
// with nothing in the inbox, and with what a busy week leaves there?
func measureStart(ctx context.Context, b *bench) error {
	return b.withProject(ctx, stack.Template, func(p *project) error {
		lot, err := p.lessons(ctx, b.effort.retained)
		if err != nil {
			return err
		}
		if err := b.fillInbox(ctx, p, lot); err != nil {
			return fmt.Errorf("fill the inbox: %w", err)
		}
		var empty, full sample
		for n := range b.effort.starts {
			for _, one := range []struct {
				inbox string
				into  *sample
			}{{fmt.Sprintf("empty-%d", n), &empty}, {"full", &full}} {
				took, err := b.firstAnswer(ctx, p, one.inbox, lot.bodies[n])
				if err != nil {
					return err
				}
				*one.into = append(*one.into, inMillis(took))
			}
			say("start %d: empty %s, with a history %s", n+1, millis.write(empty[n]), millis.write(full[n]))
		}
		b.find("start: an empty inbox", millis, empty, fmt.Sprintf("from exec to the first 200, %d starts", b.effort.starts))
		b.find("start: an inbox with a history", millis, full, thousands(len(lot.bodies))+" applied events are kept")
		return nil
	})
}

// fillInbox has a sidecar apply a lot, and ends it.
func (b *bench) fillInbox(ctx context.Context, p *project, lot lot) error {
	d, err := p.newSidecar(b.sidecar, "full")
	if err != nil {
		return err
	}
	return whileOpen(ctx, &entrant{project: p, door: d}, func(e *entrant) error {
		if _, err := send(ctx, d, lot.bodies, senders); err != nil {
			return err
		}
		_, err := e.arrived(ctx, lot)
		return err
	})
}

// firstAnswer starts a sidecar and posts an event until it is answered 200.
func (b *bench) firstAnswer(ctx context.Context, p *project, inbox string, body []byte) (took time.Duration, err error) {
	d, err := p.newSidecar(b.sidecar, inbox)
	if err != nil {
		return 0, err
	}
	request := signed(d.address, body, time.Now())
	to := &wires{address: d.address}
	defer to.close()
	defer func() { err = errors.Join(err, d.stop()) }()
	began := time.Now()
	if err := d.launch(); err != nil {
		return 0, err
	}
	for time.Since(began) < startPatience && ctx.Err() == nil && d.program.Err() == nil {
		if status, err := to.post(request); err == nil && status == http.StatusOK {
			return time.Since(began), nil
		}
		pause(ctx, time.Millisecond)
	}
	return 0, fmt.Errorf("the sidecar answered nothing for %s: %w\n%s", time.Since(began), errors.Join(ctx.Err(), d.program.Err()), d.log.Tail(5))
}
