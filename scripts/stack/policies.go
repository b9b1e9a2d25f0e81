package stack

import (
	"errors"
	"fmt"
	"os"
	"path/filepath"
	"slices"
	"strings"
)

// PolicyFiles are the files of policies/, one per table, in the order in which
// they are shipped.
func PolicyFiles(tree *Tree) ([]string, error) {
	files, err := filepath.Glob(filepath.Join(tree.Root, "policies", "*.sql"))
	if err == nil && len(files) == 0 {
		err = errors.New("policies/ has no .sql: the policies are gone")
	}
	return files, err
}

// PoliciesMigration returns the migration that ships policies/, which is the
// newest one named *_policies.sql, and what it should say.
func PoliciesMigration(tree *Tree) (path, text string, err error) {
	paths, err := filepath.Glob(filepath.Join(tree.Root, "supabase", "migrations", "*_policies.sql"))
	if err != nil {
		return "", "", err
	}
	if len(paths) == 0 {
		return "", "", errors.New("no migration ships the policies: make one with `supabase migration new policies`")
	}
	files, err := PolicyFiles(tree)
	if err != nil {
		return "", "", err
	}
	var b strings.Builder
	b.WriteString(policiesHeader)
	for _, file := range files {
		sql, err := os.ReadFile(file)
		if err != nil {
			return "", "", err
		}
		fmt.Fprintf(&b, "\n\n-- policies/%s\n%s\n%s", filepath.Base(file), policiesRule, sql)
	}
	b.WriteString("\n\nnotify pgrst, 'reload schema';\n")
	return slices.Max(paths), b.String(), nil
}

const policiesHeader = `-- Who may see and do what: the files of policies/, one after another.
--
-- Written by ./scripts/generate; change the files, not this. Once a version of it has shipped, make room for the next with
-- ` + "`supabase migration new policies`" + ` and run the script again: it writes the newest.
--
-- Locks: each of the tables for a moment, while its policies are replaced. Nobody ever sees it without: a migration is
-- one transaction.
`

const policiesRule = `------------------------------------------------------------------------------------------------------------------------
`
