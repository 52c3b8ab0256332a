package main

import (
	"context"
	"log/slog"

	"latchkey/internal/config"
	"latchkey/internal/trace"
)

// tracer is that of a process, nil where no collector is configured.
func tracer(ctx context.Context, service string, cfg *config.Config, log *slog.Logger) (*trace.Tracer, error) {
	return trace.New(ctx, trace.Options{Endpoint: cfg.TraceEndpoint, Service: service, Version: thisBuild().Version, Log: log})
}
