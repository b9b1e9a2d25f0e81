package front_test

import (
	"context"
	"encoding/json"
	"fmt"
	"io"
	"maps"
	"math"
	"net/http"
	"net/url"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"zoom-attendance/sidecar/simulate"
)

const (
	boardToken = "an-invented-token-of-operators"
	hostile    = `<img src=x onerror="document.body.dataset.hacked='yes'">`
)

// looks are what the board is looked at with.
var looks = map[string]map[string]any{
	"wide":   {"width": 1280, "height": 800},
	"narrow": {"width": 390, "height": 844, "dark": true},
}

// boards is the operators' board, seen by several browsers at once.
type boards struct {
	*school
	*browser
}

func openBoard(t testing.TB) boards {
	return boards{newSchool(t, "ADMIN_TOKEN="+boardToken), openBrowser(t)}
}

// signIn opens a page at the board, signs in, and returns when it is live.
func (b boards) signIn(page string) {
	b.school.t.Helper()
	b.enter(page)
	b.until(page, isLive)
}

// open opens a page at an address.
func (b boards) open(page, address string) {
	b.school.t.Helper()
	command := map[string]any{"do": "open", "page": page, "url": address}
	maps.Copy(command, looks[page])
	b.do(command)
}

// enter opens a page at the board and signs in.
func (b boards) enter(page string) {
	b.school.t.Helper()
	b.open(page, b.sidecar.Admin)
	b.until(page, `location.pathname === '/sign-in'`)
	b.fill(page, "#token", boardToken)
	b.press(page, "Enter")
}

const isLive = `document.body.dataset.link === 'live'`

func (b boards) fill(page, into, text string) {
	b.do(map[string]any{"do": "fill", "page": page, "into": into, "text": text})
}

func (b boards) press(page string, keys ...string) {
	b.do(map[string]any{"do": "press", "page": page, "keys": keys})
}

func (b boards) click(page, on string) {
	b.do(map[string]any{"do": "click", "page": page, "on": on})
}

// lookAt takes a screenshot of each page, and has axe-core look at it.
func (b boards) lookAt(name string) {
	b.school.t.Helper()
	everywhere(func(page string) {
		b.picture(page, name)
		b.accessible(page)
	})
}

// lookAround also takes one of each in the other colour scheme.
func (b boards) lookAround(name string) {
	b.school.t.Helper()
	b.lookAt(name)
	for page, scheme := range map[string]string{"wide": "dark", "narrow": "light"} {
		b.do(map[string]any{"do": "paint", "page": page, "scheme": scheme})
		b.picture(page, name+" "+scheme)
		b.do(map[string]any{"do": "paint", "page": page, "scheme": map[string]string{"dark": "light", "light": "dark"}[scheme]})
	}
}

// picture takes a screenshot: of what is in the window where the whole would be long.
func (b boards) picture(page, name string) {
	b.school.t.Helper()
	only := strings.Contains(name, "why") || strings.Contains(name, "thousand")
	b.do(map[string]any{"do": "shoot", "page": page, "only": only, "path": filepath.Join(screenshots, fmt.Sprintf("board %s %s.png", name, page))})
}

// accessible: axe-core finds nothing but the minor, and nothing sticks out at the side.
func (b boards) accessible(page string) {
	b.school.t.Helper()
	require.True(b.school.t, read[bool](b.browser, page, "document.documentElement.scrollWidth <= innerWidth"), "%s is too wide", page)
	var faults []string
	require.NoError(b.school.t, json.Unmarshal(b.do(map[string]any{"do": "axe", "page": page}), &faults))
	require.Empty(b.school.t, faults, page)
}

// everywhere does something in each page.
func everywhere(do func(page string)) {
	for page := range looks {
		do(page)
	}
}

func (b boards) goTo(view, condition string) {
	b.school.t.Helper()
	everywhere(func(page string) {
		read[any](b.browser, page, fmt.Sprintf("location.hash = %q", view))
		b.until(page, condition)
	})
}

