// Why somebody is marked as they are: the words of `sidecar explain`, arranged for a page.

import { $, el, say, ask, length, exactly, clock } from './dom.js'
import { draw } from './lesson.js'

const dialog = $('why')
const body = $('why-body')
let asked = 0

dialog.querySelector('.close').addEventListener('click', () => dialog.close())
dialog.addEventListener('click', (event) => event.target === dialog && dialog.close()) // beside it

export async function explain(person, lesson, zone) {
  const mine = ++asked
  say($('why-title'), person.name || 'Somebody without a name')
  body.replaceChildren(el('p', { class: 'about' }, 'Asking the database…'))
  body.setAttribute('aria-busy', 'true')
  dialog.showModal()
  $('why-title').focus()
  let parts
  try {
    parts = person.id ? words(await question(person, lesson), lesson) : guest(person, zone)
  } catch (fault) {
    parts = [el('p', { class: 'fault' }, fault.message)]
  }
  if (mine !== asked) return
  body.replaceChildren(...parts)
  body.setAttribute('aria-busy', 'false')
}

// The person is in the body of the question, never in an address.
const question = (person, lesson) =>
  ask('/board/why', {
    method: 'POST',
    headers: { 'Content-Type': 'application/json' },
    body: JSON.stringify({ meeting: lesson.meeting.number, student: person.id, date: lesson.date }),
  })

function words(why, lesson) {
  const parts = [el('p', { class: 'answer' }, why.answer), el('p', { class: 'rule' }, `Rule: ${why.rule}`)]
  if (why.lesson.length) parts.push(el('h3', {}, 'The lesson'), ...why.lesson.map((text) => el('p', {}, text)))
  if (!why.forgotten) {
    const [from, to] = [Date.parse(why.from), Date.parse(why.to)]
    if (to > from) {
      const track = el('div', { class: 'track', 'aria-hidden': 'true' })
      draw(
        track,
        { union: why.union, intervals: why.union.map((stay) => ({ ...stay, device: 1 })) },
        { from, to },
        lesson.policy.min_seconds,
        to,
      )
      parts.push(
        el(
          'div',
          { class: 'bar-of' },
          el('span', {}, clock(from, why.zone)),
          track,
          el('span', {}, clock(to, why.zone)),
        ),
        el('p', { class: 'enough-says' }, `▲ ${why.enough}`),
      )
    }
    if (why.meetings.length) {
      parts.push(
        el('h3', {}, `The class had ${why.meetings.length} lessons that day; the first of these decides`),
        table(
          ['Meeting', 'Number', 'From', 'Counted', 'Would be'],
          why.meetings.map((m) => [m.title, m.number, m.from, m.counted, m.verdict]),
        ),
      )
    }
    parts.push(el('h3', {}, 'What Zoom told'))
    parts.push(
      why.told.length
        ? table(
            [`Time (${why.zone})`, 'They', 'Device', 'Name shown', 'Known by', 'Counts'],
            why.told.map((t) => [t.at, t.they, String(t.device), t.name, t.by, t.counts ? t.why || 'yes' : `no: ${t.why}`]),
            (i) => why.told[i].counts || 'void',
          )
        : el('p', {}, why.untold),
    )
    if (why.others.length)
      parts.push(
        el('h3', {}, 'With their name, e-mail, registration or key, and not counted for them'),
        ...why.others.map((text) => el('p', {}, text)),
      )
    parts.push(...why.remarks.map((text) => el('p', {}, text)))
    parts.push(el('h3', {}, 'What the app saw'), ...why.app.map((text) => el('p', {}, text)))
  }
  if (why.notes.length) parts.push(el('h3', {}, 'The record'), ...why.notes.map((text) => el('p', {}, text)))
  return parts
}

// guest says what is known of somebody who is nobody of the school.
function guest(person, zone) {
  return [
    el(
      'p',
      { class: 'answer' },
      'A guest: what Zoom told of this connection does not say who of the school it is, so no attendance is kept.',
    ),
    el('p', { class: 'rule' }, `There for ${length(person.seconds)}.`),
    el('h3', {}, 'When'),
    table(
      [`From (${zone})`, 'To', 'Counts'],
      person.intervals.map((stay) => [
        exactly(stay.from, zone),
        stay.to ? exactly(stay.to, zone) : 'now',
        stay.why ? `no: ${stay.why}` : 'yes',
      ]),
    ),
  ]
}

// table has each cell carry its heading, which a phone shows beside it.
function table(headings, rows, classOf = () => true) {
  return el(
    'table',
    { class: 'cards', role: 'table' },
    el(
      'thead',
      { role: 'rowgroup' },
      el('tr', { role: 'row' }, ...headings.map((text) => el('th', { scope: 'col', role: 'columnheader' }, text))),
    ),
    el(
      'tbody',
      { role: 'rowgroup' },
      ...rows.map((row, i) =>
        el(
          'tr',
          { role: 'row', class: classOf(i) === 'void' ? 'void' : null },
          ...row.map((text, n) => el('td', { role: 'cell', 'data-heading': headings[n] }, el('bdi', {}, text || '–'))),
        ),
      ),
    ),
  )
}
