package browser_test

import (
	"context"
	"fmt"
	"regexp"
	"strings"
	"sync/atomic"
	"testing"
	"time"

	"latchkey/internal/devstack"
	"latchkey/internal/factor"
)

// person is somebody with an account, a mailbox, a phone and a drawer.
type person struct {
	t        testing.TB
	h        *house
	email    string
	password string
	secret   string      // in the phone
	keys     []string    // in the drawer
	read     int         // newest mail that was read
	options  []tabOption // of every tab that is opened
}

var persons atomic.Int64

func (h *house) person() *person {
	return &person{t: h.t, h: h, email: fmt.Sprintf("person%d@example.org", persons.Add(1)), password: "quiet otters drift at 5"}
}

var sixDigits = regexp.MustCompile(`(?m)^([0-9]{6})\r?$`)

// mailed waits for a code that was not read yet, as the mailbox shows it.
func (p *person) mailed() string {
	p.t.Helper()
	ctx, cancel := context.WithTimeout(p.t.Context(), patience)
	defer cancel()
	m, err := p.h.box.Wait(ctx, func(m devstack.Mail) bool {
		return m.Seq > p.read && m.IsTo(p.email) && sixDigits.MatchString(m.Text)
	})
	if err != nil {
		p.t.Fatalf("no code for %s: %v", p.email, err)
	}
	p.read = m.Seq
	return sixDigits.FindStringSubmatch(m.Text)[1]
}

// mails counts what was queued for the person: each mail, sent or not yet.
func (p *person) mails() int {
	p.t.Helper()
	return p.h.count(`SELECT count(*) FROM mails WHERE recipient = $1`, p.email)
}

// appCode waits for the phone to show a code that it did not show before.
func (p *person) appCode() string {
	p.t.Helper()
	code, err := factor.CodeAt(p.secret, factor.StepAt(p.h.clock.Advance(30*time.Second)))
	if err != nil {
		p.t.Fatal(err)
	}
	return code
}

// key takes the next unused key out of the drawer.
func (p *person) key() string {
	p.t.Helper()
	if len(p.keys) == 0 {
		p.t.Fatal("no recovery key left")
	}
	key := p.keys[0]
	p.keys = p.keys[1:]
	return key
}

var keyLine = regexp.MustCompile(`(?m)^ *[0-9]+\.  ([0-9A-Z]{4}(?:-[0-9A-Z]{4}){3})\r$`)

// put files a download of recovery keys.
func (p *person) put(f file) {
	p.t.Helper()
	p.keys = nil
	for _, line := range keyLine.FindAllStringSubmatch(f.Text, -1) {
		p.keys = append(p.keys, line[1])
	}
}

// wantFile holds a download to what the person needs on the day it is needed.
func (p *person) wantFile(f file) {
	p.t.Helper()
	host := strings.ReplaceAll(strings.TrimPrefix(p.h.base, "http://"), ":", "-")
	if !strings.HasPrefix(f.Name, "latchkey-recovery-keys-"+host+"-") || !strings.HasSuffix(f.Name, ".txt") {
		p.t.Errorf("the file is called %q", f.Name)
	}
	for _, part := range []string{p.email, p.h.base + "/account/security", "Each key works once", "Latchkey"} {
		if !strings.Contains(f.Text, part) {
			p.t.Errorf("the file does not say %q:\n%s", part, f.Text)
		}
	}
	if strings.Count(f.Text, "\n") != strings.Count(f.Text, "\r\n") {
		p.t.Error("some lines of the file do not end as every editor wants")
	}
	if n := len(keyLine.FindAllString(f.Text, -1)); n != 10 {
		p.t.Errorf("the file holds %d keys:\n%s", n, f.Text)
	}
}
