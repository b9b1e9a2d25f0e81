package main

import (
	"cmp"
	"encoding/base64"
	"errors"
	"fmt"
	"log/slog"
	"net"
	"net/http"
	"net/netip"
	"net/url"
	"os"
	"reflect"
	"regexp"
	"slices"
	"strings"
	"time"
	_ "time/tzdata" // zone names must be known wherever the binary runs

	"github.com/caarlos0/env/v11"

	"zoom-attendance/sidecar/meetings"
	"zoom-attendance/sidecar/zoom"
)

// Config is every setting, read once from the environment. .env.example says
// the same to operators; a test holds the two to each other.
type Config struct {
	// Host is the address Zoom reaches us at. Left out, all of the machine's.
	Host string `env:"HOST"`
	// Port is the port there.
	Port uint16 `env:"PORT" envDefault:"8080"`
	// WebhookSecrets are the Zoom app's secret tokens, newest first. More than
	// one while a secret is being changed.
	WebhookSecrets []zoom.Secret `env:"ZOOM_WEBHOOK_SECRET"`
	// WebhookSecretFile holds them instead, and is read again on SIGHUP.
	WebhookSecretFile string `env:"ZOOM_WEBHOOK_SECRET_FILE"`
	// SignatureWindow is how far a request's timestamp may be from our clock,
	// either way.
	SignatureWindow time.Duration `env:"SIGNATURE_WINDOW" envDefault:"10m"`
	// TrustedProxies are the addresses or networks whose X-Forwarded-For is
	// believed, or "fly" behind Fly.io's proxy. None by default.
	TrustedProxies []string `env:"TRUSTED_PROXIES"`
	// MaxConnections is how many connections there may be at the door at once.
	MaxConnections int `env:"MAX_CONNECTIONS" envDefault:"2048"`
	// MaxHeaderBytes is how long the headers of a request may be.
	MaxHeaderBytes int `env:"MAX_HEADER_BYTES" envDefault:"16384"`
	// MaxBodyBytes is how long the body of a request may be.
	MaxBodyBytes int64 `env:"MAX_BODY_BYTES" envDefault:"1048576"`
	// MaxBodyMemory is how many bytes of large bodies may be in memory at once.
	MaxBodyMemory int64 `env:"MAX_BODY_MEMORY" envDefault:"33554432"`
	// ReadTimeout is how long a request may take to arrive.
	ReadTimeout time.Duration `env:"READ_TIMEOUT" envDefault:"10s"`
	// IdleTimeout is how long a connection is kept between two requests.
	IdleTimeout time.Duration `env:"IDLE_TIMEOUT" envDefault:"75s"`
	// MaxFailures is how often a client may fail before it is answered 429.
	MaxFailures int `env:"MAX_FAILURES" envDefault:"20"`
	// FailureRefill is the time after which it may fail once more.
	FailureRefill time.Duration `env:"FAILURE_REFILL" envDefault:"3s"`
	// MaxFailingClients is how many such clients are remembered.
	MaxFailingClients int `env:"MAX_FAILING_CLIENTS" envDefault:"4096"`
	// IPHashSalt salts the hashes that stand for client addresses in the log.
	// Left out, each start makes its own.
	IPHashSalt zoom.Secret `env:"IP_HASH_SALT"`

	// SupabaseURL is the project's address.
	SupabaseURL string `env:"SUPABASE_URL"`
	// SupabaseSecretKey is the project's secret key, sb_secret_….
	SupabaseSecretKey zoom.Secret `env:"SUPABASE_SECRET_KEY"`
	// SupabaseServiceRoleKey is the legacy service_role JWT, for projects that
	// have no secret key yet.
	SupabaseServiceRoleKey zoom.Secret `env:"SUPABASE_SERVICE_ROLE_KEY"`

	// AllowedOrigins are the origins of the pages that may use the meeting room,
	// beside those of its own host.
	AllowedOrigins []string `env:"ALLOWED_ORIGINS"`
	// AllowedEmailDomain is the domain of the students' e-mail addresses: others
	// are not let in by the meeting room. A courtesy: the project does not ask for
	// it. Left out, any.
	AllowedEmailDomain string `env:"ALLOWED_EMAIL_DOMAIN"`
	// SDKKey is the client id of the Meeting SDK app, whose signatures let a page
	// into a meeting. Left out, there are none.
	SDKKey string `env:"ZOOM_SDK_KEY"`
	// SDKSecret is its client secret.
	SDKSecret zoom.Secret `env:"ZOOM_SDK_SECRET"`
	// SupabaseCookie is the name of the cookie with a user's session. Left out, it
	// is what supabase-js makes of SupabaseURL.
	SupabaseCookie string `env:"SUPABASE_COOKIE"`

	// InboxDir is where events are kept, on a disk that survives a restart.
	InboxDir string `env:"INBOX_DIR" envDefault:"data/inbox"`
	// InboxMaxBytes is how large the kept events may grow.
	InboxMaxBytes int64 `env:"INBOX_MAX_BYTES" envDefault:"1073741824"`
	// InboxRetention is how long an event stays after it was applied.
	InboxRetention time.Duration `env:"INBOX_RETENTION" envDefault:"168h"`
	// NATSURL, when set, keeps events in an external NATS cluster instead.
	NATSURL zoom.Secret `env:"NATS_URL"`
	// NATSReplicas is how many servers of that cluster keep each event.
	NATSReplicas int `env:"NATS_REPLICAS" envDefault:"1"`

	// AttendanceMinMinutes is how long a student must have been there to be
	// present.
	AttendanceMinMinutes int `env:"ATTENDANCE_MIN_MINUTES" envDefault:"15"`
	// AttendancePlanMargin is how long before its planned start and after its
	// planned end a lesson's meeting may run and still be that lesson; in whole
	// minutes.
	AttendancePlanMargin time.Duration `env:"ATTENDANCE_PLAN_MARGIN" envDefault:"60m"`
	// AttendanceTimezone is the zone that decides on which date a lesson was:
	// an IANA name, or "meeting" for each meeting's own.
	AttendanceTimezone string `env:"ATTENDANCE_TIMEZONE" envDefault:"UTC"`
	// AttendanceAppJoins is what it is worth that the meeting room saw a student
	// open its page or come: corroborate, count or ignore.
	AttendanceAppJoins string `env:"ATTENDANCE_APP_JOINS" envDefault:"corroborate"`

	// AdminAddr is where operators are served: metrics, dead letters, replay.
	AdminAddr string `env:"ADMIN_ADDR" envDefault:"127.0.0.1:9090"`
	// AdminToken is what requests there must carry. Without one the address must
	// be the machine's own, and only metrics are served.
	AdminToken zoom.Secret `env:"ADMIN_TOKEN"`
	// AlertURL is where what the watch finds wrong is sent. Left out, nowhere.
	AlertURL zoom.Secret `env:"ALERT_URL"`
	// AlertSecret signs it: base64, with or without "whsec_" before it.
	AlertSecret zoom.Secret `env:"ALERT_SECRET"`
	// ShutdownTimeout is how long stopping may take, from the signal to the
	// end: answering, settling and closing together.
	ShutdownTimeout time.Duration `env:"SHUTDOWN_TIMEOUT" envDefault:"40s"`
	// OTLPEndpoint is the address of a collector for OpenTelemetry. Left out,
	// nothing is traced.
	OTLPEndpoint string `env:"OTEL_EXPORTER_OTLP_ENDPOINT"`
	// OTLPTracesEndpoint is its address for traces alone, with the path.
	OTLPTracesEndpoint string `env:"OTEL_EXPORTER_OTLP_TRACES_ENDPOINT"`
	// OTLPHeaders are what requests to it must carry, such as a key.
	OTLPHeaders zoom.Secret `env:"OTEL_EXPORTER_OTLP_HEADERS"`
	// OTLPProtocol is how it is spoken to: there is one way.
	OTLPProtocol string `env:"OTEL_EXPORTER_OTLP_PROTOCOL" envDefault:"http/protobuf"`
	// OTelServiceName is what we are called there.
	OTelServiceName string `env:"OTEL_SERVICE_NAME"`
	// TracesSampler is which requests are traced. Left out, all that Zoom signed.
	TracesSampler string `env:"OTEL_TRACES_SAMPLER"`
	// TracesSamplerArg is the share that a traceidratio sampler takes.
	TracesSamplerArg string `env:"OTEL_TRACES_SAMPLER_ARG"`
	// OTelDisabled traces nothing, whatever else is set.
	OTelDisabled bool `env:"OTEL_SDK_DISABLED" envDefault:"false"`
	// LogLevel is debug, info, warn or error.
	LogLevel slog.Level `env:"LOG_LEVEL" envDefault:"info"`
	// LogFormat is json or text.
	LogFormat string `env:"LOG_FORMAT" envDefault:"json"`
}

