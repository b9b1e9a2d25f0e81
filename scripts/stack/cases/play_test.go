package cases_test

import (
	"context"
	"crypto/sha256"
	"encoding/hex"
	"encoding/json"
	"fmt"
	"maps"
	"slices"
	"time"

	"github.com/jackc/pgx/v5"
	"github.com/jackc/pgx/v5/pgconn"
)

// order is one in which a story may be played.
type order string

const (
	asTold    order = "as told"
	backwards order = "told after all and backwards"
	apart     order = "each event alone, and once more"
)

// play is a story being played in a world.
type play struct {
	*world
	story   story
	policy  map[string]any
	shift   time.Duration     // from the story's clock to the real one
	began   time.Time         // the present, before anything of the story was done now
	symbols map[string]string // by id
	unknown []event           // the inbox keeps them until a row has their number
}

// tell plays a story from its beginning.
func (w *world) tell(ctx context.Context, s story, in order) error {
	p := newPlay(w, s)
	if err := p.beginning(ctx); err != nil {
		return fmt.Errorf("the school: %w", err)
	}
	for _, chapter := range chapters(s.steps) {
		if err := p.tell(ctx, chapter, in); err != nil {
			return err
		}
	}
	return nil
}

func newPlay(w *world, s story) *play {
	p := &play{world: w, story: s, policy: maps.Clone(s.policy), began: time.Now(), symbols: map[string]string{}}
	if !s.now.IsZero() {
		p.shift = p.began.Sub(s.now).Truncate(time.Second)
	}
	for _, symbol := range append(slices.Collect(maps.Keys(people)), "class", "class2", "meeting") {
		p.symbols[id(symbol)] = symbol
	}
	return p
}

// chapters splits the steps so that one which stays put is always by itself.
func chapters(steps []step) [][]step {
	var all [][]step
	open := false
	for _, s := range steps {
		if s.staysPut() || !open {
			all = append(all, nil)
		}
		all[len(all)-1] = append(all[len(all)-1], s)
		open = !s.staysPut()
	}
	return all
}

// tell plays a chapter.
func (p *play) tell(ctx context.Context, chapter []step, in order) error {
	var last []event
	for _, s := range chapter {
		if s.kind == told && in == backwards {
			last = append(last, s.events...)
			continue
		}
		if err := p.do(ctx, s, in); err != nil {
			return fmt.Errorf("line %d: %w", s.line, err)
		}
	}
	slices.Reverse(last)
	return p.apply(ctx, last)
}

// do makes one step.
func (p *play) do(ctx context.Context, s step, in order) error {
	switch s.kind {
	case told:
		return p.hear(ctx, s.events, in)
	case changed:
		if err := p.change(ctx, s); err != nil {
			return err
		}
		return p.applyUnknown(ctx)
	case settings:
		if err := json.Unmarshal([]byte(s.text), &p.policy); err != nil {
			return err
		}
		return p.write(ctx, "", p.moment(s.at), func(tx pgx.Tx) error {
			_, err := tx.Exec(ctx, "select public.apply_zoom_events('[]', $1)", p.policy)
			return err
		})
	case database:
		_, err := p.db.Exec(ctx, p.sql(s.text))
		return err
	case rejudge:
		return p.rejudge(ctx, s.text)
	default:
		if err := p.catchUp(ctx); err != nil {
			return err
		}
		return p.check(ctx, s.wants)
	}
}

// hear gives the events of one line to the database.
func (p *play) hear(ctx context.Context, events []event, in order) error {
	if in == apart {
		for _, one := range events {
			if err := p.apply(ctx, []event{one}); err != nil {
				return err
			}
		}
	}
	if err := p.apply(ctx, events); err != nil || in == apart {
		return err
	}
	return p.catchUp(ctx)
}

func (p *play) change(ctx context.Context, s step) error {
	return p.write(ctx, s.as, p.moment(s.at), func(tx pgx.Tx) error {
		done, err := tx.Exec(ctx, p.sql(s.text))
		if err == nil && done.RowsAffected() == 0 {
			err = fmt.Errorf("it changes nothing")
		}
		return err
	})
}

func (p *play) rejudge(ctx context.Context, chosen string) error {
	var outcome string
	err := p.call(ctx, "select public.rejudge_zoom($1) ->> 'outcome'", &outcome, json.RawMessage(chosen))
	if err == nil && outcome != "ok" {
		err = fmt.Errorf("rejudge_zoom answers %s", outcome)
	}
	return err
}

