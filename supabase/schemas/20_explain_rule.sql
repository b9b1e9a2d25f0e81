-- What decided: the lesson, the rule, whose word stands in the record, and whether anything more is expected. In words that
-- are true at that moment.

create function zoom.explain_lesson(lesson zoom.lessons) returns text
language plpgsql stable set search_path = '' as $$
declare
  room constant jsonb := zoom.as_of('zoom_meetings', lesson.meeting_id::text, lesson.as_of);
  recurs constant boolean := room ->> 'meeting_type' = 'recurring';
begin
  return case
    when lesson.is_planned then 'the meeting was planned for it'
    when recurs and zoom.as_of('zoom_meetings', lesson.meeting_id::text, now()) ->> 'meeting_type' is distinct from 'recurring'
      then 'its own run made it, since the meeting recurred then'
    when recurs then 'its own run made it, since the meeting recurs'
    when room ->> 'meeting_type' = 'instant' then 'its own run made it, since the meeting was held at once'
    when lesson.starts_at < (room ->> 'created_at')::timestamptz then 'its own run made it, which came before the meeting was written down'
    else 'its own run made it, which came after the planned start, for which no lesson had been held'
  end;
end
$$;
comment on function zoom.explain_lesson is 'Why there is a lesson, in words.';

create function zoom.explain_run(run zoom.instances) returns text
language plpgsql stable set search_path = '' as $$
begin
  return case
    when run.no_lesson = 'cancelled' then 'it belongs to no lesson, since the meeting had been cancelled when it began'
    when run.no_lesson is not null then 'it belongs to no lesson, since the meeting was not planned for its time'
    when run.lesson_id is null then 'it belongs to no lesson'
    when not run.counts then 'only one person was in it, and in another run of the lesson there were more'
  end;
end
$$;
comment on function zoom.explain_run is 'Why a run counts nothing for attendance, in words; null if it does.';

create function zoom.end_was_told(run zoom.instances) returns boolean
language plpgsql stable set search_path = '' as $$
begin
  -- The end of a run without uuid may hang on a run of its own: see zoom.run_end.
  return run.told_end is not null or run.instance like 'day %' and exists (
    select from zoom.instances own
    where own.number = run.number and own.instance like 'start %' and own.told_end = run.ended_at);
end
$$;
comment on function zoom.end_was_told is 'Whether Zoom told the end of a run. Else the last thing heard of it stands in its place, once it is over. Never null.';

create function zoom.enrolled_since(student uuid, class uuid, at timestamptz) returns boolean
language plpgsql stable set search_path = '' as $$
begin
  return exists (
    select from zoom.enrolments own
    where own.student_id = student and own.class_id = class
      and own.until > enrolled_since.at);
end
$$;
comment on function zoom.enrolled_since is
  'Whether a student was enrolled in a class at a moment or came to be later. Unenrolling takes nothing from a run that had begun. Never null.';

create function zoom.explain_absence(judged zoom.judgement, lesson zoom.lessons) returns text
language plpgsql stable set search_path = '' as $$
declare
  moment text;
begin
  if not lesson.is_over then
    if not (select bool_and(run.ended_at is not null) from zoom.instances run where run.lesson_id = lesson.lesson_id) then
      return 'nothing yet: they were not seen in lesson time, and Zoom has not told the end';
    end if;
    return 'nobody is absent: what was held of the lesson ended before its start';
  end if;
  if not lesson.makes_absent then
    return case
      when lesson.is_planned then 'nobody is absent: the lesson was not held, since none of the staff was recognised in what counts of it, as they were in the meeting before or after'
      when not lesson.is_held then 'nobody is absent: a lesson that was not planned makes nobody absent unless it was held, and ' || case
        when lesson.has_staff then 'nobody but the staff was in what counts of it'
        when exists (select from zoom.instances run where run.lesson_id = lesson.lesson_id and run.counts and run.has_others)
          then 'none of the staff was recognised in what counts of it'
        else 'nobody was in it'
      end
      else format('nobody is absent: a lesson that was not planned makes nobody absent unless it lasted for %s', zoom.spelt(lesson.min_seconds))
    end;
  end if;
  if judged.verdict = 'absent' then
    return 'absent: the lesson is over, and they were not seen in it';
  end if;
  -- What decides is the later of the two.
  moment := case
    when lesson.expected_at > (select max(run.ended_at) from zoom.instances run where run.lesson_id = lesson.lesson_id) then 'when Zoom first told of the lesson'
    else 'when the lesson ended'
  end;
  return case
    when zoom.enrolled(judged.student_id, lesson.class_id, lesson.expected_at) then 'not absent: they were not active ' || moment
    when zoom.enrolled_since(judged.student_id, lesson.class_id, lesson.expected_at) then 'not absent: they were not enrolled yet ' || moment
    when zoom.enrolled_since(judged.student_id, lesson.class_id, lesson.as_of) then 'not absent: they were not enrolled any more ' || moment
    else 'not enrolled in the class, so no attendance is kept'
  end;
