// A lesson: every person's stays on one line of time, and what they are marked as. A click says why.

import { $, el, say, show, keep, ask, many, number, length, clock, day, exactly, zoneOf } from './dom.js'
import { explain } from './why.js'

const AGAIN = 10_000 // ms after which a lesson in progress is asked for again, though nothing is known to have changed
const PAUSE = 2_000 // ms between two questions at least

const list = $('lesson-people')
let which // {meeting, date}
let lesson // as the database told it
let line // of recent_lessons, as it was when the lesson was last asked for
let fault = ''
let filter = 'all'
let asked = 0
let waiting // for the next question
let asking = null

export function enter([meeting, date], state) {
  if (which?.meeting !== meeting || which?.date !== date) {
    which = { meeting, date }
    lesson = undefined
    filter = 'all'
    $('lesson-search').value = ''
    keep(list, [])
    for (const id of ['lesson-title', 'lesson-about', 'lesson-status', 'lesson-nothing']) say($(id), '')
    say($('lesson-title'), 'A lesson')
  }
  asked = 0
  refresh(state)
}

export function leave() {
  clearTimeout(waiting)
  which = undefined
}

export function update(state) {
  if (!which) return
  if (lesson?.outcome === 'ok' && lesson.is_on && Date.now() - asked > AGAIN) refresh(state)
}

// lessons is called when one of them has changed.
export function lessons(state) {
  if (which && line !== lineOf(state)) refresh(state)
}

const lineOf = ({ lessons }) =>
  JSON.stringify(lessons?.find(({ meeting, date }) => meeting === which?.meeting && date === which?.date))

// refresh asks for the lesson, not too often, and never twice at a time.
function refresh(state) {
  clearTimeout(waiting)
  const wanted = which
  const wait = asked + PAUSE - Date.now()
  if (asking || wait > 0) {
    waiting = setTimeout(() => which === wanted && refresh(state), Math.max(wait, 200))
    return
  }
  asked = Date.now()
  line = lineOf(state)
  if (!lesson) say($('lesson-nothing'), 'Asking the database…')
  asking = ask(`/board/lesson?${new URLSearchParams(wanted)}`)
    .then((answer) => {
      if (which !== wanted) return
      lesson = answer
      fault = ''
    })
    .catch((error) => {
      if (which === wanted) fault = error.message
    })
    .finally(() => {
      asking = null
      if (which === wanted) paint()
    })
}

// Painting ----------------------------------------------------------------------------------------------------------------

const VERDICTS = { present: 'present', partial: 'partial', absent: 'absent' }
const unmarked = () => (lesson.is_on ? 'not yet' : 'not marked')
const collator = new Intl.Collator()
let zone = 'UTC'
let span = { from: 0, to: 1 }

function paint() {
  const known = lesson?.outcome === 'ok'
  for (const id of ['lesson-tools', 'lesson-legend', 'lesson-roll']) show($(id), known)
  show($('lesson-notice'), known && (fault !== '' || lesson.forgotten))
  if (!known) {
    const why = {
      unknown_meeting: 'No meeting of the school has that number.',
      no_lesson: 'There was no lesson on that date, as far as Zoom told.',
    }
    say($('lesson-nothing'), fault || why[lesson?.outcome] || 'Asking the database…')
    if (lesson?.meeting) say($('lesson-title'), lesson.meeting.title)
    return
  }
  zone = zoneOf(lesson.meeting.timezone)
  span = spanOf(lesson)
  const { meeting, runs, policy } = lesson
  const on = lesson.is_on
  const ended = runs.every((run) => run.ended_at)
  const told = runs.every((run) => run.end_told)
  say($('lesson-title'), meeting.title)
  say($('lesson-status'), on ? 'In progress' : told ? 'Over' : 'Over, but Zoom never told its end')
  $('lesson-status').dataset.state = on ? 'on' : told ? 'over' : 'wait'
  const times =
    `${clock(runs[0].started_at, zone)} ${on ? 'to now' : ended ? `to ${clock(Math.max(...runs.map((run) => Date.parse(run.ended_at))), zone)}` : ''}`.trim()
  say(
    $('lesson-about'),
    [
      day(lesson.date),
      times,
      runs.length > 1 && `held in ${runs.length} runs`,
      whyNot(lesson),
      classOf(lesson),
      `meeting ${meeting.number}`,
      zone,
    ]
      .filter(Boolean)
      .join(' · '),
  )
  say(
    $('lesson-notice'),
    fault
      ? `Not as of now: ${fault}`
      : 'What Zoom told of this lesson was removed after the time the school keeps it. The verdicts of then stand.',
  )
  say($('lesson-enough'), `${length(policy.min_seconds)} reached: present from there`)
  paintAxis()
  paintChips()
  paintPeople()
}

