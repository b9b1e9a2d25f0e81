// One meeting, live, as one person of the school may see it.
//
// Written as the front end of a school is: it selects with that person's token, so row level security decides what comes;
// it subscribes to the three tables, signed in, each with a filter; and since Realtime replays nothing and loses in
// silence, it selects everything again whenever the channel has become ready, when the lesson ends, and once a minute until
// it is over. What is shown is always computed anew from the rows (`rows`), in at most one repaint per frame.

const params = new URLSearchParams(location.search)
const number = params.get('meeting') || '81234567890'
const PAGE = 1000 // rows a select answers with at most, as on a hosted project
const VERDICTS = ['present', 'partial', 'absent', 'late', 'excused', '']

const $ = (id) => document.getElementById(id)
const setting = (name) => document.querySelector(`meta[name=${name}]`).content
const main = $('main')

// For tests and measurements: what each repaint after a change from Realtime showed, and when the page had it.
const repaints = (window.repaints = [])

let me // who looks: {id, email, name, role}
let supabase
let rows = empty()
let loaded = false // they have been selected once
let heard = { changes: 0, at: null }

start()

async function start() {
  let people
  try {
    people = await json('people')
    const as = params.get('as') || (people.find((person) => person.role === 'teacher') ?? people[0])?.email
    showPeople(people, as)
    if (!as) throw new Error('Nobody is in this school yet')
    me = (await session(as)).user
    if (!window.supabase) throw new Error('supabase-js is not there: npm ci --prefix scripts brings it')
  } catch (fault) {
    showFault(fault)
    return
  }
  supabase = window.supabase.createClient(location.origin, setting('publishable-key'), {
    accessToken: async () => (await session(me.email)).access_token,
  })
  showMeetings()
  await refresh()
  listen()
  window.addEventListener('offline', () => lose('offline'))
  window.addEventListener('online', listen)
  setInterval(tick, 5000)
  setInterval(lookAgain, 5000)
}

// The session -----------------------------------------------------------------------------------------------------------

let signedIn // {at, answer}: a token is good for a day; a new one is fetched each hour, and after any fault

async function session(email) {
  if (!signedIn || Date.now() - signedIn.at > 3600e3) {
    signedIn = { at: Date.now(), answer: await json(`session?as=${encodeURIComponent(email)}`) }
  }
  return signedIn.answer
}

async function json(path) {
  const response = await fetch(path)
  const body = await response.json()
  if (!response.ok) throw new Error(body.message)
  return body
}

// The rows --------------------------------------------------------------------------------------------------------------

function empty() {
  return { meeting: null, seats: [], participants: new Map(), records: new Map(), date: null }
}

// select fetches everything this person may see of the meeting.
async function select() {
  const found = empty()
  const { data, error } = await supabase
    .from('zoom_meetings')
    .select(
      `id, zoom_meeting_id, title, description, meeting_type, start_time, duration, timezone, status, class_id, host_id, updated_at,
       host:users!host_id (name), class:classes (id, name, subject, schedule, room, teacher_id, teacher:users!teacher_id (name))`,
    )
    .eq('zoom_meeting_id', number)
    .maybeSingle()
  if (error) throw error
  const meeting = (found.meeting = data)
  if (!meeting) return found
  const [participants, seats] = await Promise.all([
    all('zoom_participants', '*, user:users (name, role)', { meeting_id: meeting.id }),
    meeting.class_id
      ? all('class_students', 'id, student_id, student:users!student_id (name)', { class_id: meeting.class_id })
      : [],
  ])
  found.participants = byId(participants)
  found.seats = seats
  found.date = lessonDate(found) ?? (await newestDate(meeting))
  if (meeting.class_id) {
    found.records = byId(await all('attendance_records', '*', { class_id: meeting.class_id, date: found.date }))
  }
  return found
}

const byId = (list) => new Map(list.map((row) => [row.id, row]))

