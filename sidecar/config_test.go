package main

import (
	"encoding/json"
	"fmt"
	"os"
	"reflect"
	"regexp"
	"strings"
	"testing"

	"github.com/stretchr/testify/require"
)

// enough is the least that starts.
var enough = []string{
	"ZOOM_WEBHOOK_SECRET=invented-secret",
	"SUPABASE_URL=https://school.supabase.test",
	"SUPABASE_SECRET_KEY=sb_secret_invented",
}

func TestConfigTakesTheDefaultsWhenOnlyTheRequiredIsSet(t *testing.T) {
	c, err := readConfig(enough)
	require.NoError(t, err)
	require.EqualValues(t, 8080, c.Port)
	require.Equal(t, "UTC", c.AttendanceTimezone)
	require.Equal(t, "sb_secret_invented", string(c.supabaseKey()))
}

func TestConfigNamesEveryFaultAtOnce(t *testing.T) {
	_, err := readConfig([]string{"PORT=http", "SIGNATURE_WINDOW=10", "ATTENDANCE_TIMEZONE=Mars/Olympus", "LOG_FORMAT=xml"})
	require.Error(t, err)
	for _, name := range []string{"PORT", "SIGNATURE_WINDOW", "ATTENDANCE_TIMEZONE", "LOG_FORMAT", "ZOOM_WEBHOOK_SECRET", "SUPABASE_URL", "SUPABASE_SECRET_KEY"} {
		require.Regexp(t, `(?m)^  `+name+` `, err.Error())
	}
}

