-- The inbox: a row for each event, from its acceptance until it is removed.
--
-- Times are microseconds since 1970, UTC. The columns up to body never change, and sum is over them. The others say where
-- the event is: waiting -> settled, or dead; a replay and a return from the dead letters make it waiting again.

create table events (
  number      integer primary key,  -- from 1, in the order of acceptance; never given twice
  meeting     text    not null,     -- Zoom's number of the meeting, digits alone; empty where the event tells none
  kind        text    not null,     -- Zoom's name of the event, such as meeting.ended
  source      text    not null,     -- who told of it: webhook
  trace       text    not null,     -- the W3C traceparent of the span that kept it; empty where it was not traced
  accepted_at integer not null,
  sum         integer not null,     -- the first 8 bytes of the SHA-256 of number, meeting, kind, source, trace, accepted_at, body

  state       text    not null check (state in ('waiting', 'settled', 'dead')),
  state_at    integer not null,     -- waiting: not to be handed out before, 0 for at once; settled and dead: since when
  attempt     integer not null check (attempt > 0),
  outcome     text,                 -- of a settled event: what came of it, such as applied or unknown_meeting
  reason      text,                 -- of a dead one: why, in one line
  body        blob    not null,     -- as Zoom sent it
  constraint settled_with_an_outcome check ((state = 'settled') = (outcome is not null)),
  constraint dead_for_a_reason check ((state = 'dead') = (reason is not null))
) strict;

-- What waits, in its turn; what was settled longest ago; dead letters; and how many of each there are.
create index events_by_state on events (state, state_at, number, meeting);

-- The meetings that nobody knew.
create index events_unknown on events (meeting, accepted_at) where outcome = 'unknown_meeting';

-- Meetings whose events are not handed out.
create table put_off (
  meeting text    primary key,
  since   integer not null,
  until   integer not null,
  reason  text    not null
) strict, without rowid;

-- One row. The rows of events and those that were removed are as many as the last number.
create table book (
  id            text    not null check (length(id) > 0),  -- of this file; inbox.last has it too
  removed       integer not null,                         -- how many events were removed
  removed_until integer not null                          -- of the removed settled ones: when the latest was accepted
) strict;
