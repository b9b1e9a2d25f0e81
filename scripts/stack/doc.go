// Package stack is a Supabase project made of programs instead of
// containers: what `supabase start` gives to people with Docker, given to
// everyone else and to the tests.
//
// It promises the parts of a hosted project that this repository leans on,
// from the real PostgreSQL, the real PostgREST and the real Supabase CLI,
// which npm brings:
//
//	            :54321                 unix socket             :54322
//	client ──▶ Gateway ──/rest/v1──▶ PostgREST ──────────▶ Postgres ◀── Migrate (supabase db push)
//	         keys, CORS             as authenticator        bootstrap.sql: roles, auth, extensions
//	                └──/realtime/v1──▶ package realtime ──────┘
//	                └──/monitor──▶ package monitor, a page
//
// Beneath it are what it serves beside PostgREST, realtime and monitor, and the
// programs that use it: dev, behind ./scripts/dev; check, behind
// ./scripts/test, which has one [TestServer] per run; chaos and bench, behind
// the scripts of those names; generate, behind ./scripts/generate; and stacktest, which gives each Go test a project on that
// server. front tests the whole way to a page.
//
// What stays as on a hosted project: the four kinds of key and the headers
// they go in, the roles and their limits, `postgres` not being a superuser,
// nothing granted that no migration granted, text sorted by language and not
// by bytes. What is absent: Auth, Storage, Edge Functions and the dashboard.
//
// Whoever starts a program stops it; and should the parent be killed
// outright, Linux ends its programs for it. PostgreSQL refuses to run as
// root, so for root it runs as nobody, from a copy that nobody can read
// (see [Tree]). Everything listens on loopback only, and no key in here is a
// secret: they are the ones that every `supabase start` in the world uses.
//
// Nothing of this package is in the sidecar.
package stack
