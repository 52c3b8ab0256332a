package main

import (
	"context"
	"errors"
	"fmt"
	"io"
	"log/slog"
	"net"
	"net/http"
	"sync/atomic"
	"syscall"
	"time"
)

// How a server ends: readiness turns to 503, balancers get notice to send
// people elsewhere, then requests under way may finish.
const (
	drainNotice = 2 * time.Second
	drainLimit  = 15 * time.Second // the longest answer, see WriteTimeout
)

// listen opens an address, with an error that says what to do.
func listen(setting, addr string) (net.Listener, error) {
	ln, err := net.Listen("tcp", addr)
	switch {
	case errors.Is(err, syscall.EADDRINUSE):
		return nil, fmt.Errorf("%s is in use by another program: stop that one, or set %s to another address", addr, setting)
	case errors.Is(err, syscall.EACCES):
		return nil, fmt.Errorf("%s may not be opened by this user: set %s to a port above 1023", addr, setting)
	case err != nil:
		return nil, fmt.Errorf("listen on %s: %w", addr, err)
	}
	return ln, nil
}

// newServer has the bounds that keep slow and greedy clients from holding
// connections and memory.
func newServer(h http.Handler, log *slog.Logger) *http.Server {
	return &http.Server{
		Handler:           h,
		ReadHeaderTimeout: 5 * time.Second,
		ReadTimeout:       10 * time.Second,
		WriteTimeout:      15 * time.Second,
		IdleTimeout:       60 * time.Second,
		MaxHeaderBytes:    32 << 10,
		ErrorLog:          slog.NewLogLogger(log.Handler(), slog.LevelDebug), // clients that hang up
	}
}

// serveUntil serves until ctx ends, then drains.
func serveUntil(ctx context.Context, ln net.Listener, h http.Handler, log *slog.Logger, notice time.Duration) error {
	var draining atomic.Bool
	srv := newServer(unreadyWhen(&draining, h), log)
	failed := make(chan error, 1)
	go func() { failed <- srv.Serve(ln) }()
	select {
	case err := <-failed:
		return fmt.Errorf("serve: %w", err)
	case <-ctx.Done():
	}
	// Idle connections stay open meanwhile: closing one in the moment in which
	// its client writes would lose a request that nobody may safely repeat.
	draining.Store(true)
	log.Info("draining", "notice", notice)
	time.Sleep(notice)
	// ctx has ended already: draining has a limit of its own.
	bounded, cancel := context.WithTimeout(context.WithoutCancel(ctx), drainLimit)
	defer cancel()
	if err := srv.Shutdown(bounded); err != nil {
		return errors.Join(fmt.Errorf("drain: %w", err), srv.Close())
	}
	log.Info("stopped")
	return nil
}

// unreadyWhen answers /readyz with 503 once draining has begun, and has every
// client that is still heard open its next connection elsewhere.
func unreadyWhen(draining *atomic.Bool, next http.Handler) http.Handler {
	return http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		if draining.Load() {
			w.Header().Set("Connection", "close")
		}
		if draining.Load() && r.URL.Path == "/readyz" {
			w.Header().Set("Content-Type", "text/plain; charset=utf-8")
			w.Header().Set("Retry-After", "5")
			w.WriteHeader(http.StatusServiceUnavailable)
			_, _ = io.WriteString(w, "draining\n")
			return
		}
		next.ServeHTTP(w, r)
	})
}
