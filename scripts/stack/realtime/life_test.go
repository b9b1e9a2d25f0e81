package realtime_test

import (
	"bytes"
	"log/slog"
	"strings"
	"testing"
	"time"

	"github.com/stretchr/testify/require"
)

func TestANewTokenChangesWhoIsAsked(t *testing.T) {
	w := newWorld(t)
	c := w.connect()
	join := c.join("realtime:notes", annToken(), allNotes)

	for _, ignored := range []any{nil, "sb_publishable_x"} {
		c.send(join, "realtime:notes", "access_token", map[string]any{"access_token": ignored})
	}
	c.send(join, "realtime:notes", "access_token", map[string]any{"access_token": bobToken()})
	c.expectListening("realtime:notes")
	w.exec("insert into public.notes values (1, $1, 'for ann'), (2, $2, 'for bob')", ann, bob)
	require.Equal(t, "for bob", c.row().Data.Record["body"])

	c.send(join, "realtime:notes", "access_token", map[string]any{"access_token": "nonsense"})
	c.expect("system", `{"channel": "notes", "extension": "system", "status": "error",
		"message": "The token provided is not a valid JWT"}`)
	c.expect("phx_close", `{}`)
}

func TestAChannelEndsWithItsToken(t *testing.T) {
	w := newWorld(t)
	c := w.connect()
	c.join("realtime:notes", token(t, claims("authenticated", 2*time.Second), secret), allNotes)

	m := c.next()
	require.Equal(t, "system", m.Event)
	require.Regexp(t, `"message":"Token has expired [01] seconds ago"`, string(m.Payload))
	c.expect("phx_close", `{}`)
	c.join("realtime:notes", annToken(), allNotes)
}

func TestARestartCutsEveryoneAndReplaysNothing(t *testing.T) {
	w := newWorld(t)
	before := w.connect()
	before.join("realtime:signs", annToken(), allSigns)
	require.NoError(t, w.current().Close())
	_, err := before.read()
	require.Error(t, err)
	require.NoError(t, w.current().Close(), "again")

	w.exec("insert into public.signs values (1, 'nobody is told')")
	w.start()
	after := w.connect()
	after.join("realtime:signs", annToken(), allSigns)
	w.exec("insert into public.signs values (2, 'told')")
	require.Equal(t, "told", after.row().Data.Record["body"])
}

func TestNothingOfAClosedServerIsLeftInTheDatabase(t *testing.T) {
	w := newWorld(t)
	require.Equal(t, 1, w.slots())
	require.NoError(t, w.current().Close())
	require.Zero(t, w.slots())
}

func (w *world) slots() (count int) {
	w.t.Helper()
	const sql = "select count(*) from pg_replication_slots where database = current_database()"
	require.NoError(w.t, w.project.DB().QueryRow(w.context(), sql).Scan(&count))
	return count
}

func TestThePublicationMayComeAndGo(t *testing.T) {
	w := newWorld(t)
	c := w.connect()
	c.join("realtime:signs", annToken(), allSigns)

	w.exec("drop publication supabase_realtime")
	w.exec("insert into public.signs values (1, 'nobody is told')")
	require.NoError(t, w.current().Err())
	c.send(nil, "realtime:late", "phx_join", joinPayload(annToken(), allSigns))
	c.next()
	require.Contains(t, string(c.next().Payload), "Please check Realtime is enabled")

	w.exec("create publication supabase_realtime for table public.signs")
	c.join("realtime:again", annToken(), allSigns)
	w.exec("insert into public.signs values (2, 'both are told')")
	require.Equal(t, "both are told", c.row().Data.Record["body"])
	require.Equal(t, "both are told", c.row().Data.Record["body"])
	require.NoError(t, w.current().Err())

	w.exec("alter publication supabase_realtime add table public.notes")
	c.join("realtime:notes", annToken(), allNotes)
	w.exec("insert into public.notes values (1, $1, 'for ann')", ann)
	require.Equal(t, "for ann", c.row().Data.Record["body"])
}

func TestASlowClientIsDisconnectedAndTheOthersDoNotWait(t *testing.T) {
	w := newWorld(t)
	var log bytes.Buffer
	w.config.Queue = 8
	w.config.Log = slog.New(slog.NewTextHandler(&log, nil))
	w.restart()
	slow, fast := w.connectNarrow(), w.connect()
	slow.join("realtime:signs", annToken(), allSigns)
	fast.join("realtime:signs", annToken(), allSigns)

	for id := range 25 { // 12 MB in all, which is more than a connection holds
		w.exec("insert into public.signs values ($1, repeat('x', 500000))", id)
		require.EqualValues(t, id, fast.row().Data.Record["id"])
	}
	require.NoError(t, w.current().Close())
	require.Equal(t, 1, strings.Count(log.String(), "the client does not read fast enough"), "log: %s", &log)
}

func TestTheServerEndsWhenTheDatabaseIsGone(t *testing.T) {
	w := newWorld(t)
	c := w.connect()
	c.join("realtime:signs", annToken(), allSigns)
	require.NoError(t, w.current().Err())

	w.exec("select pg_terminate_backend(active_pid) from pg_replication_slots where database = current_database()")
	select {
	case <-w.current().Done():
	case <-time.After(patience):
		require.Fail(t, "the server still works")
	}
	require.ErrorContains(t, w.current().Err(), "read the changes of the database")
	require.Error(t, w.current().Close())
	_, err := c.read()
	require.Error(t, err)
}

func TestItStartsAndStopsAnyNumberOfTimes(t *testing.T) {
	w := newWorld(t)
	for range 10 {
		joined, joining := w.connect(), w.connect()
		joined.join("realtime:signs", annToken(), allSigns)
		joining.send(nil, "realtime:signs", "phx_join", joinPayload(annToken(), allSigns))
		w.restart()
	}
	require.Equal(t, 1, w.slots())
}

// BenchmarkDelay is how long a change takes from its commit to a client, at the
// default pace and where the commit comes at the worst moment: just after the
// log was read.
func BenchmarkDelay(b *testing.B) {
	w := newWorld(b)
	w.config.Poll = 0
	w.restart()
	c := w.connect()
	c.join("realtime:notes", annToken(), allNotes)
	for id := 0; b.Loop(); id++ {
		w.exec("insert into public.notes values ($1, $2, 'for ann')", id, ann)
		c.row()
	}
}