// settingsError is every fault of the settings.
type settingsError []string

func (e settingsError) Error() string {
	return "these settings are not right:\n  " + strings.Join(e, "\n  ")
}

// minSalt is how long a salt is at least, so that nobody tries them all.
const minSalt = 16

// maxMinutes bounds ATTENDANCE_MIN_MINUTES: no meeting lasts longer.
const maxMinutes = 30 * 60

// readConfig reads the environment. Its error names every fault at once, one
// to a line, each with the setting's name, and never a secret's value. It is a
// settingsError.
func readConfig(environ []string) (Config, error) {
	c, faults := parseConfig(environ)
	if len(faults) > 0 {
		return Config{}, settingsError(faults)
	}
	return c, nil
}

// parseConfig reads the environment and says all that is wrong with it.
func parseConfig(environ []string) (c Config, faults []string) {
	err := env.ParseWithOptions(&c, env.Options{Environment: env.ToMap(environ)})
	faults = append(parseFaults(err), c.takeSecrets()...)
	faults = append(faults, c.spoiltSecrets()...)
	named := strings.Join(faults, "\n")
	for _, fault := range c.faults() {
		// What could not be read has no value to judge.
		if name, _, _ := strings.Cut(fault, " "); !strings.Contains(named, name+" ") {
			faults = append(faults, fault)
		}
	}
	return c, faults
}

