package realtime_test

import (
	"bytes"
	"encoding/json"
	"fmt"
	"log/slog"
	"strings"
	"testing"
	"time"

	"github.com/stretchr/testify/require"
)

func TestOnlyTheOwnerIsToldOfANote(t *testing.T) {
	w := newWorld(t)
	anns, bobs := w.connect(), w.connect()
	anns.join("realtime:notes", annToken(), allNotes)
	bobs.join("realtime:notes", bobToken(), allNotes)

	w.exec("insert into public.notes values (1, $1, 'for ann')", ann)
	w.exec("update public.notes set body = 'still for ann'")
	w.exec("insert into public.notes values (2, $1, 'for bob')", bob)

	require.Equal(t, "for ann", anns.row().Data.Record["body"], "as it was, for the log has it")
	require.Equal(t, "still for ann", anns.row().Data.Record["body"])
	require.Equal(t, "for bob", bobs.row().Data.Record["body"], "the first that bob hears of")
}

func TestAChangeIsToldAsSupabaseTellsIt(t *testing.T) {
	w := newWorld(t)
	c := w.connect()
	c.join("realtime:notes", annToken(), allNotes)
	columns := `[{"name": "id", "type": "int4"}, {"name": "owner", "type": "uuid"}, {"name": "body", "type": "text"}]`
	expect := func(sql, rest string) {
		t.Helper()
		before := time.Now().Add(-time.Second)
		w.exec(sql)
		m := c.next()
		var r row
		require.NoError(t, json.Unmarshal(m.Payload, &r))
		committed, err := time.Parse("2006-01-02T15:04:05.000Z", r.Data.CommitTimestamp)
		require.NoError(t, err)
		require.WithinRange(t, committed, before, time.Now())
		require.JSONEq(t, fmt.Sprintf(`{"ids": [1], "data": {"schema": "public", "table": "notes", "errors": null,
			"commit_timestamp": %q, "columns": %s, %s}}`, r.Data.CommitTimestamp, columns, rest), string(m.Payload))
	}

	expect("insert into public.notes values (1, '"+ann+"', 'a \"note\" <1>')",
		`"type": "INSERT", "record": {"id": 1, "owner": "`+ann+`", "body": "a \"note\" <1>"}`)
	expect("update public.notes set body = null",
		`"type": "UPDATE", "record": {"id": 1, "owner": "`+ann+`", "body": null}, "old_record": {"id": 1}`)
	expect("update public.notes set id = 2",
		`"type": "UPDATE", "record": {"id": 2, "owner": "`+ann+`", "body": null}, "old_record": {"id": 1}`)
	expect("delete from public.notes", `"type": "DELETE", "old_record": {"id": 2}`)
}

// TestValuesAreTheJSONOfPostgres has Postgres say what it should be.
func TestValuesAreTheJSONOfPostgres(t *testing.T) {
	w := newWorld(t)
	w.exec(`
		create type public.mood as enum ('sad', 'glad');
		create domain public.age as int;
		create type public.pair as (a int, b text);
		create table public.kinds (
			id bigint primary key, yes bool, small smallint, real4 real, real8 float8, number numeric, nan numeric,
			infinite float8, at timestamptz, soon timestamptz, never timestamptz, plain timestamp, day date, clock time,
			span interval, name "char", fixed char(5), mood public.mood, age public.age, pair public.pair, tags text[],
			grid int[][], ages public.age[], doc jsonb, raw json, bytes bytea, net inet, range int4range, nothing text);
		grant select on public.kinds to authenticated;
		alter publication supabase_realtime add table public.kinds`)
	c := w.connect()
	c.join("realtime:kinds", annToken(), binding{"event": "INSERT", "schema": "public", "table": "kinds"})
	w.exec(`insert into public.kinds values (
		9007199254740991, true, -3, 1.5e-7, 1e300, 1.50, 'NaN', '-Infinity', '2026-01-01 10:00:00.123+02', '2026-07-01',
		'infinity', '2026-01-01 10:00:00', '2026-02-03', '10:11:12.5', '1 day 02:03:04', 'x', 'ab', 'glad', 33,
		(1, 'b"c'), '{a,"b,c",null}', '{{1,2},{3,4}}', '{1}', '{"b": [1, null], "a": "ü"}', '{"a":  1}', '\x00ff',
		'10.0.0.1', '[1,5)', null)`)

	var want string
	query := "select to_jsonb(k) || jsonb_build_object('bytes', encode(bytes, 'hex')) from public.kinds k"
	require.NoError(t, w.project.DB().QueryRow(w.context(), query).Scan(&want))
	var told struct {
		Data struct{ Record json.RawMessage }
	}
	require.NoError(t, json.Unmarshal(c.next().Payload, &told))
	require.JSONEq(t, want, string(told.Data.Record))
}