// all is a select of all rows that match, however many answers it takes.
async function all(table, columns, match) {
  const list = []
  for (;;) {
    const { data, error } = await supabase
      .from(table)
      .select(columns)
      .match(match)
      .order('id')
      .range(list.length, list.length + PAGE - 1)
    if (error) throw error
    list.push(...data)
    if (data.length < PAGE) return list
  }
}

// lessonDate is the date that the lesson's attendance is kept under, by the rule of the rows: the plan's for a meeting
// held once, else that of the latest occurrence, which the visible joins tell. Null if they cannot tell.
function lessonDate({ meeting, participants }) {
  if (meeting.meeting_type === 'scheduled') return dateOf(meeting.start_time, meeting)
  const joins = [...participants.values()]
    .filter((row) => row.status !== 'invited' && row.join_time)
    .map((row) => Date.parse(row.join_time))
  if (joins.length) return dateOf(Math.min(...joins), meeting)
  if (meeting.status === 'started') return dateOf(meeting.updated_at, meeting)
  return meeting.status === 'ended' ? null : dateOf(Date.now(), meeting)
}

async function newestDate(meeting) {
  if (!meeting.class_id) return dateOf(meeting.updated_at, meeting)
  const { data, error } = await supabase
    .from('attendance_records')
    .select('date')
    .eq('class_id', meeting.class_id)
    .order('date', { ascending: false })
    .limit(1)
  if (error) throw error
  return data[0]?.date ?? dateOf(meeting.updated_at, meeting)
}

function dateOf(instant, meeting) {
  const timeZone =
    setting('attendance-timezone') === 'meeting' ? meeting.timezone || 'UTC' : setting('attendance-timezone')
  try {
    return format('sv-SE', { timeZone, dateStyle: 'short' }, instant)
  } catch {
    return format('sv-SE', { timeZone: 'UTC', dateStyle: 'short' }, instant) // for an app may store any text
  }
}

// Changes ---------------------------------------------------------------------------------------------------------------

let refreshing = null // the refresh under way
let stale = false // another is asked for
let missed = [] // changes that came in since the select began: it may not have seen them
let fresh = false // what is shown was selected after the channel became ready
let selectedAt = 0
let settled = false // it was selected once more since the lesson ended

// refresh selects everything anew, until it succeeds.
function refresh() {
  stale = true
  refreshing ??= selectUntilFresh().finally(() => (refreshing = null))
  return refreshing
}

async function selectUntilFresh() {
  while (stale) {
    stale = false
    missed = []
    const wasReady = ready
    try {
      const selected = await select()
      const other = JSON.stringify(bindings(rows)) !== JSON.stringify(bindings(selected))
      rows = selected
      loaded = true
      selectedAt = Date.now()
      settled &&= rows.meeting?.status === 'ended'
      missed.forEach(apply)
      fresh = wasReady && ready
      if (other && channel) listen()
    } catch (fault) {
      console.warn('select:', fault.message)
      signedIn = undefined
      lostBecause = fault.message
      fresh = false
      stale = true
      await new Promise((done) => setTimeout(done, 2000))
    }
    repaint()
  }
}

// lookAgain selects everything once a minute until the lesson is over, and once more for what was written after its end:
// what Realtime loses, it loses in silence.
function lookAgain() {
  if (document.hidden || settled || refreshing || Date.now() - selectedAt < 60e3) return
  settled = rows.meeting?.status === 'ended'
  refresh()
}

// change takes in what Realtime tells.
function change(payload) {
  if (refreshing) missed.push(payload)
  const id = payload.eventType === 'DELETE' ? payload.old.id : payload.new.id
  if (!apply(payload)) return
  heard = { changes: heard.changes + 1, at: Date.parse(payload.commit_timestamp) }
  repaint({ table: payload.table, type: payload.eventType, id, commit_timestamp: payload.commit_timestamp })
}

