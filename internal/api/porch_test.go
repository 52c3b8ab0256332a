package api_test

import (
	"bytes"
	"context"
	"encoding/json"
	"fmt"
	"io"
	"math/rand/v2"
	"net/http"
	"net/http/cookiejar"
	"net/url"
	"regexp"
	"slices"
	"strings"
	"testing"
	"time"

	"latchkey/internal/account"
	"latchkey/internal/account/accounttest"
	"latchkey/internal/api/apitest"
	"latchkey/internal/pg"
	"latchkey/internal/pg/pgtest"
)

// porch is where a door is asked at.
type porch struct {
	*house
	kinds [][]trait // of accounts, in turn
	made  int
	actor string // session of somebody who may ask, where that is needed
	http  *http.Client
	watch stopwatch
	db    *tapped
	slow  time.Duration // of every answer about a missing account: a control
}

func newPorch(t *testing.T) *porch {
	db := tap(t, pgtest.URL(t))
	h := &house{t: t, url: db.url, clock: pgtest.NewClock(noon), keys: keyset(), log: &safeBuffer{}}
	h.open()
	accounttest.Dear(h.app.SignIn.Passwords) // the longest part of an answer
	p := &porch{house: h, kinds: everyKind, db: db}
	jar, err := cookiejar.New(nil)
	if err != nil {
		t.Fatal(err)
	}
	p.http = &http.Client{Transport: apitest.Transport{Base: &p.watch}, Jar: jar, Timeout: 30 * time.Second, CheckRedirect: func(*http.Request, []*http.Request) error {
		return http.ErrUseLastResponse
	}}
	asks := p.person()
	p.actor = asks.in()
	p.send(t, call{"POST", "/sign-in", "", url.Values{"email": {asks.email}, "password": {password}}})
	// Long enough for any number of pairs.
	p.exec(`UPDATE sessions SET confirmed_until = $1, confirmed_at = $1, expires_at = $1, idle_minutes = 6000000`, p.clock.Now().AddDate(10, 0, 0))
	return p
}

// address makes an account of the next kind and gives its address, or one that
// nobody has. An account is made in any case: what a database did just before
// makes the next request quicker.
func (p *porch) address(exists bool) string {
	owner, email := p.person(p.kinds[p.made%len(p.kinds)]...), anyAddress()
	p.exec(`UPDATE users SET email = $2 WHERE id = $1`, owner.id, email)
	if !exists {
		return anyAddress()
	}
	p.made++
	return email
}

func anyAddress() string {
	local := make([]byte, 12)
	for i := range local {
		local[i] = byte('a' + rand.IntN(26))
	}
	return string(local) + "@example.org"
}

// invitation is a link that is over: of an account that still waits, or of
// none at all.
func (p *porch) invitation(exists bool) (token string) {
	p.tx(func(ctx context.Context, tx *pg.Tx) (err error) {
		owner := p.person(withoutPassword, unverified)
		if token, _, err = p.app.Admin.Links.MakeTx(ctx, tx, owner.id, account.InvitationLink, account.LinkData{}); err != nil {
			return err
		}
		if !exists {
			return account.DeleteTx(ctx, tx, owner.id)
		}
		_, err = tx.ExecContext(ctx, `UPDATE links SET expires_at = $2 WHERE user_id = $1`, owner.id, tx.Now)
		if err != nil {
			return err
		}
		_, err = tx.ExecContext(ctx, `UPDATE users SET status = 'invited' WHERE id = $1`, owner.id)
		return err
	})
	return token
}

// times asks in pairs and gives what the signed ranks say of existing minus
// missing.
func (p *porch) times(t *testing.T, d door, pairs int) (pv, z float64) {
	t.Helper()
	diffs := make([]time.Duration, 0, pairs)
	for range pairs {
		var took [2]time.Duration // of missing, existing
		var said [2]string
		first := rand.IntN(2)
		for _, which := range []int{first, 1 - first} {
			for _, c := range d.ready(p, which == 1) {
				p.answered()
				answer, dt := p.send(t, c)
				took[which] += dt
				said[which] += answer
				p.clock.Advance(d.pause)
			}
			if which == 0 && p.slow > 0 {
				from := time.Now()
				time.Sleep(p.slow)
				took[0] += time.Since(from)
			}
		}
		same(t, said[1], said[0])
		diffs = append(diffs, took[1]-took[0])
	}
	pv, z = signedRank(diffs)
	t.Logf("%d pairs: p = %.3g (z %.2f), existing − missing: median %s", pairs, pv, z, median(diffs))
	return pv, z
}

// asMuch holds the round trips to the database against each other, for each
// kind of account: the part of the time that a busy machine can't hide. What a
// process does each minute may fall between, and does so once.
func (p *porch) asMuch(t *testing.T, d door) {
	t.Helper()
	if p.differs(t, d) != "" {
		if said := p.differs(t, d); said != "" {
			t.Error(said)
		}
	}
}

// differs says how, if they do.
func (p *porch) differs(t *testing.T, d door) (said string) {
	t.Helper()
	trips := func(exists bool) (all []string) {
		for _, c := range d.ready(p, exists) {
			p.answered()
			p.db.take()
			p.send(t, c)
			all = append(all, p.db.take()...)
			p.clock.Advance(d.pause)
		}
		return all
	}
	missing := trips(false)
	for range p.kinds {
		if existing := trips(true); len(existing) != len(missing) || len(missing) == 0 {
			said += fmt.Sprintf("round trips, existing %d:\n%s\n\nmissing %d:\n%s\n", len(existing), strings.Join(existing, "\n"), len(missing), strings.Join(missing, "\n"))
		}
	}
	return said
}

