package main

import (
	"context"
	"errors"
	"fmt"
	"io"
	"os"
	"time"

	"github.com/olekukonko/tablewriter"
	"github.com/spf13/cobra"

	"zoom-attendance/sidecar/inbox"
	"zoom-attendance/sidecar/terminal"
)

// maxQuery is how long a statement may read, so that the file is soon free to shrink.
const maxQuery = time.Second

func sqlCommand() *cobra.Command {
	var asJSON bool
	command := &cobra.Command{
		Use:   "sql 'select …'",
		Short: "Ask the inbox in INBOX_DIR something in SQL, while the sidecar runs or not",
		Long: `Runs a statement on the inbox in INBOX_DIR, which it only reads, for one second at
most. The sidecar may run meanwhile. sidecar/operating/backups.md has the schema and
more examples. Times are microseconds since 1970, UTC. A body has names and e-mails.

Exit code 0: answered. 1: the statement is not right, or took too long. 2: the
settings are not right. 3: there is no inbox, or it is in a NATS cluster.`,
		Example: `  sidecar inbox sql 'select state, count(*) from events group by state'
  sidecar inbox sql "select number, kind, datetime(accepted_at / 1000000, 'unixepoch') as accepted from events where meeting = '81234567890'"
  sidecar inbox sql --json 'select * from put_off' | jq .`,
		Args: cobra.ExactArgs(1),
		RunE: func(cmd *cobra.Command, args []string) error {
			return queryInbox(cmd.Context(), cmd.OutOrStdout(), args[0], asJSON)
		},
	}
	command.Flags().BoolVar(&asJSON, "json", false, "print a list of objects for programs")
	return command
}

func copyCommand() *cobra.Command {
	return &cobra.Command{
		Use:   "copy FILE",
		Short: "Copy the inbox in INBOX_DIR to a new file, while the sidecar runs or not",
		Long: `Writes a whole copy of the inbox in INBOX_DIR, as it is at one moment, to a file that
is not there yet. The sidecar may run meanwhile. Never copy inbox.db with cp: a part of
it is in another file, and opening it drops the sidecar's locks.

The copy has names and e-mails in it; only its owner may read it. How to restore it is
in sidecar/operating/backups.md.

Exit code 0: copied. 1: it could not be. 2: the settings are not right. 3: there is no
inbox, or it is in a NATS cluster.`,
		Example: "  INBOX_DIR=/data/inbox sidecar inbox copy /backup/inbox-$(date +%F).db",
		Args:    cobra.ExactArgs(1),
		RunE: func(cmd *cobra.Command, args []string) error {
			c, err := readInboxConfig(os.Environ())
			if err != nil {
				return err
			}
			if err := inbox.Copy(cmd.Context(), c.InboxDir, args[0]); err != nil {
				return fmt.Errorf("copy the inbox: %w", cannotTell(err))
			}
			_, err = fmt.Fprintf(cmd.OutOrStdout(), "The inbox is copied to %s\n", args[0])
			return err
		},
	}
}

func queryInbox(ctx context.Context, out io.Writer, statement string, asJSON bool) error {
	c, err := readInboxConfig(os.Environ())
	if err != nil {
		return err
	}
	columns, rows, err := inbox.Query(ctx, c.InboxDir, statement, maxQuery)
	if err != nil {
		return fmt.Errorf("ask the inbox: %w", cannotTell(err))
	}
	table, objects, count := tablewriter.NewWriter(out), []map[string]any{}, 0
	for values, err := range rows {
		if err != nil {
			return fmt.Errorf("ask the inbox: %w", err)
		}
		count++
		if asJSON {
			objects = append(objects, objectOf(columns, values))
		} else if err := table.Append(shown(values)); err != nil {
			return err
		}
	}
	if asJSON {
		return terminal.PrintJSON(out, objects)
	}
	if count > 0 {
		table.Header(columns)
		if err := table.Render(); err != nil {
			return err
		}
	}
	_, err = fmt.Fprintf(out, "%d rows\n", count)
	return err
}

// cannotTell marks what the exit code 3 is for.
func cannotTell(err error) error {
	if errors.Is(err, inbox.ErrNone) {
		return fmt.Errorf("%w: %w; is INBOX_DIR right, and its volume mounted?", errCannotTell, err)
	}
	return err
}

// shown is a row as a terminal may show it.
func shown(values []any) (row []string) {
	for _, value := range values {
		if value == nil {
			value = ""
		}
		row = append(row, terminal.Harmless(fmt.Sprint(text(value))))
	}
	return row
}

func objectOf(columns []string, values []any) map[string]any {
	object := map[string]any{}
	for i, column := range columns {
		object[column] = text(values[i])
	}
	return object
}

// text makes a body, which is bytes, readable.
func text(value any) any {
	if bytes, ok := value.([]byte); ok {
		return string(bytes)
	}
	return value
}