func TestConfigRefuses(t *testing.T) {
	for sentence, c := range map[string]struct{ set, names string }{
		"an empty secret in the list":             {"ZOOM_WEBHOOK_SECRET=one,,two", "ZOOM_WEBHOOK_SECRET"},
		"a port that is none":                     {"PORT=70000", "PORT"},
		"a name for an address":                   {"HOST=localhost", "HOST"},
		"port nought":                             {"PORT=0", "PORT"},
		"a project address without scheme":        {"SUPABASE_URL=school.supabase.test", "SUPABASE_URL"},
		"a publishable key":                       {"SUPABASE_SECRET_KEY=sb_publishable_invented", "SUPABASE_SECRET_KEY"},
		"a window of a second":                    {"SIGNATURE_WINDOW=1s", "SIGNATURE_WINDOW"},
		"an origin without a scheme":              {"ALLOWED_ORIGINS=https://app.school.test,school.test", "ALLOWED_ORIGINS"},
		"an origin with a path":                   {"ALLOWED_ORIGINS=https://school.test/", "ALLOWED_ORIGINS"},
		"an origin that anybody can listen in on": {"ALLOWED_ORIGINS=http://school.test", "ALLOWED_ORIGINS"},
		"any origin":                              {"ALLOWED_ORIGINS=*", "ALLOWED_ORIGINS"},
		"any origin of a domain":                  {"ALLOWED_ORIGINS=https://*.school.test", "ALLOWED_ORIGINS"},
		"an e-mail address for a domain":          {"ALLOWED_EMAIL_DOMAIN=@school.test", "ALLOWED_EMAIL_DOMAIN"},
		"two domains":                             {"ALLOWED_EMAIL_DOMAIN=school.test,pupils.test", "ALLOWED_EMAIL_DOMAIN"},
		"half an SDK app":                         {"ZOOM_SDK_KEY=key", "ZOOM_SDK_SECRET"},
		"the other half":                          {"ZOOM_SDK_SECRET=invented", "ZOOM_SDK_KEY"},
		"a cookie with a value":                   {"SUPABASE_COOKIE=sb=invented", "SUPABASE_COOKIE"},
		"a proxy by name":                         {"TRUSTED_PROXIES=10.0.0.0/8,proxy.test", "TRUSTED_PROXIES"},
		"negative minutes":                        {"ATTENDANCE_MIN_MINUTES=-1", "ATTENDANCE_MIN_MINUTES"},
		"more minutes than a meeting can have":    {"ATTENDANCE_MIN_MINUTES=1801", "ATTENDANCE_MIN_MINUTES"},
		"a margin of less than a minute":          {"ATTENDANCE_PLAN_MARGIN=90s", "ATTENDANCE_PLAN_MARGIN"},
		"a margin into the next day":              {"ATTENDANCE_PLAN_MARGIN=12h1m", "ATTENDANCE_PLAN_MARGIN"},
		"a negative margin":                       {"ATTENDANCE_PLAN_MARGIN=-1m", "ATTENDANCE_PLAN_MARGIN"},
		"a margin without a unit":                 {"ATTENDANCE_PLAN_MARGIN=60", "ATTENDANCE_PLAN_MARGIN"},
		"the zone of the machine, whatever it is": {"ATTENDANCE_TIMEZONE=Local", "ATTENDANCE_TIMEZONE"},
		"an inbox too small for a school":         {"INBOX_MAX_BYTES=1024", "INBOX_MAX_BYTES"},
		"no retention":                            {"INBOX_RETENTION=0s", "INBOX_RETENTION"},
		"no replica at all":                       {"NATS_REPLICAS=0", "NATS_REPLICAS"},
		"an admin address without port":           {"ADMIN_ADDR=127.0.0.1", "ADMIN_ADDR"},
		"operators from everywhere, untold":       {"ADMIN_ADDR=:9090", "ADMIN_TOKEN"},
		"operators from the network, untold":      {"ADMIN_ADDR=10.0.0.7:9090", "ADMIN_TOKEN"},
		"a token that can be guessed":             {"ADMIN_TOKEN=fifteen-letters", "ADMIN_TOKEN"},
		"a door for nobody":                       {"MAX_CONNECTIONS=0", "MAX_CONNECTIONS"},
		"headers too short for a proxy's":         {"MAX_HEADER_BYTES=1024", "MAX_HEADER_BYTES"},
		"bodies that the inbox could not keep":    {"MAX_BODY_BYTES=1048577", "MAX_BODY_BYTES"},
		"room for less than one body":             {"MAX_BODY_MEMORY=1048575", "MAX_BODY_MEMORY"},
		"less time than Zoom takes":               {"READ_TIMEOUT=3s", "READ_TIMEOUT"},
		"a connection for each request":           {"IDLE_TIMEOUT=0s", "IDLE_TIMEOUT"},
		"no failure forgiven":                     {"MAX_FAILURES=0", "MAX_FAILURES"},
		"failures without end":                    {"FAILURE_REFILL=0s", "FAILURE_REFILL"},
		"no failing client remembered":            {"MAX_FAILING_CLIENTS=0", "MAX_FAILING_CLIENTS"},
		"no time to stop in":                      {"SHUTDOWN_TIMEOUT=0s", "SHUTDOWN_TIMEOUT"},
		"alerts that nobody signs":                {"ALERT_URL=https://hooks.school.test/invented", "ALERT_SECRET"},
		"an unknown log level":                    {"LOG_LEVEL=loud", "LOG_LEVEL"},
		"a collector without a scheme":            {"OTEL_EXPORTER_OTLP_ENDPOINT=collector.test:4318", "OTEL_EXPORTER_OTLP_ENDPOINT"},
		"a collector with a login":                {"OTEL_EXPORTER_OTLP_TRACES_ENDPOINT=https://user:invented@collector.test/v1/traces", "OTEL_EXPORTER_OTLP_TRACES_ENDPOINT"},
		"something between yes and no":            {"OTEL_SDK_DISABLED=perhaps", "OTEL_SDK_DISABLED"},
	} {
		t.Run(sentence, func(t *testing.T) {
			_, err := readConfig(append(enough[:len(enough):len(enough)], c.set))
			require.Error(t, err)
			lines := strings.Split(err.Error(), "\n")
			require.Len(t, lines, 2, "one fault, and no other: %v", err)
			require.Regexp(t, `^  `+c.names+` `, lines[1])
			require.NotContains(t, err.Error(), "invented", "a value that may be secret")
		})
	}
}

func TestTheMarginAroundAPlannedTimeGoesToTheDatabaseInMinutes(t *testing.T) {
	for set, minutes := range map[string]int{"LOG_LEVEL=info": 60, "ATTENDANCE_PLAN_MARGIN=0": 0, "ATTENDANCE_PLAN_MARGIN=12h": 720, "ATTENDANCE_PLAN_MARGIN=1h30m": 90} {
		c, err := readConfig(append(enough[:len(enough):len(enough)], set))
		require.NoError(t, err, set)
		sent, err := json.Marshal(c.policy())
		require.NoError(t, err)
		require.Contains(t, string(sent), fmt.Sprintf(`"plan_margin_minutes":%d}`, minutes), set)
	}
}