func TestWhatIsTooBigToBeLoggedAgainIsLeftOut(t *testing.T) {
	w := newWorld(t)
	w.exec("alter table public.signs alter column body set storage external")
	w.exec("insert into public.signs values (1, repeat('x', 10000))")
	c := w.connect()
	c.join("realtime:signs", annToken(), allSigns)

	w.exec("update public.signs set id = 2")
	require.Equal(t, map[string]any{"id": 2.0}, c.row().Data.Record)
	w.exec("alter table public.signs replica identity full")
	w.exec("update public.signs set id = 3")
	require.Len(t, c.row().Data.Record["body"], 10000, "the old row is in the log")
}

func TestADeletedRowIsToldInFullOnlyWithoutRowLevelSecurity(t *testing.T) {
	w := newWorld(t)
	w.exec("alter table public.signs replica identity full; alter table public.notes replica identity full")
	w.exec("insert into public.signs values (1, 'open'); insert into public.notes values (1, '" + bob + "', 'secret')")
	c := w.connect()
	c.join("realtime:all", annToken(), binding{"event": "DELETE", "schema": "public"})

	w.exec("delete from public.signs")
	w.exec("delete from public.notes")
	require.Equal(t, map[string]any{"id": 1.0, "body": "open"}, c.row().Data.OldRecord)
	require.Equal(t, map[string]any{"id": 1.0}, c.row().Data.OldRecord, "even bob's, and nothing but the key")
}

func TestColumnsThatTheRoleMayNotSelectAreLeftOut(t *testing.T) {
	w := newWorld(t)
	w.exec("revoke select on public.signs from authenticated; grant select (id) on public.signs to authenticated")
	anns, servers := w.connect(), w.connect()
	anns.join("realtime:signs", annToken(), allSigns)
	servers.join("realtime:signs", serviceToken(), allSigns)

	w.exec("insert into public.signs values (1, 'for the server')")
	told := anns.row().Data
	require.Equal(t, map[string]any{"id": 1.0}, told.Record)
	require.Len(t, told.Columns, 1)
	require.Equal(t, "for the server", servers.row().Data.Record["body"])
}

func TestTablesThatCannotBeCheckedGiveErrors(t *testing.T) {
	w := newWorld(t)
	w.exec(`
		create table public.keyless (number int);
		create table public.hidden (id int primary key, body text);
		grant select on public.keyless to authenticated;
		alter publication supabase_realtime add table public.keyless, public.hidden`)
	c := w.connect()
	c.join("realtime:all", annToken(), binding{"event": "*", "schema": "public", "table": "*"})

	for table, want := range map[string]string{
		"keyless": "Error 400: Bad Request, no primary key",
		"hidden":  "Error 401: Unauthorized",
	} {
		w.exec("insert into public." + table + " values (1)")
		refused := fmt.Sprintf(`"schema": "public", "table": %q, "commit_timestamp": null, "columns": [], "record": {}, "errors": [%q]`, table, want)
		c.expect("postgres_changes", `{"ids": [1], "data": {"type": "INSERT", `+refused+`}}`)
		if table == "hidden" { // Postgres itself refuses to update what has no key and is published
			w.exec("update public.hidden set body = 'x'")
			c.expect("postgres_changes", `{"ids": [1], "data": {"type": "UPDATE", "old_record": {}, `+refused+`}}`)
		}
	}
}