// classOf is whom it counts for, or would, if its host taught the class.
function classOf({ meeting, lessons }) {
  if (!meeting.class) return 'no class, so no attendance is kept'
  return lessons.length && lessons.every((own) => !own.class)
    ? `class ${meeting.class}, for which it does not count`
    : `class ${meeting.class}`
}

// whyNot is why none of it counts for attendance, if that is so.
const whyNot = ({ lessons, runs }) => lessons.length === 0 && runs.find((run) => run.why)?.why

// spanOf is from when to when it went, as far as it is known: what is told of somebody may reach beyond the runs.
function spanOf({ runs, people, now, is_on }) {
  let [from, to] = [Infinity, -Infinity]
  const widen = (at) => {
    from = Math.min(from, at)
    to = Math.max(to, at)
  }
  for (const run of runs) {
    widen(Date.parse(run.started_at))
    widen(Date.parse(run.ended_at ?? (is_on ? now : run.started_at)))
  }
  for (const { union, intervals } of people) {
    for (const stay of union) [stay.from, stay.to].map(Date.parse).forEach(widen)
    for (const stay of intervals) if (!stay.to) widen(Date.parse(stay.from))
  }
  return { from, to: Math.max(to, from + 60_000) }
}

// edge is up to when somebody is taken to be in whom nobody saw go.
const edge = () => (lesson.is_on ? Date.parse(lesson.now) : span.to)
const isIn = (person) => person.is_in && lesson.is_on

const place = (at) => `${Math.min(100, Math.max(0, ((at - span.from) / (span.to - span.from)) * 100))}%`

// The axis has a mark each 5, 10, 15, 30 … minutes, six at most, and none where its words have no room. The lines of everybody
// have the same.
function paintAxis() {
  const length = span.to - span.from
  const step = ([1, 2, 5, 10, 15, 30, 60, 120, 240].find((each) => length / 60_000 / each <= 6) ?? 480) * 60_000
  const marks = []
  for (let at = Math.ceil(span.from / step) * step; at <= span.to - length * 0.07; at += step) marks.push(at)
  list.style.setProperty('--first', place(marks[0] ?? span.to))
  list.style.setProperty('--step', `${(step / (span.to - (marks[0] ?? span.from))) * 100}%`)
  keep(
    $('lesson-axis'),
    marks,
    (at) => at,
    () => el('i', {}, el('b')),
    (mark, at) => {
      mark.style.setProperty('left', place(at))
      say(mark.firstElementChild, clock(at, zone))
    },
  )
}

function groupOf(person) {
  if (person.kind !== 'enrolled') return 'others'
  const shown = person.record ?? person.verdict
  return !shown ? 'none' : shown in VERDICTS ? shown : 'people'
}

