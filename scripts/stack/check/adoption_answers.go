package main

import (
	"context"
	"errors"
	"fmt"
	"slices"
	"time"

	"zoom-attendance/scripts/stack"
)

// heaviest are the app's reads that take longest, of everybody who reads much.
var heaviest = []struct {
	what, path string
	who        string
}{
	{"a teacher: who was in a meeting", "zoom_participants?select=*,user:users(id,name,email,avatar,role)&meeting_id=eq.@meeting(17906)&order=join_time", "teacher"},
	{"a teacher: attendance of the class", "attendance_records?select=*,student:users(id,name)&class_id=eq.@class(6)&order=date.desc", "teacher"},
	{"a teacher: meetings", "zoom_meetings?select=*,class:classes(id,name),host:users(id,name)&order=start_time.desc", "teacher"},
	{"a teacher: registrations for a meeting", "meeting_registrants?select=*,user:users(id,name)&meeting_id=eq.@meeting(17906)", "teacher"},
	{"an admin: all participants", "zoom_participants?select=*&order=created_at.desc", "admin"},
	{"an admin: all attendance", "attendance_records?select=*,student:users(id,name),class:classes(name)&order=date.desc", "admin"},
	{"an admin: all meetings", "zoom_meetings?select=*,class:classes(id,name),host:users(id,name)&order=start_time.desc", "admin"},
	{"an admin: everybody", "users?select=id,email,name,role,avatar,is_active,created_at&order=name", "admin"},
	{"a student: meetings", "zoom_meetings?select=*,class:classes(id,name),host:users(id,name)&order=start_time.desc", "student"},
	{"a student: own attendance", "attendance_records?select=*,class:classes(name)&student_id=eq.@me&order=date.desc", "student"},
	{"a student: all that may be seen of participants", "zoom_participants?select=*", "student"},
	{"a parent: the children's attendance", "attendance_records?select=*,class:classes(name)&student_id=in.(@user(101),@user(181),@user(261),@user(341))&order=date.desc", "parent"},
	{"a parent: meetings", "zoom_meetings?select=*,class:classes(id,name)&order=start_time.desc", "parent"},
}

const rounds = 101

// answers measures how long the app's heaviest reads take in the school of a
// year, before and after adoption, each in turn on two copies, and prints both.
func (s *suite) answers(ctx context.Context, pages *adoptionPages, t *twin) (err error) {
	then := &twin{name: t.name + "_then", server: t.server, tree: t.tree}
	if err := t.fill(ctx); err != nil {
		return err
	}
	if err := stack.CloneOf(ctx, t.server.URL(stack.Superuser, "postgres"), t.name, then.name); err != nil {
		return err
	}
	if err := pages.adopt(ctx, t); err != nil {
		return err
	}
	for _, school := range []*twin{then, t} {
		if err := stack.Exec(ctx, school.url(stack.Superuser), "vacuum analyze"); err != nil {
			return err
		}
		if err := school.startAPI(ctx); err != nil {
			return err
		}
		defer func() { err = errors.Join(err, school.api.Close()) }()
	}
	fmt.Printf("    %-50s %10s %10s %7s\n", fmt.Sprintf("the lower quartile of %d answers", rounds), "before", "after", "ratio")
	for _, read := range heaviest {
		who := people[slices.IndexFunc(people, func(p person) bool { return p.name == read.who })]
		var before, after []time.Duration
		for range rounds {
			for _, side := range []struct {
				school *twin
				took   *[]time.Duration
			}{{then, &before}, {t, &after}} {
				took, err := side.school.timeOf(ctx, read.path, who)
				if err != nil {
					return fmt.Errorf("%s: %w", read.what, err)
				}
				*side.took = append(*side.took, took)
			}
		}
		slices.Sort(before)
		slices.Sort(after)
		was, is := before[rounds/4], after[rounds/4] // what else the machine did lies above
		fmt.Printf("    %-50s %8.1fms %8.1fms %7.2f\n", read.what, ms(was), ms(is), float64(is)/float64(was))
	}
	return nil
}

func ms(d time.Duration) float64 { return float64(d.Microseconds()) / 1000 }

// timeOf is how long an answer takes, from the request to its last byte.
func (t *twin) timeOf(ctx context.Context, path string, who person) (time.Duration, error) {
	request, err := t.request(ctx, "GET", path, "", who)
	if err != nil {
		return 0, err
	}
	began := time.Now()
	_, _, err = t.answer(request)
	return time.Since(began), err
}
