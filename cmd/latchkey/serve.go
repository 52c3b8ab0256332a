package main

import (
	"context"
	"errors"
	"fmt"
	"net"
	"net/http"
	"runtime"

	"latchkey/internal/app"
	"latchkey/internal/config"
	"latchkey/internal/metrics"
	"latchkey/internal/pg"
	"latchkey/internal/rotation"
)

type serveCmd struct {
	config.SiteInput
	config.WebInput
	config.PolicyInput
	config.DatabaseInput
	config.KeysInput
	config.TraceInput
	config.LogInput
}

func (s *serveCmd) Run(ctx context.Context, c *console) error {
	cfg, keys, err := load(config.Input{
		SiteInput: s.SiteInput, WebInput: s.WebInput, PolicyInput: s.PolicyInput, DatabaseInput: s.DatabaseInput,
		KeysInput: s.KeysInput, TraceInput: s.TraceInput, LogInput: s.LogInput,
	}, config.Serve)
	if err != nil {
		return err
	}
	log := logger(c.err, cfg.Log)
	spans, err := tracer(ctx, "latchkey-serve", cfg, log)
	if err != nil {
		return err
	}
	defer spans.Close()
	db, err := pg.Open(cfg.DatabaseURL.Reveal(), pg.Options{Name: rotation.Name("latchkey serve", keys), OpenDB: spans.OpenDB})
	if err != nil {
		return err
	}
	defer db.Close() //nolint:errcheck // nothing is buffered
	counted := metrics.New(thisBuild().Version, db)
	front, err := app.New(ctx, app.Options{Config: cfg, DB: db, Keys: keys, Log: log, Observe: counted.Observe, Trace: spans})
	if err != nil {
		// Say the likely reason first: nobody has migrated yet.
		return errors.Join(migrated(ctx, cfg), fmt.Errorf("make server: %w", err))
	}
	counted.Hashing(front.SignIn.Passwords.Load)
	standBy()
	ln, err := listen("LISTEN", cfg.Listen)
	if err != nil {
		return err
	}
	log.Info("serving", "listen", ln.Addr().String(), "base_url", cfg.BaseURL.String(), "version", thisBuild().Version)
	return together(ctx,
		func(ctx context.Context) error { return serveUntil(ctx, ln, front.Handler(), log, drainNotice) },
		func(ctx context.Context) error { return serveMetrics(ctx, cfg.MetricsListen, counted, log) },
	)
}

// standBy doubles the threads that run Go code at once, after the house has
// counted its cores. Hashing a password keeps one busy for tens of
// milliseconds, and as many are hashed at a time as there are cores: every
// other request would wait for its turn at each of its steps. With threads to
// spare the operating system shares the cores, and lets short work pass.
func standBy() { runtime.GOMAXPROCS(2 * runtime.GOMAXPROCS(0)) }

// portOf is the port that a listener got, which matters where it asked for 0.
func portOf(ln net.Listener) string {
	_, port, _ := net.SplitHostPort(ln.Addr().String()) // of our own making
	return port
}

// beside serves some paths by another handler.
func beside(next, other http.Handler, mine func(path string) bool) http.Handler {
	return http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		if mine(r.URL.Path) {
			other.ServeHTTP(w, r)
			return
		}
		next.ServeHTTP(w, r)
	})
}