// parseFaults says which settings are of the wrong kind, by their names.
func parseFaults(err error) (faults []string) {
	var all env.AggregateError
	if !errors.As(err, &all) {
		return nil
	}
	for _, e := range all.Errors {
		var parse env.ParseError
		if !errors.As(e, &parse) {
			faults = append(faults, e.Error())
			continue
		}
		field, _ := reflect.TypeFor[Config]().FieldByName(parse.Name)
		faults = append(faults, fmt.Sprintf("%s is not %s", field.Tag.Get("env"), kindOf(field.Type)))
	}
	return faults
}

// kindOf says what a field takes, in words.
func kindOf(t reflect.Type) string {
	switch t {
	case reflect.TypeFor[time.Duration]():
		return "a duration such as 10m or 168h"
	case reflect.TypeFor[slog.Level]():
		return "debug, info, warn or error"
	case reflect.TypeFor[uint16]():
		return "a port number"
	case reflect.TypeFor[bool]():
		return "true or false"
	default:
		return "a whole number"
	}
}

// faults says what is missing or out of bounds.
func (c Config) faults() (faults []string) {
	check := func(ok bool, fault string) {
		if !ok {
			faults = append(faults, fault)
		}
	}
	check(c.WebhookSecretFile != "" || c.hasSecrets(), "ZOOM_WEBHOOK_SECRET is missing: the secret token of the Zoom app, on its feature page (several, newest first, with commas between)")
	check(isURL(c.SupabaseURL), "SUPABASE_URL is missing or not an address such as https://abcdefgh.supabase.co")
	check(c.supabaseKey() != "", "SUPABASE_SECRET_KEY is missing: sb_secret_…, under Project Settings, API Keys (or SUPABASE_SERVICE_ROLE_KEY, the legacy one)")
	check(c.SupabaseSecretKey == "" || strings.HasPrefix(string(c.SupabaseSecretKey), "sb_secret_"),
		"SUPABASE_SECRET_KEY does not begin sb_secret_ (a legacy JWT belongs in SUPABASE_SERVICE_ROLE_KEY, a publishable key nowhere here)")
	for _, o := range c.AllowedOrigins {
		_, ok := meetings.Origin(o)
		check(ok, "ALLOWED_ORIGINS has something that is not like https://school.example, without a path (http:// only for localhost)")
	}
	check(c.AllowedEmailDomain == "" || isDomain(c.AllowedEmailDomain), "ALLOWED_EMAIL_DOMAIN is not one domain such as school.example, without an @")
	check(c.SDKKey != "" || c.SDKSecret == "", "ZOOM_SDK_KEY is missing, but there is a ZOOM_SDK_SECRET: both, or none")
	check(c.SDKKey == "" || c.SDKSecret != "", "ZOOM_SDK_SECRET is missing, but there is a ZOOM_SDK_KEY: both, or none")
	check(c.SupabaseCookie == "" || (&http.Cookie{Name: c.SupabaseCookie}).Valid() == nil, "SUPABASE_COOKIE is not the name of a cookie, such as sb-abcdefgh-auth-token")
	check(c.InboxDir != "" || c.NATSURL != "", "INBOX_DIR is empty")
	check(c.InboxMaxBytes >= 16<<20, "INBOX_MAX_BYTES is below 16777216 (16 MiB)")
	check(c.InboxRetention > 0, "INBOX_RETENTION is not above 0")
	check(c.NATSReplicas >= 1 && c.NATSReplicas <= 5, "NATS_REPLICAS is not from 1 to 5")
	check(c.SignatureWindow >= time.Minute && c.SignatureWindow <= 24*time.Hour, "SIGNATURE_WINDOW is not from 1m to 24h")
	check(c.AttendanceMinMinutes >= 0 && c.AttendanceMinMinutes <= maxMinutes, "ATTENDANCE_MIN_MINUTES is not from 0 to 1800")
	check(isPlanMargin(c.AttendancePlanMargin), "ATTENDANCE_PLAN_MARGIN is not from 0 to 12h, in whole minutes")
	check(isZone(c.AttendanceTimezone), zoneFault(c.AttendanceTimezone))
	check(slices.Contains([]string{"corroborate", "count", "ignore"}, c.AttendanceAppJoins), "ATTENDANCE_APP_JOINS is not corroborate, count or ignore")
	check(c.ShutdownTimeout >= time.Second && c.ShutdownTimeout <= time.Hour, "SHUTDOWN_TIMEOUT is not from 1s to 1h")
	check(c.LogFormat == "json" || c.LogFormat == "text", "LOG_FORMAT is not json or text")
	check(c.Port != 0, "PORT is 0")
	check(c.Host == "" || net.ParseIP(c.Host) != nil, "HOST is not an IP address such as 127.0.0.1")
	check(isListenAddr(c.AdminAddr), "ADMIN_ADDR is not host:port, such as 127.0.0.1:9090")
	check(c.IPHashSalt == "" || len(c.IPHashSalt) >= minSalt, "IP_HASH_SALT is shorter than 16 characters: who guesses it can tell the addresses (openssl rand -hex 16 makes one)")
	check(c.adminFault() == "", c.adminFault())
	check(c.AlertURL == "" || isAlertURL(string(c.AlertURL)), "ALERT_URL is not an address such as https://hooks.school.example/zoom (http:// only on this machine)")
	check(c.AlertURL != "" || c.AlertSecret == "", "ALERT_URL is missing, but there is an ALERT_SECRET: both, or none")
	check(c.AlertURL == "" || c.AlertSecret != "", "ALERT_SECRET is missing, but there is an ALERT_URL: both, or none (echo whsec_$(openssl rand -base64 32) makes one)")
	check(c.AlertSecret == "" || isAlertSecret(string(c.AlertSecret)), "ALERT_SECRET is not base64 of 24 bytes at least (echo whsec_$(openssl rand -base64 32) makes one)")
	check(c.MaxConnections >= 16 && c.MaxConnections <= 1<<20, "MAX_CONNECTIONS is not from 16 to 1048576")
	check(c.MaxHeaderBytes >= 4<<10 && c.MaxHeaderBytes <= 1<<20, "MAX_HEADER_BYTES is not from 4096 (4 KiB) to 1048576 (1 MiB)")
	check(c.MaxBodyBytes >= 64<<10 && c.MaxBodyBytes <= 1<<20, "MAX_BODY_BYTES is not from 65536 (64 KiB) to 1048576 (1 MiB)")
	check(c.MaxBodyMemory >= 1<<20, "MAX_BODY_MEMORY is below 1048576 (1 MiB)")
	check(c.ReadTimeout >= 4*time.Second && c.ReadTimeout <= 10*time.Minute, "READ_TIMEOUT is not from 4s to 10m")
	check(c.IdleTimeout >= time.Second && c.IdleTimeout <= time.Hour, "IDLE_TIMEOUT is not from 1s to 1h")
	check(c.MaxFailures >= 1, "MAX_FAILURES is below 1")
	check(c.FailureRefill >= 10*time.Millisecond && c.FailureRefill <= time.Hour, "FAILURE_REFILL is not from 10ms to 1h")
	check(c.MaxFailingClients >= 16 && c.MaxFailingClients <= 1<<20, "MAX_FAILING_CLIENTS is not from 16 to 1048576")
	for _, p := range c.TrustedProxies {
		check(isProxy(p), `TRUSTED_PROXIES has something that is not an address, a network such as 172.16.0.0/12, or "fly"`)
	}
	return append(faults, c.traceFaults()...)
}

