package realtime_test

import (
	"fmt"
	"slices"
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"zoom-attendance/scripts/stack/stacktest"
)

// subscribers is how many follow one class: its teacher, and students of it.
const subscribers = 500

// school is 24 classes, each with a teacher who hosts its 900 / 24 meetings, the
// first of them with all the other subscribers; and a row of each of the three
// tables that a front end follows, all with the same id.
const school = `
	create function pg_temp.id(what text) returns uuid language sql immutable as $$ select md5(what)::uuid $$;
	insert into users (id, email, name, role)
	select pg_temp.id(kind || ' ' || n), kind || '.' || n || '@school.test', kind || ' ' || n, kind
	from (values ('teacher', 24), ('student', %[1]d - 1)) as people (kind, many), generate_series(1, many) n;
	insert into classes (id, name, grade, section, subject, teacher_id)
	select pg_temp.id('class ' || n), 'Class ' || n, '7', 'A', 'Mathematics', pg_temp.id('teacher ' || n)
	from generate_series(1, 24) n;
	insert into class_students (class_id, student_id)
	select pg_temp.id('class 1'), pg_temp.id('student ' || n) from generate_series(1, %[1]d - 1) n;
	insert into zoom_meetings (id, zoom_meeting_id, title, host_id, class_id, start_time, join_url)
	select pg_temp.id(case n when 1 then 'row' else 'meeting ' || n end), 80000000000 + n, 'Lesson ' || n,
		pg_temp.id('teacher ' || (n - 1) %% 24 + 1), pg_temp.id('class ' || (n - 1) %% 24 + 1), now(), 'https://zoom.test/j/' || n
	from generate_series(1, 900) n;
	insert into zoom_participants (id, meeting_id, user_id, name, status)
	select pg_temp.id(case n when 1 then 'row' else 'entry ' || n end), pg_temp.id('row'), pg_temp.id('student ' || n), 'student ' || n, 'joined'
	from generate_series(1, %[1]d - 1) n;
	insert into attendance_records (id, student_id, class_id, date, status)
	select pg_temp.id(case n when 1 then 'row' else 'record ' || n end), pg_temp.id('student ' || n), pg_temp.id('class 1'), '2026-11-20', 'present'
	from generate_series(1, %[1]d - 1) n;
	analyze;`

// asks asks row level security about one row for every subscriber, on one
// connection, one after another: as Realtime does for every change. The
// statement is prepared once, the role and the claims are set for each. The time
// is that of the processor, where Linux tells it: others may be at work too.
const asks = `
	create function pg_temp.spent() returns bigint language sql as $$
		select coalesce(split_part(pg_read_file('/proc/self/schedstat', 0, 100, true), ' ', 1)::bigint / 1000,
			extract(epoch from clock_timestamp()) * 1000000)
	$$;
	create function pg_temp.asks(changed text, out seeing integer, out micros bigint) language plpgsql as $$
	declare
		whose jsonb;
		sees boolean;
		began constant bigint := pg_temp.spent();
	begin
		seeing := 0;
		execute format('prepare sees as select exists(select 1 from %%I where id = %%L)', changed, md5('row'));
		for whose in
			select jsonb_build_object('role', 'authenticated', 'sub', md5(who)::uuid, 'aud', 'authenticated',
				'email', replace(who, ' ', '.') || '@school.test', 'exp', 4102444800)
			from (select 'teacher 1' union all select 'student ' || n from generate_series(1, %[1]d - 1) n) as people (who)
		loop
			perform set_config('role', 'authenticated', true), set_config('request.jwt.claims', whose::text, true);
			execute 'execute sees' into sees;
			perform set_config('role', null, true);
			if sees then
				seeing := seeing + 1;
			end if;
		end loop;
		deallocate sees;
		micros := pg_temp.spent() - began;
	end $$;`

// BenchmarkPolicies is what one change of a row costs the database that is asked
// for each of 500 subscribers of one class whether they see it: in milliseconds
// of processor time, by our policies and by using (true). What Realtime itself
// does for each subscriber is in both.
func BenchmarkPolicies(b *testing.B) {
	for _, test := range []struct {
		table  string
		seeing int // of the subscribers
	}{
		{"zoom_meetings", subscribers}, {"zoom_participants", 2}, {"attendance_records", 2},
	} {
		b.Run(test.table, func(b *testing.B) {
			project := stacktest.NewProject(b)
			conn, err := project.DB().Acquire(b.Context()) // what is temporary is a connection's own
			require.NoError(b, err)
			defer conn.Release()
			_, err = conn.Exec(b.Context(), fmt.Sprintf(school+asks, subscribers))
			require.NoError(b, err)
			ask := func(open bool) time.Duration {
				tx, err := conn.Begin(b.Context())
				require.NoError(b, err)
				defer func() { require.NoError(b, tx.Rollback(b.Context())) }()
				seeing := test.seeing
				if open {
					seeing = subscribers
					_, err := tx.Exec(b.Context(), fmt.Sprintf(`
						do $$
						declare
							ours record;
						begin
							for ours in select policyname from pg_policies where tablename = '%[1]s' loop
								execute format('drop policy %%I on public.%[1]s', ours.policyname);
							end loop;
						end $$;
						create policy "open" on public.%[1]s for select to authenticated using (true)`, test.table))
					require.NoError(b, err)
				}
				var saw, micros int
				require.NoError(b, tx.QueryRow(b.Context(), "select seeing, micros from pg_temp.asks($1)", test.table).Scan(&saw, &micros))
				require.Equal(b, seeing, saw)
				return time.Duration(micros) * time.Microsecond
			}
			ask(false) // the first asks the disk too
			var ours, open []time.Duration
			for b.Loop() {
				ours, open = append(ours, ask(false)), append(open, ask(true))
			}
			b.ReportMetric(median(ours), "ms/change")
			b.ReportMetric(median(open), "ms/change-open")
			b.ReportMetric(median(ours)/median(open), "ratio")
			b.ReportMetric(0, "ns/op") // which would count the making of policies
		})
	}
}

// median is in milliseconds.
func median(took []time.Duration) float64 {
	slices.Sort(took)
	return took[len(took)/2].Seconds() * 1000
}
