package stack

import (
	"context"
	"fmt"
	"io"
	"net"
	"os"
	"os/exec"
	"path/filepath"
	"strconv"
	"syscall"
	"time"

	"github.com/jackc/pgx/v5"
)

// postgresServer is a data directory and the programs for it.
type postgresServer struct {
	tree   *Tree
	config PostgresConfig
	native string
	data   string
}

// program is one of PostgreSQL's own, run as the user who owns the data.
func (s *postgresServer) program(ctx context.Context, name string, args ...string) *exec.Cmd {
	cmd := exec.CommandContext(ctx, filepath.Join(s.native, "bin", name), args...)
	cmd.Dir = "/" // which every user can enter
	cmd.Env = plainEnv("LC_ALL=C", "TZ=UTC")
	cmd.SysProcAttr = &syscall.SysProcAttr{Credential: s.tree.runAs}
	return cmd
}

// initOnce makes the data directory, sorted by language as hosted ones are, so
// that SQL which means byte order has to say so. An unfinished one is made anew.
func (s *postgresServer) initOnce(ctx context.Context) (fresh bool, err error) {
	if _, err := os.Stat(s.data); err == nil {
		return false, nil
	}
	part := s.data + ".part"
	if err := os.RemoveAll(part); err != nil {
		return false, err
	}
	if err := os.MkdirAll(s.config.Dir, 0o755); err != nil {
		return false, err
	}
	if err := os.Mkdir(part, 0o700); err != nil {
		return false, err
	}
	if err := s.tree.give(part); err != nil {
		return false, fmt.Errorf("give %s to the user of PostgreSQL: %w", part, err)
	}
	if err := s.initdb(ctx, part); err != nil {
		return false, err
	}
	return true, os.Rename(part, s.data)
}

func (s *postgresServer) initdb(ctx context.Context, dir string) error {
	// initdb reads the password from a file; ours is no secret.
	file := filepath.Join(s.config.Dir, "password")
	if err := os.WriteFile(file, []byte(Password), 0o644); err != nil {
		return err
	}
	defer os.Remove(file)
	cmd := s.program(ctx, "initdb", "-D", dir, "-U", Superuser, "--pwfile", file, "-A", "scram-sha-256",
		"-E", "UTF8", "--locale=C", "--locale-provider=icu", "--icu-locale=en-US", "--no-instructions")
	if !s.config.Durable {
		cmd.Args = append(cmd.Args, "--no-sync")
	}
	if out, err := Output(cmd); err != nil {
		return fmt.Errorf("make the data directory of PostgreSQL: %w\n%s", err, out)
	}
	return nil
}

// stopOrphan ends a server that outlived the process that started it: on Linux
// none does, elsewhere the kernel does not see to it.
func (s *postgresServer) stopOrphan(ctx context.Context) error {
	if _, err := os.Stat(filepath.Join(s.data, "postmaster.pid")); err != nil {
		return nil
	}
	if _, err := Output(s.program(ctx, "pg_ctl", "status", "-D", s.data)); err != nil {
		return nil // no such process: the file is all that is left
	}
	if out, err := Output(s.program(ctx, "pg_ctl", "stop", "-D", s.data, "-m", "fast")); err != nil {
		return fmt.Errorf("stop the PostgreSQL that an earlier run left behind: %w\n%s", err, out)
	}
	return nil
}

// start runs the server, on another port if the free one was taken meanwhile.
func (s *postgresServer) start(ctx context.Context) (*Postgres, error) {
	for try := 1; ; try++ {
		port := s.config.Port
		if port == 0 {
			var err error
			if port, err = FreePort(); err != nil {
				return nil, err
			}
		}
		pg, err := s.startOn(ctx, port)
		if err == nil || s.config.Port != 0 || try == 5 || ctx.Err() != nil {
			return pg, err
		}
	}
}

func (s *postgresServer) startOn(ctx context.Context, port int) (*Postgres, error) {
	logPath := filepath.Join(s.config.Dir, "postgres.log")
	log, err := os.OpenFile(logPath, os.O_CREATE|os.O_APPEND|os.O_RDWR, 0o644)
	if err != nil {
		return nil, err
	}
	defer log.Close()
	began, err := log.Seek(0, io.SeekEnd)
	if err != nil {
		return nil, err
	}
	cmd := s.program(context.WithoutCancel(ctx), "postgres", append([]string{"-D", s.data}, s.settings(port)...)...)
	cmd.Stdout, cmd.Stderr = log, log
	cmd.SysProcAttr.Setpgid = true // Ctrl-C is for us; we end it in our order
	program, err := Run(cmd, syscall.SIGINT)
	if err != nil {
		return nil, err
	}
	pg := &Postgres{Program: program, Port: port}
	if err := pg.Await(ctx, time.Minute, pg.accepts); err != nil {
		_ = pg.Stop()
		said := tail(io.NewSectionReader(log, began, 1<<20), 15)
		return nil, fmt.Errorf("start PostgreSQL on port %d: %w (all of it in %s)\n%s", port, err, logPath, said)
	}
	return pg, nil
}

func (s *postgresServer) settings(port int) []string {
	settings := map[string]string{
		"listen_addresses":        "127.0.0.1",
		"port":                    strconv.Itoa(port),
		"unix_socket_directories": "",
		"wal_level":               "logical",
		"max_connections":         "300",
		"timezone":                "UTC",
		"log_timezone":            "UTC",
		"log_line_prefix":         "%m [%p] %q%u@%d ",
	}
	if !s.config.Durable {
		settings["fsync"] = "off"
		settings["synchronous_commit"] = "off"
		settings["full_page_writes"] = "off"
	}
	var args []string
	for name, value := range settings {
		args = append(args, "-c", name+"="+value)
	}
	return args
}

// accepts says whether the server accepts connections.
func (pg *Postgres) accepts(ctx context.Context) error {
	conn, err := pgx.Connect(ctx, pg.URL(Superuser, "postgres"))
	if err != nil {
		return err
	}
	return conn.Close(ctx)
}

// FreePort is a TCP port of 127.0.0.1 that nobody listened on a moment ago.
func FreePort() (int, error) {
	listener, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		return 0, fmt.Errorf("find a free port: %w", err)
	}
	defer listener.Close()
	return listener.Addr().(*net.TCPAddr).Port, nil
}