func (c Config) hasSecrets() bool {
	for _, s := range c.WebhookSecrets {
		if s == "" {
			return false
		}
	}
	return len(c.WebhookSecrets) > 0
}

// supabaseKey is the key to use: the secret key if there are both.
func (c Config) supabaseKey() zoom.Secret {
	if c.SupabaseSecretKey != "" {
		return c.SupabaseSecretKey
	}
	return c.SupabaseServiceRoleKey
}

// sessionCookie is the name of the cookie with a user's session.
func (c Config) sessionCookie() string {
	return cmp.Or(c.SupabaseCookie, meetings.CookieName(c.SupabaseURL))
}

// logger writes to standard error, as the settings say.
func (c Config) logger() *slog.Logger {
	o := &slog.HandlerOptions{Level: c.LogLevel}
	if c.LogFormat == "text" {
		return slog.New(slog.NewTextHandler(os.Stderr, o))
	}
	return slog.New(slog.NewJSONHandler(os.Stderr, o))
}

func isURL(s string) bool {
	u, err := url.Parse(s)
	return err == nil && (u.Scheme == "https" || u.Scheme == "http") && u.Host != ""
}

// isAlertURL wants TLS where somebody could listen.
func isAlertURL(s string) bool {
	u, err := url.Parse(s)
	return err == nil && u.Hostname() != "" && (u.Scheme == "https" || u.Scheme == "http" && isLoopback(net.JoinHostPort(u.Hostname(), "0")))
}

