package cases_test

import (
	"cmp"
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"regexp"
	"slices"
	"strconv"
	"strings"
	"time"

	"github.com/jackc/pgx/v5"

	"zoom-attendance/sidecar/operator/explain"
)

// check compares what is expected with what there is, and tells of every
// difference.
func (p *play) check(ctx context.Context, wants []want) error {
	var attendance, participants []want
	var faults []error
	for _, w := range wants {
		words := strings.Fields(w.about)
		switch words[0] {
		case "attendance":
			attendance = append(attendance, w)
		case "participant", "participants", "guest":
			participants = append(participants, w)
		case "meeting":
			faults = append(faults, p.checkMeeting(ctx, w))
		case "explain":
			faults = append(faults, p.checkExplanation(ctx, w))
		case "refused":
			faults = append(faults, p.checkRefused(ctx, w))
		default:
			faults = append(faults, fmt.Errorf("%q is nothing that can be expected: see doc.go", w.about))
		}
	}
	if attendance != nil {
		faults = append(faults, p.checkAttendance(ctx, attendance))
	}
	if participants != nil {
		faults = append(faults, p.checkParticipants(ctx, participants))
	}
	return errors.Join(faults...)
}

func differ(what, wanted, got string) error {
	if wanted == got {
		return nil
	}
	return fmt.Errorf("%s\n  want %s\n  got  %s", what, strings.ReplaceAll(wanted, "\n", "\n       "), strings.ReplaceAll(got, "\n", "\n       "))
}

func (p *play) checkAttendance(ctx context.Context, wants []want) error {
	wanted := map[string]string{} // by date, class and student
	for _, w := range wants {
		if w.says == "none" {
			continue
		}
		words := strings.Fields(w.about)
		class := "7b"
		if len(words) > 2 {
			class = words[2]
		}
		day, err := time.Parse(time.DateOnly, words[1])
		if err != nil {
			return err
		}
		for _, record := range strings.Split(w.says, ",") {
			student, status, _ := strings.Cut(strings.TrimSpace(record), " ")
			wanted[p.date(day)+" "+class+" "+student] = status
		}
	}
	rows, err := p.db.Query(ctx, `select r.date::text, c.name, r.student_id::text, r.status
		from public.attendance_records r join public.classes c on c.id = r.class_id`)
	if err != nil {
		return err
	}
	got := map[string]string{}
	var date, class, student, status string
	if _, err := pgx.ForEachRow(rows, []any{&date, &class, &student, &status}, func() error {
		got[date+" "+class+" "+p.symbol(student)] = status
		return nil
	}); err != nil {
		return err
	}
	return differ("attendance", records(wanted), records(got))
}

// date is a day of the story in the present.
func (p *play) date(day time.Time) string {
	if p.shift == 0 {
		return day.Format(time.DateOnly)
	}
	return p.real(day.Add(8 * time.Hour)).UTC().Format(time.DateOnly)
}

func (p *play) symbol(id string) string { return cmp.Or(p.symbols[id], id) }

// records are one line for each date and class.
func records(of map[string]string) string {
	lines := map[string][]string{}
	for key, status := range of {
		at := strings.LastIndex(key, " ")
		lines[key[:at]] = append(lines[key[:at]], key[at+1:]+" "+status)
	}
	var all []string
	for lesson, said := range lines {
		slices.Sort(said)
		all = append(all, lesson+": "+strings.Join(said, ", "))
	}
	slices.Sort(all)
	return cmp.Or(strings.Join(all, "\n"), "none")
}

// participant is a row of zoom_participants.
type participant struct {
	User     *string
	Segment  *string
	Name     *string
	Email    *string
	Joined   *time.Time
	Left     *time.Time
	Duration *int
	Status   *string
}

