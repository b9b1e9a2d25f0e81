package main

import (
	"context"
	"fmt"
	"slices"
	"time"
)

// The constant loads, in events a second, as far as each keeps up.
var (
	sidecarRates = []float64{50, 100, 200, 500, 1000, 2000, 4000, 8000, 16000}
	routeRates   = []float64{50, 100, 150, 200, 250, 300, 400, 500, 750, 1000, 1500, 2000}
)

// yardstick is the load at which the sidecar is judged.
const yardstick = 1000.0

// point is how a load was answered, round by round, in milliseconds.
type point struct {
	rate           float64
	p50, p99, most sample
	keptUp         int // in so many rounds
}

// kept says whether the load was kept up with in most of the rounds.
func (p *point) kept(rounds int) bool { return 2*p.keptUp > rounds }

// curve is a contestant's points, by rising load.
type curve struct {
	name   string
	points []*point
}

// measureLatency offers the sidecar and the route higher and higher loads.
func measureLatency(ctx context.Context, b *bench) error {
	return b.withSidecar(ctx, func(sidecar *entrant) error {
		return b.withRoute(ctx, func(route *entrant) error {
			if err := sidecar.warm(ctx, b.effort.warm); err != nil {
				return err
			}
			if err := route.warm(ctx, b.effort.routeEvents); err != nil {
				return err
			}
			ours, theirs := &curve{name: "sidecar"}, &curve{name: "route"}
			for range b.effort.rounds {
				if err := b.climb(ctx, sidecar, ours, sidecarRates); err != nil {
					return err
				}
				if err := b.climb(ctx, route, theirs, routeRates); err != nil {
					return err
				}
			}
			b.curves = []curve{*ours, *theirs}
			b.findLatency(ours, theirs)
			return nil
		})
	})
}

// climb offers one load after another until one is too high.
func (b *bench) climb(ctx context.Context, e *entrant, c *curve, rates []float64) error {
	for _, rate := range rates {
		if rate > b.effort.topRate {
			return nil
		}
		kept, err := b.offer(ctx, e, c.at(rate))
		if err != nil {
			return fmt.Errorf("%s at %.0f/s: %w", c.name, rate, err)
		}
		if !kept {
			return nil
		}
	}
	return nil
}

// offer offers a load and notes how it was answered.
func (b *bench) offer(ctx context.Context, e *entrant, p *point) (kept bool, err error) {
	lot, err := e.lessons(ctx, max(int(p.rate*b.effort.offered.Seconds()), b.effort.fewest))
	if err != nil {
		return false, err
	}
	if err := e.calm(ctx); err != nil {
		return false, err
	}
	d, err := sendAtRate(ctx, e.door, lot.bodies, p.rate)
	if err != nil {
		return false, err
	}
	_, wrong := e.arrived(ctx, lot)
	if wrong != nil && (!e.route || ctx.Err() != nil) {
		return false, wrong
	}
	all := d.latencies()
	p.p50 = append(p.p50, inMillis(percentile(all, 50)))
	p.p99 = append(p.p99, inMillis(percentile(all, 99)))
	p.most = append(p.most, inMillis(percentile(all, 100)))
	kept = wrong == nil && keptUp(len(lot.bodies), p.rate, d.took()) // the route loses rows where requests cross
	if kept {
		p.keptUp++
	}
	name, end := "sidecar", ""
	if e.route {
		name = "route"
	}
	if !kept {
		end = ", which is too much"
	}
	if wrong != nil {
		end += ": " + wrong.Error()
	}
	say("%s at %s: p50 %s, p99 %s, max %s%s", name, perSecond.write(p.rate),
		millis.write(inMillis(percentile(all, 50))), millis.write(inMillis(percentile(all, 99))), millis.write(inMillis(percentile(all, 100))), end)
	return kept, nil
}

// keptUp says whether so many events at a rate were all answered about as soon
// as the last of them was sent.
func keptUp(events int, rate float64, took time.Duration) bool {
	offered := time.Duration(float64(events) / rate * float64(time.Second))
	return took <= offered+max(offered/20, 250*time.Millisecond)
}

// at is the point of a load.
func (c *curve) at(rate float64) *point {
	i := slices.IndexFunc(c.points, func(p *point) bool { return p.rate >= rate })
	if i < 0 {
		i = len(c.points)
	}
	if i == len(c.points) || c.points[i].rate != rate {
		c.points = slices.Insert(c.points, i, &point{rate: rate})
	}
	return c.points[i]
}

// best is the highest load that was kept up with in most of the rounds, and
// those below it; nil if there is none.
func (c *curve) best(rounds int) *point {
	var top *point
	for _, p := range c.points {
		if !p.kept(rounds) {
			break
		}
		top = p
	}
	return top
}

func (b *bench) findLatency(ours, theirs *curve) {
	at := &point{}
	if i := slices.IndexFunc(ours.points, func(p *point) bool { return p.rate == yardstick }); i >= 0 {
		at = ours.points[i]
	}
	b.find("latency: sidecar p50 at 1,000/s", millis, at.p50, "from when it was to be sent, whatever came before")
	b.find("latency: sidecar p99 at 1,000/s", millis, at.p99, "")
	b.find("latency: sidecar max at 1,000/s", millis, at.most, "")
	if most := ours.best(b.effort.rounds); most != nil {
		b.find("latency: sidecar keeps up with", perSecond, sample{most.rate}, "of the loads that were tried")
	}
	most := theirs.best(b.effort.rounds)
	if most == nil {
		b.find("latency: route p99 at its best", millis, nil, "it kept up with none of the loads")
		return
	}
	b.find("latency: route keeps up with", perSecond, sample{most.rate}, "of the loads that were tried")
	b.find("latency: route p99 at its best", millis, most.p99, "")
	b.find("latency: route p99 at its best ÷ sidecar p99 at 1,000/s", ratio, most.p99.over(at.p99), "")
}