// alike holds text and headers of pages against each other.
func (p *porch) alike(t *testing.T, of func(*porch, bool) []call, pairs int) {
	t.Helper()
	for range pairs {
		var said [2]string
		for i, exists := range []bool{false, true} {
			asked := ""
			for _, c := range of(p, exists) {
				if form, ok := c.body.(url.Values); ok && form.Has("email") {
					asked = form.Get("email")
				}
				answer, _ := p.send(t, c)
				said[i] += masked(answer, asked)
				for to := redirect.FindStringSubmatch(answer); to != nil; to = redirect.FindStringSubmatch(answer) {
					answer, _ = p.send(t, call{"GET", to[1], "", nil})
					said[i] += masked(answer, asked)
				}
			}
		}
		same(t, said[1], said[0])
	}
}

var redirect = regexp.MustCompile(`(?m)^Location: (\S+)$`)

// send gives an answer as one text, without what may differ, and how long it
// took to its last byte.
func (p *porch) send(t *testing.T, c call) (string, time.Duration) {
	t.Helper()
	var body []byte
	kind, email := "application/json", ""
	switch b := c.body.(type) {
	case url.Values:
		kind, body, email = "application/x-www-form-urlencoded", []byte(b.Encode()), b.Get("email")
	case map[string]any:
		body, _ = json.Marshal(b)
		email, _ = b["email"].(string)
	}
	req, err := http.NewRequestWithContext(t.Context(), c.method, p.base+c.path, bytes.NewReader(body))
	if err != nil {
		t.Fatal(err)
	}
	if body != nil {
		req.Header.Set("Content-Type", kind)
		req.Header.Set("Sec-Fetch-Site", "same-origin")
	}
	if c.token != "" {
		req.Header.Set("Authorization", "Bearer "+c.token)
	}
	res, err := p.http.Do(req)
	if err != nil {
		t.Fatal(err)
	}
	defer res.Body.Close() //nolint:errcheck // it has been read
	answer, err := io.ReadAll(res.Body)
	if err != nil {
		t.Fatal(err)
	}
	if res.StatusCode >= 500 || res.StatusCode == http.StatusTooManyRequests || res.StatusCode == http.StatusForbidden {
		t.Fatalf("%s %s: %d %s", c.method, c.path, res.StatusCode, answer)
	}
	var out strings.Builder
	fmt.Fprintf(&out, "%s %d\n", c.method, res.StatusCode)
	names := make([]string, 0, len(res.Header))
	for name := range res.Header {
		names = append(names, name)
	}
	slices.Sort(names)
	for _, name := range names {
		for _, value := range res.Header[name] {
			fmt.Fprintf(&out, "%s: %s\n", name, value)
		}
	}
	fmt.Fprintf(&out, "\n%s\n", answer)
	return masked(out.String(), email), p.watch.took
}

// stopwatch takes the time of a request, to the last byte of its answer.
type stopwatch struct{ took time.Duration }

func (s *stopwatch) RoundTrip(req *http.Request) (*http.Response, error) {
	from := time.Now()
	res, err := http.DefaultTransport.RoundTrip(req)
	if err != nil {
		return nil, err
	}
	defer res.Body.Close() //nolint:errcheck // it has been read
	answer, err := io.ReadAll(res.Body)
	s.took = time.Since(from)
	res.Body = io.NopCloser(bytes.NewReader(answer))
	return res, err
}

// masked takes out ids, tokens, dates and the address that was asked about.
func masked(s, email string) string {
	if email != "" {
		hint := email[:1] + "•••" + email[strings.IndexByte(email, '@'):]
		s = strings.NewReplacer(email, "<address>", url.QueryEscape(email), "<address>", hint, "<hint>").Replace(s)
	}
	for _, m := range differs {
		s = m.what.ReplaceAllString(s, m.by)
	}
	return s
}

var differs = []struct {
	what *regexp.Regexp
	by   string
}{
	{regexp.MustCompile(`[0-9a-f]{8}(-[0-9a-f]{4}){3}-[0-9a-f]{12}`), "<id>"},
	{regexp.MustCompile(`(?m)^(X-Request-Id|Date): .*$`), "$1: <any>"},
	{regexp.MustCompile(`\d{4}-\d\d-\d\dT[0-9:.]+Z`), "<time>"},
	{regexp.MustCompile(`(nonce[-=]"?)[A-Za-z0-9+/_=-]+`), "$1<nonce>"},
	{regexp.MustCompile(`(Request )([A-Z2-7]{26}|[A-Z0-9]{2}\b)`), "$1<id>"},
	{regexp.MustCompile(`"reference":"[A-Z0-9]{2}"`), `"reference":"<reference>"`},
	{regexp.MustCompile(`(/invitations/)[A-Za-z0-9_-]{43}`), "$1<token>"},
}

func same(t *testing.T, existing, missing string) {
	t.Helper()
	if existing == missing {
		return
	}
	a, b := strings.Split(existing, "\n"), strings.Split(missing, "\n")
	for i := range max(len(a), len(b)) {
		if i >= len(a) || i >= len(b) || a[i] != b[i] {
			t.Fatalf("line %d differs.\nexisting:\n%s\nmissing:\n%s", i+1, strings.Join(a[max(0, i-3):min(len(a), i+3)], "\n"), strings.Join(b[max(0, i-3):min(len(b), i+3)], "\n"))
		}
	}
}