// apply changes the rows, and says whether it did: deletes are told of every meeting and class.
function apply({ table, eventType, new: row, old }) {
  const deleted = eventType === 'DELETE'
  switch (table) {
    case 'zoom_meetings':
      if (deleted ? old.id !== rows.meeting?.id : row.zoom_meeting_id !== number) return false
      if (!deleted && rows.meeting && row.class_id === rows.meeting.class_id && row.host_id === rows.meeting.host_id) {
        if (row.status === 'ended' && rows.meeting.status !== 'ended') refresh() // much is written then
        Object.assign(rows.meeting, row)
      } else {
        refresh() // gone, new, or another's: other rows belong to it
      }
      return true
    case 'zoom_participants':
      if (deleted) return rows.participants.delete(old.id)
      if (row.meeting_id !== rows.meeting?.id) return false // their row in another meeting
      rows.participants.set(row.id, { user: rows.participants.get(row.id)?.user, ...row })
      return true
    case 'attendance_records':
      if (deleted) return rows.records.delete(old.id)
      if (row.class_id !== rows.meeting?.class_id) return false
      if (row.date === rows.date) rows.records.set(row.id, row)
      else if (!lessonDate(rows))
        refresh() // it may be a newer lesson's
      else return false
      return true
  }
  return false
}

// Realtime --------------------------------------------------------------------------------------------------------------

let channel
let channels = 0
let reopening
let ready = false // the server has promised changes
let wasLive = false
let lostAt
let lostBecause = ''

// listen opens the channel, anew if there was one. supabase-js joins again by itself when the connection was lost; when
// the server closed or refused the channel, it is opened anew after a while.
function listen() {
  clearTimeout(reopening)
  const before = channel
  channel = undefined
  if (before) supabase.removeChannel(before)
  lose()

  const opened = supabase.channel(`monitor:${number}:${++channels}`)
  for (const binding of bindings(rows)) opened.on('postgres_changes', { schema: 'public', ...binding }, change)
  // SUBSCRIBED comes before changes do; this message is the one that promises them.
  opened.on('system', {}, ({ extension, status, message }) => {
    if (extension !== 'postgres_changes' || opened !== channel) return
    if (status !== 'ok') return reopen(message)
    ready = true
    refresh()
  })
  opened.subscribe((status, fault) => {
    if (opened !== channel) return
    if (status === 'CLOSED') reopen('closed by the server')
    else if (status !== 'SUBSCRIBED') lose(fault?.message)
  })
  channel = opened
}

// bindings are what this person has to hear of: who runs the meeting, of all in it; others, of themselves or their
// children. Each is a question to row level security for each change that its filter lets through.
function bindings({ meeting, seats }) {
  if (!meeting) return [{ event: '*', table: 'zoom_meetings', filter: `zoom_meeting_id=eq.${number}` }] // should it appear
  const view = viewOf({ meeting })
  const runs = view === 'runs'
  const whose = [me.id, ...(view === 'family' ? seats.map((seat) => seat.student_id) : [])].join()
  const list = [
    { event: '*', table: 'zoom_meetings', filter: `id=eq.${meeting.id}` },
    { event: '*', table: 'zoom_participants', filter: runs ? `meeting_id=eq.${meeting.id}` : `user_id=in.(${whose})` },
  ]
  if (meeting.class_id && seesAttendance({ meeting })) {
    const filter = runs ? `class_id=eq.${meeting.class_id}` : `student_id=in.(${whose})`
    list.push({ event: '*', table: 'attendance_records', filter })
  }
  // With row level security a delete carries the primary key alone, which no filter on another column matches. The one
  // that there is, of a guest who turns out to be somebody, is for those who see guests.
  if (runs) list.push({ event: 'DELETE', table: 'zoom_participants' })
  return list
}

function reopen(why) {
  lose(why)
  clearTimeout(reopening)
  reopening = setTimeout(listen, 3000)
}

// lose notes that changes may be missed from now on.
function lose(why = '') {
  if (ready) lostAt = Date.now()
  ready = fresh = false
  lostBecause = why
  repaint()
}

function linkState() {
  if (ready && fresh) return 'live'
  return wasLive ? 'reconnecting' : 'connecting'
}

// Painting --------------------------------------------------------------------------------------------------------------

