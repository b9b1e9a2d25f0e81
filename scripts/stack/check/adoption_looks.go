package main

import "slices"

// What the school of testdata/twin.sql is told to look at: see zoom.risks.
var twinLooks = append(slices.Clone(commonLooks),
	`public.zoom_meetings look: whoever sees a meeting reads its start_url, which starts it as the host: select zoom.hide_start_urls()`)

// And that of testdata/twin_grown.sql.
var grownLooks = append(slices.Clone(commonLooks),
	`public.class_students look: policy "Anything may enrol" lets others than admins insert: true`,
	`public.parent_children look: row level security is off: whoever is granted it reads and writes all of it`,
	`public.students_of(uuid) look: this function looks past the policies of public.class_students, public.users, and visitors and users may call it`)

var commonLooks = []string{
	`public.audit_logs_with_users look: this view looks past the policies of public.users, and visitors and users may read it`,
	`public.class_students look: policy "Enrolments are known" lets everybody whom it is for read all of it`,
	`public.class_students look: policy "Teachers enrol" lets others than admins insert: (( SELECT me.role FROM public.users me WHERE (me.id = ( SELECT auth.uid() AS uid))) = 'teacher'::text)`,
	`public.class_students look: policy "Teachers unenrol" lets others than admins delete: (( SELECT me.role FROM public.users me WHERE (me.id = ( SELECT auth.uid() AS uid))) = 'teacher'::text)`,
	`public.classes look: policy "Admins run the classes" lets others than admins insert, update and delete: (EXISTS ( SELECT FROM public.users me WHERE ((me.id = ( SELECT auth.uid() AS uid)) AND (me.role = ANY (ARRAY['admin'::text, 'teacher'::text])))))`,
	`public.classes look: policy "Classes are known" lets everybody whom it is for read all of it`,
	`public.users look: policy "People edit themselves" lets others than admins update: (id = ( SELECT auth.uid() AS uid))`,
	`public.users look: policy "Sign-up makes the own row" lets others than admins insert: (id = ( SELECT auth.uid() AS uid))`,
	`public.users look: policy "The directory is open" lets everybody whom it is for read all of it`,
}