function paintChips() {
  const tally = { all: lesson.people.length, present: 0, partial: 0, absent: 0, people: 0, none: 0, others: 0, in: 0 }
  for (const person of lesson.people) {
    tally[groupOf(person)]++
    if (isIn(person)) tally.in++
  }
  const chips = [
    ['all', 'everybody'],
    ['in', 'in now'],
    ['present', 'present'],
    ['partial', 'partial'],
    ['absent', 'absent'],
    ['people', 'late or excused'],
    ['none', unmarked()],
    ['others', 'not enrolled'],
  ].filter(([name]) => name === 'all' || tally[name] > 0 || filter === name)
  keep(
    $('lesson-chips'),
    chips,
    ([name]) => name,
    ([name]) =>
      el(
        'button',
        {
          type: 'button',
          class: 'chip',
          'data-name': name,
          click: () => {
            filter = name
            paintChips()
            paintPeople()
          },
        },
        el('span'),
        ' ',
        el('b'),
      ),
    (chip, [name, words]) => {
      say(chip.children[0], words)
      say(chip.children[1], number(tally[name]))
      chip.setAttribute('aria-pressed', String(filter === name))
    },
  )
}

const came = (person) => (person.intervals.length ? Date.parse(person.intervals[0].from) : Infinity)
const orders = {
  name: () => 0,
  time: (a, b) => a.seconds - b.seconds,
  came: (a, b) => (came(a) === came(b) ? 0 : came(a) - came(b)),
}

function paintPeople() {
  const wanted = $('lesson-search').value.trim().toLocaleLowerCase()
  const people = lesson.people
    .filter(
      (person) =>
        (filter === 'all' || (filter === 'in' ? isIn(person) : groupOf(person) === filter)) &&
        nameOf(person).toLocaleLowerCase().includes(wanted),
    )
    .sort(
      (a, b) =>
        orders[$('lesson-order').value](a, b) ||
        (a.kind === 'enrolled' ? 0 : 1) - (b.kind === 'enrolled' ? 0 : 1) ||
        collator.compare(nameOf(a), nameOf(b)),
    )
  keep(list, people, keyOf, makePerson, updatePerson)
  // One of them is where Tab stops; the arrows go on from there.
  if (!list.querySelector('button[tabindex="0"]')) list.querySelector('button')?.setAttribute('tabindex', '0')
  say(
    $('lesson-nothing'),
    people.length ? '' : lesson.people.length ? 'Nobody matches that.' : 'Nobody is enrolled, and nobody came.',
  )
}

const nameOf = (person) => person.name || 'Somebody without a name'
const keyOf = (person) => person.id ?? `guest ${person.intervals[0]?.from} ${person.name} ${person.n}`

function makePerson() {
  return el(
    'li',
    {},
    el(
      'button',
      { type: 'button', class: 'person', tabindex: '-1' },
      el('span', { class: 'name' }, el('bdi'), el('small')),
      el('span', { class: 'track', 'aria-hidden': 'true' }),
      el('span', { class: 'unseen' }),
      el('span', { class: 'time' }),
      el('span', { class: 'verdict' }),
    ),
  )
}

function updatePerson(item, person) {
  const button = item.firstElementChild
  const [name, track, story, time, verdict] = button.children
  item.person = person
  say(name.children[0], nameOf(person))
  say(name.children[1], person.kind === 'guest' ? 'guest' : person.kind === 'other' ? 'not enrolled' : '')
  const stamp = JSON.stringify([person.intervals, person.union, span])
  if (track.stamp !== stamp) {
    track.stamp = stamp
    draw(track, person, span, lesson.policy.min_seconds, edge())
  }
  say(story, storyOf(person))
  say(time, person.intervals.length ? length(isIn(person) ? soFar(person) : person.seconds) : '–')
  const shown = person.record ?? person.verdict ?? ''
  const isMarked = person.kind === 'enrolled' && shown !== ''
  verdict.dataset.verdict = isMarked ? shown : isIn(person) ? 'in' : person.kind === 'enrolled' ? '' : 'nobody'
  say(
    verdict,
    isMarked
      ? (VERDICTS[shown] ?? shown) +
          (person.overridden ? ', by hand' : isIn(person) && shown === 'partial' ? ' so far' : '')
      : isIn(person)
        ? 'in now'
        : person.kind === 'enrolled'
          ? unmarked()
          : '',
  )
}

