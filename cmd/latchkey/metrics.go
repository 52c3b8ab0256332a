package main

import (
	"context"
	"log/slog"
	"net/http"

	"latchkey/internal/metrics"
)

// serveMetrics serves /metrics on an address of its own, which need not be
// reachable by anyone but Prometheus. An empty address means none.
func serveMetrics(ctx context.Context, addr string, m *metrics.Metrics, log *slog.Logger) error {
	if addr == "" {
		<-ctx.Done()
		return nil
	}
	ln, err := listen("METRICS_LISTEN", addr)
	if err != nil {
		return err
	}
	log.Info("metrics", "listen", ln.Addr().String())
	mux := http.NewServeMux()
	mux.Handle("GET /metrics", m.Handler())
	return serveUntil(ctx, ln, mux, log, 0)
}
