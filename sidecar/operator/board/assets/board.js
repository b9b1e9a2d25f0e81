// The board: which view is shown, and what all of them share. The views are behind the # of the address, so the buttons of
// the browser work and no address holds more than the number of a meeting and a date.
//
// One stream of server-sent events says how things are. Whatever a view shows beside that it asks for when it is looked at.

import { $, say, show, setZone, clock, toDoor } from './dom.js'
import * as now from './now.js'
import * as lesson from './lesson.js'
import * as dead from './dead.js'
import * as history from './history.js'

const state = { now: null, lessons: null, unmatched: null, lostAt: 0 } // what the sidecar last said, and since when it says nothing
const views = { now, lessons: now, lesson, dead, history }
let shown = 'now'
let path = []

// Which view --------------------------------------------------------------------------------------------------------------

function route(first = false) {
  const [name, ...rest] = location.hash.slice(1).split('/').map(decode)
  shown = name === '' ? 'now' : name in views ? name : 'unknown'
  path = rest
  for (const section of document.querySelectorAll('[data-view]')) show(section, section.dataset.view === shown)
  for (const link of document.querySelectorAll('nav a')) {
    const target = link.getAttribute('href').slice(1)
    if (target === shown || (target === 'lessons' && shown === 'lesson')) link.setAttribute('aria-current', 'page')
    else link.removeAttribute('aria-current')
  }
  for (const dialog of document.querySelectorAll('dialog[open]'))
    dialog.dispatchEvent(new Event('cancel', { cancelable: true })) && dialog.close()
  for (const view of [lesson, dead, history]) if (views[shown] !== view) view.leave()
  views[shown]?.enter?.(path, state)
  paint()
  if (!first) {
    window.scrollTo(0, 0)
    document.querySelector(`[data-view="${shown}"] h1`).focus()
  }
}

function decode(part) {
  try {
    return decodeURIComponent(part)
  } catch {
    return part
  }
}

const titles = { now: 'Now', lessons: 'Lessons', dead: 'Dead letters', history: 'History', unknown: 'No such view' }

function paint() {
  views[shown]?.update?.(state, shown)
  const { marks = [], dead: letters = 0, since, version, timezone } = state.now ?? {}
  const name = shown === 'lesson' ? $('lesson-title').textContent : titles[shown]
  say(document.querySelector('title'), `${marks.length ? `(${marks.length}) ` : ''}${name} · Attendance board`)
  say($('dead-count'), letters ? String(letters) : '')
  show($('dead-count'), letters > 0)
  show($('marks-bar'), marks.length > 0 && shown !== 'now')
  say(
    $('marks-bar').firstElementChild,
    marks.length === 1 ? `Needs a look: ${marks[0].says}` : `${marks.length} things need a look`,
  )
  if (since) {
    const zone = timezone === 'meeting' ? 'each meeting’s own zone' : timezone
    say($('footer'), `Sidecar ${version}, running since ${clock(since)}. Times are in ${zone}.`)
  }
}

// Live --------------------------------------------------------------------------------------------------------------------

const SILENCE = 7000 // ms without a word, after which it is not live
let stream
let heardAt = 0
let trying

function listen() {
  clearTimeout(trying)
  stream?.close()
  const opened = (stream = new EventSource('/board/live'))
  opened.addEventListener('now', (event) => {
    heard()
    state.now = JSON.parse(event.data)
    setZone(state.now.timezone)
    paint()
  })
  opened.addEventListener('lessons', (event) => {
    heard()
    state.lessons = JSON.parse(event.data)
    views[shown]?.lessons?.(state)
    paint()
  })
  opened.addEventListener('unmatched', (event) => {
    heard()
    state.unmatched = JSON.parse(event.data)
    paint()
  })
  opened.addEventListener('error', () => {
    if (opened !== stream) return
    lose()
    // Closed for good: refused, or a restart in between. Whoever has to sign in again is sent to the door.
    if (opened.readyState === EventSource.CLOSED) trying = setTimeout(again, 2000)
  })
}

// again finds out why there is no stream, which an EventSource does not tell, and tries once more.
async function again() {
  const look = new AbortController()
  try {
    const { status } = await fetch('/board/live', { credentials: 'same-origin', signal: look.signal })
    if (status === 401) return toDoor()
    if (status === 503) link('lost', 'Too many pages are open')
  } catch {
    // not there yet
  } finally {
    look.abort()
  }
  listen()
}

function heard() {
  heardAt = Date.now()
  state.lostAt = 0
  link('live', 'Live')
}

function lose() {
  if (state.lostAt) return
  state.lostAt = heardAt || Date.now()
  link('lost', heardAt ? `Not live since ${clock(heardAt)}` : 'Cannot connect')
  paint()
}

function link(name, words) {
  document.body.dataset.link = name
  say($('link').lastElementChild, words)
}

// A stream that says nothing is as good as none, whatever the browser thinks of it.
setInterval(() => {
  if (heardAt && Date.now() - heardAt > SILENCE && document.visibilityState === 'visible') {
    lose()
    if (stream.readyState === EventSource.OPEN && Date.now() - heardAt > 3 * SILENCE) listen()
  }
}, 1000)

// A page in the background may have been put to sleep: one that is seen again is live at once.
document.addEventListener('visibilitychange', () => {
  if (document.visibilityState === 'hidden') return
  if (Date.now() - heardAt > SILENCE) listen()
})

window.addEventListener('hashchange', () => route())
$('skip').addEventListener('click', () => $('main').focus())
if (!location.hash && sessionStorage.getItem('view'))
  window.history.replaceState(null, '', sessionStorage.getItem('view'))
sessionStorage.removeItem('view')
route(true)
listen()
