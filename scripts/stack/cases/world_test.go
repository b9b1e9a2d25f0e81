package cases_test

import (
	"context"
	"encoding/json"
	"fmt"
	"maps"
	"regexp"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/google/uuid"
	"github.com/jackc/pgx/v5"

	"zoom-attendance/scripts/stack/stacktest"
)

// number is that of the usual meeting.
const number = "8300006275"

// person is somebody of the usual school.
type person struct{ name, role string }

func (p person) email(symbol string) string { return symbol + "@school.test" }

var people = map[string]person{
	"a": {"Ana Alves", "student"}, "b": {"Ben Brandt", "student"}, "c": {"Chi Chen", "student"},
	"d": {"Dora Diaz", "student"}, "e": {"Eli Evans", "student"},
	"teacher": {"Tia Thorn", "teacher"}, "teacher2": {"Uma Ude", "teacher"},
	"parent": {"Pia Alves", "parent"}, "admin": {"Ida Olsen", "admin"},
}

// founded is when the usual school was written down.
var founded = time.Date(2026, 2, 1, 0, 0, 0, 0, time.UTC)

// world is a database in which one story after another is played.
type world struct {
	db     *pgx.Conn
	quiet  *pgx.Conn // sees neither triggers nor references
	tables []table
	empty  rows            // what the migrations leave
	begun  map[string]rows // how schools begin: see beginning
}

// table is one that stories write into, and the columns it is put back with.
type table struct{ name, columns string }

// rows are those of all tables that have some.
type rows map[string]json.RawMessage

// newWorld makes a database.
func newWorld(t testing.TB) *world {
	ctx := t.Context()
	database := stacktest.NewDatabase(t)
	w := &world{db: connect(t, database), quiet: connect(t, database), begun: map[string]rows{}}
	_, err := w.db.Exec(ctx, appPolicies)
	if err == nil {
		_, err = w.quiet.Exec(ctx, "set session_replication_role = replica")
	}
	if err == nil {
		err = w.findTables(ctx)
	}
	if err == nil {
		w.empty, err = w.remember(ctx)
	}
	if err != nil {
		t.Fatal(err)
	}
	return w
}

func connect(t testing.TB, database string) *pgx.Conn {
	db, err := pgx.Connect(t.Context(), database)
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { _ = db.Close(context.WithoutCancel(t.Context())) })
	return db
}

// appPolicies let sessions write the tables of people, as those of the app do. Who
// may is tested elsewhere.
const appPolicies = `
	grant select, insert, update, delete on users, classes, class_students, parent_children to authenticated;
	create policy "anybody here" on users to authenticated using (true) with check (true);
	create policy "anybody here" on classes to authenticated using (true) with check (true);
	create policy "anybody here" on class_students to authenticated using (true) with check (true);
	create policy "anybody here" on parent_children to authenticated using (true) with check (true)`

func (w *world) findTables(ctx context.Context) error {
	found, err := w.db.Query(ctx, `
		select format('%I.%I', n.nspname, c.relname), string_agg(quote_ident(a.attname), ', ' order by a.attnum)
		from pg_class c
		join pg_namespace n on n.oid = c.relnamespace
		join pg_attribute a on a.attrelid = c.oid and a.attnum > 0 and not a.attisdropped and a.attgenerated = ''
		where n.nspname in ('public', 'zoom') and c.relkind = 'r'
		group by n.nspname, c.relname
		order by 1`)
	if err != nil {
		return err
	}
	w.tables, err = pgx.CollectRows(found, func(row pgx.CollectableRow) (one table, err error) {
		return one, row.Scan(&one.name, &one.columns)
	})
	return err
}

// remember reads all that the tables have.
func (w *world) remember(ctx context.Context) (rows, error) {
	var asked []string
	for _, one := range w.tables {
		asked = append(asked, fmt.Sprintf("select '%s', jsonb_agg(to_jsonb(t)) from %s t having count(*) > 0", one.name, one.name))
	}
	found, err := w.db.Query(ctx, strings.Join(asked, " union all "))
	if err != nil {
		return nil, err
	}
	all := rows{}
	var name string
	var of json.RawMessage
	_, err = pgx.ForEachRow(found, []any{&name, &of}, func() error {
		all[name] = slices.Clone(of)
		return nil
	})
	return all, err
}

// putBack makes the tables have what they had once. It deletes, since PostgreSQL
// plans all anew for tables that were truncated, and for a session whose
// replication role has changed.
func (w *world) putBack(ctx context.Context, all rows) error {
	var batch pgx.Batch
	batch.Queue("begin")
	for _, one := range w.tables {
		batch.Queue("delete from " + one.name)
		if all[one.name] != nil {
			batch.Queue(fmt.Sprintf("insert into %[1]s (%[2]s) overriding system value select %[2]s from jsonb_populate_recordset(null::%[1]s, $1)",
				one.name, one.columns), all[one.name])
		}
	}
	batch.Queue("commit")
	return w.quiet.SendBatch(ctx, &batch).Close()
}