// minAlertSecret is how many bytes Standard Webhooks wants at least.
const minAlertSecret = 24

func isAlertSecret(s string) bool {
	key, err := base64.StdEncoding.DecodeString(strings.TrimPrefix(s, "whsec_"))
	return err == nil && len(key) >= minAlertSecret
}

// maxPlanMargin bounds ATTENDANCE_PLAN_MARGIN: beyond it the lessons of one day
// would run into those of the next.
const maxPlanMargin = 12 * time.Hour

func isPlanMargin(d time.Duration) bool {
	return d >= 0 && d <= maxPlanMargin && d%time.Minute == 0
}

func isZone(name string) bool {
	_, err := time.LoadLocation(name)
	return name == "meeting" || name != "" && name != "Local" && err == nil
}

// offsetShape is how people write an offset from UTC. PostgreSQL takes it for a POSIX
// zone, in which plus is west: its GMT+8 is in the Pacific.
var offsetShape = regexp.MustCompile(`^(?i:GMT|UTC|UT|Z)?([+-])0?([0-9]{1,2})(?::?([0-9]{2}))?$`)

// zoneFault says what to write in the place of a name that is no zone.
func zoneFault(name string) string {
	m := offsetShape.FindStringSubmatch(strings.ReplaceAll(name, " ", ""))
	if m == nil {
		return `ATTENDANCE_TIMEZONE is not a zone such as Europe/Berlin, nor "meeting"`
	}
	const posix = "ATTENDANCE_TIMEZONE is not a zone but an offset, which PostgreSQL reads the other way round; write the zone of a place, such as Asia/Singapore"
	sign := map[string]string{"+": "-", "-": "+"}[m[1]]
	etc := "Etc/GMT" + sign + m[2]
	if _, err := time.LoadLocation(etc); err != nil || strings.Trim(m[3], "0") != "" {
		return posix
	}
	return posix + ", or " + etc
}

var domainShape = regexp.MustCompile(`^[A-Za-z0-9-]+(\.[A-Za-z0-9-]+)+$`)

func isDomain(s string) bool { return domainShape.MatchString(s) }

func isListenAddr(s string) bool {
	_, port, err := net.SplitHostPort(s)
	return err == nil && port != ""
}

func isProxy(s string) bool {
	_, errAddr := netip.ParseAddr(s)
	_, errNet := netip.ParsePrefix(s)
	return errAddr == nil || errNet == nil || s == "fly"
}

// tokenLeast is how many characters ADMIN_TOKEN has at least.
const tokenLeast = 16

// adminFault says why an address is not one for operators, or nothing: beyond
// this machine there must be a token.
func (c Config) adminFault() string {
	switch {
	case c.AdminToken != "" && len(c.AdminToken) < tokenLeast:
		return fmt.Sprintf("ADMIN_TOKEN is shorter than %d characters: make one with `openssl rand -hex 16`", tokenLeast)
	case c.AdminToken == "" && isListenAddr(c.AdminAddr) && !isLoopback(c.AdminAddr):
		return "ADMIN_TOKEN is missing: ADMIN_ADDR can be reached from other machines (127.0.0.1:9090 cannot)"
	}
	return ""
}

// isLoopback says that an address can be reached from this machine alone.
func isLoopback(addr string) bool {
	host, _, err := net.SplitHostPort(addr)
	return err == nil && (host == "localhost" || net.ParseIP(host).IsLoopback())
}
