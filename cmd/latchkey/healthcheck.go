package main

import (
	"context"
	"fmt"
	"io"
	"net"
	"net/http"
	"strings"
	"time"

	"latchkey/internal/config"
)

// healthcheckCmd exists because the image has no shell and no curl.
type healthcheckCmd struct {
	Listen string `name:"listen" env:"LISTEN" placeholder:"ADDR" help:"Where the server listens (default :8080)."`
	Ready  bool   `name:"ready" help:"Ask whether it can serve now, its database included, and not only whether it runs."`
}

func (h *healthcheckCmd) Run(ctx context.Context, c *console) error {
	var in config.Input
	in.Listen = h.Listen
	cfg, _, err := load(in, 0)
	if err != nil {
		return err
	}
	path := "/healthz"
	if h.Ready {
		path = "/readyz"
	}
	return askHealth(ctx, c.out, "http://"+dialable(cfg.Listen)+path)
}

// dialable turns an address to listen on into one to call.
func dialable(listen string) string {
	host, port, _ := net.SplitHostPort(listen) // config has judged it
	switch host {
	case "", "0.0.0.0":
		host = "127.0.0.1"
	case "::":
		host = "::1"
	}
	return net.JoinHostPort(host, port)
}

func askHealth(ctx context.Context, out io.Writer, url string) error {
	ctx, cancel := context.WithTimeout(ctx, 3*time.Second)
	defer cancel()
	req, err := http.NewRequestWithContext(ctx, http.MethodGet, url, nil)
	if err != nil {
		return err
	}
	// A proxy from the environment has no business between us and loopback.
	client := &http.Client{Transport: &http.Transport{DisableKeepAlives: true}}
	res, err := client.Do(req)
	if err != nil {
		return fmt.Errorf("ask server: %w", err)
	}
	defer res.Body.Close() //nolint:errcheck // nothing is written
	body, _ := io.ReadAll(io.LimitReader(res.Body, 1<<10))
	if res.StatusCode != http.StatusOK {
		return fmt.Errorf("server answers %s: %s", res.Status, strings.TrimSpace(string(body)))
	}
	_, err = fmt.Fprintln(out, "ok")
	return err
}