let due = false
let toTell = [] // what the next repaint shows of Realtime's changes

function repaint(shown) {
  if (shown) toTell.push(shown)
  if (due) return
  due = true
  // A hidden tab gets no frames, but its title is seen.
  if (document.hidden) setTimeout(paint, 500)
  else requestAnimationFrame(paint)
}

function paint() {
  due = false
  paintLink()
  if (!loaded) return
  if (rows.meeting && !refreshing && (lessonDate(rows) ?? rows.date) !== rows.date) refresh() // another occurrence began
  const view = viewOf(rows)
  const people = peopleOf(rows, view)
  const counts = count(rows, people)
  paintMeeting(view, people, counts)
  paintTally(counts)
  paintBoard(view, people)
  Object.assign(main.dataset, {
    view,
    status: rows.meeting?.status ?? '',
    meeting: rows.meeting?.id ?? '',
    date: rows.date ?? '',
  })
  main.setAttribute('aria-busy', 'false')
  for (const name in counts) main.dataset[name] = counts[name]
  if (wasLive) document.body.dataset.ready = 'true'

  const at = Date.now()
  for (const shown of toTell) repaints.push({ ...shown, at })
  if (repaints.length > 4000) repaints.splice(0, repaints.length - 3000)
  toTell = []
}

// viewOf says how the page speaks to this person. It hides nothing: what may be seen was decided by what came.
function viewOf({ meeting }) {
  if (!meeting) return 'stranger'
  if (me.role === 'admin' || me.id === meeting.host_id || me.id === meeting.class?.teacher_id) return 'runs'
  return me.role === 'parent' ? 'family' : 'self'
}

const seesAttendance = ({ meeting }) =>
  me.role === 'admin' || me.id !== meeting.host_id || me.id === meeting.class?.teacher_id

// peopleOf is everybody to show, each once: the enrolled, then whoever else takes part.
function peopleOf({ meeting, seats, participants, records }, view) {
  if (!meeting) return []
  const rowOf = new Map()
  for (const row of participants.values()) if (row.user_id) rowOf.set(row.user_id, row)
  const recordOf = new Map()
  for (const record of records.values()) recordOf.set(record.student_id, record)

  const people = seats.map(({ student_id, student }) => {
    const row = rowOf.get(student_id)
    const verdict = recordOf.get(student_id)?.status ?? ''
    return {
      key: student_id,
      user: student_id,
      enrolled: true,
      name: student?.name ?? row?.name ?? 'A student',
      row,
      verdict,
    }
  })
  const enrolled = new Set(seats.map((seat) => seat.student_id))
  for (const row of participants.values()) {
    if (enrolled.has(row.user_id) || (row.status === 'invited' && row.user_id !== me.id)) continue
    const role = !row.user_id ? 'guest' : row.user_id === meeting.host_id ? 'host' : (row.user?.role ?? '')
    people.push({
      key: row.id,
      user: row.user_id ?? '',
      name: row.user?.name ?? row.name ?? 'A guest',
      row,
      verdict: '',
      role,
    })
  }
  for (const person of people) person.group = groupOf(person, view, meeting)
  return people.sort(byName)
}

// groupOf is the list somebody is shown in.
function groupOf({ enrolled, row, verdict }, view, meeting) {
  if (view !== 'runs') return 'here'
  if (!enrolled) return 'others'
  const seen = row && row.status !== 'invited'
  if (!seen) return 'missing'
  if (meeting.status === 'ended') return verdict === 'partial' ? 'left' : 'here'
  return row.status === 'joined' ? 'here' : 'left'
}

const collator = new Intl.Collator()
const byName = (a, b) => collator.compare(a.name, b.name) || (a.key < b.key ? -1 : 1)