// lessonOfTheBoard is a lesson with all sorts of trouble, and somebody whose name
// is meant to be obeyed.
func (b boards) lessonOfTheBoard() []simulate.Event {
	b.exec("update users set name = $1 where email = 'lucas.silva@school.test'", hostile)
	return b.lesson(simulate.Options{Seed: 11, Absent: 0.1, Late: 0.15, Guests: 0.05, Dropouts: 0.4, Breakouts: 0.2, TwoDevices: 0.2, Lost: 0.05}).Events(simulate.Disorder{})
}

func TestTheBoardShowsWhatIsGoingOn(t *testing.T) {
	b := openBoard(t)
	everywhere(func(page string) { b.signIn(page) })
	b.until("wide", `document.querySelector('#now-title').textContent === 'All is well'`)
	b.until("wide", `document.querySelector('#on-nothing').textContent === 'No lesson is in progress.'`)
	events := b.lessonOfTheBoard()

	// A lesson begins, and the page says so by itself.
	half := len(events) / 2
	b.send(events[:half], 0)
	everywhere(func(page string) {
		b.until(page, vital("lessons", "1"))
		b.until(page, vital("people", fmt.Sprint(value[int](b.school, "select count(*) from zoom_participants where status = 'joined'"))))
		b.until(page, `document.querySelectorAll('#on li').length === 1`)
	})
	b.lookAround("1 now")
	require.NotContains(t, read[string](b.browser, "wide", "document.querySelector('[data-view=now]').textContent"), "@", "nothing of a person is there")

	address := "lesson/" + lessonNumber + "/" + value[string](b.school, "select max(held_on)::text from zoom.lessons")
	b.goTo(address, `document.querySelectorAll('#lesson-people li').length > 42`)
	b.lookAt("2 lesson")

	// It goes on while it is looked at.
	b.send(events[half:], 0)
	everywhere(func(page string) { b.until(page, `document.querySelector('#lesson-status').textContent === 'Over'`) })
	b.until("wide", `document.querySelectorAll('[data-verdict=partial]').length === `+fmt.Sprint(value[int](b.school, "select count(*) from attendance_records where status = 'partial'")))
	b.lookAround("3 lesson over")

	maria := b.id(student)
	everywhere(func(page string) {
		b.click(page, `li[data-key="`+maria+`"] button`)
		b.until(page, `document.querySelector('#why .answer')?.textContent.startsWith('Maria Oliveira is marked ')`)
	})
	b.lookAt("4 why")

	b.goTo("now", `document.querySelectorAll('#before li').length === 1`)
	b.lookAt("5 now after")

	b.goTo("lessons", `document.querySelectorAll('#lessons li').length === 1`)
	b.lookAt("6 lessons")

	b.goTo("history", `document.querySelectorAll('.u-wrap canvas').length > 3`)
	b.until("wide", `document.querySelector('#history-rows td').textContent !== '0'`)
	b.accessible("wide")

	everywhere(func(page string) {
		b.do(map[string]any{"do": "pretend", "page": page, "url": "**/board/history", "answer": aDay()})
		read[any](b.browser, page, "location.hash = 'now'")
		b.until(page, `!document.querySelector('[data-view=now]').hidden`)
	})
	b.goTo("history", `document.querySelectorAll('#history-rows tr').length > 20`)
	b.lookAround("7 history")

	everywhere(func(page string) {
		require.Equal(t, "", read[string](b.browser, page, "document.body.dataset.hacked ?? ''"))
		for _, address := range b.asked(page) {
			require.True(t, strings.HasPrefix(address, b.sidecar.Admin), "%s is somebody else's", address)
			require.NotContains(t, address, boardToken)
			require.NotContains(t, address, maria, "whom somebody looks at is in no address")
		}
	})
	require.NotContains(t, b.sidecar.Log(), boardToken)
	require.NotContains(t, b.sidecar.Log(), "onerror")
}