// dated moves what the database noted of the changes of this transaction to the
// moment at which the story has them.
func dated(ctx context.Context, tx pgx.Tx, at time.Time) error {
	for _, sql := range []string{
		"update zoom.history set since = $1 where since = now()",
		"update zoom.history set until = $1 where until = now()",
		"update zoom.settings set since = $1 where since = now()",
		"update zoom.keys set issued_at = $1 where issued_at = now()",
		"update zoom.visits set at = $1 where at between date_trunc('minute', now()) and now()",
	} {
		if _, err := tx.Exec(ctx, sql, at); err != nil {
			return fmt.Errorf("%s: %w", sql, err)
		}
	}
	return nil
}

// beginning makes the database that of the story's school, before anything happens.
// Schools that begin alike are written down once.
func (p *play) beginning(ctx context.Context) error {
	alike := fmt.Sprint(p.story.bare, p.policy, p.story.setup)
	if begun := p.begun[alike]; begun != nil && p.shift == 0 {
		p.named(p.story.setup)
		return p.putBack(ctx, begun)
	}
	if err := p.putBack(ctx, p.empty); err != nil {
		return err
	}
	if err := p.found(ctx); err != nil {
		return err
	}
	var err error
	if p.shift == 0 {
		p.begun[alike], err = p.remember(ctx)
	}
	return err
}

// found writes the school down.
func (p *play) found(ctx context.Context) error {
	at := p.real(founded)
	return p.write(ctx, "", at, func(tx pgx.Tx) error {
		var batch pgx.Batch
		for _, symbol := range slices.Sorted(maps.Keys(people)) {
			who := people[symbol]
			batch.Queue("insert into users (id, email, name, role, created_at) values ($1, $2, $3, $4, $5)",
				id(symbol), who.email(symbol), who.name, who.role, at)
		}
		for _, class := range [][3]string{{"class", "7b", "teacher"}, {"class2", "8a", "teacher2"}} {
			batch.Queue("insert into classes (id, name, grade, section, subject, teacher_id, created_at) values ($1, $2, '7', '', 'Algebra', $3, $4)",
				id(class[0]), class[1], id(class[2]), at)
		}
		for _, student := range []string{"a", "b", "c"} {
			batch.Queue("insert into class_students (class_id, student_id, enrolled_at) values ($1, $2, $3)", id("class"), id(student), at)
		}
		if !p.story.bare {
			batch.Queue(`insert into zoom_meetings (id, zoom_meeting_id, title, host_id, class_id, start_time, join_url, created_at, updated_at)
				values ($1, $2, 'Algebra', $3, $4, $5, 'https://zoom.test/j/`+number+`', $6, $6)`,
				id("meeting"), number, id("teacher"), id("class"), p.real(time.Date(2026, 3, 2, 8, 0, 0, 0, time.UTC)), at)
		}
		for _, sql := range p.story.setup {
			batch.Queue(p.sql(sql))
		}
		batch.Queue("select public.apply_zoom_events('[]', $1)", p.policy)
		return tx.SendBatch(ctx, &batch).Close()
	})
}

// write makes a change in one transaction: in somebody's session, if as is not
// empty, and at a moment, if that is not now.
func (p *play) write(ctx context.Context, as string, at time.Time, change func(pgx.Tx) error) error {
	return pgx.BeginFunc(ctx, p.db, func(tx pgx.Tx) error {
		do := change
		if as != "" {
			claims := fmt.Sprintf(`{"role": "authenticated", "sub": %q, "email": %q}`, id(as), people[as].email(as))
			do = func(tx pgx.Tx) error {
				return p.as(ctx, tx, "authenticated", claims, func() error { return change(tx) })
			}
		}
		if err := do(tx); err != nil {
			return err
		}
		if at.IsZero() {
			return nil
		}
		return dated(ctx, tx, at)
	})
}

// id is the uuid of a symbol.
func id(symbol string) string { return uuid.NewSHA1(uuid.NameSpaceOID, []byte(symbol)).String() }

var (
	symbolInSQL = regexp.MustCompile(`(^|[^:\w]):([a-z]\w*)`)
	momentInSQL = regexp.MustCompile(`at\((\d{4}-\d\d-\d\d) (\d\d:\d\d(?::\d\d)?)\)`)
)

// named remembers the symbols that statements have for new rows.
func (p *play) named(statements []string) {
	for _, text := range statements {
		for _, found := range symbolInSQL.FindAllStringSubmatch(text, -1) {
			p.symbols[id(found[2])] = found[2]
		}
	}
}

// sql puts ids in the place of symbols, and moments of the present in that of the
// story's.
func (p *play) sql(text string) string {
	p.named([]string{text})
	text = symbolInSQL.ReplaceAllStringFunc(text, func(found string) string {
		parts := symbolInSQL.FindStringSubmatch(found)
		return parts[1] + "'" + id(parts[2]) + "'"
	})
	return momentInSQL.ReplaceAllStringFunc(text, func(found string) string {
		at, err := moment(momentInSQL.FindStringSubmatch(found)[1:])
		if err != nil {
			return found // PostgreSQL refuses it
		}
		return "'" + p.real(at).Format(time.RFC3339) + "'"
	})
}