// real is the moment of the present that one of the story is; never is never.
func (p *play) real(at time.Time) time.Time { return at.Add(p.shift) }

func (p *play) moment(at time.Time) time.Time {
	if at.IsZero() {
		return at
	}
	return p.real(at)
}

// apply gives events to the database as one batch, and keeps those of meetings
// that have no row.
func (p *play) apply(ctx context.Context, events []event) error {
	if len(events) == 0 {
		return nil
	}
	facts := []map[string]any{}
	for _, e := range events {
		facts = append(facts, p.fact(e))
	}
	var outcomes []string
	if err := p.call(ctx, "select public.apply_zoom_events($1, $2)", &outcomes, facts, p.policy); err != nil {
		return fmt.Errorf("apply_zoom_events: %w", err)
	}
	if len(outcomes) != len(events) {
		return fmt.Errorf("apply_zoom_events answers %d events with %d outcomes", len(events), len(outcomes))
	}
	for i, outcome := range outcomes {
		if outcome == "unknown_meeting" {
			p.unknown = append(p.unknown, events[i])
		}
	}
	return nil
}

// applyUnknown applies again what was of no meeting, as the sidecar does when rows
// appear.
func (p *play) applyUnknown(ctx context.Context) error {
	waiting := p.unknown
	p.unknown = nil
	return p.apply(ctx, waiting)
}

// catchUp has the database judge all that is due.
func (p *play) catchUp(ctx context.Context) error {
	var left int
	for range 100 {
		if err := p.call(ctx, "select (public.catch_up_zoom() ->> 'left')::int", &left); err != nil {
			return fmt.Errorf("catch_up_zoom: %w", err)
		}
		if left == 0 {
			return nil
		}
	}
	return fmt.Errorf("catch_up_zoom has %d left, however often it is called", left)
}

// call asks the database as the sidecar does.
func (p *play) call(ctx context.Context, sql string, answer any, args ...any) error {
	return p.as(ctx, p.db, "service_role", `{"role": "service_role"}`, func() error {
		return p.db.QueryRow(ctx, sql, args...).Scan(answer)
	})
}

// as does something in a role, with the claims that PostgREST would set.
func (p *play) as(ctx context.Context, db interface {
	Exec(context.Context, string, ...any) (pgconn.CommandTag, error)
}, role, claims string, do func() error) error {
	const become = "select set_config('role', $1, false), set_config('request.jwt.claims', $2, false)"
	if _, err := db.Exec(ctx, become, role, claims); err != nil {
		return err
	}
	err := do()
	if _, back := db.Exec(ctx, become, "none", ""); err == nil {
		err = back
	}
	return err
}

// fact is an event as the sidecar passes it on.
func (p *play) fact(e event) map[string]any {
	fact := map[string]any{"kind": e.kind, "meeting": number}
	put := func(field, value string) {
		if value != "" && value != "-" {
			fact[field] = value
		} else {
			delete(fact, field)
		}
	}
	if !e.at.IsZero() {
		put("at", p.real(e.at).Format(time.RFC3339))
	}
	if e.kind == "app_joined" || e.kind == "app_left" {
		put("user", id(e.person))
		return fact
	}
	put("instance", e.instance)
	if e.person != "" {
		put("email", people[e.person].email(e.person))
		put("name", people[e.person].name)
	}
	if e.segment != "" {
		put("segment", e.segment)
		put("connection", "connection "+e.instance+" "+e.segment)
	}
	for name, value := range e.more {
		switch name {
		case "told":
		case "approximate":
			fact["approximate"] = true
		case "start":
			put("start", "")
			if at, err := time.Parse("2006-01-02T15:04:05", value); err == nil {
				put("start", p.real(at).Format(time.RFC3339))
			}
		default:
			put(fields[name], value)
		}
	}
	if e.at.IsZero() {
		body, _ := json.Marshal(fact) // the like of it: equal bodies have equal hashes
		hash := sha256.Sum256(body)
		fact["body_hash"] = hex.EncodeToString(hash[:])
	}
	accepted := p.real(e.told)
	if e.toldNow {
		accepted = p.began
	}
	fact["accepted"] = accepted.UTC().Format("2006-01-02T15:04:05.000000Z")
	return fact
}