func (b boards) asked(page string) (addresses []string) {
	b.school.t.Helper()
	require.NoError(b.school.t, json.Unmarshal(b.do(map[string]any{"do": "asked", "page": page}), &addresses))
	require.NotEmpty(b.school.t, addresses)
	return addresses
}

func TestTheBoardShowsWhatAnAdminShouldLookAt(t *testing.T) {
	b := openBoard(t)
	everywhere(func(page string) { b.signIn(page) })
	b.until("wide", `document.querySelector('#now-title').textContent === 'All is well' && document.querySelector('#unmatched-section').hidden`)

	// Numbers that are none, a title that is hostile, a class of another teacher, and two users of one e-mail.
	b.exec(`insert into users (email, name, role) values ('twice@school.test', 'Ana Lima', 'student'), ('Twice@school.test', 'Ana B. Lima', 'student')`)
	b.exec(`insert into zoom_meetings (zoom_meeting_id, title, start_time, join_url, created_at)
		select '830 000 ' || n, 'Revision ' || n, now(), 'https://zoom.test/j', now() - n * interval '1 day' from generate_series(1, 7) n`)
	b.exec(`update zoom_meetings set title = $1, host_id = (select id from users where role = 'teacher' order by id limit 1) where title = 'Revision 1'`, hostile)
	everywhere(func(page string) {
		b.until(page, `document.querySelectorAll('#unmatched li').length === 5`)
		require.Contains(t, read[string](b.browser, page, "document.querySelector('#unmatched').textContent"), "An admin writes the number as Zoom has it")
		require.Contains(t, read[string](b.browser, page, "document.querySelector('#unmatched').textContent"), "Ana B. Lima, Ana Lima")
		require.NotContains(t, read[string](b.browser, page, "document.querySelector('[data-view=now]').textContent"), "@")
	})
	b.lookAround("16 unmatched")
	everywhere(func(page string) {
		b.click(page, "#unmatched-more")
		b.until(page, `document.querySelectorAll('#unmatched li').length === 8`)
		b.click(page, "#unmatched-more")
		b.until(page, `document.querySelectorAll('#unmatched li').length === 5`)
		require.Equal(t, "", read[string](b.browser, page, "document.body.dataset.hacked ?? ''"))
	})

	// An admin mends them, and they go.
	b.exec(`update zoom_meetings set zoom_meeting_id = replace(zoom_meeting_id, '830 000 ', '83000000')`)
	b.exec(`update users set email = 'ana.b@school.test' where email = 'Twice@school.test'`)
	everywhere(func(page string) { b.until(page, `document.querySelector('#unmatched-section').hidden`) })
	b.exec("revoke execute on function unmatched_zoom from service_role")
	b.until("wide", `document.querySelector('#unmatched-about').textContent.startsWith('Whether there is anything is not known')`)
}

// A database that refuses an event for good, until somebody mends it.
const (
	refuse = `
		create function zoom.refuse() returns trigger language plpgsql set search_path = '' as $$
		begin
			raise exception 'not on a Thursday';
		end
		$$;
		create trigger refuse before insert on zoom.marks for each row when (new.kind = 'joined') execute function zoom.refuse()`
	relent = `drop function zoom.refuse() cascade`
)