function count({ participants }, people) {
  const counts = { joined: 0, left: 0, guests: 0, enrolled: 0, here: 0, missing: 0 }
  for (const row of participants.values()) {
    if (row.status !== 'invited') counts[row.status]++
    if (!row.user_id && row.status !== 'invited') counts.guests++
  }
  const tally = Object.fromEntries(VERDICTS.map((verdict) => [verdict || 'undecided', 0]))
  for (const { enrolled, row, verdict } of people) {
    if (!enrolled) continue
    counts.enrolled++
    if (row?.status === 'joined') counts.here++
    if (!row || row.status === 'invited') counts.missing++
    tally[verdict || 'undecided']++
  }
  return { ...counts, ...tally }
}

const LINKS = { connecting: 'Connecting', live: 'Live', reconnecting: 'Reconnecting' }

function paintLink() {
  const link = linkState()
  wasLive ||= link === 'live'
  $('link').dataset.state = document.body.dataset.link = link
  $('link').title = link === 'live' ? '' : lostBecause
  write($('link').lastElementChild, LINKS[link])
  const { changes, at } = heard
  const last = changes
    ? `Last change ${clock(at, 'medium')} · ${changes} ${plural(changes, 'change')} since you came`
    : 'No change since you came'
  write($('heard'), link === 'reconnecting' ? `As it was at ${clock(lostAt, 'medium')}; it may have changed` : last)
}

function paintMeeting(view, people, counts) {
  const { meeting } = rows
  if (view === 'stranger') {
    write($('status'), 'Not found')
    write($('title'), 'No such meeting for you')
    write($('about'), '')
    write($('note'), `There is no meeting ${number}, or it is meant for others than ${me.name}.`)
    $('attendance').hidden = $('board').hidden = $('how-many').hidden = true
    $('elsewhere').hidden = !$('elsewhere').querySelector('li')
    document.title = 'Class monitor'
    return
  }
  const { class: group, host, status } = meeting
  $('board').hidden = $('how-many').hidden = false
  $('elsewhere').hidden = true
  $('attendance').hidden = view !== 'runs' || !counts.enrolled || !seesAttendance(rows)
  $('status').dataset.status = status
  write($('status'), statusLine(meeting, view))
  write($('title'), meeting.title)
  write($('about'), about(meeting, group, host))
  write($('note'), note(view, group))
  write($('attendance-title'), `Attendance, ${day(rows.date)}`)

  const { big, of, facts } = headline(view, people, counts, status)
  write($('count'), big)
  write($('of'), of)
  write($('facts'), capitalised(facts.join(' · ')))
  $('facts').hidden = view !== 'runs'
  $('how-many').dataset.kind = /^\d+$/.test(big) ? 'number' : 'words'
  $('bar').hidden = view !== 'runs' || !counts.enrolled
  const share = (name) =>
    counts.enrolled ? people.filter((person) => person.group === name).length / counts.enrolled : 0
  $('bar').style.setProperty('--here', share('here'))
  $('bar').style.setProperty('--left', share('left'))
  document.title = view === 'runs' && status === 'started' ? `${big} ${of} · ${meeting.title}` : meeting.title
  say([`${big} ${of}`, ...facts].join(', '))
}

const STATUS = { scheduled: 'Not started yet', started: 'In progress', ended: 'Ended', cancelled: 'Cancelled' }

function statusLine({ status }, view) {
  const ends = [...rows.participants.values()].map((row) => Date.parse(row.leave_time)).filter(Number.isFinite)
  if (status === 'ended' && view === 'runs' && ends.length) return `Ended at ${clock(Math.max(...ends))}`
  return STATUS[status] ?? status
}

function about(meeting, group, host) {
  const when =
    meeting.meeting_type === 'scheduled'
      ? `${day(dateOf(meeting.start_time, meeting))}, ${clock(meeting.start_time)}`
      : (group?.schedule ?? (meeting.meeting_type === 'recurring' ? 'Recurring' : ''))
  return [
    group && (/^\d/.test(group.name) ? `Class ${group.name}` : group.name),
    group?.subject,
    when,
    `${meeting.duration} min`,
    group?.room && (/^\d/.test(group.room) ? `Room ${group.room}` : group.room),
    group?.teacher?.name ?? host?.name,
  ]
    .filter(Boolean)
    .join('\u00a0· ')
}

