package browser_test

import (
	"context"
	"io"
	"log/slog"
	"net"
	"net/http/httptest"
	"net/mail"
	"net/url"
	"strconv"
	"sync"
	"testing"
	"time"

	"latchkey/internal/account/accounttest"
	"latchkey/internal/app"
	"latchkey/internal/config"
	"latchkey/internal/devstack"
	"latchkey/internal/edge"
	"latchkey/internal/pg"
	"latchkey/internal/pg/pgtest"
	"latchkey/internal/seal"
	"latchkey/worker"
)

// house is the whole service: server and worker on a database, a Redis and a
// mail server of the test's own, with a clock that the test moves.
type house struct {
	t     testing.TB
	db    *pg.DB
	clock *pgtest.Clock
	box   *devstack.Mailbox
	app   *app.App
	base  string
	seen  *recorder
	log   *safeLog
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

func newHouse(t testing.TB, set ...func(*house, *config.Config)) *house {
	t.Helper()
	// A standing clock shows the same code of an app however slow the machine.
	h := &house{t: t, clock: pgtest.NewClock(time.Now().UTC().Format(time.DateTime)), box: pgtest.Mailbox(t), log: &safeLog{}}
	at := pgtest.URL(t)
	h.db = pgtest.Open(t, at, pgtest.WithClock(h.clock))
	log := slog.New(slog.NewTextHandler(h.log, nil))
	t.Cleanup(func() {
		if t.Failed() {
			t.Logf("what the service said:\n%s", h.log)
		}
	})

	srv := httptest.NewUnstartedServer(nil)
	h.base = "http://" + srv.Listener.Addr().String()
	cfg := h.settings()
	for _, s := range set {
		s(h, cfg)
	}
	var err error
	if h.app, err = app.New(t.Context(), app.Options{Config: cfg, DB: h.db, Keys: keyset(), Log: log}); err != nil {
		t.Fatal(err)
	}
	accounttest.Quick(h.app.SignIn.Passwords)
	h.seen = &recorder{next: h.app.Handler()}
	srv.Config = edge.Server(h.seen)
	srv.Start()
	t.Cleanup(srv.Close)

	w, err := worker.New(worker.Options{
		DB: pgtest.Open(t, at, pgtest.WithClock(h.clock)), DatabaseURL: at, RedisURL: pgtest.Redis(t),
		Keys: keyset(), Config: cfg, Log: log,
	})
	if err != nil {
		t.Fatal(err)
	}
	ctx, cancel := context.WithCancel(context.Background())
	ended := make(chan error, 1)
	go func() { ended <- w.Run(ctx) }()
	t.Cleanup(func() {
		cancel()
		if err := <-ended; err != nil {
			t.Errorf("worker: %v", err)
		}
	})
	return h
}

// settings are those of `dev`, with sign-up open.
func (h *house) settings() *config.Config {
	h.t.Helper()
	base, err := url.Parse(h.base)
	if err != nil {
		h.t.Fatal(err)
	}
	host, port, err := net.SplitHostPort(h.box.Addr())
	if err != nil {
		h.t.Fatal(err)
	}
	n, err := strconv.Atoi(port)
	if err != nil {
		h.t.Fatal(err)
	}
	return &config.Config{
		BaseURL: base, SignUpOpen: true, Brand: config.Brand{Name: "Latchkey"},
		SMTP:     config.SMTP{Host: host, Port: n, TLS: config.NoTLS},
		MailFrom: mail.Address{Name: "Latchkey", Address: "no-reply@example.com"},
	}
}

func (h *house) count(query string, args ...any) int {
	h.t.Helper()
	var n int
	if err := h.db.GetContext(h.t.Context(), &n, query, args...); err != nil {
		h.t.Fatal(err)
	}
	return n
}

// patience bounds every wait for what nobody announces: a mail whose offer was
// lost on its way from Redis is offered anew within a minute and a half.
const patience = 2 * time.Minute

// until asks again and again; it waits for a condition, never for a time.
func until(t testing.TB, what string, so func() bool) {
	t.Helper()
	tick := time.NewTicker(8 * time.Millisecond)
	defer tick.Stop()
	for end := time.Now().Add(patience); !so(); <-tick.C {
		if time.Now().After(end) {
			t.Fatalf("still not so: %s", what)
		}
	}
}

// safeLog is written by a server and read by a test.
type safeLog struct {
	mu sync.Mutex
	b  []byte
}

var _ io.Writer = (*safeLog)(nil)

func (s *safeLog) Write(p []byte) (int, error) {
	s.mu.Lock()
	defer s.mu.Unlock()
	s.b = append(s.b, p...)
	return len(p), nil
}

func (s *safeLog) String() string {
	s.mu.Lock()
	defer s.mu.Unlock()
	return string(s.b)
}