func TestDeadLettersAreLookedAtReplayedAndDropped(t *testing.T) {
	b := openBoard(t)
	everywhere(func(page string) { b.signIn(page) })
	b.goTo("dead", `document.querySelector('#dead-nothing').textContent.startsWith('There are none')`)
	b.accessible("wide")

	b.exec(refuse)
	b.send(joins(b.lessonOfTheBoard(), 3), 0)
	everywhere(func(page string) {
		b.until(page, `document.querySelectorAll('#letters li').length === 3 && document.querySelector('#dead-count').textContent === '3'`)
	})
	require.NotContains(t, read[string](b.browser, "wide", "document.body.textContent"), "@", "a list names nobody")
	b.lookAt("8 dead")

	// The event is there for whoever asks, and gone with the view.
	everywhere(func(page string) {
		b.click(page, "#letters li:first-child [data-do=show]")
		b.until(page, `document.querySelector('#letters pre').textContent.includes('@school.test')`)
	})
	b.lookAround("9 dead shown")

	// What still cannot be applied comes back.
	b.click("wide", "#letters li:first-child [data-do=replay]")
	b.until("wide", `document.querySelectorAll('#letters li').length === 3 && document.querySelector('#letters').textContent.includes('at try 2')`)
	b.exec(relent)
	b.click("wide", "#letters li:first-child [data-do=replay]")
	b.until("wide", `document.querySelectorAll('#letters li').length === 2`)
	b.sidecar.AwaitSettled()
	require.Equal(t, 1, value[int](b.school, "select count(*) from zoom.marks"))

	// Nothing is dropped without a second word.
	b.click("wide", "#letters li:first-child [data-do=drop]")
	b.until("wide", `document.querySelector('#ask').open`)
	b.shoot("wide", "board 10 drop")
	b.accessible("wide")
	b.press("wide", "Escape")
	b.until("wide", `!document.querySelector('#ask').open && document.querySelectorAll('#letters li').length === 2`)
	b.click("wide", "#letters li:first-child [data-do=drop]")
	b.click("wide", "#ask button[value=yes]")
	b.until("wide", `document.querySelectorAll('#letters li').length === 1 && document.querySelector('#dead-said').textContent.endsWith('was dropped.')`)
	b.click("wide", "#dead-all")
	b.click("wide", "#ask button[value=yes]")
	everywhere(func(page string) { b.until(page, `document.querySelectorAll('#letters li').length === 0`) })
	b.sidecar.AwaitSettled()
	require.Equal(t, 2, value[int](b.school, "select count(*) from zoom.marks"))
}

// joins are the first n events that say that somebody came.
func joins(events []simulate.Event, n int) (some []simulate.Event) {
	for _, event := range events {
		if strings.Contains(string(event.Body), "participant_joined") && len(some) < n {
			some = append(some, event)
		}
	}
	return some
}

func TestTheBoardIsUsedWithoutAMouse(t *testing.T) {
	b := openBoard(t)
	b.signIn("wide")
	b.send(b.lessonOfTheBoard(), 0)
	focused := func(what string) string { return fmt.Sprintf(`document.activeElement.matches(%q)`, what) }
	b.until("wide", `document.querySelectorAll('#before li').length === 1`)
	b.press("wide", "Tab")
	b.until("wide", focused("#skip"))
	b.press("wide", "Enter", "Tab")
	b.until("wide", focused("#before a"))
	b.press("wide", "Enter")
	b.until("wide", `document.querySelectorAll('#lesson-people li').length > 42 && `+focused("#lesson-title"))
	for range 20 {
		if b.press("wide", "Tab"); read[bool](b.browser, "wide", focused("#lesson-people button")) {
			break
		}
	}
	b.until("wide", focused("#lesson-people li:first-child button"))
	b.press("wide", "ArrowDown", "ArrowDown", "ArrowUp")
	b.until("wide", focused("#lesson-people li:nth-child(2) button"))
	b.shoot("wide", "board 11 keys")
	b.press("wide", "End")
	b.until("wide", focused("#lesson-people li:last-child button"))
	b.press("wide", "Home", "Enter")
	b.until("wide", `document.querySelector('#why .answer')?.textContent.includes('onerror=') && document.querySelector('#why').contains(document.activeElement)`)
	b.press("wide", "Escape")
	b.until("wide", `!document.querySelector('#why').open && `+focused("#lesson-people li:first-child button"))
	read[any](b.browser, "wide", "history.back()")
	b.until("wide", `!document.querySelector('[data-view=now]').hidden && location.hash === ''`)
	require.Zero(t, read[int](b.browser, "wide", "document.querySelectorAll('#lesson-people img').length"))
}

