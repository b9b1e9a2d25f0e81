package front_test

// keepLedger has the database note every change of the rows that a front end
// watches, in the order in which it is made.
func (s *school) keepLedger() {
	s.t.Helper()
	s.exec(`
		create schema ledger;
		create table ledger.changes (
			number bigint primary key generated always as identity,
			"table" text not null, type text not null, row jsonb not null
		);
		create function ledger.note() returns trigger language plpgsql security definer set search_path = '' as $$
		begin
			insert into ledger.changes ("table", type, row)
			values (tg_table_name, tg_op, case tg_op when 'DELETE' then jsonb_build_object('id', old.id) else to_jsonb(new) end);
			return null;
		end $$;
		create trigger note after insert or update or delete on zoom_meetings for each row execute function ledger.note();
		create trigger note after insert or update or delete on zoom_participants for each row execute function ledger.note();
		create trigger note after insert or update or delete on attendance_records for each row execute function ledger.note();`)
}

// change is one of a row, as the ledger or a subscriber tells it.
type change struct {
	Table string         `json:"table"`
	Type  string         `json:"type"`
	Row   map[string]any `json:"row"`
}

// ledger is what was noted, from the given number on.
func (s *school) ledger(from int64) []change {
	s.t.Helper()
	return rows[change](s, `select jsonb_build_object('table', "table", 'type', type, 'row', row) from ledger.changes where number >= $1 order by number`, from)
}

// changes is how many changes of a table were noted.
func (s *school) changes(table string) int64 {
	s.t.Helper()
	return value[int64](s, `select count(*) from ledger.changes where "table" = $1`, table)
}
