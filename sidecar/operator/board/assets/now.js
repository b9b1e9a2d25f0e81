// How it is now, the newest lessons, and what an admin should look at. Only the last names anybody: hosts, and users who
// share an e-mail.

import { $, el, say, show, keep, number, many, length, ago, clock, zoneOf, shortDay, dateOf } from './dom.js'

const FIRST = 5 // of what an admin should look at; the others when somebody asks
const WAITS = 60 // seconds that an event may wait before the page says so first

export function update({ now, lessons, unmatched, lostAt }, shown) {
  if (shown === 'lessons') return paintAll(lessons, now)
  if (!now) return
  const at = Date.parse(now.at)
  const [title, about, state] = verdict(now)
  say($('now-title'), title)
  say($('said'), title) // aloud, when it is another one
  say($('now-about'), about)
  $('now-status').dataset.state = lostAt ? 'look' : state
  const when = lostAt ? `At ${clock(lostAt)}, and nothing was heard since` : 'Now'
  say(
    $('now-status'),
    state === 'well' || lostAt ? when : state === 'wait' ? `${when}, with a wait` : `${when}, and it needs a look`,
  )
  paintMarks(now.marks, at)
  paintVitals(now, at)
  paintLessons(lessons, now)
  paintUnmatched(unmatched)
}

// verdict is how it is, in a sentence, and what that means.
function verdict({ marks, up, waiting, later, oldest, dead, fault }) {
  const held = `${many(waiting, 'event')} ${waiting === 1 ? 'waits' : 'wait'} here, safe${oldest ? `, the oldest for ${length(oldest)}` : ''}.`
  if (marks.length)
    return [
      marks.length === 1 ? 'One thing needs a look' : `${marks.length} things need a look`,
      'Each says what to do about it.',
      'look',
    ]
  if (!up)
    return [
      'The school’s database does not take events',
      `Nothing is lost: ${waiting ? held : 'what comes waits here, safe.'} It is applied when the database is back.`,
      'look',
    ]
  if (oldest > WAITS) return ['Events wait', held, 'wait']
  if (dead)
    return [
      dead === 1 ? 'One dead letter waits for you' : `${number(dead)} dead letters wait for you`,
      'All else that came is in the school’s rows.',
      'look',
    ]
  if (fault) return ['Events flow, but the lessons cannot be shown', fault, 'wait']
  if (later)
    return [
      'All is well',
      `${many(later, 'event')} ${later === 1 ? 'is' : 'are'} put off for a moment, and tried again.`,
      'well',
    ]
  return ['All is well', 'What came is in the school’s rows, and nothing waits.', 'well']
}

function paintMarks(marks, at) {
  keep(
    $('marks'),
    marks,
    (mark) => mark.name,
    () => el('li', {}, el('p', { class: 'says' }), el('p', { class: 'remedy' }), el('p', { class: 'since' })),
    (item, mark) => {
      const [says, remedy, since] = item.children
      say(says, mark.says)
      say(remedy, mark.remedy)
      say(since, `${mark.name}, for ${length((at - Date.parse(mark.since)) / 1000)}`)
    },
  )
}

// The numbers -------------------------------------------------------------------------------------------------------------

const pulse = { at: [], rate: [] } // of the last minutes, as this page heard them

function paintVitals(now, at) {
  const set = (name, value, note = '', alarm = false) => {
    const tile = document.querySelector(`[data-vital="${name}"]`)
    const dd = tile.lastElementChild
    if (!dd.firstChild) dd.append(el('strong'), el('span'))
    say(dd.firstElementChild, value)
    say(dd.children[1], note)
    tile.classList.toggle('alarm', alarm)
  }
  const unknown = now.fault ? 'not known' : '…'
  set('lessons', now.lessons === null ? unknown : number(now.lessons))
  set('people', now.people === null ? unknown : number(now.people))
  set('rate', now.rate < 10 ? now.rate.toFixed(1) : number(Math.round(now.rate)))
  set(
    'waiting',
    number(now.waiting),
    now.waiting ? (now.waiting === 1 ? 'event' : 'events') : 'nothing waits',
    now.oldest > WAITS,
  )
  set(
    'oldest',
    now.oldest ? length(now.oldest) : '–',
    now.later ? `${number(now.later)} put off for later` : '',
    now.oldest > WAITS,
  )
  set(
    'event',
    now.last_event ? ago(Date.parse(now.last_event), at) : 'none yet',
    now.last_event ? `at ${clock(now.last_event)}` : `since the start at ${clock(now.since)}`,
  )
  set(
    'challenge',
    now.last_challenge ? ago(Date.parse(now.last_challenge), at) : 'none yet',
    now.last_challenge ? 'it comes every 72 hours' : `since the start at ${clock(now.since)}`,
  )
  set('database', now.up ? 'Takes events' : 'Is away', now.up ? '' : 'events wait here', !now.up)
  drawPulse(now.rate, at)
}

let spark

function drawPulse(rate, at) {
  pulse.at.push(at / 1000)
  pulse.rate.push(rate)
  while (pulse.at.length > 90) {
    pulse.at.shift()
    pulse.rate.shift()
  }
  const tile = document.querySelector('[data-vital="rate"]')
  if (tile.offsetWidth === 0) return
  if (!spark) {
    const place = el('div', { class: 'spark', 'aria-hidden': 'true' })
    tile.lastElementChild.append(place)
    const ink = () => getComputedStyle(document.documentElement).getPropertyValue('--accent')
    const soft = () => getComputedStyle(document.documentElement).getPropertyValue('--tint')
    spark = new window.uPlot(
      {
        width: Math.max(60, place.clientWidth),
        height: 28,
        pxAlign: false,
        padding: [2, 0, 2, 0],
        cursor: { show: false },
        legend: { show: false },
        scales: { y: { range: (_, __, top) => [0, Math.max(1, top)] } },
        axes: [{ show: false }, { show: false }],
        series: [{}, { stroke: ink, fill: soft, width: 1.5, points: { show: false } }],
      },
      [pulse.at, pulse.rate],
      place,
    )
    new ResizeObserver(() => spark.setSize({ width: Math.max(60, place.clientWidth), height: 28 })).observe(place)
    return
  }
  spark.setData([pulse.at, pulse.rate])
}