func TestTheBoardSaysWhenItIsNotLive(t *testing.T) {
	b := openBoard(t)
	b.signIn("wide")
	b.signIn("narrow")
	b.accessible("wide")

	// The database is away: the numbers go on, and the page says what is wrong.
	b.exec("revoke execute on function recent_lessons from service_role")
	b.until("wide", `document.querySelector('#now-title').textContent === 'Events flow, but the lessons cannot be shown'`)
	b.shoot("wide", "board 12 no lessons")
	b.accessible("wide")
	b.exec("grant execute on function recent_lessons to service_role")
	b.until("wide", `document.querySelector('#now-title').textContent === 'All is well'`)

	// Signing out ends what is open in that session, and no other.
	// Whoever signs in again is where they were.
	read[any](b.browser, "wide", "location.hash = 'history'")
	read[any](b.browser, "wide", "fetch('/sign-out', {method: 'POST', redirect: 'manual'}).then(() => null)")
	b.until("wide", `location.pathname === '/sign-in'`)
	b.fill("wide", "#token", boardToken)
	b.press("wide", "Enter")
	b.until("wide", isLive+` && location.hash === '#history' && !document.querySelector('[data-view=history]').hidden`)
	b.click("wide", ".top form button")
	b.until("wide", `location.pathname === '/sign-in'`)
	b.until("narrow", isLive)

	// More pages than there may be: it says so, and is live when there is room.
	leave := b.crowd(15) // and one is open
	b.enter("another")
	b.until("another", `document.querySelector('#link')?.textContent === 'Too many pages are open'`)
	leave()
	b.until("another", isLive)

	// The sidecar stops, with a page open.
	b.sidecar.Stop()
	b.until("narrow", `document.body.dataset.link === 'lost'`)
	b.shoot("narrow", "board 13 not live")
}

func TestWhoHasNotSignedInSeesTheDoor(t *testing.T) {
	b := openBoard(t)
	everywhere(func(page string) {
		b.open(page, b.sidecar.Admin)
		b.until(page, `location.href === origin + '/sign-in'`)
	})
	b.lookAt("0 door")
	everywhere(func(page string) {
		b.fill(page, "#token", "not-the-token-of-operators")
		b.press(page, "Enter")
		b.until(page, `document.querySelector('#says')?.textContent.startsWith('That is not the ADMIN_TOKEN')`)
	})
	b.accessible("wide")
	b.shoot("wide", "board 0 wrong")

	for _, path := range []string{"/", "/board/board.js", "/board/live", "/board/history", "/board/lesson?meeting=1&date=2026-03-02", "/dead"} {
		require.Equal(t, http.StatusUnauthorized, b.status(http.MethodGet, path, nil), path)
	}
	require.Equal(t, http.StatusUnauthorized, b.status(http.MethodPost, "/board/why", nil))

	// With a cookie, and from another page, nothing is changed.
	cookie := b.cookie()
	for sentence, c := range map[string]struct {
		header http.Header
		status int
	}{
		"the board's own page":              {http.Header{"Cookie": {cookie}, "Sec-Fetch-Site": {"same-origin"}}, http.StatusNotFound}, // there is no such letter
		"a page elsewhere":                  {http.Header{"Cookie": {cookie}, "Sec-Fetch-Site": {"cross-site"}}, http.StatusForbidden},
		"a page at another port":            {http.Header{"Cookie": {cookie}, "Sec-Fetch-Site": {"same-site"}}, http.StatusForbidden},
		"a page elsewhere, an old browser":  {http.Header{"Cookie": {cookie}, "Origin": {"https://elsewhere.test"}}, http.StatusForbidden},
		"the board's own, an old browser":   {http.Header{"Cookie": {cookie}, "Origin": {b.sidecar.Admin}}, http.StatusNotFound},
		"something that says nothing of it": {http.Header{"Cookie": {cookie}}, http.StatusForbidden},
	} {
		require.Equal(t, c.status, b.status(http.MethodPost, "/dead/1/replay", c.header), sentence)
	}
}

