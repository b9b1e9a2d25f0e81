package stack

import (
	"fmt"
	"os"
	"path/filepath"
	"slices"
	"strings"
)

// Shipped is a folder of SQL files that a migration ships, one after another, and
// that ./scripts/generate writes.
type Shipped struct {
	Folder    string // from the root
	Migration string // how the migration's name ends; the newest of them is written
	header    string
}

// The folders that are shipped by a migration of their own.
var (
	Rules    = Shipped{"supabase/schemas", "rules", rulesHeader}
	Policies = Shipped{"policies", "policies", policiesHeader}
)

// Files are the files of the folder, in the order in which they are shipped.
func (s Shipped) Files(tree *Tree) ([]string, error) {
	files, err := filepath.Glob(filepath.Join(tree.Root, s.Folder, "*.sql"))
	if err == nil && len(files) == 0 {
		err = fmt.Errorf("%s has no .sql: its files are gone", s.Folder)
	}
	return files, err
}

// Written returns the migration that ships the folder, which is the newest one of
// its name, and what it should say.
func (s Shipped) Written(tree *Tree) (path, text string, err error) {
	paths, err := filepath.Glob(filepath.Join(tree.Root, "supabase", "migrations", "*_"+s.Migration+".sql"))
	if err != nil {
		return "", "", err
	}
	if len(paths) == 0 {
		return "", "", fmt.Errorf("no migration ships %[1]s: make one with `supabase migration new %[2]s`", s.Folder, s.Migration)
	}
	files, err := s.Files(tree)
	if err != nil {
		return "", "", err
	}
	var b strings.Builder
	b.WriteString(s.header)
	for _, file := range files {
		sql, err := os.ReadFile(file)
		if err != nil {
			return "", "", err
		}
		fmt.Fprintf(&b, "\n\n-- %s/%s\n%s\n%s", s.Folder, filepath.Base(file), fileRule, sql)
	}
	b.WriteString("\n\nnotify pgrst, 'reload schema';\n")
	return slices.Max(paths), b.String(), nil
}

const rulesHeader = `-- What the rows say: the files of supabase/schemas, one rule each, one after another.
--
-- Written by ./scripts/generate; change the files, not this. Once a version of it has shipped, make room for the next with
-- ` + "`supabase migration new rules`" + ` and run the script again: it writes the newest.
--
-- Locks: users, classes, class_students, parent_children, meeting_registrants and zoom_meetings against writes, while each
-- gets a trigger and is read once.
`

const policiesHeader = `-- Who may see and do what: the files of policies/, one after another.
--
-- Written by ./scripts/generate; change the files, not this. Once a version of it has shipped, make room for the next with
-- ` + "`supabase migration new policies`" + ` and run the script again: it writes the newest.
--
-- Locks: each of the tables for a moment, while its policies are replaced. Nobody ever sees it without: a migration is
-- one transaction.
`

const fileRule = `------------------------------------------------------------------------------------------------------------------------
`
