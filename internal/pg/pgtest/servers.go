package pgtest

import (
	"os"
	"testing"

	"latchkey/internal/devstack"
)

// Redis starts a Redis for this test alone and gives its URL: a real server
// where there is one, else one in process. Under CI=true it has to be real.
func Redis(t testing.TB) string {
	t.Helper()
	return RedisServer(t).URL
}

// RedisServer is Redis for tests that halt, crash and start it again.
func RedisServer(t testing.TB) *devstack.Redis {
	t.Helper()
	r, err := devstack.StartRedis(t.Context(), os.Getenv("CI") == "true")
	if err != nil {
		t.Fatalf("start Redis: %v", err)
	}
	t.Cleanup(func() {
		if err := r.Stop(); err != nil {
			t.Errorf("stop Redis: %v", err)
		}
	})
	return r
}

// Mailbox starts a mail server for this test alone; its URL method is the
// SMTP_URL to give.
func Mailbox(t testing.TB, options ...devstack.MailboxOption) *devstack.Mailbox {
	t.Helper()
	m, err := devstack.NewMailbox(options...)
	if err != nil {
		t.Fatalf("start mailbox: %v", err)
	}
	t.Cleanup(func() {
		if err := m.Close(); err != nil {
			t.Errorf("stop mailbox: %v", err)
		}
	})
	return m
}

// Server starts a Postgres cluster for this test alone, for tests that halt,
// crash and start it again; its database is empty and not migrated.
func Server(t testing.TB) *devstack.Postgres {
	t.Helper()
	p, err := devstack.StartPostgres(t.Context(), nil)
	if err != nil {
		t.Fatalf("start Postgres: %v", err)
	}
	t.Cleanup(func() {
		if err := p.Stop(); err != nil {
			t.Errorf("stop Postgres: %v", err)
		}
	})
	return p
}
