package api_test

import (
	"bytes"
	"context"
	"log/slog"
	"net/http"
	"net/http/httptest"
	"net/mail"
	"net/url"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/google/uuid"

	"latchkey/internal/account/accounttest"
	"latchkey/internal/api/apitest"
	"latchkey/internal/app"
	"latchkey/internal/config"
	"latchkey/internal/edge"
	"latchkey/internal/pg"
	"latchkey/internal/pg/pgtest"
	"latchkey/internal/policy"
	"latchkey/internal/seal"
)

// house is the whole service as `serve` starts it, on a database of the test's
// own and a clock that the test moves.
type house struct {
	t     testing.TB
	url   string // of the database
	db    *pg.DB
	clock *pgtest.Clock
	keys  *seal.Keys
	cfg   *config.Config
	log   *safeBuffer
	app   *app.App
	set   func(*config.Config) // settings other than the usual; nil: none
	base  string
	api   *apitest.Client
}

// noon is where most clocks stand, a little into a time-step of apps.
const noon = "2026-03-02 12:00:05"

func newHouse(t testing.TB, options ...pgtest.Option) *house {
	t.Helper()
	return houseAt(t, pgtest.NewClock(noon), options...)
}

func houseAt(t testing.TB, clock *pgtest.Clock, options ...pgtest.Option) *house {
	t.Helper()
	h := &house{t: t, url: pgtest.URL(t), clock: clock, keys: keyset(), log: &safeBuffer{}}
	h.open(options...)
	return h
}

// open starts the service on the house's database; again, it is as after a
// restart: nothing of the process before is left.
func (h *house) open(options ...pgtest.Option) {
	h.t.Helper()
	h.db = pgtest.Open(h.t, h.url, append(options, pgtest.WithClock(h.clock))...)
	srv := httptest.NewUnstartedServer(nil)
	h.base = "http://" + srv.Listener.Addr().String()
	at, err := url.Parse(h.base)
	if err != nil {
		h.t.Fatal(err)
	}
	h.cfg = &config.Config{
		BaseURL: at, SignUpOpen: true, Brand: config.Brand{Name: "Latchkey"},
		MailFrom: mail.Address{Name: "Latchkey", Address: "no-reply@example.com"},
	}
	if h.set != nil {
		h.set(h.cfg)
	}
	log := slog.New(slog.NewTextHandler(h.log, &slog.HandlerOptions{Level: slog.LevelDebug}))
	h.app, err = app.New(h.t.Context(), app.Options{Config: h.cfg, DB: h.db, Keys: h.keys, Log: log})
	if err != nil {
		h.t.Fatal(err)
	}
	// Many passwords at once, under the race detector, on a busy machine: what
	// is proved is the meter, not the queue.
	h.app.SignIn.Passwords.Patience = time.Minute
	accounttest.Quick(h.app.SignIn.Passwords)
	srv.Config = edge.Server(h.app.Handler())
	srv.Start()
	h.t.Cleanup(srv.Close)
	h.api = apitest.New(h.t, h.base)
}

// in is the same house reporting to a subtest.
func (h *house) in(t testing.TB) *house {
	c := *h
	c.t, c.api = t, h.api.In(t)
	return &c
}

// keyset is made once: what it costs is no test's matter.
var keyset = sync.OnceValue(func() *seal.Keys {
	raw, err := seal.Generate()
	if err != nil {
		panic(err)
	}
	keys, err := seal.Load(raw)
	if err != nil {
		panic(err)
	}
	return keys
})

func (h *house) tx(f func(ctx context.Context, tx *pg.Tx) error) {
	h.t.Helper()
	ctx := h.t.Context()
	if err := h.db.InTx(ctx, func(tx *pg.Tx) error { return f(ctx, tx) }); err != nil {
		h.t.Fatal(err)
	}
}

// rules saves a new version of the policy.
func (h *house) rules(change func(*policy.Rules)) {
	h.t.Helper()
	h.tx(func(ctx context.Context, tx *pg.Tx) error {
		now, err := policy.Current(ctx, tx)
		if err != nil {
			return err
		}
		r := now.Rules
		change(&r)
		return policy.AppendTx(ctx, tx, now.Version+1, r, uuid.Nil)
	})
}

func (h *house) count(query string, args ...any) int {
	h.t.Helper()
	var n int
	if err := h.db.GetContext(h.t.Context(), &n, query, args...); err != nil {
		h.t.Fatal(err)
	}
	return n
}

