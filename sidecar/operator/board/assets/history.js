// The last 24 hours, as the process remembers them: small charts with uPlot, and the same as a table.

import { $, el, say, show, keep, ask, brief, number, clock, moment, zoneOf } from './dom.js'

const AGAIN = 60_000

let entered = false
let asked = 0
const drawn = new Map()

export function enter() {
  entered = true
  load()
}

export function leave() {
  entered = false
}

export function update() {
  if (entered && Date.now() - asked > AGAIN) load()
}

async function load() {
  asked = Date.now()
  try {
    const past = await ask('/board/history')
    if (entered) paint(past)
  } catch (error) {
    say($('history-nothing'), error.message)
  }
}

const rounded = (n) => (n < 10 ? String(Math.round(n * 100) / 100) : number(Math.round(n)))
const units = (_, values) => values.map((n) => (n === null ? '' : rounded(n)))
const times = (_, values) => values.map((n) => (n === null ? '' : n === 0 ? '0' : brief(n).replace('.0 ', ' ')))

// What each chart shows: its lines, and how it says its numbers.
const charts = {
  rate: { lines: [['rate', 'events a second', '--accent', true]], words: rounded, axis: units },
  waiting: { lines: [['waiting', 'waiting', '--accent', true]], words: rounded, axis: units },
  delay: {
    lines: [
      ['delay_top', '99 of 100 within', '--ink'],
      ['delay_half', 'half within', '--accent'],
    ],
    words: brief,
    axis: times,
    legend: true,
  },
  answer: {
    lines: [
      ['answer_top', '99 of 100 within', '--ink'],
      ['answer_half', 'half within', '--accent'],
    ],
    words: brief,
    axis: times,
    legend: true,
  },
}

function paint(past) {
  say(
    $('history-about'),
    `A sample each minute, kept in memory: it begins with the process, which started ${moment(past.since)}.`,
  )
  const enough = past.at.length > 0
  show($('charts'), enough)
  say($('history-nothing'), enough ? '' : 'The process has just started: look again in a moment.')
  if (!enough) return
  for (const [name, chart] of Object.entries(charts)) paintChart(name, chart, past)
  paintTable(past)
}

const colour = (name) => getComputedStyle(document.documentElement).getPropertyValue(name)

function paintChart(name, chart, past) {
  const figure = document.querySelector(`[data-chart="${name}"]`)
  const place = figure.querySelector('.chart')
  const top = past[chart.lines[0][0]]
  const most = top.reduce((best, value, i) => (value !== null && (best < 0 || value > top[best]) ? i : best), -1)
  const last = top.findLastIndex((value) => value !== null)
  const words =
    most < 0
      ? 'Nothing yet'
      : `${chart.words(top[last])} at ${clock(past.at[last] * 1000)}, at most ${chart.words(top[most])} at ${clock(past.at[most] * 1000)}`
  say(figure.querySelector('figcaption p'), `${chart.legend && most >= 0 ? '99 of 100 within ' : ''}${words}`)
  place.setAttribute(
    'aria-label',
    `Chart: ${figure.querySelector('h2').textContent}. ${words}. The table below has the numbers.`,
  )
  const data = [past.at, ...chart.lines.map(([column]) => past[column])]
  const before = drawn.get(name)
  if (before) return before.setData(data)

  const size = () => ({ width: Math.max(200, place.clientWidth), height: 150 })
  const ink = () => colour('--soft'),
    line = () => colour('--line')
  const axis = {
    stroke: ink,
    grid: { stroke: line, width: 1 },
    ticks: { show: false },
    font: '12px system-ui, sans-serif',
  }
  const made = new window.uPlot(
    {
      ...size(),
      padding: [8, 8, 0, 0],
      tzDate: (seconds) => window.uPlot.tzDate(new Date(seconds * 1000), zoneOf()),
      cursor: { points: { size: 6 }, y: false, drag: { x: false, y: false } },
      legend: { show: false },
      scales: { y: { range: (_, __, max) => [0, max > 0 ? max * 1.15 : 1] } },
      axes: [
        { ...axis, size: 28, space: 60, values: (_, splits) => splits.map((at) => clock(at * 1000)) },
        { ...axis, size: 58, space: 34, values: chart.axis },
      ],
      series: [
        {},
        ...chart.lines.map(([, label, ink, filled]) => ({
          label,
          stroke: () => colour(ink),
          fill: filled ? () => colour('--tint') : undefined,
          width: 1.5,
          spanGaps: false,
          points: { show: (u) => u.data[0].length < 3, size: 5 },
          dash: ink === '--ink' ? [4, 3] : undefined,
        })),
      ],
      hooks: { setCursor: [(u) => hover(figure, chart, u)] },
    },
    data,
    place,
  )
  drawn.set(name, made)
  new ResizeObserver(() => made.setSize(size())).observe(place)
  if (chart.legend)
    figure.append(
      el(
        'p',
        { class: 'keys', 'aria-hidden': 'true' },
        ...chart.lines.map(([, label, ink]) => el('span', {}, el('i', { class: ink.slice(2) }), label)),
      ),
    )
  figure.append(el('p', { class: 'hover', 'aria-hidden': 'true' }))
}

// hover says what is under the pointer.
function hover(figure, chart, u) {
  const out = figure.querySelector('.hover')
  if (!out) return
  const i = u.cursor.idx
  say(
    out,
    i === null || i === undefined
      ? ''
      : `${clock(u.data[0][i] * 1000)}  ${chart.lines.map(([, label], n) => `${label} ${u.data[n + 1][i] === null ? '–' : chart.words(u.data[n + 1][i])}`).join(', ')}`,
  )
}

// The charts are painted with the page's colours of then.
matchMedia('(prefers-color-scheme: dark)').addEventListener('change', () => drawn.forEach((chart) => chart.redraw()))

function paintTable(past) {
  const hours = new Map()
  past.at.forEach((at, i) => {
    const key = Math.floor(at / 3600)
    const hour = hours.get(key) ?? { key, at: at * 1000, events: 0, waiting: 0, delay: null, answer: null }
    hours.set(key, hour)
    hour.events += past.rate[i] * 60
    hour.waiting = Math.max(hour.waiting, past.waiting[i])
    for (const [name, column] of [
      ['delay', 'delay_top'],
      ['answer', 'answer_top'],
    ]) {
      if (past[column][i] !== null) hour[name] = Math.max(hour[name] ?? 0, past[column][i])
    }
  })
  const each = [...hours.values()].reverse()
  keep(
    $('history-rows'),
    each,
    (hour) => hour.key,
    () => el('tr', {}, el('th', { scope: 'row' }), el('td'), el('td'), el('td'), el('td')),
    (row, hour) =>
      [
        moment(hour.key * 3600_000).replace(/:00$/, ''),
        number(Math.round(hour.events)),
        number(hour.waiting),
        hour.delay === null ? '–' : brief(hour.delay),
        hour.answer === null ? '–' : brief(hour.answer),
      ].forEach((text, n) => say(row.children[n], text)),
  )
}
