-- What is not as it should be after twin_lesson.sql.

-- People outrank us: late and excused stay, the rest is only ever raised.
select format('the record of student %s on %s, which was %s, is %s', number, began::date, coalesce(old.status, 'not there'), coalesce(record.status, 'not there'))
from students
cross join lessons
left join old_records old
  on old.student_id = students.id and old.date = began::date and old.class_id = '00000000-0000-4000-9000-000000000002'
left join attendance_records record
  on record.student_id = students.id and record.date = began::date and record.class_id = '00000000-0000-4000-9000-000000000002'
where record.status is distinct from case
  when old.status in ('late', 'excused', 'present') then old.status
  when comes then 'present'
  else coalesce(old.status, 'absent')
end

union all
select format('the record of student %s of another lesson changed', old.student_id)
from old_records old
left join attendance_records record on record.id = old.id
where record is distinct from old::text::attendance_records
  and not (old.student_id in (select id from students) and old.date in (select began::date from lessons))

-- Those Zoom saw are shown as it saw them; those whom the app had left at joined have left; nobody else changes.
union all
select format('student %s, who was %s, is %s for %s seconds', number, coalesce(old.status, 'not there'), coalesce(shown.status, 'not there'), shown.duration)
from students
cross join lessons
left join old_participants old on old.user_id = students.id and old.meeting_id = lessons.meeting_id
left join zoom_participants shown on shown.user_id = students.id and shown.meeting_id = lessons.meeting_id
where (shown.status, shown.duration) is distinct from case
  when comes then ('left'::text, 1800)
  when old.status = 'joined' then ('left'::text, extract(epoch from began + interval '45 min' - old.join_time)::integer)
  else (old.status, old.duration)
end

union all
select format('the participant %s, whom Zoom never saw, %s', old.id, case when shown.id is null then 'is gone' else 'changed' end)
from old_participants old
left join zoom_participants shown on shown.id = old.id
where shown is distinct from old::text::zoom_participants
  and (shown.id is null or old.status is not null or old.meeting_id <> '00000000-0000-4000-a000-000000000002')
  and not coalesce(old.user_id in (select id from students) and old.meeting_id in (select meeting_id from lessons), false)

union all
select format('meeting %s, which was %s, is %s', old.zoom_meeting_id, coalesce(old.status, 'not said'), coalesce(meeting.status, 'not said'))
from old_meetings old
left join zoom_meetings meeting on meeting.id = old.id
where meeting.status is distinct from case when old.id in (select meeting_id from lessons) then 'ended' else old.status end

-- What was there when the project was adopted counts since ever.
union all
select format('of %s rows of %s the history has %s', count(*), tab, count(noted.version_id))
from (
  select 'users' as tab, id::text as key from users
  union all select 'classes', id::text from classes
  union all select 'zoom_meetings', id::text from zoom_meetings
  union all select 'class_students', class_id || ' ' || student_id from class_students where class_id is not null and student_id is not null
) told
left join zoom.history noted on noted.relation = told.tab and noted.row_key = told.key and noted.since = '-infinity' and noted.until = 'infinity'
group by tab
having count(*) <> count(noted.version_id)

-- And there was something to learn from.
union all
select format('there were %s lessons, and %s records that only people write among those who came', lessons, theirs)
from (select count(*) as lessons from lessons) held,
  (select count(*) as theirs from old_records old
   where old.status in ('late', 'excused') and old.date in (select began::date from lessons) and old.student_id in (select id from students where comes)) kept
where lessons <> 2 or theirs < 3