end
$$;
comment on function zoom.explain_absence is 'Why somebody who was not seen in a lesson is absent, or is not, in words.';

create function zoom.explain_rule(judged zoom.judgement, lessons integer) returns text
language plpgsql stable set search_path = '' as $$
declare
  lesson zoom.lessons;
begin
  select own.* into lesson from zoom.lessons own where own.lesson_id = judged.lesson_id;
  return case
    when judged.verdict = 'present' then format('present from %s: %s', zoom.spelt(lesson.min_seconds), zoom.spelt(judged.seconds))
    when judged.verdict = 'partial' then format('partial%s: %s of the %s that %s needed', case when judged.is_in then ' so far' end, zoom.spelt(judged.seconds),
      zoom.spelt(lesson.min_seconds), case when lesson.min_seconds in (1, 60) then 'is' else 'are' end)
    when not judged.is_seen then zoom.explain_absence(judged, lesson)
    when not judged.was_enrolled then 'not enrolled in the class, so no attendance is kept'
    when judged.of_app then 'nothing yet: the app saw them come, and Zoom has not told the end'
    else 'nothing yet: they are in, and Zoom has told neither that they left nor the end'
  end
  || case when judged.of_app and judged.verdict in ('present', 'partial') then ', by the word of the app' else '' end
  || case when judged.is_in and judged.verdict = 'partial' then ', and they are in' else '' end
  || case when lessons > 1 and judged.verdict = 'absent' then format(', and none of the %s lessons of that day says more', lessons)
    when lessons > 1 and judged.verdict is not null then format(', in the best of the %s lessons of that day', lessons) else '' end;
end
$$;
comment on function zoom.explain_rule is 'Which rule gave what a lesson says of a student, in a sentence. lessons: how many the class had that day.';

create function zoom.explain_standing(theirs text, said text) returns text
language plpgsql immutable set search_path = '' as $$
begin
  -- As zoom.weighed has it: only what exceeds both raises it, and nothing exceeds present.
  return ' People outrank Zoom: that stands' || case
    when greatest(zoom.rank(theirs), zoom.rank(said)) = zoom.rank('present') then '.'
    when zoom.rank(theirs) > zoom.rank(said) then ' until Zoom tells more than that.'
    else ' until Zoom tells more than we had said then.'
  end;
end
$$;
comment on function zoom.explain_standing is
  'How long what somebody wrote stands (theirs; null: they removed the record) when we had said this, in words. Not for late and excused.';

create function zoom.explain_record(
  verdict text, current text, memory zoom.verdicts, refused zoom.refused, is_operator boolean, out overridden boolean, out note text
)
language plpgsql immutable set search_path = '' as $$
declare
  ours constant text := zoom.weighed(memory.theirs, memory.said, memory.verdict); -- what we left there
  is_known constant boolean := memory.student_id is not null;
  then_said constant text := case when memory.said = 'nothing' then 'there was no verdict of Zoom''s' else 'Zoom''s verdict was ' || memory.said end;
