// Package pgtest gives each test a real, migrated Postgres database of its
// own, and a clock that the test moves.
//
// A test binary starts one throw-away cluster when its first test asks for a
// database, or takes the server that TEST_DATABASE_URL names. Migrations run
// once, into a template; every test gets a copy of it.
//
//	func TestMain(m *testing.M) { os.Exit(pgtest.Main(m)) }
//
//	func TestAppCodeIsAcceptedOnce(t *testing.T) {
//		t.Parallel()
//		db := pgtest.New(t, pgtest.At("2026-01-02 03:04:05"))
//		…
//		pgtest.ClockOf(db).Advance(30 * time.Second)
//	}
package pgtest

import (
	"testing"
	"time"

	"latchkey/internal/pg"
)

// Main runs a package's tests and stops the cluster that they shared. Without
// it the cluster ends all the same, but its files wait for the next sweep.
func Main(m *testing.M) int {
	defer shared.stop()
	return m.Run()
}

// Option changes the pool that New opens.
type Option func(*settings)

type settings struct {
	clock *Clock
	pool  pg.Options
}

// At stops the database's clock at a UTC time like "2026-01-02 03:04:05".
func At(when string) Option { return WithClock(NewClock(when)) }

// WithClock lets several databases, or a database and other things, share one.
func WithClock(c *Clock) Option { return func(s *settings) { s.clock = c } }

// MaxConns bounds the pool; it is 20 otherwise, as in production. A race of
// more clients than connections would only be a race for connections.
func MaxConns(n int) Option { return func(s *settings) { s.pool.MaxConns = n } }

// StatementTimeout bounds each statement. It is 10 s otherwise: a busy
// machine must not fail a test that is not about time.
func StatementTimeout(d time.Duration) Option {
	return func(s *settings) { s.pool.StatementTimeout = d }
}

// Before is asked before each statement of the pool; its error is the
// statement's, which then never reaches the server.
func Before(f func(query string) error) Option {
	return func(s *settings) { s.pool.Before = f }
}

// New opens a fresh database, closed and dropped when the test ends.
func New(t testing.TB, options ...Option) *pg.DB {
	t.Helper()
	return Open(t, URL(t), options...)
}

// Open opens one more pool on a database that URL gave, as another process
// would have it. It is closed when the test ends.
func Open(t testing.TB, url string, options ...Option) *pg.DB {
	t.Helper()
	s := settings{pool: pg.Options{StatementTimeout: 10 * time.Second, ConnectTimeout: 10 * time.Second, Name: "latchkey test"}}
	for _, o := range options {
		o(&s)
	}
	db, err := pg.Open(url, s.pool)
	if err != nil {
		t.Fatalf("open test database: %v", err)
	}
	t.Cleanup(func() {
		clocks.Delete(db)
		db.Close() //nolint:errcheck // the database is dropped next
	})
	if s.clock != nil {
		db.Clock = s.clock.Now
		clocks.Store(db, s.clock)
	}
	return db
}

// URL makes a fresh database and gives its address, for what opens its own
// pool. It is dropped when the test ends, with whoever is still connected.
func URL(t testing.TB) string {
	t.Helper()
	url, drop, err := shared.fresh(t.Context())
	if err != nil {
		t.Fatalf("make test database: %v", err)
	}
	t.Cleanup(func() {
		if err := drop(); err != nil {
			t.Errorf("drop test database: %v", err)
		}
	})
	return url
}