func TestAVisitorHearsOfADeleteWithoutAnErrorAndWithoutAKey(t *testing.T) {
	w := newWorld(t)
	c := w.connect()
	c.join("realtime:notes", "", allNotes)
	w.exec("insert into public.notes values (1, $1, 'for ann')", ann)
	require.Equal(t, []string{"Error 401: Unauthorized"}, c.row().Data.Errors)
	w.exec("delete from public.notes")
	m := c.next()
	var r row
	require.NoError(t, json.Unmarshal(m.Payload, &r))
	require.NotEmpty(t, r.Data.CommitTimestamp)
	require.JSONEq(t, fmt.Sprintf(`{"ids": [1], "data": {"schema": "public", "table": "notes", "type": "DELETE", "errors": null,
		"commit_timestamp": %q, "columns": [], "old_record": {}}}`, r.Data.CommitTimestamp), string(m.Payload))
}

func TestWhoNoLongerSeesARowIsToldNothing(t *testing.T) {
	w := newWorld(t)
	anns, bobs := w.connect(), w.connect()
	anns.join("realtime:notes", annToken(), allNotes)
	bobs.join("realtime:notes", bobToken(), allNotes)
	w.exec("insert into public.notes values (1, $1, 'for ann')", ann)
	require.Equal(t, "INSERT", anns.row().Data.Type)
	w.exec("update public.notes set owner = $1, body = 'for bob' where id = 1", bob)
	w.exec("insert into public.notes values (2, $1, 'for ann')", ann)

	require.EqualValues(t, 2, anns.row().Data.Record["id"], "ann keeps what she was told of the first")
	told := bobs.row().Data
	require.Equal(t, "UPDATE", told.Type, "and bob hears of a change of what he never saw")
	require.Equal(t, map[string]any{"id": 1.0}, told.OldRecord)
}

// TestReplicaIdentityFullTellsStrangers: a delete is not checked by row level
// security, but compared with filters, and of an update the old row is told to
// whoever sees the new one.
func TestReplicaIdentityFullTellsStrangers(t *testing.T) {
	w := newWorld(t)
	anns := w.connect()
	anns.join("realtime:notes", annToken(), allNotes,
		binding{"event": "DELETE", "schema": "public", "table": "notes", "filter": "owner=eq." + bob},
		binding{"event": "DELETE", "schema": "public", "table": "notes", "filter": "body=eq.secret"})

	w.exec("insert into public.notes values (1, $1, 'secret'), (2, $1, 'secret')", bob)
	w.exec("delete from public.notes where id = 1")
	require.Equal(t, []int{1}, anns.row().IDs, "no filter knows whose it was or what it said")

	w.exec("alter table public.notes replica identity full")
	w.exec("delete from public.notes where id = 2")
	told := anns.row()
	require.Equal(t, []int{1, 2, 3}, told.IDs, "ann learns whose it was, and what it said")
	require.Equal(t, map[string]any{"id": 2.0}, told.Data.OldRecord, "though she is told the key alone")

	w.exec("insert into public.notes values (3, $1, 'secret')", bob)
	w.reach() // row level security is asked about the row as it is by then
	w.exec("update public.notes set owner = $1, body = 'for ann' where id = 3", ann)
	require.Equal(t, map[string]any{"id": 3.0, "owner": bob, "body": "secret"}, anns.row().Data.OldRecord)
}

