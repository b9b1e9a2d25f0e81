package board

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"net/http"
	"sync"
	"time"

	"zoom-attendance/sidecar/operator/watch"
)

const (
	lookEvery      = 2 * time.Second  // while somebody looks
	unmatchedEvery = 10 * time.Second // how often what cannot be matched is looked for
	rateOver       = 10 * time.Second // how long events a second are counted over
	lessonsWait    = 8 * time.Second  // for the database to tell the lessons, and as long for what cannot be matched
	maxUnmatched   = 50               // items of what cannot be matched
	streamsMost    = 16               // pages at once
	writeWait      = 10 * time.Second // for a client to take an event
)

// lessons are what the database last told of them.
type lessons struct {
	list  json.RawMessage // an array; null before the first answer
	on    int             // how many are in progress
	in    int             // and how many people in them
	fault string          // why the list is not as of now
}

// news is what the pages are told: as it goes over the wire.
type news struct {
	now       []byte
	lessons   piece
	unmatched piece
}

// piece is what is told when it has changed.
type piece struct {
	text    json.RawMessage
	version int
}

func (p *piece) set(text json.RawMessage) {
	if string(text) != string(p.text) {
		p.text = text
		p.version++
	}
}

// stream is a page that is told. Its channel holds at most one call to look at
// the news, so that a slow client gets the newest and holds up nobody.
type stream chan struct{}

// nowView is the event "now".
type nowView struct {
	At            time.Time  `json:"at"`
	Since         time.Time  `json:"since"`
	Version       string     `json:"version"`
	Timezone      string     `json:"timezone"`
	Rate          float64    `json:"rate"`
	Waiting       float64    `json:"waiting"`
	Later         float64    `json:"later"`
	Oldest        float64    `json:"oldest"`
	Dead          float64    `json:"dead"`
	Up            bool       `json:"up"`
	LastEvent     *time.Time `json:"last_event"`
	LastChallenge *time.Time `json:"last_challenge"`
	Lessons       *int       `json:"lessons"` // null: not known
	People        *int       `json:"people"`
	Fault         string     `json:"fault,omitempty"`
	Marks         []markView `json:"marks"`
}

type markView struct {
	Name   string    `json:"name"`
	Since  time.Time `json:"since"`
	Says   string    `json:"says"`
	Remedy string    `json:"remedy"`
}

// Run takes a sample each minute and, while somebody looks, tells them every two
// seconds how things are, until ctx ends. It returns nil.
func (b *Board) Run(ctx context.Context) error {
	b.mu.Lock()
	b.past.last = take(b.Metrics, time.Now())
	b.mu.Unlock()
	minute := time.NewTicker(sampleEvery)
	defer minute.Stop()
	look := time.NewTicker(lookEvery)
	look.Stop()
	defer look.Stop()
	asker := asker{school: b.School, answers: make(chan answer, 1)}
	defer asker.working.Wait()
	for {
		select {
		case <-ctx.Done():
			return nil
		case <-minute.C:
			b.mu.Lock()
			b.past.add(take(b.Metrics, time.Now()))
			b.mu.Unlock()
		case <-b.looked:
			look.Reset(lookEvery)
			asker.looked = time.Time{} // whoever opens a page is told how it is
			asker.begin(ctx)
			b.tell()
		case <-look.C:
			if !b.isWatched() {
				look.Stop()
				continue
			}
			asker.begin(ctx)
			b.tell()
		case told := <-asker.answers:
			asker.busy = false
			b.set(told)
			b.tell()
		}
	}
}

// asker asks the database for the lessons, and now and then for what cannot be matched,
// once at a time.
type asker struct {
	school  School
	answers chan answer
	busy    bool
	looked  time.Time // when it was last asked for what cannot be matched
	working sync.WaitGroup
}

type answer struct {
	lessons   lessons
	unmatched json.RawMessage // an object; nil: they were not asked for
}

func (a *asker) begin(ctx context.Context) {
	if a.busy {
		return
	}
	a.busy = true
	isDue := time.Since(a.looked) >= unmatchedEvery
	if isDue {
		a.looked = time.Now()
	}
	a.working.Go(func() {
		told := answer{lessons: lessonsOf(within(ctx, a.school.RecentLessons))}
		if isDue {
			told.unmatched = unmatchedOf(within(ctx, func(ctx context.Context) (json.RawMessage, error) {
				return a.school.Unmatched(ctx, maxUnmatched)
			}))
		}
		a.answers <- told
	})
}

// within asks, and does not wait for ever.
func within(ctx context.Context, ask func(context.Context) (json.RawMessage, error)) (json.RawMessage, error) {
	ctx, cancel := context.WithTimeout(ctx, lessonsWait)
	defer cancel()
	return ask(ctx)
}

// unmatchedOf is what a page is told: the answer, or why there is none.
func unmatchedOf(told json.RawMessage, err error) json.RawMessage {
	var each struct {
		Items []struct{ Says, Remedy string }
	}
	if err == nil && (json.Unmarshal(told, &each) != nil || each.Items == nil) {
		err = errors.New("unmatched_zoom answered something else than items")
	}
	if err != nil {
		told, _ = json.Marshal(map[string]string{"fault": err.Error()}) // of texts
	}
	return told
}

