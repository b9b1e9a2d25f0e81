// Dead letters: why, the event when somebody asks for it, replay and drop.

import { $, el, say, show, keep, ask, confirm, many, number, moment } from './dom.js'

const PAGE = 50

let entered = false
let letters = []
let total = 0
let more = false
let known // how many there were when they were last listed
let fault = ''
let loading = null
const open = new Map() // the events that are shown, by id

export function enter() {
  entered = true
  say($('dead-said'), '')
  load()
}

export function leave() {
  entered = false
  open.clear() // what is personal is not kept for a view that nobody sees
  letters = []
  keep($('letters'), [])
}

// update lists them anew when their number has changed.
export function update({ now }) {
  if (entered && now && known !== undefined && now.dead !== known && !loading) load()
}

function load(after = 0) {
  loading = ask(`/dead?most=${after ? PAGE : Math.max(PAGE, letters.length)}&after=${after}`)
    .then((page) => {
      letters = after ? [...letters, ...page.letters] : page.letters
      total = known = page.total
      more = page.more
      fault = ''
    })
    .catch((error) => (fault = error.message))
    .finally(() => {
      loading = null
      if (entered) paint()
    })
  return loading
}

function paint() {
  show($('dead-tools'), total > 0)
  say(
    $('dead-how-many'),
    `${many(total, 'dead letter')}${more ? `, of which ${number(letters.length)} are shown` : ''}, the oldest first.`,
  )
  show($('dead-more'), more)
  say(
    $('dead-nothing'),
    fault || (total ? '' : 'There are none: whatever came could be applied, or waits for a meeting to become known.'),
  )
  keep($('letters'), letters, (letter) => letter.number, makeLetter, updateLetter)
}

function makeLetter({ number: id }) {
  return el(
    'li',
    {},
    el(
      'article',
      { 'aria-labelledby': `letter-${id}` },
      el('h2', { id: `letter-${id}` }),
      el('p', { class: 'reason' }),
      el('p', { class: 'meta' }),
      el(
        'div',
        { class: 'actions' },
        el('button', { type: 'button', 'data-do': 'show', 'aria-expanded': 'false', click: () => toggle(id) }),
        el(
          'button',
          { type: 'button', 'data-do': 'replay', click: (event) => replay(id, event.currentTarget) },
          'Replay',
        ),
        el('button', { type: 'button', 'data-do': 'drop', class: 'quiet', click: () => drop(id) }, 'Drop…'),
      ),
      el(
        'div',
        { class: 'event', hidden: true },
        el('p', { class: 'personal' }),
        el('pre', { tabindex: '0', role: 'region', 'aria-label': `The event of letter ${id}` }),
      ),
    ),
  )
}

function updateLetter(item, letter) {
  const [title, reason, meta, actions, event] = item.firstElementChild.children
  const what = letter.kind
    ? letter.kind.replace('meeting.', '').replaceAll('_', ' ')
    : 'An event without a name'
  say(title, `${letter.number} · ${what}${letter.meeting ? `, meeting ${letter.meeting}` : ''}`)
  say(reason, letter.reason)
  say(
    meta,
    `Accepted ${moment(letter.accepted_at)}, given up ${moment(letter.buried_at)}${letter.attempt ? ` at try ${letter.attempt}` : ''}, ${many(letter.bytes, 'byte')}.`,
  )
  const shown = open.get(letter.number)
  const [button] = actions.children
  say(button, shown === undefined ? 'Show the event' : 'Hide the event')
  button.setAttribute('aria-expanded', String(shown !== undefined))
  show(event, shown !== undefined)
  say(event.children[0], shown === undefined ? '' : 'Personal data: the event as Zoom sent it, with names and e-mails.')
  say(event.children[1], shown ?? '')
}

async function toggle(id) {
  if (open.delete(id)) return paint()
  try {
    const letter = await ask(`/dead/${id}`)
    if (!entered) return
    open.set(
      id,
      letter.body
        ? JSON.stringify(letter.body, null, 2)
        : new TextDecoder().decode(Uint8Array.from(atob(letter.raw ?? ''), (c) => c.charCodeAt(0))),
    )
    paint()
  } catch (error) {
    say($('dead-said'), error.message)
  }
}

async function replay(id, button) {
  await act(
    button,
    () => ask(`/dead/${id}/replay`, { method: 'POST' }),
    `Letter ${id} was put back among the events that wait. If it still cannot be applied, it comes back.`,
  )
}

async function drop(id) {
  if (
    !(await confirm(
      `Drop letter ${id} for good?`,
      'What it says takes no effect, now or later, and it cannot be brought back.',
      'Drop it',
    ))
  )
    return
  await act(null, () => ask(`/dead/${id}`, { method: 'DELETE' }), `Letter ${id} was dropped.`)
}

async function replayAll() {
  if (
    !(await confirm(
      `Replay ${total === 1 ? 'the dead letter' : `all ${number(total)} dead letters`}?`,
      'Each is put back among the events that wait. Those that still cannot be applied come back.',
      'Replay all',
    ))
  )
    return
  await act(
    $('dead-all'),
    async () => {
      const last = await progress(await ask('/dead/replay', { method: 'POST', raw: true }))
      if (!last.ended)
        throw new Error(last.error || 'The connection broke off; what was done is done, so do it again for the rest.')
    },
    'All were put back among the events that wait.',
  )
}

// progress reads the lines that say how far it is, and returns the last.
async function progress(response) {
  let last = {}
  let rest = ''
  const reader = response.body.pipeThrough(new TextDecoderStream()).getReader()
  for (;;) {
    const { done, value } = await reader.read()
    if (done) return last
    const lines = (rest + value).split('\n')
    rest = lines.pop()
    if (lines.length === 0) continue
    last = JSON.parse(lines.at(-1))
    say($('dead-said'), `${number(last.done)} of ${number(total)} put back…`)
  }
}

// act does something, says what came of it, and lists them anew. Where the button is gone with its letter, the focus goes to
// the words.
async function act(button, work, says) {
  if (button) button.disabled = true
  try {
    await work()
    say($('dead-said'), says)
  } catch (error) {
    say($('dead-said'), error.message)
  }
  if (button) button.disabled = false
  await load()
  if (!document.activeElement || document.activeElement === document.body || !document.activeElement.isConnected)
    $('dead-title').focus()
}

$('dead-all').addEventListener('click', replayAll)
$('dead-more').addEventListener('click', () => load(letters.at(-1)?.number))