function note(view, group) {
  if (view === 'family') {
    return group
      ? 'You see your children’s attendance. Who is in the room is for the teacher to see.'
      : 'Who is in the room is for the host to see.'
  }
  if (view === 'self') return 'You see only your own row.'
  if (!group) return 'This meeting is not a class’s, so no attendance is kept.'
  return seesAttendance(rows) ? '' : 'Attendance is for the class’s teacher to see.'
}

// headline says the one thing this person came to know.
function headline(view, people, counts, status) {
  const facts = []
  if (view === 'runs') {
    const size = (name) => people.filter((person) => person.group === name).length
    if (!counts.enrolled) {
      if (counts.left) facts.push(`${counts.left} left`)
      if (counts.guests) facts.push(`${counts.guests} ${plural(counts.guests, 'guest')}`)
      return { big: `${counts.joined}`, of: 'in the room', facts }
    }
    if (status === 'ended') {
      if (counts.missing) facts.push(`${counts.missing} not seen`)
      if (size('left')) facts.push(`${size('left')} for part of it`)
    } else if (status === 'scheduled' && !counts.joined) {
      facts.push('nobody here yet')
    } else if (status === 'started') {
      facts.push(counts.missing ? `${counts.missing} missing` : 'nobody missing')
      if (size('left')) facts.push(`${size('left')} left`)
    }
    if (counts.guests) facts.push(`${counts.guests} ${plural(counts.guests, 'guest')}`)
    if (status === 'ended')
      return { big: `${counts.enrolled - counts.missing}`, of: `of ${counts.enrolled} were here`, facts }
    if (status === 'started' || counts.joined) return { big: `${counts.here}`, of: `of ${counts.enrolled} here`, facts }
    return { big: `${counts.enrolled}`, of: 'expected', facts }
  }
  if (view === 'family') {
    const children = people.filter((person) => person.enrolled)
    if (children.length === 1)
      return { big: capitalised(children[0].verdict || 'not yet recorded'), of: `for ${children[0].name}`, facts }
    if (!children.length) return { big: 'Nothing to see', of: 'here for your family', facts }
    const tally = VERDICTS.map((verdict) => [counts[verdict || 'undecided'], verdict || 'not yet']).filter(([n]) => n)
    return { big: 'Your children', of: tally.map((pair) => pair.join(' ')).join(', '), facts }
  }
  const mine = people.find((person) => person.user === me.id)
  const state = mine?.row?.status
  if (state === 'joined') return { big: 'You are here', of: `since ${clock(mine.row.join_time)}`, facts }
  const left = clock(mine?.row?.leave_time)
  if (state === 'left')
    return status === 'ended'
      ? { big: 'You were here', of: left && `until ${left}`, facts }
      : { big: 'You have left', of: left && `at ${left}`, facts }
  return { big: status === 'ended' ? 'You were not seen' : 'You are not in the room', of: '', facts }
}

function paintTally(counts) {
  for (const cell of $('attendance').querySelectorAll('[data-tally]')) {
    const n = counts[cell.dataset.tally || 'undecided']
    write(cell.lastElementChild, `${n}`)
    cell.classList.toggle('none', n === 0)
  }
}

// The board -------------------------------------------------------------------------------------------------------------

const items = new Map() // the list items there are, by the person's key
let lastChanged = Infinity
const stillness = matchMedia('(prefers-reduced-motion: reduce)')

const TITLES = {
  scheduled: { missing: 'Expected', left: 'Left', here: 'Here', others: 'Also here' },
  started: { missing: 'Missing', left: 'Left', here: 'Here', others: 'Also here' },
  ended: { missing: 'Not seen', left: 'Part of it', here: 'Were here', others: 'Also there' },
}
const NOBODY = {
  scheduled: {},
  started: { missing: 'Everybody came', left: 'Nobody', here: 'Nobody yet' },
  ended: { missing: 'Everybody came', left: 'Nobody', here: 'Nobody' },
}