// lessonsOf counts what is in progress.
func lessonsOf(list json.RawMessage, err error) lessons {
	var each []struct {
		IsOn     bool `json:"is_on"`
		PeopleIn int  `json:"people_in"`
	}
	if err == nil {
		if err = json.Unmarshal(list, &each); err != nil {
			err = errors.New("recent_lessons answered something else than lessons")
		}
	}
	if err != nil {
		return lessons{fault: err.Error()}
	}
	l := lessons{list: list}
	for _, one := range each {
		if one.IsOn {
			l.on++
			l.in += one.PeopleIn
		}
	}
	return l
}

// set takes in an answer. Without one the lessons are those of before.
func (b *Board) set(told answer) {
	b.mu.Lock()
	defer b.mu.Unlock()
	if told.unmatched != nil {
		b.news.unmatched.set(told.unmatched)
	}
	if told.lessons.fault != "" {
		b.lessons.fault = told.lessons.fault
		return
	}
	b.news.lessons.set(told.lessons.list)
	b.lessons = told.lessons
}

// tell has every page told how things are.
func (b *Board) tell() {
	now := take(b.Metrics, time.Now())
	var marks []watch.Mark
	if b.Marks != nil {
		marks = b.Marks()
	}
	b.mu.Lock()
	defer b.mu.Unlock()
	view := nowView{
		At: now.at, Since: b.began, Version: b.Version, Timezone: b.Timezone, Rate: b.rateOf(now), Waiting: now.waiting, Later: now.later, Oldest: now.oldest,
		Dead: now.dead, Up: now.up, LastEvent: known(now.lastEvent), LastChallenge: known(now.lastChallenge), Fault: b.lessons.fault, Marks: []markView{},
	}
	for _, m := range marks {
		view.Marks = append(view.Marks, markView(m))
	}
	if b.lessons.list != nil && b.lessons.fault == "" {
		view.Lessons, view.People = &b.lessons.on, &b.lessons.in
	}
	b.news.now, _ = json.Marshal(view) // of numbers and texts
	for s := range b.streams {
		select {
		case s <- struct{}{}:
		default: // it has not looked since the last call
		}
	}
}

func known(at time.Time) *time.Time {
	if at.IsZero() {
		return nil
	}
	return &at
}

// rateOf is how many events a second came lately, or since the last minute if
// nobody looked meanwhile.
func (b *Board) rateOf(now reading) float64 {
	for len(b.recent) > 0 && now.at.Sub(b.recent[0].at) > rateOver+lookEvery {
		b.recent = b.recent[1:]
	}
	from := b.past.last
	if len(b.recent) > 0 {
		from = b.recent[0]
	}
	b.recent = append(b.recent, now)
	return rate(from, now)
}

func (b *Board) isWatched() bool {
	b.mu.Lock()
	defer b.mu.Unlock()
	return len(b.streams) > 0
}

// live is a stream of server-sent events, until the client goes, its session
// ends, or the board stops.
func (b *Board) live(w http.ResponseWriter, req *http.Request) {
	s := make(stream, 1)
	if !b.join(s) {
		w.Header().Set("Retry-After", "5")
		refuse(w, http.StatusServiceUnavailable, fmt.Sprintf("%d pages of the board are open, and more there may not be: close one", streamsMost))
		return
	}
	defer b.leave(s)
	w.Header().Set("Content-Type", "text/event-stream")
	w.Header().Set("X-Accel-Buffering", "no") // a proxy is to pass each event on
	out := http.NewResponseController(w)
	if out.SetReadDeadline(time.Time{}) != nil || write(w, out, "retry: 2000\n\n") != nil {
		return
	}
	lessons, unmatched := 0, 0 // the versions that were sent
	for {
		select {
		case <-req.Context().Done():
			return
		case <-b.life.Done():
			return
		case <-s:
		}
		b.mu.Lock()
		news := b.news
		b.mu.Unlock()
		text := fmt.Sprintf("event: now\ndata: %s\n\n", news.now)
		text += news.lessons.event("lessons", &lessons) + news.unmatched.event("unmatched", &unmatched)
		if write(w, out, text) != nil {
			return
		}
	}
}

// event is a piece of news as an event, if it is another version than was sent.
func (p piece) event(name string, sent *int) string {
	if p.version == *sent {
		return ""
	}
	*sent = p.version
	return fmt.Sprintf("event: %s\ndata: %s\n\n", name, oneLine(p.text))
}

// join counts a page in, if there is room, and has the clock run.
func (b *Board) join(s stream) bool {
	b.mu.Lock()
	defer b.mu.Unlock()
	if len(b.streams) >= streamsMost {
		return false
	}
	b.streams[s] = struct{}{}
	select {
	case b.looked <- struct{}{}:
	default:
	}
	return true
}

func (b *Board) leave(s stream) {
	b.mu.Lock()
	defer b.mu.Unlock()
	delete(b.streams, s)
	if len(b.streams) == 0 {
		b.recent = nil
	}
}

// write sends some events, for which the client has a while.
func write(w http.ResponseWriter, out *http.ResponseController, text string) error {
	if err := out.SetWriteDeadline(time.Now().Add(writeWait)); err != nil {
		return err
	}
	if _, err := w.Write([]byte(text)); err != nil {
		return err
	}
	return out.Flush()
}

// oneLine is JSON without line ends, which an event's data must not have.
func oneLine(text json.RawMessage) json.RawMessage {
	one, err := json.Marshal(text)
	if err != nil {
		return json.RawMessage("null")
	}
	return one
}