begin
  -- Our word would be another one, and a person's stands.
  overridden := verdict is not null and current is distinct from verdict and refused.relation is null and case
      when not is_known then current is not null
      else current is distinct from ours or memory.said is not null and current is not distinct from memory.theirs
    end;
  note := case
    when refused.relation is not null then format('The school''s database refused the record%s%s. It is tried again when something of it changes, and once an hour.',
      ' ' || refused.wanted, case when is_operator then ': ' || refused.reason end)
    when not is_known and current is null and verdict is not null
      then 'There is no record yet: the verdict is written within seconds, while a sidecar runs.'
    when not is_known and current is null then null
    when not is_known then format('Somebody wrote %s, and nothing that Zoom told has changed it.', current)
    when current is null and ours is not null
      then format('Somebody removed the record after it said %s.', ours) || zoom.explain_standing(null, memory.verdict)
    when current is distinct from ours and current in ('late', 'excused')
      then format('Somebody wrote %s%s, which only people write: it is never touched.', current, ' after it said ' || ours)
    when current is distinct from ours
      then format('Somebody wrote %s %s.', current, coalesce('after it said ' || ours, 'where there was no record')) || zoom.explain_standing(current, memory.verdict)
    when verdict is distinct from memory.verdict
      then format('By what is known now it would be %s, and %s was the verdict when it was judged last. That is done anew within seconds, while a sidecar runs.',
        coalesce(verdict, 'nothing yet'), coalesce(memory.verdict, 'nothing'))
    when memory.said is null then null
    when memory.theirs is null and current is null
      then format('Somebody removed the record when %s.', then_said) || zoom.explain_standing(null, memory.said)
    when memory.theirs is null then format('Somebody removed the record when %s, and Zoom told more than that since.', then_said)
    when memory.theirs in ('late', 'excused') then format('Somebody had written %s, which only people write: it is never touched.', memory.theirs)
    when memory.theirs = memory.verdict then null
    when current = memory.theirs and zoom.rank(memory.verdict) <= zoom.rank(memory.said)
      then format('Somebody had written %s when %s.', memory.theirs, then_said) || zoom.explain_standing(memory.theirs, memory.said)
    when current = memory.theirs
      then format('Somebody had written %s, which is better than %s. People outrank Zoom: what they wrote is only ever raised.', memory.theirs, coalesce(memory.verdict, 'nothing'))
    else format('Somebody had written %s, and Zoom told more than we had said then: it was raised to %s.', memory.theirs, current)
  end;
end
$$;
comment on function zoom.explain_record is
  'Whether a person''s word stands in a record in place of the verdict, and in a sentence how the two came together; null if '
  'there is nothing to say. refused: what the school''s database did not take; its reason is for operators.';

create function zoom.explain_outlook(
  runs bigint[], lessons bigint[], student uuid, class uuid, day date, is_theirs boolean, out outlook text, out changes text
)
language plpgsql stable set search_path = '' as $$
begin
  -- (What is asked is asked of these runs alone: an index of the few that are open, say, would be read as a whole.)
  outlook := case
    when exists (select from zoom.due own where own.run_id = any (runs))
        or exists (select from zoom.unfinished own where own.class_id = class and own.date = day and own.student_id = student)
      then 'It is about to be judged anew, which takes seconds while a sidecar runs.'
    when not (select bool_and(run.ended_at is not null) from unnest(runs) told (run_id) join zoom.instances run on run.run_id = told.run_id)
      then 'More is expected: Zoom has not told that it ended.'
    when is_theirs and not coalesce((
        select bool_and(run.ended_at is not null) from zoom.lessons own
        join zoom.instances run on run.lesson_id = own.lesson_id
        where own.class_id = class and own.held_on = day and not own.lesson_id = any (lessons)), true)
      then 'More may come: another lesson of the class on that date has not ended, and the best of them decides.'
    when not (select bool_and(own.is_over) from unnest(lessons) told (id) join zoom.lessons own on own.lesson_id = told.id)
      then 'More is expected only if the lesson is still to be held: all that was told of it ended before its start.'
    when not (select bool_and(zoom.end_was_told(run)) from unnest(runs) told (run_id) join zoom.instances run on run.run_id = told.run_id)
      then 'Nothing more is expected. Zoom never told the end, and the last thing heard stands in its place.'
    else 'Nothing more is expected.'
  end;
  changes := case when lessons = '{}'
    then 'If it was a lesson, planning the meeting for that time makes it count; one that had been cancelled is judged by today''s data with sidecar rejudge --as-of now.'
    when not exists (select from zoom.lessons own where own.lesson_id = any (lessons) and own.class_id is not null)
    then 'What would change it: a class of the meeting that its host teaches; or, if it has the right one, an admin who saves the meeting as it is.'
    else 'What would change it: an event that comes late; an address, a registration or an enrolment that was lacking and is written now; or, where they were wrong and are corrected, sidecar rejudge --as-of now.'
  end;
end
$$;
comment on function zoom.explain_outlook is
  'Whether anything more is expected of the runs of a date, and what would change what they say: in words. is_theirs: whether the '
  'attendance of the class is theirs to see who ask, and so its other lessons.';

revoke execute on function
  zoom.explain_lesson, zoom.explain_run, zoom.end_was_told, zoom.enrolled_since, zoom.explain_absence, zoom.explain_rule,
  zoom.explain_standing, zoom.explain_record, zoom.explain_outlook
from public;
grant execute on function
  zoom.explain_lesson, zoom.explain_run, zoom.end_was_told, zoom.enrolled_since, zoom.explain_absence, zoom.explain_rule,
  zoom.explain_standing, zoom.explain_record, zoom.explain_outlook
to service_role;
