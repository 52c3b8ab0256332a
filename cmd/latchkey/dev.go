package main

import (
	"context"
	"errors"
	"fmt"
	"time"

	"latchkey/internal/app"
	"latchkey/internal/config"
	"latchkey/internal/devstack"
	"latchkey/internal/metrics"
	"latchkey/internal/pg"
	"latchkey/migrations"
	"latchkey/worker"
)

// devCmd is the whole service in one process, with a database, a queue and a
// mailbox of its own, for looking around and for working on it.
type devCmd struct {
	config.Input
	StateDir  string `name:"state-dir" default:".latchkey" placeholder:"DIR" help:"Folder that keeps database and keys between runs (default .latchkey)."`
	Ephemeral bool   `name:"ephemeral" help:"Keep nothing: begin empty, and leave nothing behind."`
	JSON      bool   `name:"json" help:"When ready, print where everything is as one line of JSON."`
}

func (d *devCmd) Run(ctx context.Context, c *console) (err error) {
	began := time.Now()
	ctx, cancel := context.WithCancel(ctx)
	defer cancel()
	// `go run` is our parent, and takes nobody along when it is killed.
	devstack.WatchParent(ctx, cancel)

	given, err := d.preset()
	if err != nil {
		return err
	}
	stack, err := devstack.Start(ctx, devstack.Options{
		DatabaseURL: given.DatabaseURL.Reveal(), RedisURL: given.RedisURL.Reveal(), SMTPURL: given.SMTP.Host,
		StateDir: d.StateDir, Ephemeral: d.Ephemeral,
		Say: func(line string) { fmt.Fprintln(c.err, "  "+line) },
	})
	if err != nil {
		return err
	}
	defer func() { err = errors.Join(err, stack.Stop()) }()
	if err := d.take(stack, given); err != nil {
		return err
	}
	ln, err := listen("LISTEN", given.Listen)
	if err != nil {
		return err
	}
	defer ln.Close() //nolint:errcheck // closed already where it was served
	local := "http://localhost:" + portOf(ln)
	if d.BaseURL == "" {
		d.BaseURL = local
	}
	cfg, keys, err := load(d.Input, config.Serve|config.Worker)
	if err != nil {
		return err
	}
	log := logger(c.err, cfg.Log)

	if _, err := migrations.Up(ctx, cfg.DatabaseURL.Reveal()); err != nil {
		return err
	}
	spans, err := tracer(ctx, "latchkey-dev", cfg, log)
	if err != nil {
		return err
	}
	defer spans.Close()
	db, err := pg.Open(cfg.DatabaseURL.Reveal(), pg.Options{Name: "latchkey dev", OpenDB: spans.OpenDB})
	if err != nil {
		return err
	}
	defer db.Close() //nolint:errcheck // nothing is buffered
	counted := metrics.New(thisBuild().Version, db)
	front, err := app.New(ctx, app.Options{Config: cfg, DB: db, Keys: keys, Log: log, Observe: counted.Observe, Trace: spans, Gallery: stack.Mailbox != nil})
	if err != nil {
		return fmt.Errorf("make server: %w", err)
	}
	counted.Hashing(front.SignIn.Passwords.Load)
	standBy()
	if err := front.SeedDemo(ctx); err != nil {
		return fmt.Errorf("make demo accounts: %w", err)
	}
	pool := workerPool
	pool.OpenDB = spans.OpenDB
	workDB, err := pg.Open(cfg.DatabaseURL.Reveal(), pool)
	if err != nil {
		return err
	}
	defer workDB.Close() //nolint:errcheck // nothing is buffered
	work, err := worker.New(worker.Options{
		DB: workDB, DatabaseURL: cfg.DatabaseURL.Reveal(), RedisURL: cfg.RedisURL.Reveal(),
		Keys: keys, Config: cfg, Log: log, Trace: spans,
	})
	if err != nil {
		return fmt.Errorf("make worker: %w", err)
	}

	handler := front.Handler()
	if stack.Mailbox != nil {
		hosts := append(cfg.Hosts(), localHosts(portOf(ln))...)
		handler = beside(handler, onlyFor(hosts, stack.Mailbox.Handler()), isMailbox)
	}
	if err := d.ready(c, readiness{cfg: cfg, local: local, mailbox: stack.Mailbox != nil, theirs: given.DatabaseURL.IsSet(), took: time.Since(began)}); err != nil {
		return err
	}
	return together(ctx, work.Run,
		func(ctx context.Context) error { return serveUntil(ctx, ln, handler, log, 0) },
		func(ctx context.Context) error { return serveMetrics(ctx, cfg.MetricsListen, counted, log) },
		func(ctx context.Context) error {
			select {
			case err := <-stack.Died():
				return err
			case <-ctx.Done():
				return nil
			}
		})
}