// seen is when somebody was there, what lasts included: the times that count, and from when on they are in.
function seen(person, now) {
  const stays = person.union.map((stay) => [Date.parse(stay.from), Date.parse(stay.to)])
  const open = person.intervals.filter((stay) => !stay.to).map((stay) => Date.parse(stay.from))
  if (open.length) stays.push([Math.min(...open), now])
  stays.sort(([a], [b]) => a - b)
  return stays.reduce((all, [from, to]) => {
    const last = all.at(-1)
    if (last && from <= last[1]) last[1] = Math.max(last[1], to)
    else all.push([from, to])
    return all
  }, [])
}

// soFar is how long somebody who is in has been there. What is counted of it, and what that makes, the database says when they leave.
const soFar = (person) => seen(person, edge()).reduce((sum, [from, to]) => sum + (to - from) / 1000, 0)

// storyOf is the line of time in words, for who does not see it.
function storyOf(person) {
  if (!person.intervals.length) return 'not seen'
  const stays = person.union.map((stay) => `${exactly(stay.from, zone)} to ${exactly(stay.to, zone)}`)
  return [
    stays.length ? `there from ${stays.join(', and from ')}` : 'no time that counts yet',
    isIn(person) && 'in now',
    person.devices > 1 && `${person.devices} devices`,
    stays.length > 1 && `away ${many(stays.length - 1, 'time')}`,
  ]
    .filter(Boolean)
    .join('; ')
}

// draw puts somebody's stays on a line: when they were there as a band, each device in it as a line of its own, gaps between,
// and a mark where they had been there for long enough.
export function draw(track, person, { from, to }, enough, now) {
  const at = (instant) => `${Math.min(100, Math.max(0, ((instant - from) / (to - from)) * 100))}%`
  const bar = (kind, a, b, lane) => {
    const made = el('i', { class: kind })
    made.style.setProperty('left', at(a))
    made.style.setProperty('right', `calc(100% - ${at(b)})`)
    if (lane !== undefined) made.style.setProperty('--lane', lane)
    return made
  }
  const stays = seen(person, now)
  const parts = stays.map(([a, b]) => bar('band', a, b))
  for (let i = 1; i < stays.length; i++) parts.push(bar('gap', stays[i - 1][1], stays[i][0]))
  const lanes = Math.min(4, Math.max(1, ...person.intervals.map((stay) => stay.device)))
  for (const stay of person.intervals) {
    parts.push(
      bar(
        { open: 'stay open', void: 'stay void' }[stay.fate] ?? 'stay',
        Date.parse(stay.from),
        stay.to ? Date.parse(stay.to) : now,
        Math.min(stay.device, 4) - 1,
      ),
    )
  }
  let left = enough * 1000
  for (const [a, b] of stays) {
    if (b - a >= left) {
      const mark = el('i', { class: 'enough' })
      mark.style.setProperty('left', at(a + left))
      parts.push(mark)
      break
    }
    left -= b - a
  }
  track.style.setProperty('--lanes', lanes)
  track.replaceChildren(...parts)
}

// Keys and clicks ---------------------------------------------------------------------------------------------------------

list.addEventListener('click', (event) => {
  const item = event.target.closest('li')
  if (!item) return
  stop(item.firstElementChild)
  explain(item.person, lesson, zone)
})

list.addEventListener('keydown', (event) => {
  const buttons = [...list.querySelectorAll('button')]
  const at = buttons.indexOf(document.activeElement)
  const next = { ArrowDown: at + 1, ArrowUp: at - 1, Home: 0, End: buttons.length - 1 }[event.key]
  if (at < 0 || next === undefined || !buttons[next]) return
  event.preventDefault()
  stop(buttons[next])
  buttons[next].focus()
})

// stop makes one of them the place where Tab stops.
function stop(button) {
  for (const other of list.querySelectorAll('button[tabindex="0"]')) other.setAttribute('tabindex', '-1')
  button.setAttribute('tabindex', '0')
}

$('lesson-search').addEventListener('input', () => lesson?.outcome === 'ok' && paintPeople())
$('lesson-order').addEventListener('change', () => lesson?.outcome === 'ok' && paintPeople())