func (p *play) checkParticipants(ctx context.Context, wants []want) error {
	rows, err := p.db.Query(ctx, `select user_id::text, zoom_participant_id, name, email, join_time, leave_time, duration, status
		from public.zoom_participants`)
	if err != nil {
		return err
	}
	all, err := pgx.CollectRows(rows, pgx.RowToStructByPos[participant])
	if err != nil {
		return err
	}
	var faults []error
	for _, w := range wants {
		if w.about == "participants" {
			continue
		}
		_, who, _ := strings.Cut(w.about, " ")
		at := slices.IndexFunc(all, func(r participant) bool {
			if name, err := strconv.Unquote(who); err == nil {
				return r.User == nil && text(r.Name) == name
			}
			return r.User != nil && p.symbol(*r.User) == who
		})
		if at < 0 {
			faults = append(faults, fmt.Errorf("%s: there is no such row", w.about))
			continue
		}
		for _, says := range splitOutside(w.says) {
			faults = append(faults, differ(w.about, says, p.said(all[at], says)))
		}
		all = slices.Delete(all, at, at+1)
	}
	for _, r := range all {
		if text(r.Status) != "invited" {
			faults = append(faults, fmt.Errorf("participants: nobody expects %s %q, who %s", p.symbol(text(r.User)), text(r.Name), text(r.Status)))
		}
	}
	return errors.Join(faults...)
}

func text[T any](value *T) string {
	if value == nil {
		return "-"
	}
	return fmt.Sprint(*value)
}

var ofTheDay = regexp.MustCompile(`^(joined|left) (.*)$`)

// said puts what a row says into the words of an expectation.
func (p *play) said(r participant, like string) string {
	hour := func(at *time.Time) string {
		if at == nil {
			return "-"
		}
		return strings.TrimSuffix(at.Add(-p.shift).UTC().Format("15:04:05"), ":00")
	}
	switch word, _, more := strings.Cut(like, " "); {
	case strings.HasPrefix(like, `"`):
		return strconv.Quote(text(r.Name))
	case strings.HasSuffix(like, " s"):
		return text(r.Duration) + " s"
	case word == "segment":
		return "segment " + text(r.Segment)
	case word == "email":
		return "email " + text(r.Email)
	case more && ofTheDay.MatchString(like) && word == "joined":
		return "joined " + hour(r.Joined)
	case more && ofTheDay.MatchString(like):
		return "left " + hour(r.Left)
	default:
		return text(r.Status)
	}
}

func (p *play) checkMeeting(ctx context.Context, w want) error {
	symbol := "meeting"
	if words := strings.Fields(w.about); len(words) > 1 {
		symbol = words[1]
	}
	var status string
	err := p.db.QueryRow(ctx, "select coalesce((select coalesce(status, 'null') from public.zoom_meetings where id = $1), 'gone')", id(symbol)).Scan(&status)
	if err != nil {
		return err
	}
	return differ(w.about, w.says, status)
}

// checkExplanation looks for words in the explanation, as the command and the
// page put it.
func (p *play) checkExplanation(ctx context.Context, w want) error {
	words := strings.Fields(w.about) // explain a 2026-03-02 [not]
	day, err := time.Parse(time.DateOnly, words[2])
	if err != nil {
		return err
	}
	var answer json.RawMessage
	if err := p.call(ctx, "select public.explain_attendance($1, $2, $3::text::date, $4)", &answer, number, id(words[1]), p.date(day), p.policy); err != nil {
		return fmt.Errorf("%s: %w", w.about, err)
	}
	said, err := explain.Describe(answer, explain.Question{Meeting: number, Student: words[1], Date: p.date(day)}, "UTC")
	if err != nil {
		return fmt.Errorf("%s: %w: %s", w.about, err, answer)
	}
	body, err := json.Marshal(said)
	if err != nil {
		return err
	}
	not := words[len(words)-1] == "not"
	if strings.Contains(string(body), w.says) == not {
		return differ(w.about, w.says, string(body))
	}
	return nil
}

func (p *play) checkRefused(ctx context.Context, w want) error {
	var answer struct {
		Rows []struct {
			Table   string `json:"table"`
			Student string `json:"student"`
		} `json:"rows"`
	}
	if err := p.call(ctx, "select public.refused_zoom_rows()", &answer); err != nil {
		return err
	}
	got := []string{}
	for _, r := range answer.Rows {
		for symbol, who := range people {
			if who.name == r.Student {
				r.Student = symbol
			}
		}
		got = append(got, r.Student+" "+strings.TrimPrefix(r.Table, "public."))
	}
	slices.Sort(got)
	return differ("refused", w.says, cmp.Or(strings.Join(got, ", "), "none"))
}
