// What every view needs: elements, lists that keep their place, times and lengths in words, and questions to the sidecar.
// Whatever comes from a person is set as text, never as markup; the Content Security Policy allows nothing else.

export const $ = (id) => document.getElementById(id)

// el makes an element: el('p', { class: 'about', data: { kind: 'x' }, click: … }, 'text', child).
export function el(tag, props = {}, ...children) {
  const made = document.createElement(tag)
  for (const [name, value] of Object.entries(props)) {
    if (value === undefined || value === null || value === false) continue
    if (typeof value === 'function') made.addEventListener(name, value)
    else if (name === 'data') Object.assign(made.dataset, value)
    else made.setAttribute(name, value === true ? '' : value)
  }
  made.append(...children.filter((child) => child !== null && child !== undefined))
  return made
}

// say sets a text, if it is another one: a live region is not to speak twice.
export function say(element, text) {
  if (element.textContent !== text) element.textContent = text
}

export function show(element, on = true) {
  element.hidden = !on
}

// keep brings a list to these items: each has a key, and who had the focus keeps it.
export function keep(list, items, keyOf, make, update) {
  const before = new Map([...list.children].map((child) => [child.dataset.key, child]))
  let place = list.firstElementChild
  for (const item of items) {
    const key = String(keyOf(item))
    let child = before.get(key)
    before.delete(key)
    if (!child) {
      child = make(item)
      child.dataset.key = key
    }
    update(child, item)
    if (child === place) place = place.nextElementSibling
    else list.insertBefore(child, place)
  }
  for (const gone of before.values()) gone.remove()
}

// Words -----------------------------------------------------------------------------------------------------------------

export const many = (n, one, more = `${one}s`) => `${number(n)} ${n === 1 ? one : more}`
export const number = (n) => n.toLocaleString('en')

// length is a time in words, short: 43 min, 2 h 5 min, 12 s.
export function length(seconds) {
  seconds = Math.max(0, Math.round(seconds))
  if (seconds < 60) return `${seconds} s`
  const minutes = Math.floor(seconds / 60)
  if (minutes < 60) return `${minutes} min`
  const hours = Math.floor(minutes / 60)
  if (hours < 48) return minutes % 60 ? `${hours} h ${minutes % 60} min` : `${hours} h`
  return `${Math.floor(hours / 24)} days`
}

// brief is how long a machine took: 340 µs, 4.2 ms, 1.5 s.
export function brief(seconds) {
  if (seconds === null || seconds === undefined) return 'nothing'
  if (seconds < 0.001) return `${Math.round(seconds * 1e6)} µs`
  if (seconds < 1) return `${seconds < 0.0995 ? (seconds * 1000).toFixed(1) : Math.round(seconds * 1000)} ms`
  return seconds < 60 ? `${seconds.toFixed(1)} s` : length(seconds)
}

export const ago = (at, now) => (now - at < 1500 ? 'just now' : `${length((now - at) / 1000)} ago`)

let school = 'UTC'

// setZone takes the zone in which times are shown: the school's, or "meeting" for each meeting's own.
export function setZone(name) {
  school = name
}

// zoneOf is the zone of a meeting's times. One that nobody knows is UTC, as it is for the database.
export function zoneOf(meetings) {
  for (const name of [school === 'meeting' ? meetings : school, 'UTC']) {
    try {
      new Intl.DateTimeFormat('en', { timeZone: name || 'UTC' })
      return name || 'UTC'
    } catch {
      // an app may store any text
    }
  }
}

const formats = new Map()

function format(at, options) {
  const key = JSON.stringify(options)
  if (!formats.has(key)) formats.set(key, new Intl.DateTimeFormat('en-GB', options))
  return formats.get(key).format(at)
}

export const clock = (at, timeZone = zoneOf()) => format(new Date(at), { timeZone, hour: '2-digit', minute: '2-digit' })
export const exactly = (at, timeZone = zoneOf()) =>
  format(new Date(at), { timeZone, hour: '2-digit', minute: '2-digit', second: '2-digit' })
export const day = (date) =>
  format(new Date(`${date}T12:00Z`), {
    timeZone: 'UTC',
    weekday: 'long',
    day: 'numeric',
    month: 'long',
    year: 'numeric',
  })
export const shortDay = (date) =>
  format(new Date(`${date}T12:00Z`), { timeZone: 'UTC', weekday: 'short', day: 'numeric', month: 'short' })
export const moment = (at, timeZone = zoneOf()) =>
  format(new Date(at), {
    timeZone,
    day: 'numeric',
    month: 'short',
    hour: '2-digit',
    minute: '2-digit',
    second: '2-digit',
  })
export const dateOf = (at, timeZone = zoneOf()) => new Date(at).toLocaleDateString('sv-SE', { timeZone })

// Questions -------------------------------------------------------------------------------------------------------------

// ask asks the sidecar and returns its answer. An answer that is not 200 is an error with its words; who is signed in no more
// is shown the door.
export async function ask(path, options = {}) {
  let response
  try {
    response = await fetch(path, {
      credentials: 'same-origin',
      cache: 'no-store',
      ...options,
      headers: { Accept: 'application/json', ...options.headers },
    })
  } catch {
    throw new Error('The sidecar does not answer.')
  }
  if (response.status === 401) {
    toDoor()
    return new Promise(() => {}) // the page goes
  }
  if (!response.ok) {
    const said = await response.json().catch(() => ({}))
    throw new Error(sentence(said.error ?? `The sidecar answers ${response.status}.`))
  }
  return options.raw ? response : response.json()
}

// toDoor goes where one signs in, and remembers the view, to come back to.
export function toDoor() {
  sessionStorage.setItem('view', location.hash)
  location.assign('/sign-in')
}

export const sentence = (text) => text.charAt(0).toUpperCase() + text.slice(1) + (/[.!?]$/.test(text) ? '' : '.')

// confirm asks before something that cannot be undone, and returns whether to do it.
export function confirm(title, text, verb) {
  const dialog = $('ask')
  const [no, yes] = dialog.querySelectorAll('button')
  say($('ask-title'), title)
  say($('ask-text'), text)
  say(yes, verb)
  const back = document.activeElement
  dialog.showModal()
  no.focus()
  return new Promise((decide) => {
    const done = (answer) => {
      controller.abort()
      dialog.close()
      back?.focus?.()
      decide(answer)
    }
    const controller = new AbortController()
    const { signal } = controller
    no.addEventListener('click', () => done(false), { signal })
    yes.addEventListener('click', () => done(true), { signal })
    dialog.addEventListener(
      'cancel',
      (event) => {
        event.preventDefault()
        done(false)
      },
      { signal },
    )
  })
}
