package main

import (
	"context"
	"fmt"
	"time"

	"latchkey/internal/config"
	"latchkey/internal/metrics"
	"latchkey/internal/pg"
	"latchkey/internal/rotation"
	"latchkey/worker"
)

type workerCmd struct {
	config.SiteInput
	config.DatabaseInput
	config.KeysInput
	config.RedisInput
	config.MailInput
	config.TraceInput
	config.LogInput
}

func (w *workerCmd) Run(ctx context.Context, c *console) error {
	cfg, keys, err := load(config.Input{
		SiteInput: w.SiteInput, DatabaseInput: w.DatabaseInput, KeysInput: w.KeysInput,
		RedisInput: w.RedisInput, MailInput: w.MailInput, TraceInput: w.TraceInput, LogInput: w.LogInput,
	}, config.Worker)
	if err != nil {
		return err
	}
	log := logger(c.err, cfg.Log)
	spans, err := tracer(ctx, "latchkey-worker", cfg, log)
	if err != nil {
		return err
	}
	defer spans.Close()
	pool := workerPool
	pool.Name, pool.OpenDB = rotation.Name(pool.Name, keys), spans.OpenDB
	db, err := pg.Open(cfg.DatabaseURL.Reveal(), pool)
	if err != nil {
		return err
	}
	defer db.Close() //nolint:errcheck // nothing is buffered
	work, err := worker.New(worker.Options{
		DB: db, DatabaseURL: cfg.DatabaseURL.Reveal(), RedisURL: cfg.RedisURL.Reveal(),
		Keys: keys, Config: cfg, Log: log, Trace: spans,
	})
	if err != nil {
		return fmt.Errorf("make worker: %w", err)
	}
	return together(ctx, work.Run, func(ctx context.Context) error {
		return serveMetrics(ctx, cfg.MetricsListen, metrics.New(thisBuild().Version, db), log)
	})
}

// workerPool: sweeps over large tables take longer than a request may.
var workerPool = pg.Options{Name: "latchkey worker", StatementTimeout: 10 * time.Second}