// PostgreSQL takes these for POSIX zones: its GMT+8 is in the Pacific.
func TestAnOffsetIsNoZoneAndItIsSaidWhatToWrite(t *testing.T) {
	for set, write := range map[string]string{
		"GMT+8": "Asia/Singapore, or Etc/GMT-8", "UTC+8": "Etc/GMT-8", "utc+08:00": "Etc/GMT-8", "GMT+0800": "Etc/GMT-8", "+8": "Etc/GMT-8",
		"UTC-3": "Etc/GMT+3", "GMT-10": "Etc/GMT+10", "UTC +8": "Etc/GMT-8",
		"UTC+5:30": "the zone of a place", "GMT+20": "the zone of a place",
	} {
		_, err := readConfig(append(enough[:len(enough):len(enough)], "ATTENDANCE_TIMEZONE="+set))
		require.ErrorContains(t, err, "ATTENDANCE_TIMEZONE is not a zone but an offset", set)
		require.ErrorContains(t, err, write, set)
		if write == "the zone of a place" {
			require.NotContains(t, err.Error(), "Etc/", set)
		}
	}
	for _, zone := range []string{"Etc/GMT-8", "Asia/Singapore", "UTC", "GMT", "EST5EDT", "meeting"} {
		_, err := readConfig(append(enough[:len(enough):len(enough)], "ATTENDANCE_TIMEZONE="+zone))
		require.NoError(t, err, zone)
	}
	_, err := readConfig(append(enough[:len(enough):len(enough)], "ATTENDANCE_TIMEZONE=Singapore Standard Time"))
	require.ErrorContains(t, err, "ATTENDANCE_TIMEZONE is not a zone such as")
}

func TestAlertsAreSignedAndNobodyListens(t *testing.T) {
	const secret = "ALERT_SECRET=whsec_aW52ZW50ZWQtaW52ZW50ZWQtaW52ZW50ZWQ="
	for setting, names := range map[string]string{
		"ALERT_URL=https://hooks.school.test/invented": "",
		"ALERT_URL=http://127.0.0.1:9093/invented":     "",
		"ALERT_URL=http://[::1]:9093/":                 "",
		"ALERT_URL=http://localhost:9093":              "",
		"ALERT_URL=http://10.0.0.7/invented":           "ALERT_URL",
		"ALERT_URL=http://127.0.0.1.school.test/":      "ALERT_URL",
		"ALERT_URL=hooks.school.test/invented":         "ALERT_URL",
		"ALERT_URL=https:///invented":                  "ALERT_URL",
		"LOG_LEVEL=info":                               "ALERT_URL", // a secret alone
	} {
		_, err := readConfig(append(enough[:len(enough):len(enough)], secret, setting))
		if names == "" {
			require.NoError(t, err, setting)
			continue
		}
		require.ErrorContains(t, err, names, setting)
		require.NotContains(t, err.Error(), "invented")
	}
	for _, weak := range []string{"invented, not base64", "whsec_aW52ZW50ZWQ=", "aW52ZW50ZWQtaW52ZW50ZWQtaW52"} {
		_, err := readConfig(append(enough[:len(enough):len(enough)], "ALERT_URL=https://hooks.school.test/", "ALERT_SECRET="+weak))
		require.ErrorContains(t, err, "ALERT_SECRET", weak)
	}
}