func TestARowBeyondAMegabyteIsToldInPart(t *testing.T) {
	w := newWorld(t)
	c := w.connect()
	c.join("realtime:signs", annToken(), allSigns)
	w.exec("insert into public.signs values (1, repeat('x', 1024 * 1024))")
	told := c.row().Data
	require.Equal(t, []string{"Error 413: Payload Too Large"}, told.Errors)
	require.Equal(t, map[string]any{"id": 1.0}, told.Record, "what is no longer than 64 bytes")
	w.exec("delete from public.signs")
	require.Empty(t, c.row().Data.Errors)
}

func TestFilters(t *testing.T) {
	w := newWorld(t)
	w.exec(`
		create table public.events (id int primary key, who uuid, name text, day date, at timestamptz);
		grant select on public.events to authenticated;
		alter publication supabase_realtime add table public.events`)
	cases := map[string]bool{
		"":                 true,
		"id=eq.10":         true,
		"id=eq.010":        true,
		"id=neq.10":        false,
		"id=gt.9":          true, // not so as text
		"id=lt.9":          false,
		"id=gte.10":        true,
		"id=lte.9":         false,
		"id=in.(1,10)":     true,
		"id=in.(1,2)":      false,
		"id=in.()":         false,
		"id=gt.0,id=lt.10": false,
		"id=gt.0,id=lt.11": true,
		"who=eq.AAAAAAAA-0000-4000-8000-000000000001": true,
		"who=eq." + bob:                     false,
		`name=eq."b, \"c\""`:                true,
		`name=in.(a,"b, \"c\"")`:            true,
		"day=eq.2026-1-5":                   true,
		"day=lt.2026-01-05":                 false,
		"at=eq.2026-01-05T12:00:00+02:00":   true,
		"at=gt.2026-01-05T10:00:00Z":        false,
		"at=lte.2026-01-05 10:00:00.000+00": true,
	}
	c := w.connect()
	var filters []string
	var bindings []binding
	for filter := range cases {
		filters = append(filters, filter)
		bindings = append(bindings, binding{"event": "*", "schema": "public", "table": "events", "filter": filter})
	}
	c.join("realtime:events", annToken(), bindings...)

	w.exec("insert into public.events values (10, $1, 'b, \"c\"', '2026-01-05', '2026-01-05 10:00:00Z')", ann)
	got := map[string]bool{}
	for _, filter := range filters {
		got[filter] = false
	}
	for _, id := range c.row().IDs {
		got[filters[id-1]] = true
	}
	require.Equal(t, cases, got)
}

func TestFiltersAndMissingValues(t *testing.T) {
	w := newWorld(t)
	c := w.connect()
	filter := func(filter string) binding {
		return binding{"event": "*", "schema": "public", "table": "signs", "filter": filter}
	}
	c.join("realtime:signs", annToken(), filter("id=gt.0"), filter("body=neq.x"), filter("body=eq.open"))

	w.exec("insert into public.signs values (1, null)")
	require.Equal(t, []int{1}, c.row().IDs, "null is neither equal nor unequal")
	w.exec("update public.signs set body = 'open'")
	require.Equal(t, []int{1, 2, 3}, c.row().IDs)
	w.exec("delete from public.signs")
	require.Equal(t, []int{1}, c.row().IDs, "only the key of a deleted row is known")
}

func TestEventsAndTables(t *testing.T) {
	w := newWorld(t)
	c := w.connect()
	of := func(event, schema string, table ...string) binding {
		b := binding{"event": event, "schema": schema}
		if len(table) > 0 {
			b["table"] = table[0]
		}
		return b
	}
	c.join("realtime:some", annToken(), of("INSERT", "public", "signs"), of("UPDATE", "public", "signs"),
		of("delete", "public"), of("*", "*", "*"), of("*", "public", "notes"))

	expect := func(sql string, ids ...int) {
		t.Helper()
		w.exec(sql)
		require.Equal(t, ids, c.row().IDs)
	}
	expect("insert into public.signs values (1, 'a')", 1, 4)
	expect("update public.signs set body = 'b'", 2, 4)
	expect("delete from public.signs", 3, 4)
	expect("insert into public.notes values (1, '"+ann+"', 'c')", 4, 5)
}

