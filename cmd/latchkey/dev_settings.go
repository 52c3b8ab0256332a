package main

import (
	"errors"
	"fmt"
	"io/fs"
	"net"
	"net/http"
	"net/netip"
	"os"
	"path/filepath"
	"slices"
	"strings"

	"latchkey/internal/config"
	"latchkey/internal/devstack"
	"latchkey/internal/seal"
)

const loopback = "127.0.0.0/8,::1/128"

// preset fills in what `dev` decides unless it is told, and judges the rest
// before anything is started. The Config it gives holds what was given.
func (d *devCmd) preset() (*config.Config, error) {
	orElse := func(s *string, preset string) {
		if *s == "" {
			*s = preset
		}
	}
	orElse(&d.Listen, "127.0.0.1:8080")
	orElse(&d.SignUp, "open")
	orElse(&d.MailFrom, "Latchkey <latchkey@example.com>")
	if d.IPLimits == "" { // said to be on, they hold here too
		d.IPLimitsExempt = strings.Trim(d.IPLimitsExempt+","+loopback, ",")
	}
	if strings.HasPrefix(d.Listen, ":") {
		d.Listen = "127.0.0.1" + d.Listen
	}
	cfg, _, err := load(d.Input, 0)
	var faults config.Faults
	if err != nil && !errors.As(err, &faults) {
		return nil, err
	}
	if host, _, err := net.SplitHostPort(cfg.Listen); err == nil && !isLoopback(host) {
		faults.Add("LISTEN", "is %s, but dev shows everybody's mails and so is for this machine only: use 127.0.0.1:8080, or latchkey serve", cfg.Listen)
	}
	return cfg, faults.Or()
}

func isLoopback(host string) bool {
	if host == "localhost" {
		return true
	}
	ip, err := netip.ParseAddr(host)
	return err == nil && ip.IsLoopback()
}

// take puts the stack's addresses and keys where none were given.
func (d *devCmd) take(stack *devstack.Stack, given *config.Config) error {
	d.DatabaseURL, d.DatabaseURLFile = stack.DatabaseURL, ""
	d.RedisURL, d.RedisURLFile = stack.RedisURL, ""
	if stack.Mailbox != nil {
		d.SMTPURL = stack.SMTPURL
	}
	if given.Keyset.IsSet() {
		return nil
	}
	keys, err := d.keys()
	d.Keyset = string(keys)
	return err
}

// keys are made once and kept beside the database whose secrets they seal.
func (d *devCmd) keys() ([]byte, error) {
	if d.Ephemeral {
		return seal.Generate()
	}
	path := filepath.Join(d.StateDir, "keys.json")
	kept, err := os.ReadFile(path)
	if err == nil || !errors.Is(err, fs.ErrNotExist) {
		return kept, err
	}
	fresh, err := seal.Generate()
	if err != nil {
		return nil, err
	}
	if err := os.MkdirAll(d.StateDir, 0o755); err != nil {
		return nil, fmt.Errorf("make state folder: %w", err)
	}
	return fresh, writeNew(path, fresh)
}

func isMailbox(path string) bool {
	return path == "/dev/mailbox" || strings.HasPrefix(path, "/dev/mailbox.") || strings.HasPrefix(path, "/dev/mailbox/")
}

func localHosts(port string) []string {
	return []string{"localhost:" + port, "127.0.0.1:" + port, "[::1]:" + port}
}

// onlyFor answers to our own names: a page elsewhere could otherwise point a
// name of its own at this machine and read the codes in the mailbox.
func onlyFor(hosts []string, next http.Handler) http.Handler {
	return http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		if !slices.Contains(hosts, strings.ToLower(r.Host)) {
			http.Error(w, "This mailbox answers to "+hosts[0]+" only.", http.StatusMisdirectedRequest)
			return
		}
		next.ServeHTTP(w, r)
	})
}
