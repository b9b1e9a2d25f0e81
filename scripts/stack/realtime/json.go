package realtime

import (
	"context"
	"encoding/json"
	"fmt"
	"strings"
)

// data is what subscribers are told of a change.
type data struct {
	Schema          string                     `json:"schema"`
	Table           string                     `json:"table"`
	CommitTimestamp *string                    `json:"commit_timestamp"`
	Type            string                     `json:"type"`
	Columns         []columnData               `json:"columns"`
	Record          map[string]json.RawMessage `json:"record,omitzero"`
	OldRecord       map[string]json.RawMessage `json:"old_record,omitzero"`
	Errors          []string                   `json:"errors"`
}

type columnData struct {
	Name string `json:"name"`
	Type string `json:"type"`
}

// describe is what subscribers with this role are told of a change.
func (d *delivery) describe(ctx context.Context, c *change, t *table, role string) (data, error) {
	at := c.committed.UTC().Format("2006-01-02T15:04:05.000Z")
	told := data{Schema: t.schema, Table: t.name, CommitTimestamp: &at, Type: c.kind, Columns: []columnData{}}
	if c.size() > maxRecord {
		told.Errors = []string{errorTooLarge}
	}
	for _, column := range t.columns {
		if column.readable(role) {
			told.Columns = append(told.Columns, columnData{column.name, column.typeName})
		}
	}
	var err error
	if c.kind != kindDelete {
		if told.Record, err = d.render(ctx, t, c.record(), visible{role: role, small: told.Errors != nil}); err != nil {
			return data{}, err
		}
	}
	if c.kind != kindInsert {
		onlyKey := c.kind == kindDelete && t.rls // nobody can say who was allowed to see the rest
		told.OldRecord, err = d.render(ctx, t, c.before(), visible{role, onlyKey, told.Errors != nil})
	}
	return told, err
}

// visible says which columns of a row are told.
type visible struct {
	role    string // which may read them
	onlyKey bool   // and no others
	small   bool   // up to smallValue alone, for the row is too large
}

// The row of the log that is too large to be told, and the value that is told of
// it all the same, in bytes.
const (
	maxRecord  = 1 << 20
	smallValue = 64
)

// refused is what is told instead of a change.
func (c *change) refused(t *table, fault string) data {
	told := data{Schema: t.schema, Table: t.name, Type: c.kind, Errors: []string{fault}, Columns: []columnData{},
		Record: map[string]json.RawMessage{}}
	if c.kind == kindUpdate {
		told.OldRecord = map[string]json.RawMessage{}
	}
	return told
}

// render makes JSON of the values that are visible.
func (d *delivery) render(ctx context.Context, t *table, values fields, seen visible) (map[string]json.RawMessage, error) {
	rendered := map[string]json.RawMessage{}
	for i := range t.columns {
		column := &t.columns[i]
		text, logged := values[column.name]
		if !logged || !column.readable(seen.role) || seen.onlyKey && !column.key {
			continue
		}
		if text == nil {
			if !seen.small {
				rendered[column.name] = json.RawMessage("null")
			}
			continue
		}
		value, err := d.value(ctx, column, *text)
		if err != nil {
			return nil, fmt.Errorf("make JSON of column %s: %w", column.name, err)
		}
		if !seen.small || len(value) <= smallValue {
			rendered[column.name] = value
		}
	}
	return rendered, nil
}

// value makes of a value's text what to_jsonb of Postgres makes of the value, but
// for bytes.
func (d *delivery) value(ctx context.Context, column *column, text string) (json.RawMessage, error) {
	switch column.json {
	case jsonBool:
		return json.Marshal(text == "t")
	case jsonNumber:
		if json.Valid([]byte(text)) { // unlike NaN and Infinity
			return json.RawMessage(text), nil
		}
	case jsonEmbedded:
		return json.RawMessage(text), nil
	case jsonTimestamp, jsonZoned:
		text = isoTimestamp(text, column.json == jsonZoned)
	case jsonBytes:
		text = strings.TrimPrefix(text, `\x`) // unlike to_jsonb
	case jsonAsk:
		var value json.RawMessage
		err := d.pool.QueryRow(ctx, "select to_jsonb($1::text::"+column.typ+")", text).Scan(&value)
		return value, err
	}
	return json.Marshal(text)
}

// isoTimestamp makes 2026-01-01T10:00:00+00:00 of 2026-01-01 10:00:00+00.
func isoTimestamp(text string, zoned bool) string {
	date, clock, found := strings.Cut(text, " ")
	if !found {
		return text // infinity
	}
	if zoned {
		clock = strings.Replace(clock, "+00", "+00:00", 1)
	}
	return date + "T" + clock
}
