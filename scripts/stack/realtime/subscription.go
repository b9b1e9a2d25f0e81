package realtime

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"strings"

	"github.com/jackc/pgx/v5"
	"github.com/jackc/pgx/v5/pgconn"
	"github.com/jackc/pgx/v5/pgxpool"
)

// binding is one subscription of a channel.
type binding struct {
	id int // within its channel
	listening
}

// listening says which changes a binding is about.
type listening struct {
	event, schema, table string // each may be everything
	conditions           []condition
}

// everything stands for any event, schema or table.
const everything = "*"

// concerns says whether the binding is about such changes of a table, whatever
// the rows.
func (l listening) concerns(c *change) bool {
	return (l.event == everything || l.event == c.kind) &&
		(l.schema == everything || l.schema == c.relation.schema) &&
		(l.table == everything || l.table == c.relation.name)
}

// String is how Realtime words it in its messages. The last part of a filter
// says whether it is negated, which is not imitated.
func (l listening) String() string {
	filters := make([]string, len(l.conditions))
	for i, c := range l.conditions {
		filters[i] = fmt.Sprintf("{%s, %s, %s, false}", quoted(c.column), quoted(c.operator), quoted(c.value))
	}
	return fmt.Sprintf("event: %s, schema: %s, table: %s, filters: [%s], select: nil",
		l.event, l.schema, l.table, strings.Join(filters, ", "))
}

// params are what a client asked for, by name: what is absent is not null.
type params map[string]json.RawMessage

// text is a parameter that is a string.
func (p params) text(name string) (text string, ok bool) {
	raw := p[name]
	return text, strings.HasPrefix(string(raw), `"`) && json.Unmarshal(raw, &text) == nil
}

// has says whether there is such a parameter, be it null.
func (p params) has(name string) bool {
	_, has := p[name]
	return has
}

// parseListening reads a binding that a client asked for. As with Realtime,
// null is not the same as nothing, a filter needs a schema and a table, and a
// table alone is one of public.
func parseListening(asked json.RawMessage) (listening, error) {
	var p params
	if err := json.Unmarshal(asked, &p); err != nil {
		return listening{}, noParams(inspect(asked))
	}
	if err := p.checkSelect(); err != nil {
		return listening{}, err
	}
	event, _ := p.text("event")
	l := listening{event: eventName(event), schema: "public", table: everything}
	schema, hasSchema := p.text("schema")
	table, hasTable := p.text("table")
	filter, hasFilter := p.text("filter")
	switch {
	case hasSchema && hasTable && hasFilter:
		l.schema, l.table = schema, table
		var err error
		if l.conditions, err = parseFilter(filter); err != nil {
			return listening{}, disabled("Error parsing `filter` params: %v", err)
		}
	case hasSchema && hasTable && !p.has("filter"):
		l.schema, l.table = schema, table
	case hasSchema && !p.has("table") && !p.has("filter"):
		l.schema = schema
	case hasTable && !p.has("schema") && !p.has("filter"):
		l.table = table
	case p.has("user_token") || p.has("auth_token"):
		return listening{}, noParams("<redacted>")
	default:
		return listening{}, noParams(inspect(asked))
	}
	return l, nil
}

func noParams(asked string) error {
	return disabled("No subscription params provided. "+
		"Please provide at least a `schema` or `table` to subscribe to: %s", asked)
}

// checkSelect refuses a choice of columns. What is neither a list with a name
// nor a string chooses nothing.
func (p params) checkSelect() error {
	if _, text := p.text("select"); text {
		return disabled("Error parsing `select` params: expected a list of column name strings, " +
			`e.g. select: ["col1", "col2"]`)
	}
	var chosen []json.RawMessage
	_ = json.Unmarshal(p["select"], &chosen)
	for _, column := range chosen {
		if strings.HasPrefix(string(column), `"`) {
			return disabled("The local stack does not imitate `select`: leave it out to get all columns")
		}
	}
	return nil
}

// disabled says, in the words of Realtime, why a subscription is not possible.
func disabled(format string, args ...any) error {
	return &refusal{"RealtimeDisabledForConfiguration", fmt.Sprintf(format, args...)}
}

// eventName is everything for what is no event.
func eventName(event string) string {
	switch upper := strings.ToUpper(event); upper {
	case kindInsert, kindUpdate, kindDelete:
		return upper
	default:
		return everything
	}
}

// validator says whether subscriptions are possible.
type validator struct {
	pool        *pgxpool.Pool
	catalog     *catalog
	publication string
}

// validate returns a refusal if a role cannot subscribe to this.
func (v *validator) validate(ctx context.Context, l listening, role string) error {
	tables, err := v.published(ctx, l)
	if err != nil {
		return v.exception(l, err)
	}
	if len(tables) == 0 {
		return disabled("Unable to subscribe to changes with given parameters. "+
			"Please check Realtime is enabled for the given connect parameters: [%s]", l)
	}
	for _, oid := range tables {
		for _, c := range l.conditions {
			if err := v.condition(ctx, oid, c, role); err != nil {
				return v.exception(l, err)
			}
		}
	}
	return nil
}

// published returns the tables of the publication that a subscription is about.
func (v *validator) published(ctx context.Context, l listening) ([]uint32, error) {
	const sql = `
		select format('%I.%I', schemaname, tablename)::regclass::oid
		from pg_publication_tables
		where pubname = $1 and $2::text in ('*', schemaname) and $3::text in ('*', tablename)`
	rows, err := v.pool.Query(ctx, sql, v.publication, l.schema, l.table)
	if err != nil {
		return nil, err
	}
	return pgx.CollectRows(rows, pgx.RowTo[uint32])
}

// condition checks that the column can be read and the value be compared to it.
func (v *validator) condition(ctx context.Context, oid uint32, c condition, role string) error {
	t, err := v.catalog.load(ctx, oid)
	if err != nil {
		return err
	}
	column := t.column(c.column)
	if column == nil || !column.readable(role) {
		return fmt.Errorf("ERROR P0001 (raise_exception) invalid column for filter %s", c.column)
	}
	var tooMany bool
	if err := v.pool.QueryRow(ctx, c.sql(column.typ), nil, c.value).Scan(&tooMany); err != nil {
		return err
	}
	if c.operator != "in" {
		return nil
	}
	sql := "select coalesce(cardinality($1::text::" + c.valueType(column.typ) + "), 0) > 100"
	if err := v.pool.QueryRow(ctx, sql, c.value).Scan(&tooMany); err != nil {
		return err
	}
	if tooMany {
		return errors.New("ERROR P0001 (raise_exception) too many values for `in` filter. Maximum 100")
	}
	return nil
}

func (v *validator) exception(l listening, err error) error {
	var database *pgconn.PgError
	if errors.As(err, &database) {
		err = fmt.Errorf("%s %s (%s) %s", database.Severity, database.Code, conditionName(database.Code), database.Message)
	}
	return disabled("Unable to subscribe to changes with given parameters. An exception happened "+
		"so please check your connect parameters: [%s]. Exception: %v", l, err)
}

// conditionName is what Postgres calls an error, for those that the value of a
// filter can cause.
func conditionName(code string) string {
	names := map[string]string{
		"22003": "numeric_value_out_of_range",
		"22007": "invalid_datetime_format",
		"22008": "datetime_field_overflow",
		"22P02": "invalid_text_representation",
		"42883": "undefined_function",
	}
	if name := names[code]; name != "" {
		return name
	}
	return "internal_error"
}