// What an admin should look at --------------------------------------------------------------------------------------------

let all = false

$('unmatched-more').addEventListener('click', () => {
  all = !all
  paintUnmatched(known)
})

let known = null

function paintUnmatched(unmatched) {
  known = unmatched
  const { items = [], of = 0, fault = '' } = unmatched ?? {}
  show($('unmatched-section'), items.length > 0 || fault !== '')
  say(
    $('unmatched-about'),
    fault
      ? `Whether there is anything is not known: ${fault}`
      : of > items.length
        ? `These are the newest ${number(items.length)} of ${number(of)}. sidecar list shows them all.`
        : 'Nothing here stops the sidecar. Something that it was told cannot be matched, or may be wrong.',
  )
  keep($('unmatched'), all ? items : items.slice(0, FIRST), keyOfItem, makeItem, updateItem)
  show($('unmatched-more'), items.length > FIRST)
  say($('unmatched-more'), all ? `Show the first ${FIRST}` : `Show all ${number(items.length)}`)
}

const keyOfItem = ({ reason, id, since, says }) => `${reason} ${id} ${since} ${says}`

function makeItem() {
  return el(
    'li',
    {},
    el('p', { class: 'title', dir: 'auto' }),
    el('p', { class: 'says', dir: 'auto' }),
    el('p', { class: 'remedy' }),
    el('p', { class: 'since' }),
  )
}

function updateItem(element, item) {
  const [title, says, remedy, since] = element.children
  const called = item.title ?? 'One e-mail, several users'
  say(title, item.class && !called.includes(item.class) ? `${called} · ${item.class}` : called)
  say(says, item.says)
  say(remedy, item.remedy)
  const day = item.since && shortDay(dateOf(Date.parse(item.since)))
  say(since, [item.number, day && `since ${day}`].filter(Boolean).join(', '))
}

// The lessons -------------------------------------------------------------------------------------------------------------

const keyOf = (lesson) => `${lesson.meeting} ${lesson.date}`
export const addressOf = (lesson) => `#lesson/${lesson.meeting}/${lesson.date}`

function paintLessons(lessons, now) {
  const on = lessons?.filter((lesson) => lesson.is_on) ?? []
  const before = lessons?.filter((lesson) => !lesson.is_on).slice(0, 6) ?? []
  keep($('on'), on, keyOf, makeLine, updateLine)
  keep($('before'), before, keyOf, makeLine, updateLine)
  show($('before-section'), before.length > 0)
  say(
    $('on-nothing'),
    now.fault
      ? `${on.length ? 'This is as it was' : 'Whether there are any is not known'}: ${now.fault}`
      : on.length
        ? ''
        : lessons
          ? 'No lesson is in progress.'
          : 'Asking the database…',
  )
}

function paintAll(lessons, now) {
  keep($('lessons'), lessons ?? [], keyOf, makeLine, updateLine)
  say(
    $('lessons-nothing'),
    now?.fault
      ? `This is as it was: ${now.fault}`
      : lessons?.length
        ? ''
        : lessons
          ? 'Zoom has told of no lesson yet.'
          : 'Asking the database…',
  )
}

function makeLine(lesson) {
  return el(
    'li',
    {},
    el(
      'a',
      { href: addressOf(lesson) },
      el('span', { class: 'title', dir: 'auto' }),
      el('span', { class: 'when' }),
      el(
        'span',
        { class: 'share', 'aria-hidden': 'true' },
        el('i', { class: 'in' }),
        el('i', { class: 'present' }),
        el('i', { class: 'partial' }),
        el('i', { class: 'absent' }),
      ),
      el('span', { class: 'counts' }),
    ),
  )
}

function updateLine(item, lesson) {
  const [title, when, share, counts] = item.firstElementChild.children
  const zone = zoneOf(lesson.timezone)
  const start = clock(lesson.started_at, zone)
  const today = lesson.date === dateOf(Date.now(), zone) ? 'today' : shortDay(lesson.date)
  say(title, !lesson.class || lesson.title.includes(lesson.class) ? lesson.title : `${lesson.title} · ${lesson.class}`)
  say(
    when,
    lesson.is_on
      ? `since ${start}`
      : `${today}, ${start}${lesson.ended_at ? ` to ${clock(lesson.ended_at, zone)}` : ''}`,
  )
  item.dataset.on = lesson.is_on
  const of = Math.max(lesson.enrolled, lesson.people_in, 1)
  const part = (name, n) => share.querySelector(`.${name}`).style.setProperty('flex-grow', n / of)
  part('in', lesson.is_on ? lesson.people_in : 0)
  for (const name of ['present', 'partial', 'absent']) part(name, lesson.is_on ? 0 : lesson[name])
  const marked = [
    [lesson.present, 'present'],
    [lesson.partial, 'partial'],
    [lesson.absent, 'absent'],
    [lesson.other, 'otherwise'],
  ]
    .filter(([n]) => n)
    .map(([n, word]) => `${number(n)} ${word}`)
  const enrolled = lesson.enrolled ? `${number(lesson.enrolled)} enrolled` : 'no class'
  say(
    counts,
    lesson.is_on
      ? [`${number(lesson.people_in)} in`, enrolled, ...marked].join(' · ')
      : [...marked, enrolled].join(' · '),
  )
}