func TestConfigRefusesTracesThatCouldNotBeSent(t *testing.T) {
	collector := append(enough[:len(enough):len(enough)], "OTEL_EXPORTER_OTLP_ENDPOINT=https://collector.test")
	for sentence, c := range map[string]struct{ set, names string }{
		"headers without a value":     {"OTEL_EXPORTER_OTLP_HEADERS=invented", "OTEL_EXPORTER_OTLP_HEADERS"},
		"a header with a blank":       {"OTEL_EXPORTER_OTLP_HEADERS=x key=invented", "OTEL_EXPORTER_OTLP_HEADERS"},
		"a header with a line break":  {"OTEL_EXPORTER_OTLP_HEADERS=x-key=invented%0d%0ax-other=1", "OTEL_EXPORTER_OTLP_HEADERS"},
		"gRPC":                        {"OTEL_EXPORTER_OTLP_PROTOCOL=grpc", "OTEL_EXPORTER_OTLP_PROTOCOL"},
		"a sampler that nobody knows": {"OTEL_TRACES_SAMPLER=jaeger_remote", "OTEL_TRACES_SAMPLER"},
		"more than all":               {"OTEL_TRACES_SAMPLER_ARG=1.5", "OTEL_TRACES_SAMPLER_ARG"},
		"a share that is none":        {"OTEL_TRACES_SAMPLER_ARG=NaN", "OTEL_TRACES_SAMPLER_ARG"},
	} {
		t.Run(sentence, func(t *testing.T) {
			_, err := readConfig(append(collector[:len(collector):len(collector)], c.set))
			require.Error(t, err)
			lines := strings.Split(err.Error(), "\n")
			require.Len(t, lines, 2, "one fault, and no other: %v", err)
			require.Regexp(t, `^  `+c.names+` `, lines[1])
			require.NotContains(t, err.Error(), "invented", "a value that may be secret")
			for _, off := range [][]string{enough, append(collector[:len(collector):len(collector)], "OTEL_SDK_DISABLED=true")} {
				_, err = readConfig(append(off[:len(off):len(off)], c.set))
				require.NoError(t, err, "without a collector they may be meant for another program")
			}
		})
	}
}

func TestTracesGoWhereTheirSettingsSay(t *testing.T) {
	for settings, want := range map[string]string{
		"": "",
		"OTEL_EXPORTER_OTLP_ENDPOINT=http://collector.test:4318":                                                             "http://collector.test:4318/v1/traces",
		"OTEL_EXPORTER_OTLP_ENDPOINT=https://collector.test/otlp/":                                                           "https://collector.test/otlp/v1/traces",
		"OTEL_EXPORTER_OTLP_TRACES_ENDPOINT=https://collector.test/mine":                                                     "https://collector.test/mine",
		"OTEL_EXPORTER_OTLP_ENDPOINT=https://other.test OTEL_EXPORTER_OTLP_TRACES_ENDPOINT=https://collector.test/v1/traces": "https://collector.test/v1/traces",
		"OTEL_EXPORTER_OTLP_ENDPOINT=https://collector.test OTEL_SDK_DISABLED=true":                                          "",
	} {
		c, err := readConfig(append(enough[:len(enough):len(enough)], strings.Fields(settings)...))
		require.NoError(t, err, settings)
		require.Equal(t, want, c.tracesTo(), settings)
	}
}

func TestConfigNeverPrintsASecret(t *testing.T) {
	c, err := readConfig(append(enough, "NATS_URL=nats://user:invented@host", "IP_HASH_SALT=invented-and-long-enough", "ZOOM_SDK_KEY=key", "ZOOM_SDK_SECRET=invented",
		"ALERT_URL=https://hooks.school.test/invented", "ALERT_SECRET=aW52ZW50ZWQtaW52ZW50ZWQtaW52ZW50ZWQ=", "OTEL_EXPORTER_OTLP_HEADERS=x-key=invented"))
	require.NoError(t, err)
	for _, verb := range []string{"%v", "%+v", "%#v", "%s"} {
		require.NotContains(t, fmt.Sprintf(verb, c), "invented", verb)
	}
}

func TestTheSessionsCookieIsWhatSupabaseJSCallsItUnlessToldOtherwise(t *testing.T) {
	c, err := readConfig(enough)
	require.NoError(t, err)
	require.Equal(t, "sb-school-auth-token", c.sessionCookie())
	c, err = readConfig(append(enough[:len(enough):len(enough)], "SUPABASE_COOKIE=session"))
	require.NoError(t, err)
	require.Equal(t, "session", c.sessionCookie())
}

func TestEnvExampleAndConfigNameTheSameSettings(t *testing.T) {
	text, err := os.ReadFile("../.env.example")
	require.NoError(t, err)
	documented := map[string]string{}
	for _, m := range regexp.MustCompile(`(?m)^(?:# )?([A-Z_]+)=(.*)$`).FindAllStringSubmatch(string(text), -1) {
		documented[m[1]] = m[2]
	}
	fields := reflect.VisibleFields(reflect.TypeFor[Config]())
	for _, f := range fields {
		name := f.Tag.Get("env")
		value, ok := documented[name]
		require.True(t, ok, "%s is missing in .env.example", name)
		require.Equal(t, f.Tag.Get("envDefault"), value, "the default of %s", name)
	}
	require.Len(t, documented, len(fields), ".env.example names a setting that is none")
}
