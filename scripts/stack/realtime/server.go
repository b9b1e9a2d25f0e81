package realtime

import (
	"cmp"
	"context"
	"errors"
	"fmt"
	"log/slog"
	"net/http"
	"strings"
	"sync"
	"time"

	"github.com/coder/websocket"
	"github.com/jackc/pgx/v5/pgxpool"
)

// Config says what a [Server] serves.
type Config struct {
	DatabaseURL string        // as a superuser, who may become every role
	JWTSecret   string        // verifies the tokens (HS256)
	Publication string        // whose changes are told; supabase_realtime if empty
	Poll        time.Duration // how often the log is read; 100 ms if zero
	Queue       int           // messages that wait for a client, before it counts as too slow; 10,000 if zero
	BatchLimit  time.Duration // how long the checks of one batch may take; 15 s if zero, as with Supabase
	Log         *slog.Logger  // nil for none
}

// checks is how many questions of row level security are asked at once.
const checks = 4

// Server is the [http.Handler] of /websocket. It works until [Server.Close] or
// until the database is gone.
type Server struct {
	secret    []byte
	queue     int
	log       *slog.Logger
	pool      *pgxpool.Pool
	hub       *hub
	validator *validator
	feed      *feed

	ctx    context.Context // ends with the server
	cancel context.CancelFunc
	done   chan struct{}
	err    error // for after done

	mu      sync.Mutex // so that no socket begins when all are waited for
	sockets sync.WaitGroup
}

// Start returns a server that follows the database from now on. The context
// bounds the start alone.
func Start(ctx context.Context, config Config) (*Server, error) {
	config.Publication = cmp.Or(config.Publication, "supabase_realtime")
	config.Poll = cmp.Or(config.Poll, 100*time.Millisecond)
	config.Queue = cmp.Or(config.Queue, 10_000)
	config.BatchLimit = cmp.Or(config.BatchLimit, 15*time.Second)
	if config.Log == nil {
		config.Log = slog.New(slog.DiscardHandler)
	}
	pool, err := openPool(ctx, config.DatabaseURL)
	if err != nil {
		return nil, fmt.Errorf("start realtime: %w", err)
	}
	catalog := &catalog{pool: pool, tables: map[uint32]*table{}}
	s := &Server{
		secret:    []byte(config.JWTSecret),
		queue:     config.Queue,
		log:       config.Log,
		pool:      pool,
		hub:       newHub(),
		validator: &validator{pool, catalog, config.Publication},
		done:      make(chan struct{}),
	}
	s.feed, err = openFeed(ctx, config, &delivery{pool: pool, catalog: catalog, hub: s.hub})
	if err != nil {
		pool.Close()
		return nil, fmt.Errorf("start realtime: %w", err)
	}
	s.ctx, s.cancel = context.WithCancel(context.WithoutCancel(ctx))
	go s.run()
	return s, nil
}

func openPool(ctx context.Context, url string) (*pgxpool.Pool, error) {
	settings, err := pgxpool.ParseConfig(url)
	if err != nil {
		return nil, fmt.Errorf("read the database's URL: %w", err)
	}
	settings.MaxConns = checks
	asPrinted(settings.ConnConfig.RuntimeParams)
	return pgxpool.NewWithConfig(ctx, settings)
}

// run follows the database, then waits for all that the server began.
func (s *Server) run() {
	defer close(s.done)
	s.err = s.feed.run(s.ctx)
	s.mu.Lock()
	s.cancel()
	s.mu.Unlock()
	s.sockets.Wait()
	s.pool.Close()
}

// Close disconnects all clients and returns when nothing of the server is left,
// with the error of [Server.Err].
func (s *Server) Close() error {
	s.cancel()
	<-s.done
	return s.err
}

// Done is closed when the server has ended.
func (s *Server) Done() <-chan struct{} { return s.done }

// Err is why the server ended by itself; nil while it works or if it was closed.
func (s *Server) Err() error {
	select {
	case <-s.done:
		return s.err
	default:
		return nil
	}
}

// ServeHTTP answers at /websocket for as long as the client stays connected.
func (s *Server) ServeHTTP(w http.ResponseWriter, r *http.Request) {
	version := cmp.Or(r.URL.Query().Get("vsn"), version1)
	switch {
	case r.URL.Path != "/websocket":
		http.NotFound(w, r)
		return
	case version != version1 && version != version2:
		http.Error(w, "unknown vsn "+version, http.StatusForbidden)
		return
	case !s.begin():
		http.Error(w, "realtime has ended", http.StatusServiceUnavailable)
		return
	}
	defer s.sockets.Done()
	conn, err := websocket.Accept(w, r, &websocket.AcceptOptions{InsecureSkipVerify: true}) // any origin, as Supabase
	if err != nil {
		return // it has answered
	}
	token := strings.TrimPrefix(r.Header.Get("Authorization"), "Bearer ")
	err = newSocket(s, conn, version, token).serve(s.ctx)
	s.logEnd(err)
}

// begin counts a socket, unless the server is ending.
func (s *Server) begin() bool {
	s.mu.Lock()
	defer s.mu.Unlock()
	if s.ctx.Err() != nil {
		return false
	}
	s.sockets.Add(1)
	return true
}

func (s *Server) logEnd(err error) {
	if errors.Is(err, errSlow) {
		s.log.Warn("realtime: disconnected a client", "error", err)
		return
	}
	s.log.Debug("realtime: a client is gone", "error", err)
}
