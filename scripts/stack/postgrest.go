package stack

import (
	"cmp"
	"context"
	"errors"
	"fmt"
	"io"
	"net"
	"net/http"
	"os"
	"os/exec"
	"path/filepath"
	"strconv"
	"syscall"
	"time"
)

// PostgREST is a PostgREST server on a Unix socket, with the settings that a
// Supabase project gives it. It may be killed and started again.
type PostgREST struct {
	// Transport carries requests for any host to this server.
	Transport http.RoundTripper

	config  PostgRESTConfig
	dir     string
	program *Program
}

// PostgRESTConfig says which server [StartPostgREST] starts.
type PostgRESTConfig struct {
	Program     string    // the path of the program
	DatabaseURL string    // as the role [Authenticator]
	Pool        int       // connections to the database
	Log         io.Writer // what it prints; an *os.File is handed over as it is
	OwnGroup    bool      // a process group of its own, which Ctrl-C does not reach
	JWTSecret   string    // what verifies tokens, or a JWK set that does; empty: the constant [JWTSecret]
}

// StartPostgREST starts a server and returns when it answers requests.
func StartPostgREST(ctx context.Context, config PostgRESTConfig) (*PostgREST, error) {
	dir, err := os.MkdirTemp("", "postgrest-")
	if err != nil {
		return nil, fmt.Errorf("make a place for the socket of PostgREST: %w", err)
	}
	rest := &PostgREST{config: config, dir: dir}
	rest.Transport = &http.Transport{
		MaxIdleConnsPerHost: 100,
		DialContext: func(ctx context.Context, _, _ string) (net.Conn, error) {
			return (&net.Dialer{}).DialContext(ctx, "unix", rest.socket())
		},
	}
	if err := rest.Start(ctx); err != nil {
		return nil, errors.Join(err, rest.Close())
	}
	return rest, nil
}

// Start starts the server after [PostgREST.Kill], and returns when it answers.
func (r *PostgREST) Start(ctx context.Context) error {
	cmd := exec.Command(r.config.Program)
	cmd.Env = plainEnv(
		"PGRST_DB_URI="+r.config.DatabaseURL,
		"PGRST_DB_SCHEMAS=public",
		"PGRST_DB_EXTRA_SEARCH_PATH=public,extensions",
		"PGRST_DB_ANON_ROLE=anon",
		"PGRST_DB_MAX_ROWS=1000",
		"PGRST_DB_POOL="+strconv.Itoa(r.config.Pool),
		"PGRST_JWT_SECRET="+cmp.Or(r.config.JWTSecret, JWTSecret),
		"PGRST_SERVER_UNIX_SOCKET="+r.socket(),
		"PGRST_SERVER_UNIX_SOCKET_MODE=600",
		"PGRST_LOG_LEVEL=error",
	)
	cmd.Stdout, cmd.Stderr = r.config.Log, r.config.Log
	cmd.SysProcAttr = &syscall.SysProcAttr{Setpgid: r.config.OwnGroup}
	program, err := Run(cmd, syscall.SIGTERM)
	if err != nil {
		return err
	}
	r.program = program
	if err := program.Await(ctx, 30*time.Second, r.answers); err != nil {
		r.Kill()
		return fmt.Errorf("start PostgREST: %w", err)
	}
	return nil
}

// Kill ends the server as a crash would. Killing it twice is fine.
func (r *PostgREST) Kill() {
	if r.program != nil {
		r.program.Kill()
	}
}

// Done is closed when the server that runs now has ended.
func (r *PostgREST) Done() <-chan struct{} { return r.program.Done() }

// Err says how it ended.
func (r *PostgREST) Err() error { return r.program.Err() }

// Close ends the server for good. It has nothing to lose, so it is not asked.
func (r *PostgREST) Close() error {
	r.Kill()
	r.Transport.(*http.Transport).CloseIdleConnections()
	return os.RemoveAll(r.dir)
}

func (r *PostgREST) socket() string { return filepath.Join(r.dir, "socket") }

// answers says whether the server has read the schema and answers.
func (r *PostgREST) answers(ctx context.Context) error {
	request, err := http.NewRequestWithContext(ctx, http.MethodHead, "http://postgrest/", nil)
	if err != nil {
		return err
	}
	request.Close = closesAfter(request)
	response, err := r.Transport.RoundTrip(request)
	if err != nil {
		return err
	}
	response.Body.Close()
	if response.StatusCode >= http.StatusInternalServerError {
		return fmt.Errorf("status %s", response.Status)
	}
	return nil
}

// closesAfter says whether PostgREST closes the connection when it has answered
// this request: it does so after HEAD, and does not say so. Lent to the next
// request, that connection would break under it.
func closesAfter(request *http.Request) bool { return request.Method == http.MethodHead }
