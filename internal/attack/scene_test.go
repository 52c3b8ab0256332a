package attack_test

import (
	"context"
	"fmt"
	"regexp"
	"strings"
	"sync/atomic"
	"testing"
	"time"

	"latchkey/internal/api/apitest"
	"latchkey/internal/devstack"
)

// M is a JSON body, or the fields of a form.
type M = apitest.M

// scene is one case: people, and an attacker at an address of their own.
type scene struct {
	*testing.T
	*house
	from string       // where requests come from
	read map[int]bool // the mails whose code was read, by Seq
}

var scenes atomic.Int64

func (h *house) scene(t *testing.T) *scene {
	s := &scene{T: t, house: h, read: map[int]bool{}}
	s.from = s.elsewhere()
	return s
}

// elsewhere is an address that nobody else comes from.
func (t *scene) elsewhere() string {
	n := scenes.Add(1)
	return fmt.Sprintf("10.%d.%d.%d", n>>16&255, n>>8&255, n&255)
}

// api is a client of the API without a bearer.
func (t *scene) api() *apitest.Client { return t.apiAt(t.base) }

// apiAt is the same at another server.
func (t *scene) apiAt(base string) *apitest.Client {
	return apitest.New(t.T, base).Patient().Header("Host", strings.TrimPrefix(site, "https://")).Header("X-Forwarded-For", t.from)
}

// exec changes rows: what is aged here would take too long to wait for.
func (t *scene) exec(query string, args ...any) {
	t.Helper()
	if _, err := t.db.ExecContext(t.Context(), query, args...); err != nil {
		t.Fatal(err)
	}
}

func (t *scene) count(query string, args ...any) int {
	t.Helper()
	var n int
	if err := t.db.GetContext(t.Context(), &n, query, args...); err != nil {
		t.Fatal(err)
	}
	return n
}

// mailed waits for the newest mail to an address with all these words, but for
// those whose code was read.
func (t *scene) mailed(to string, words ...string) devstack.Mail {
	t.Helper()
	ctx, cancel := context.WithTimeout(t.Context(), time.Minute)
	defer cancel()
	m, err := t.mail.Wait(ctx, func(m devstack.Mail) bool {
		for _, w := range words {
			if !strings.Contains(m.Subject+"\n"+m.Text, w) {
				return false
			}
		}
		return m.IsTo(to) && !t.read[m.Seq]
	})
	if err != nil {
		t.Fatalf("no mail to %s with %q: %v", to, words, err)
	}
	return m
}

var codeLine = regexp.MustCompile(`(?m)^([0-9]{6})\r?$`)

// code reads the code of the mail that belongs to a request; an empty reference
// is of any. There are 400 of them: a mail that was read is another request's.
func (t *scene) code(to, reference string) string {
	t.Helper()
	m := t.mailed(to, "belongs to request "+reference)
	t.read[m.Seq] = true
	found := codeLine.FindStringSubmatch(m.Text)
	if found == nil {
		t.Fatalf("no code in %q", m.Subject)
	}
	return found[1]
}

// link reads the token of a mailed link whose path begins so.
func (t *scene) link(to, path string) string {
	t.Helper()
	m := t.mailed(to, site+path)
	for _, l := range m.Links() {
		if token, ok := strings.CutPrefix(l, site+path); ok {
			return token
		}
	}
	t.Fatalf("no link to %s in %q", path, m.Subject)
	return ""
}

// other is a code that is not the one given.
func other(code string) string {
	return string('0'+(code[0]-'0'+1)%10) + code[1:]
}
