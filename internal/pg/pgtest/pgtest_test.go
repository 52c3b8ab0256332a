package pgtest_test

import (
	"context"
	"fmt"
	"net/url"
	"os"
	"os/exec"
	"strings"
	"sync"
	"testing"
	"time"

	"latchkey/internal/pg"
	"latchkey/internal/pg/pgtest"
)

func TestMain(m *testing.M) { os.Exit(pgtest.Main(m)) }

func TestDatabaseIsMigratedAndOnesOwn(t *testing.T) {
	t.Parallel()
	for i := range 4 {
		t.Run(fmt.Sprint(i), func(t *testing.T) {
			t.Parallel()
			db := pgtest.New(t)
			var users int
			if err := db.Get(&users, `SELECT count(*) FROM users`); err != nil {
				t.Fatal(err)
			}
			if users != 0 {
				t.Errorf("%d users in a fresh database", users)
			}
			if _, err := db.Exec(`CREATE TABLE mine (id int)`); err != nil {
				t.Errorf("the database is shared: %v", err)
			}
		})
	}
}

func TestDatabaseIsDroppedAtTheEnd(t *testing.T) {
	t.Parallel()
	var address string
	t.Run("inner", func(t *testing.T) {
		address = pgtest.URL(t)
		pgtest.Open(t, address)
		open := pgtest.Open(t, address) // somebody who is still connected
		if err := open.Ping(); err != nil {
			t.Fatal(err)
		}
	})
	name, _ := url.Parse(address)
	db := pgtest.New(t)
	var left int
	if err := db.Get(&left, `SELECT count(*) FROM pg_database WHERE datname = $1`, name.Path[1:]); err != nil {
		t.Fatal(err)
	}
	if left != 0 {
		t.Error("the database is still there")
	}
}

func TestClockStandsAndMoves(t *testing.T) {
	t.Parallel()
	db := pgtest.New(t, pgtest.At("2026-01-02 03:04:05"))
	clock := pgtest.ClockOf(db)
	var wg sync.WaitGroup
	for range 10 {
		wg.Go(func() { clock.Advance(time.Second) })
	}
	wg.Wait()
	err := db.InTx(t.Context(), func(tx *pg.Tx) error {
		if want := time.Date(2026, 1, 2, 3, 4, 15, 0, time.UTC); !tx.Now.Equal(want) {
			t.Errorf("the transaction happens at %s, want %s", tx.Now, want)
		}
		return nil
	})
	if err != nil {
		t.Fatal(err)
	}
}

func TestFortyClientsAtOnce(t *testing.T) {
	t.Parallel()
	db := pgtest.New(t, pgtest.MaxConns(40))
	ready, release := make(chan struct{}), make(chan struct{})
	var wg sync.WaitGroup
	for range 40 {
		wg.Go(func() {
			conn, err := db.Conn(t.Context())
			ready <- struct{}{}
			if err != nil {
				t.Error(err)
				return
			}
			<-release
			conn.Close() //nolint:errcheck // back to the pool
		})
	}
	for range 40 {
		<-ready
	}
	close(release)
	wg.Wait()
}

func TestServerComesBackAfterACrash(t *testing.T) {
	t.Parallel()
	p := pgtest.Server(t)
	db := pgtest.Open(t, p.URL)
	if err := db.Ping(); err != nil {
		t.Fatal(err)
	}
	p.Crash()
	eventually(t, "it stops answering", func() bool { return db.Ping() != nil }) // a process of the server may live a moment longer
	if err := p.Start(context.Background()); err != nil {
		t.Fatal(err)
	}
	eventually(t, "the pool finds the server again", func() bool { return db.Ping() == nil })
}

func eventually(t *testing.T, what string, so func() bool) {
	t.Helper()
	for end := time.Now().Add(20 * time.Second); !so(); time.Sleep(20 * time.Millisecond) {
		if time.Now().After(end) {
			t.Fatalf("never: %s", what)
		}
	}
}

func TestRedisComesBack(t *testing.T) {
	t.Parallel()
	r := pgtest.RedisServer(t)
	before := r.URL
	r.Crash()
	if err := r.Start(t.Context()); err != nil {
		t.Fatal(err)
	}
	if r.URL != before {
		t.Errorf("it moved from %s to %s", before, r.URL)
	}
}

// Several test binaries may be pointed at one server, and come at once.
func TestBinariesShareAGivenServer(t *testing.T) {
	t.Parallel()
	p := pgtest.Server(t)
	var wg sync.WaitGroup
	for range 2 {
		wg.Go(func() {
			cmd := exec.CommandContext(t.Context(), os.Args[0], "-test.run=^TestDatabaseIsMigratedAndOnesOwn$")
			cmd.Env = append(os.Environ(), "TEST_DATABASE_URL="+p.URL)
			if out, err := cmd.CombinedOutput(); err != nil {
				t.Errorf("%v: %s", err, out)
			}
		})
	}
	wg.Wait()
	db := pgtest.Open(t, p.URL)
	var names []string
	if err := db.Select(&names, `SELECT datname FROM pg_database WHERE datname LIKE ANY ('{test%,latchkey%}')`); err != nil {
		t.Fatal(err)
	}
	if len(names) != 1 || !strings.HasPrefix(names[0], "latchkey_template_") || strings.HasSuffix(names[0], "_new") {
		t.Errorf("the server now has %q, want the template alone", names)
	}
}
