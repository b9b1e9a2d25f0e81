package meetings

import (
	"cmp"
	"context"
	"crypto/rand"
	"errors"
	"fmt"
	"log/slog"
	"net/http"
	"time"

	"github.com/gin-gonic/gin"
	lru "github.com/hashicorp/golang-lru/v2"
	"github.com/prometheus/client_golang/prometheus"

	"zoom-attendance/sidecar/web"
	"zoom-attendance/sidecar/zoom"
)

// Path is where the room begins: every path that starts so is the room's to
// answer.
const Path = "/api/zoom/meetings/"

const (
	pathJoin   = Path + ":id/join"
	pathPeople = Path + ":id/participants"
)

// Project is what the room needs of the school's Supabase project.
type Project interface {
	// CallAs calls a function of the database as the user whose access token it
	// is and reads the answer into a pointer. Its error may be a [Refusal].
	CallAs(ctx context.Context, token zoom.Secret, function string, args, into any) error
}

// Recorder sets facts down with our own key, and says what became of each.
type Recorder interface {
	Apply(ctx context.Context, facts []zoom.Fact) ([]zoom.Outcome, error)
}

// Options are what the room is made of. Project, Recorder and Cookie are required.
type Options struct {
	Project  Project
	Recorder Recorder

	// Cookie is the name of the cookie with the session; see [CookieName].
	Cookie string

	// EmailDomain is the domain of the students' e-mail addresses, such as
	// school.test. Others are not let in here; it is a courtesy, since whoever calls
	// the database's function by themselves may leave it out. Default: any.
	EmailDomain string

	// SDKKey and SDKSecret are the credentials of a Meeting SDK app, with which
	// signatures are made for it. Default: there are none.
	SDKKey    string
	SDKSecret zoom.Secret

	// AllowedOrigins are the origins of the pages that may use the room, beside
	// those of its own host. Each is one that [Origin] takes.
	AllowedOrigins []string

	// TrustedProxies say who a client is; see [web.Router]. Default: no header
	// is believed.
	TrustedProxies []string

	// Users is how often each token may ask. Default: 30 at once, one more each
	// second, 8,192 of them. So many are remembered as taken by Supabase, too.
	Users web.Rate

	// Addresses is how often each address may fail; a school shares one. Default:
	// 5,000 times at once, 100 more each second, 4,096 of them: 2,000 students who
	// come with sessions of yesterday within a minute, behind one address, are none
	// too many.
	Addresses web.Rate

	// IPHashSalt makes addresses and tokens unguessable from their hashes. Default:
	// a random one, so that hashes change with every start.
	IPHashSalt zoom.Secret

	// Timeout is how long Supabase may take for a request, all calls together.
	// Default 4 seconds.
	Timeout time.Duration

	Log     *slog.Logger          // Default: nothing is logged.
	Metrics prometheus.Registerer // Default: nothing is registered.
	Now     func() time.Time      // Default: time.Now.
}

// room is the handler's state: its options and what they were made into.
type room struct {
	Options
	share     gin.HandlerFunc // CORS, for allowed origins
	users     *web.Limiter
	addresses *web.Limiter                 // what failed
	accepted  *lru.Cache[string, struct{}] // hashes of the tokens that Supabase took
	refusals  *web.Refusals
	metrics   *metrics
}

// New builds the room. It fails when options are missing or unusable, and then
// names all faults at once.
func New(o Options) (http.Handler, error) {
	o.setDefaults()
	router, err := web.Router(o.TrustedProxies)
	if err := errors.Join(o.check(), err); err != nil {
		return nil, fmt.Errorf("room options: %w", err)
	}
	accepted, err := lru.New[string, struct{}](o.Users.Clients)
	if err != nil {
		return nil, fmt.Errorf("room options: users: %w", err)
	}
	r := &room{
		Options: o, share: sharing(o.AllowedOrigins), metrics: newMetrics(o.Metrics),
		users: web.NewLimiter(o.Users), addresses: web.NewLimiter(o.Addresses),
		accepted: accepted, refusals: web.NewRefusals(o.Addresses.Clients),
	}
	router.GET(pathJoin, r.serve(routeEnter, r.asUser(r.enter)))
	router.POST(pathJoin, r.serve(routeNote, r.asUser(r.note)))
	router.GET(pathPeople, r.serve(routePeople, r.asUser(r.people)))
	router.NoMethod(r.serve(routeOther, r.otherMethod))
	router.NoRoute(r.serve(routeOther, func(*gin.Context, *visit) error { return errNotFound }))
	return router, nil
}

func (o *Options) setDefaults() {
	o.Users = o.Users.Or(web.Rate{Burst: 30, Every: time.Second, Clients: 8192})
	o.Addresses = o.Addresses.Or(web.Rate{Burst: 5000, Every: time.Second / 100, Clients: 4096})
	o.IPHashSalt = cmp.Or(o.IPHashSalt, zoom.Secret(rand.Text()))
	o.Timeout = cmp.Or(o.Timeout, 4*time.Second)
	o.Log = cmp.Or(o.Log, slog.New(slog.DiscardHandler))
	if o.Now == nil {
		o.Now = time.Now
	}
}

// check also writes the allowed origins as browsers do.
func (o *Options) check() error {
	var faults []error
	check := func(ok bool, fault string) {
		if !ok {
			faults = append(faults, errors.New(fault))
		}
	}
	check(o.Project != nil, "project: required")
	check(o.Recorder != nil, "recorder: required")
	check(o.Cookie != "", "cookie: required")
	check((o.SDKKey == "") == (o.SDKSecret == ""), "SDK key and secret: both or none")
	check(!o.Users.Negative() && !o.Addresses.Negative(), "users, addresses: something is negative")
	check(o.Timeout > 0, "timeout: negative")
	var origins []string
	for _, given := range o.AllowedOrigins {
		origin, ok := Origin(given)
		check(ok, "allowed origins: one is not like https://host")
		origins = append(origins, origin)
	}
	o.AllowedOrigins = origins
	return errors.Join(faults...)
}