function paintBoard(view, people) {
  const { meeting } = rows
  if (!meeting) people = []
  const status = TITLES[meeting?.status] ? meeting.status : 'scheduled'
  const changed = []
  const gone = new Set(items.keys())
  const lists = { missing: [], left: [], here: [], others: [] }
  for (const person of people) {
    gone.delete(person.key)
    lists[person.group].push(paintPerson(person, changed))
  }
  for (const key of gone) {
    items.get(key).remove()
    items.delete(key)
  }
  const hasClass = people.some((person) => person.enrolled)
  for (const section of $('board').querySelectorAll('section')) {
    const name = section.dataset.group
    const [heading, list, nobody] = section.children
    const title = { self: 'You', family: 'Your children' }[view]
    write(heading.firstElementChild, title ? `${title}${hasClass ? `, ${day(rows.date)}` : ''}` : TITLES[status][name])
    write(heading.lastElementChild, view === 'runs' ? `${lists[name].length}` : '')
    place(list, lists[name])
    const word = NOBODY[status][name]
    write(nobody, lists[name].length ? '' : (word ?? ''))
    const says = lists[name].length || (view === 'runs' && hasClass && word)
    section.hidden = !says
  }
  // What changed is pointed at, but not the first paint, nor what comes in a rush.
  if (!changed.length) return
  if (performance.now() - lastChanged > 500 && changed.length < 25 && !stillness.matches) changed.forEach(point)
  lastChanged = performance.now()
}

// place brings a list into this order and moves only what is out of it.
function place(list, wanted) {
  let next = list.firstElementChild
  for (const item of wanted) {
    if (item === next) next = next.nextElementSibling
    else list.insertBefore(item, next)
  }
}

function paintPerson(person, changed) {
  let item = items.get(person.key)
  if (!item) {
    item = document.createElement('li')
    for (const name of ['name', 'time', 'since', 'verdict'])
      item.append(Object.assign(document.createElement('span'), { className: name }))
    item.firstElementChild.dir = 'auto'
    items.set(person.key, item)
    item.saw = ''
  }
  const { row, verdict, user, name, group, enrolled, role } = person
  const saw = JSON.stringify([
    name,
    group,
    verdict,
    role,
    row?.status,
    row?.join_time,
    row?.leave_time,
    row?.duration,
    rows.meeting.status,
  ])
  if (saw === item.saw) return item
  item.saw = saw
  item.person = person
  changed.push(item)
  const status = row?.status ?? ''
  Object.assign(item.dataset, { user, participant: row?.id ?? '', status, verdict, seconds: row?.duration ?? '' })
  const [nameOf, timeOf, sinceOf, verdictOf] = item.children
  write(nameOf, name)
  write(timeOf, timeIn(row))
  write(sinceOf, sinceWhen(row, role))
  write(verdictOf, enrolled && seesAttendance(rows) ? verdict || 'not yet' : '')
  timeOf.title = row?.duration ? `${row.duration.toLocaleString('en')} seconds in visits that ended` : ''
  return item
}

function sinceWhen(row, role) {
  const said = []
  if (role) said.push(role)
  if (row?.status === 'joined') said.push(`${row.duration ? 'back' : 'in'} since ${clock(row.join_time)}`)
  if (row?.status === 'left') said.push(row.leave_time ? `left ${clock(row.leave_time)}` : 'left')
  return said.join(', ')
}

// timeIn is how long somebody was there: what the row counts, visits that ended, and for those who are in, the time since
// they came.
function timeIn(row) {
  if (!row || row.status === 'invited') return ''
  let seconds = row.duration ?? 0
  if (row.status === 'joined' && row.join_time) seconds += Math.max(0, (Date.now() - Date.parse(row.join_time)) / 1000)
  else if (row.duration === null) return ''
  const minutes = Math.floor(seconds / 60)
  if (minutes < 1) return '<1 min'
  return minutes < 60 ? `${minutes} min` : `${Math.floor(minutes / 60)} h ${String(minutes % 60).padStart(2, '0')}`
}