func (h *house) exec(query string, args ...any) {
	h.t.Helper()
	if _, err := h.db.ExecContext(h.t.Context(), query, args...); err != nil {
		h.t.Fatal(err)
	}
}

// answered waits until everything asked about addresses so far has its mail.
func (h *house) answered() {
	h.t.Helper()
	h.until("requests are answered", func() bool { return h.count(`SELECT count(*) FROM address_requests`) == 0 })
}

// mails counts those queued to an address.
func (h *house) mails(kind, to string) int {
	h.t.Helper()
	h.answered()
	return h.count(`SELECT count(*) FROM mails WHERE kind = $1 AND recipient = $2`, kind, to)
}

// events lists what was written down about a user, oldest first.
func (h *house) events(user uuid.UUID) string {
	h.t.Helper()
	var all []string
	err := h.db.SelectContext(h.t.Context(), &all, `SELECT action FROM events WHERE subject_id = $1 ORDER BY id`, user)
	if err != nil {
		h.t.Fatal(err)
	}
	return strings.Join(all, " ")
}

// charged counts the wrong codes on the account's shared meter.
func (h *house) charged(user uuid.UUID) int {
	h.t.Helper()
	return h.count(`SELECT cardinality(code_failures) FROM guards WHERE user_id = $1`, user)
}

// ask is one request of many that a barrier releases.
type ask func(*apitest.Client) *apitest.Response

// together sends all requests at once and gives their answers in order.
func (h *house) together(asks ...ask) []*apitest.Response {
	h.t.Helper()
	answers := make([]*apitest.Response, len(asks))
	ready, release := make(chan struct{}), make(chan struct{})
	var wg sync.WaitGroup
	for i, a := range asks {
		wg.Go(func() {
			ready <- struct{}{}
			<-release
			answers[i] = a(h.api)
		})
	}
	for range asks {
		<-ready
	}
	close(release)
	wg.Wait()
	for i, a := range answers {
		if a == nil {
			h.t.Fatalf("request %d got no answer", i)
		}
	}
	return answers
}

// post is a request for together; it never ends the test from its goroutine.
func (h *house) post(token, path string, body any) ask {
	return func(c *apitest.Client) *apitest.Response {
		r, err := c.As(token).Try("POST", path, body)
		if err != nil {
			h.t.Errorf("POST %s: %v", path, err)
		}
		return r
	}
}

func times(n int, a ask) []ask {
	all := make([]ask, n)
	for i := range all {
		all[i] = a
	}
	return all
}

// tally counts answers by status and problem code: {"200": 1, "422 code_used": 23}.
func tally(answers []*apitest.Response) map[string]int {
	out := map[string]int{}
	for _, a := range answers {
		key := strings.TrimSpace(strings.Join([]string{status(a.Status), a.Problem().Code}, " "))
		out[key]++
	}
	return out
}

func status(n int) string {
	return string([]byte{byte('0' + n/100), byte('0' + n/10%10), byte('0' + n%10)})
}

// about reports whether a wait is what was meant, give or take the rounding.
func about(got, want time.Duration) bool { return got > want-2*time.Second && got < want+2*time.Second }

// safeBuffer is written by a server and read by a test.
type safeBuffer struct {
	mu sync.Mutex
	b  bytes.Buffer
}

func (s *safeBuffer) Write(p []byte) (int, error) {
	s.mu.Lock()
	defer s.mu.Unlock()
	return s.b.Write(p)
}

func (s *safeBuffer) String() string {
	s.mu.Lock()
	defer s.mu.Unlock()
	return s.b.String()
}

// send posts as a caller who may hang up.
func (h *house) send(ctx context.Context, token, path, body string) error {
	req, err := http.NewRequestWithContext(ctx, http.MethodPost, h.base+apitest.Prefix+path, strings.NewReader(body))
	if err != nil {
		return err
	}
	req.Header.Set("Authorization", "Bearer "+token)
	req.Header.Set("Content-Type", "application/json")
	res, err := http.DefaultClient.Do(req)
	if err != nil {
		return err
	}
	return res.Body.Close()
}

// until waits for what nobody announces.
func (h *house) until(what string, so func() bool) {
	h.t.Helper()
	tick := time.NewTicker(5 * time.Millisecond)
	defer tick.Stop()
	for end := time.Now().Add(time.Minute); !so(); <-tick.C {
		if time.Now().After(end) {
			h.t.Fatalf("still not so: %s", what)
		}
	}
}

func contains(s, part string) bool { return strings.Contains(s, part) }
