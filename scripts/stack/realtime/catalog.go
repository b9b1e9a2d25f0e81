package realtime

import (
	"context"
	"fmt"
	"slices"

	"github.com/jackc/pgx/v5"
	"github.com/jackc/pgx/v5/pgxpool"
)

// table is what the catalog of the database says of a table.
type table struct {
	schema, name string
	rls          bool
	columns      []column
}

type column struct {
	name     string
	typeName string // as clients are told it, such as int4
	typ      string // the same for SQL, quoted and with its schema
	json     jsonKind
	key      bool // whether it is part of the primary key
	readers  []string
}

// jsonKind says how to make JSON of a column's text.
type jsonKind string

const (
	jsonText      jsonKind = "text"
	jsonBool      jsonKind = "bool"
	jsonNumber    jsonKind = "number"
	jsonEmbedded  jsonKind = "embedded"
	jsonTimestamp jsonKind = "timestamp"
	jsonZoned     jsonKind = "zoned" // a timestamp with a time zone
	jsonBytes     jsonKind = "bytes"
	jsonAsk       jsonKind = "ask" // arrays, rows and domains: Postgres knows
)

// readable says whether the role may select the column.
func (c *column) readable(role string) bool { return slices.Contains(c.readers, role) }

func (t *table) column(name string) *column {
	for i := range t.columns {
		if t.columns[i].name == name {
			return &t.columns[i]
		}
	}
	return nil
}

// sql is the table's name, quoted.
func (t *table) sql() string { return pgx.Identifier{t.schema, t.name}.Sanitize() }

// key are the columns of the primary key.
func (t *table) key() []*column {
	var key []*column
	for i := range t.columns {
		if t.columns[i].key {
			key = append(key, &t.columns[i])
		}
	}
	return key
}

// catalog remembers tables for the feed, which has it forget those that the
// log describes anew: at the latest with each portion of the log.
type catalog struct {
	pool   *pgxpool.Pool
	tables map[uint32]*table
}

// table returns a table, remembered or loaded. For the feed alone.
func (c *catalog) table(ctx context.Context, oid uint32) (*table, error) {
	if t := c.tables[oid]; t != nil {
		return t, nil
	}
	t, err := c.load(ctx, oid)
	if err == nil {
		c.tables[oid] = t
	}
	return t, err
}

// forget has the table loaded again. For the feed alone.
func (c *catalog) forget(oid uint32) { delete(c.tables, oid) }

// load asks the database.
func (c *catalog) load(ctx context.Context, oid uint32) (*table, error) {
	const sql = `
		select n.nspname, c.relname, c.relrowsecurity, a.attname, t.typname,
			format('%I.%I', tn.nspname, t.typname),
			case
				when t.typtype in ('c', 'd') or t.typcategory = 'A' then 'ask'
				when tn.nspname <> 'pg_catalog' then 'text'
				when t.typname = 'bool' then 'bool'
				when t.typname in ('int2', 'int4', 'int8', 'float4', 'float8', 'numeric') then 'number'
				when t.typname in ('json', 'jsonb') then 'embedded'
				when t.typname = 'timestamp' then 'timestamp'
				when t.typname = 'timestamptz' then 'zoned'
				when t.typname = 'bytea' then 'bytes'
				else 'text'
			end,
			coalesce(a.attnum = any(k.conkey), false),
			array(
				select role from unnest($2::text[]) role where has_column_privilege(role, c.oid, a.attnum, 'select')
			)
		from pg_class c
		join pg_namespace n on n.oid = c.relnamespace
		join pg_attribute a on a.attrelid = c.oid and a.attnum > 0 and not a.attisdropped
		join pg_type t on t.oid = a.atttypid
		join pg_namespace tn on tn.oid = t.typnamespace
		left join pg_constraint k on k.conrelid = c.oid and k.contype = 'p'
		where c.oid = $1
		order by a.attnum`
	rows, err := c.pool.Query(ctx, sql, oid, roles)
	if err != nil {
		return nil, fmt.Errorf("look up table %d: %w", oid, err)
	}
	t := new(table)
	var col column
	_, err = pgx.ForEachRow(rows, []any{&t.schema, &t.name, &t.rls, &col.name, &col.typeName, &col.typ,
		&col.json, &col.key, &col.readers}, func() error {
		t.columns = append(t.columns, col)
		col.readers = nil // for the next row to have its own
		return nil
	})
	switch {
	case err != nil:
		return nil, fmt.Errorf("look up table %d: %w", oid, err)
	case len(t.columns) == 0:
		return nil, fmt.Errorf("look up table %d: it is gone, or has no columns", oid)
	}
	return t, nil
}