// crowd holds so many streams open until the function it returns is called.
func (b boards) crowd(n int) (leave func()) {
	b.school.t.Helper()
	cookie := b.cookie()
	ctx, cancel := context.WithCancel(b.school.t.Context())
	for range n {
		request, err := http.NewRequestWithContext(ctx, http.MethodGet, b.sidecar.Admin+"/board/live", nil)
		require.NoError(b.school.t, err)
		request.Header.Set("Cookie", cookie)
		response, err := http.DefaultTransport.RoundTrip(request)
		require.NoError(b.school.t, err)
		require.Equal(b.school.t, http.StatusOK, response.StatusCode)
		b.school.t.Cleanup(func() { _ = response.Body.Close() })
	}
	return cancel
}

// status is what the admin address answers to a request.
func (b boards) status(method, path string, header http.Header) int {
	b.school.t.Helper()
	request, err := http.NewRequestWithContext(b.school.t.Context(), method, b.sidecar.Admin+path, nil)
	require.NoError(b.school.t, err)
	if header != nil {
		request.Header = header
	}
	request.Close = true
	response, err := http.DefaultTransport.RoundTrip(request)
	require.NoError(b.school.t, err)
	_, _ = io.Copy(io.Discard, response.Body)
	require.NoError(b.school.t, response.Body.Close())
	return response.StatusCode
}

// cookie signs in by hand and returns the session's cookie.
func (b boards) cookie() string {
	b.school.t.Helper()
	response, err := (&http.Client{CheckRedirect: func(*http.Request, []*http.Request) error { return http.ErrUseLastResponse }}).
		PostForm(b.sidecar.Admin+"/sign-in", url.Values{"token": {boardToken}})
	require.NoError(b.school.t, err)
	require.NoError(b.school.t, response.Body.Close())
	require.Equal(b.school.t, http.StatusSeeOther, response.StatusCode)
	cookies := response.Cookies()
	require.Len(b.school.t, cookies, 1)
	return cookies[0].Name + "=" + cookies[0].Value
}

// vital is the condition that a number on the board is this.
func vital(name, value string) string {
	return fmt.Sprintf(`document.querySelector('[data-vital=%s] strong')?.textContent === %q`, name, value)
}

// aDay is a history made up: a school's day, with an outage at noon.
func aDay() map[string]any {
	begin := time.Now().Add(-24 * time.Hour).Truncate(time.Minute)
	columns := map[string][]any{}
	for i := range 24 * 60 {
		at := begin.Add(time.Duration(i) * time.Minute)
		hour := float64(at.Hour()) + float64(at.Minute())/60
		busy := math.Exp(-math.Pow((hour-10)/2.5, 2)) * (1 + 0.8*math.Sin(float64(i)/7))
		down := at.Hour() == 12 && at.Minute() < 20
		columns["at"] = append(columns["at"], at.Unix())
		columns["rate"] = append(columns["rate"], 14*busy)
		waiting, delay := 0.0, any(0.003+0.004*busy)
		if down {
			waiting, delay = float64(at.Minute())*9, nil
		}
		top := any(0.011 + 0.02*busy)
		if busy < 0.01 {
			delay, top = nil, nil
		}
		columns["waiting"] = append(columns["waiting"], waiting)
		columns["delay_half"] = append(columns["delay_half"], delay)
		columns["delay_top"] = append(columns["delay_top"], top)
		columns["answer_half"] = append(columns["answer_half"], delay)
		columns["answer_top"] = append(columns["answer_top"], top)
	}
	day := map[string]any{"since": begin}
	for name, values := range columns {
		day[name] = values
	}
	return day
}
