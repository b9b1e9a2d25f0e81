package main

import (
	"io"
	"text/template"

	"zoom-attendance/scripts/stack"
	"zoom-attendance/scripts/stack/monitor"
)

// exampleMeeting is a meeting of supabase/seed.sql; not the one whose lessons
// `sidecar simulate` plays, which an open-ended start would get in the way of.
const exampleMeeting = "81234567892"

// The meeting of supabase/seed.sql whose lessons are played, and a student of its
// class.
const (
	lessonID     = "00000000-0000-4000-8000-000000000e01"
	studentID    = "00000000-0000-4000-8000-000000000101"
	studentEmail = "maria@school.test"
)

// monitorLink opens the class monitor as the teacher of the lesson that is
// played.
const monitorLink = localURL + monitor.Prefix + "/?as=a.okafor@school.test"

// explain prints where everything is and what to try.
func (d *dev) explain(out io.Writer, local bool) error {
	return explanation.Execute(out, map[string]any{
		"Local":          local,
		"Sidecar":        d.settings.sidecarURL(),
		"Board":          "http://" + d.settings["ADMIN_ADDR"],
		"Project":        d.settings["SUPABASE_URL"],
		"Monitor":        monitorLink,
		"PublishableKey": stack.PublishableKey,
		"SecretKey":      stack.SecretKey,
		"Database":       "postgresql://postgres:postgres@127.0.0.1:54322/postgres",
		"WebhookSecret":  d.settings.shown("ZOOM_WEBHOOK_SECRET"),
		"AdminToken":     d.settings.shown("ADMIN_TOKEN"),
		"Meeting":        exampleMeeting,
		"Lesson":         lessonID,
		"StudentToken":   stack.UserToken(studentID, studentEmail),
		"State":          d.state,
	})
}

var explanation = template.Must(template.New("").Parse(`
  Sidecar          {{.Sidecar}}/api/zoom/webhook
  Board            {{.Board}}   (sign in with {{.AdminToken}})
  Metrics          {{.Board}}/metrics   (curl -H 'Authorization: Bearer {{.AdminToken}}')
  Supabase         {{.Project}}
{{- if .Local}}
  Class monitor    {{.Monitor}}
  Publishable key  {{.PublishableKey}}
  Secret key       {{.SecretKey}}
  Database         {{.Database}}
  Data and logs    {{.State}}

Post an event as Zoom would, signed:

  body='{"event":"meeting.started","event_ts":'$(date +%s)000',"payload":{"account_id":"demo","object":{"id":"{{.Meeting}}","uuid":"ZGVtbw==","topic":"Staff room","type":1,"start_time":"'$(date -u +%Y-%m-%dT%H:%M:%SZ)'"}}}'
  ts=$(date +%s)
  signature="v0=$(printf 'v0:%s:%s' "$ts" "$body" | openssl dgst -sha256 -hmac {{.WebhookSecret}} -r | cut -d' ' -f1)"
  curl -i {{.Sidecar}}/api/zoom/webhook -H 'Content-Type: application/json' \
    -H "x-zm-request-timestamp: $ts" -H "x-zm-signature: $signature" -d "$body"

See what became of it:

  curl '{{.Project}}/rest/v1/zoom_meetings?select=title,status,updated_at&zoom_meeting_id=eq.{{.Meeting}}' -H 'apikey: {{.SecretKey}}'

Play a whole lesson and look at the attendance, here or over the API:

  export ZOOM_WEBHOOK_SECRET={{.WebhookSecret}} SUPABASE_URL={{.Project}} SUPABASE_SECRET_KEY={{.SecretKey}}
  bin/sidecar simulate --check --url {{.Sidecar}}
  curl '{{.Project}}/rest/v1/attendance_records?select=date,status,student:users!student_id(name)&order=date.desc' -H 'apikey: {{.SecretKey}}'

Ask for the meeting room, as a student's page does:

  curl -i {{.Sidecar}}/api/zoom/meetings/{{.Lesson}}/join -H 'Authorization: Bearer {{.StudentToken}}'

Why is somebody marked as they are? Click them on the board, under Lessons, or:

  bin/sidecar explain --meeting 81234567890 --student maria@school.test

Is all as it should be, and what does Maria see?

  bin/sidecar doctor --url {{.Sidecar}} --as maria@school.test

What could never be applied, and why:

  ADMIN_TOKEN={{.AdminToken}} bin/sidecar dead list
{{- else}}

That project is yours: nothing was started but the sidecar, and no migration was applied. The command that does:

  scripts/node_modules/.bin/supabase db push --remote='postgresql://…'    (npm ci --prefix scripts brings it)
{{- end}}
`))
