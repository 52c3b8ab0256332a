package main

import (
	"encoding/json"
	"fmt"
	"strings"
	"time"

	"latchkey/internal/config"
)

// readiness is what there is to say once everything runs.
type readiness struct {
	cfg     *config.Config
	local   string // address of the server on this machine
	mailbox bool
	theirs  bool // the database is the caller's
	took    time.Duration
}

// demoAccount is one of the two that app.SeedDemo makes for a visitor to use.
type demoAccount struct {
	Email    string `json:"email"`
	Role     string `json:"role"`
	Password string `json:"password"`
}

var demoAccounts = []demoAccount{
	{"admin@example.com", "admin", "latchkey-demo"},
	{"user@example.com", "user", "latchkey-demo"},
}

func (d *devCmd) ready(c *console, r readiness) error {
	mailbox := ""
	if r.mailbox {
		mailbox = r.local + "/dev/mailbox"
	}
	if d.JSON {
		return json.NewEncoder(c.out).Encode(struct {
			URL      string        `json:"url"`
			Mailbox  string        `json:"mailbox,omitempty"`
			Accounts []demoAccount `json:"accounts"`
			ReadyMS  int64         `json:"ready_ms"`
		}{r.cfg.BaseURL.String(), mailbox, demoAccounts, r.took.Milliseconds()})
	}
	if mailbox == "" {
		mailbox = "sent through " + r.cfg.SMTP.Host
	}
	var b strings.Builder
	fmt.Fprintf(&b, "\n  Latchkey is ready, after %.1f s.\n\n", r.took.Seconds())
	fmt.Fprintf(&b, "  Open      %s\n", r.cfg.BaseURL)
	fmt.Fprintf(&b, "  Mails     %s\n", mailbox)
	if r.mailbox {
		fmt.Fprintf(&b, "  Gallery   %s/dev/gallery\n", r.cfg.BaseURL)
	}
	for i, a := range demoAccounts {
		label := "Sign in"
		if i > 0 {
			label = ""
		}
		fmt.Fprintf(&b, "  %-9s %-17s  password %s\n", label, a.Email, a.Password)
	}
	fmt.Fprintf(&b, "\n  Ctrl-C stops it. %s\n\n", d.kept(r.theirs))
	_, err := fmt.Fprint(c.out, b.String())
	return err
}

func (d *devCmd) kept(theirs bool) string {
	if theirs {
		return "What you did stays in the database of DATABASE_URL."
	}
	if d.Ephemeral {
		return "Nothing is kept."
	}
	return "What you did is kept in " + d.StateDir + "; --ephemeral keeps nothing."
}