// tick moves the clocks of those who are in.
function tick() {
  if (document.hidden) return
  for (const item of items.values()) {
    if (item.dataset.status === 'joined') write(item.children[1], timeIn(item.person.row))
  }
}

function point(item) {
  item.animate([{ background: 'var(--tint)' }, {}], { duration: 1600, easing: 'ease-out' })
}

// The pickers -----------------------------------------------------------------------------------------------------------

const ROLES = { teacher: 'Teachers', admin: 'Office', student: 'Students', parent: 'Parents' }

function showPeople(people, as) {
  const picker = $('person')
  let group
  for (const { role, email, name } of people) {
    const label = ROLES[role] ?? 'Others'
    if (group?.label !== label) picker.append((group = Object.assign(document.createElement('optgroup'), { label })))
    group.append(option(email, name, same(email, as)))
  }
  if (as && !people.some((person) => same(person.email, as))) picker.prepend(option(as, as, true))
  picker.addEventListener('change', () => go({ as: picker.value }))
}

const same = (a, b) => a?.toLowerCase() === b?.toLowerCase()

// showMeetings offers the meetings this person may see.
async function showMeetings() {
  const picker = $('meeting')
  picker.addEventListener('change', () => go({ meeting: picker.value }))
  const { data } = await supabase.from('zoom_meetings').select('zoom_meeting_id, title').order('title').limit(200)
  const meetings = data ?? []
  picker.append(
    ...meetings.map((meeting) => option(meeting.zoom_meeting_id, meeting.title, meeting.zoom_meeting_id === number)),
  )
  if (!meetings.some((meeting) => meeting.zoom_meeting_id === number)) picker.prepend(option(number, number, true))
  $('elsewhere').lastElementChild.append(
    ...meetings.map((meeting) => {
      const item = document.createElement('li')
      const link = Object.assign(document.createElement('a'), {
        href: address({ meeting: meeting.zoom_meeting_id }),
        textContent: meeting.title,
      })
      link.dir = 'auto'
      item.append(link)
      return item
    }),
  )
  repaint()
}

function option(value, text, selected) {
  return Object.assign(document.createElement('option'), {
    value,
    textContent: text,
    selected,
    defaultSelected: selected,
  })
}

function address(choice) {
  const next = new URLSearchParams(location.search)
  for (const name in choice) next.set(name, choice[name])
  return `?${next}`
}

function go(choice) {
  location.search = address(choice)
}

// showFault is for when there is nobody to show the meeting to.
function showFault(fault) {
  main.dataset.view = 'nobody'
  main.setAttribute('aria-busy', 'false')
  write($('title'), 'Nobody is looking')
  write($('note'), `${fault.message}.`)
  $('attendance').hidden = $('board').hidden = $('how-many').hidden = true
  $('link').hidden = $('meeting').hidden = document.querySelector('label[for=meeting]').hidden = true
}

// Words -----------------------------------------------------------------------------------------------------------------

function write(element, text) {
  if (element.textContent !== text) element.textContent = text
}

let saying
let said = ''

// say tells screen readers the counts, no more often than can be listened to.
function say(text) {
  if (text === said) return
  said = text
  saying ??= setTimeout(() => {
    saying = undefined
    write($('said'), said)
  }, 4000)
}

function clock(instant, timeStyle = 'short') {
  return instant ? format('en-GB', { timeStyle }, instant) : ''
}

function day(date) {
  return format('en-GB', { weekday: 'long', day: 'numeric', month: 'long', timeZone: 'UTC' }, date)
}

const formats = new Map() // each is costly to make

function format(locale, options, instant) {
  const key = locale + JSON.stringify(options)
  if (!formats.has(key)) formats.set(key, new Intl.DateTimeFormat(locale, options))
  return formats.get(key).format(new Date(instant))
}

const capitalised = (text) => text.charAt(0).toUpperCase() + text.slice(1)
const plural = (n, word) => (n === 1 ? word : `${word}s`)
