package realtime

import (
	"testing"
	"time"

	"github.com/stretchr/testify/require"
)

// Messages as Postgres 17 sends them, for public.signs (id int primary key,
// body text), whose oid is 0x4001.
const (
	beginMessage    = "B\x00\x00\x00\x00\x01\x9a\x2b\x38\x00\x02\xc4\x46\xd7\x35\xf0\x40\x00\x00\x03\x0a"
	commitMessage   = "C\x00\x00\x00\x00\x00\x01\x9a\x2b\x38\x00\x00\x00\x00\x01\x9a\x2b\x68\x00\x02\xc4\x46\xd7\x35\xf0\x40"
	relationMessage = "R\x00\x00\x40\x01public\x00signs\x00d\x00\x02" +
		"\x01id\x00\x00\x00\x00\x17\xff\xff\xff\xff" +
		"\x00body\x00\x00\x00\x00\x19\xff\xff\xff\xff"
	insertMessage    = "I\x00\x00\x40\x01N\x00\x02t\x00\x00\x00\x011n"
	updateMessage    = "U\x00\x00\x40\x01N\x00\x02t\x00\x00\x00\x011u"
	updateKeyMessage = "U\x00\x00\x40\x01K\x00\x02t\x00\x00\x00\x011nN\x00\x02t\x00\x00\x00\x012u"
	updateAllMessage = "U\x00\x00\x40\x01O\x00\x02t\x00\x00\x00\x011t\x00\x00\x00\x02hiN\x00\x02t\x00\x00\x00\x011n"
	deleteMessage    = "D\x00\x00\x40\x01K\x00\x02t\x00\x00\x00\x011n"
	truncateMessage  = "T\x00\x00\x00\x01\x00\x00\x00\x40\x01"
	originMessage    = "O\x00\x00\x00\x00\x01\x9a\x2b\x38elsewhere\x00"
	typeMessage      = "Y\x00\x00\x40\x09public\x00mood\x00"
)

func TestDecode(t *testing.T) {
	text := func(text string) value { return value{valueText, text} }
	null, unchanged := value{kind: valueNull}, value{kind: valueUnchanged}
	const signs = 0x4001
	for name, test := range map[string]struct {
		message string
		want    any
	}{
		"the begin of a transaction": {beginMessage, begin{time.UnixMicro(946684800000000 + 0x0002c446d735f040).UTC()}},
		"a table": {relationMessage, relation{oid: signs, schema: "public", name: "signs",
			columns: []relationColumn{{"id", true}, {"body", false}}}},
		"a table of Postgres itself": {"R\x00\x00\x00\x01\x00x\x00n\x00\x00", relation{oid: 1, schema: "pg_catalog", name: "x"}},
		"a new row":                  {insertMessage, insert{signs, tuple{text("1"), null}}},
		"an empty value":             {"I\x00\x00\x40\x01N\x00\x01t\x00\x00\x00\x00", insert{signs, tuple{text("")}}},
		"a row without columns":      {"I\x00\x00\x40\x01N\x00\x00", insert{signs, nil}},
		"a changed row":              {updateMessage, update{signs, nil, tuple{text("1"), unchanged}}},
		"a changed key": {updateKeyMessage,
			update{signs, tuple{text("1"), null}, tuple{text("2"), unchanged}}},
		"a changed row with the old one": {updateAllMessage,
			update{signs, tuple{text("1"), text("hi")}, tuple{text("1"), null}}},
		"a deleted row":    {deleteMessage, remove{signs, tuple{text("1"), null}}},
		"a commit":         {commitMessage, ignored{'C'}},
		"an emptied table": {truncateMessage, ignored{'T'}},
		"an origin":        {originMessage, ignored{'O'}},
		"a type":           {typeMessage, ignored{'Y'}},
	} {
		t.Run(name, func(t *testing.T) {
			got, err := decode([]byte(test.message))
			require.NoError(t, err)
			require.Equal(t, test.want, got)
		})
	}
}

func TestDecodeRefuses(t *testing.T) {
	for name, test := range map[string]struct{ message, want string }{
		"nothing":                         {"", "too short"},
		"an unknown message":              {"X", "unknown kind"},
		"half a begin":                    {beginMessage[:12], "too short"},
		"a name without an end":           {"R\x00\x00\x40\x01public", "too short"},
		"a table with half its columns":   {relationMessage[:40], "too short"},
		"an unknown kind of row":          {"I\x00\x00\x40\x01X\x00\x00", `unknown kind of row 'X'`},
		"an unknown kind of value":        {"I\x00\x00\x40\x01N\x00\x01x", `unknown kind of value 'x'`},
		"a value longer than the message": {"I\x00\x00\x40\x01N\x00\x01t\xff\xff\xff\xffa", "too short"},
		"something behind the end":        {insertMessage + "x", "1 bytes too many"},
	} {
		t.Run(name, func(t *testing.T) {
			_, err := decode([]byte(test.message))
			require.ErrorContains(t, err, test.want)
		})
	}
}

func FuzzDecode(f *testing.F) {
	for _, seed := range []string{beginMessage, commitMessage, relationMessage, insertMessage, updateMessage,
		updateKeyMessage, updateAllMessage, deleteMessage, truncateMessage, originMessage, typeMessage} {
		f.Add([]byte(seed))
	}
	f.Fuzz(func(t *testing.T, data []byte) {
		message, err := decode(data)
		require.Equal(t, err != nil, message == nil, "either a message or an error")
	})
}

func TestChangesOfARow(t *testing.T) {
	text := func(text string) value { return value{valueText, text} }
	null, unchanged := value{kind: valueNull}, value{kind: valueUnchanged}
	keyed := &relation{columns: []relationColumn{{"id", true}, {"body", false}}}
	full := &relation{columns: []relationColumn{{"id", true}, {"body", true}}}
	one, two, hi := "1", "2", "hi"
	for name, test := range map[string]struct {
		change                   change
		record, before, compared fields
	}{
		"inserted": {change{kind: kindInsert, relation: keyed, row: tuple{text("1"), null}},
			fields{"id": &one, "body": nil}, fields{"id": &one}, fields{"id": &one, "body": nil}},
		"updated": {change{kind: kindUpdate, relation: keyed, row: tuple{text("1"), unchanged}},
			fields{"id": &one}, fields{"id": &one}, fields{"id": &one}},
		"updated with its key": {change{kind: kindUpdate, relation: keyed,
			old: tuple{text("1"), null}, row: tuple{text("2"), unchanged}},
			fields{"id": &two}, fields{"id": &one}, fields{"id": &two}},
		"updated with the old row known": {change{kind: kindUpdate, relation: full,
			old: tuple{text("1"), text("hi")}, row: tuple{text("1"), unchanged}},
			fields{"id": &one, "body": &hi}, fields{"id": &one, "body": &hi}, fields{"id": &one}},
		"deleted": {change{kind: kindDelete, relation: keyed, old: tuple{text("1"), null}},
			fields{"id": &one}, fields{"id": &one}, fields{"id": &one}},
		"with more columns than described": {change{kind: kindInsert, relation: keyed, row: tuple{text("1"), null, null}},
			fields{"id": &one, "body": nil}, fields{"id": &one}, fields{"id": &one, "body": nil}},
	} {
		t.Run(name, func(t *testing.T) {
			require.Equal(t, test.record, test.change.record())
			require.Equal(t, test.before, test.change.before())
			require.Equal(t, test.compared, test.change.compared())
		})
	}
}