func TestChangesComeInTheOrderOfTheirCommits(t *testing.T) {
	w := newWorld(t)
	c := w.connect()
	c.join("realtime:signs", annToken(), allSigns)

	first, err := w.project.DB().Begin(w.context())
	require.NoError(t, err)
	_, err = first.Exec(w.context(), "insert into public.signs values (1, 'begun first')")
	require.NoError(t, err)
	w.exec("insert into public.signs select n, 'in between' from generate_series(2, 1200) n")
	require.NoError(t, first.Commit(w.context()))

	for id := 2; id <= 1200; id++ {
		require.EqualValues(t, id, c.row().Data.Record["id"])
	}
	require.EqualValues(t, 1, c.row().Data.Record["id"])
}

// TestAPolicyThatRaisesForOneSilencesAll, as with Supabase: the checks of a batch
// are one statement, whose failure drops the slot and the batch with it.
func TestAPolicyThatRaisesForOneSilencesAll(t *testing.T) {
	w := newWorld(t)
	var log bytes.Buffer
	w.config.Log = slog.New(slog.NewTextHandler(&log, nil))
	w.restart()
	odd := claims("authenticated", time.Hour)
	odd["sub"] = "not a uuid"
	oddClient, anns, bobs := w.connect(), w.connect(), w.connect()
	join := oddClient.join("realtime:notes", token(t, odd, secret), allNotes)
	anns.join("realtime:notes", annToken(), allNotes)
	bobs.join("realtime:signs", bobToken(), allSigns)

	w.exec("insert into public.signs values (1, 'lost'); insert into public.notes values (1, '" + ann + "', 'lost')")
	w.reach()
	w.exec("insert into public.signs values (2, 'told')")
	require.Equal(t, "told", bobs.row().Data.Record["body"], "what was in the batch is lost, whatever it was, and it goes on")

	oddClient.send(join, "realtime:notes", "phx_leave", struct{}{})
	oddClient.expect("phx_reply", `{"status": "ok", "response": {}}`)
	oddClient.expect("phx_close", `{}`)
	w.exec("insert into public.notes values (2, $1, 'told')", ann)
	require.Equal(t, "told", anns.row().Data.Record["body"])
	require.NoError(t, w.current().Close())
	require.Equal(t, 1, strings.Count(log.String(), "a batch of changes is lost"), "log: %s", &log)
	require.Contains(t, log.String(), "invalid input syntax for type uuid")
}

// TestChecksThatTakeTooLongLoseTheBatch: with Supabase, whatever a transaction
// changed is one call of at most 15 seconds.
func TestChecksThatTakeTooLongLoseTheBatch(t *testing.T) {
	w := newWorld(t)
	w.config.BatchLimit = 2 * time.Second
	w.restart()
	anns, bobs := w.connect(), w.connect()
	anns.join("realtime:notes", annToken(), allNotes)
	bobs.join("realtime:signs", bobToken(), allSigns)
	w.exec(`create policy "slow" on public.notes as restrictive for select to authenticated
		using (body <> 'slow' or (select true from pg_sleep(60)))`)
	w.exec("insert into public.signs values (1, 'lost'); insert into public.notes values (1, '" + ann + "', 'slow')")
	w.reach()
	w.exec("insert into public.signs values (2, 'told'); insert into public.notes values (2, '" + ann + "', 'told')")
	require.Equal(t, "told", bobs.row().Data.Record["body"])
	require.Equal(t, "told", anns.row().Data.Record["body"])
}

// reach returns when all that was committed has been read, and what is committed
// from now on will be.
func (w *world) reach() {
	w.t.Helper()
	w.connect().join("realtime:reach", annToken(), binding{"event": "DELETE", "schema": "public", "table": "signs", "filter": "id=eq.-1"})
}
