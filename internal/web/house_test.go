package web_test

import (
	"bytes"
	"context"
	"fmt"
	"log/slog"
	"net/http/httptest"
	"net/mail"
	"net/url"
	"sync"
	"sync/atomic"
	"testing"
	"time"

	"github.com/google/uuid"

	"latchkey/internal/account"
	"latchkey/internal/account/accounttest"
	"latchkey/internal/app"
	"latchkey/internal/config"
	"latchkey/internal/edge"
	"latchkey/internal/factor"
	"latchkey/internal/guard"
	"latchkey/internal/pg"
	"latchkey/internal/pg/pgtest"
	"latchkey/internal/policy"
	"latchkey/internal/seal"
)

// house is the whole service on a database of the test's own and a clock that
// the test moves.
type house struct {
	t     testing.TB
	db    *pg.DB
	clock *pgtest.Clock
	keys  *seal.Keys
	app   *app.App
	base  string
	log   *lockedBuffer
}

// lockedBuffer is a log that several requests write.
type lockedBuffer struct {
	mu sync.Mutex
	b  bytes.Buffer
}

func (l *lockedBuffer) Write(p []byte) (int, error) {
	l.mu.Lock()
	defer l.mu.Unlock()
	return l.b.Write(p)
}

func (l *lockedBuffer) String() string {
	l.mu.Lock()
	defer l.mu.Unlock()
	return l.b.String()
}

const password = "quiet otters drift at 5"

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

// newHouse starts the service; set changes its settings.
func newHouse(t testing.TB, set ...func(*config.Config)) *house {
	t.Helper()
	return houseBefore(t, nil, set...)
}

// houseBefore is one where before is asked before each statement; nil: nobody is.
func houseBefore(t testing.TB, before func(query string) error, set ...func(*config.Config)) *house {
	t.Helper()
	h := &house{t: t, clock: pgtest.NewClock("2026-03-02 12:00:05"), keys: keyset(), log: &lockedBuffer{}}
	h.db = pgtest.New(t, pgtest.WithClock(h.clock), pgtest.Before(before))
	srv := httptest.NewUnstartedServer(nil)
	h.base = "http://" + srv.Listener.Addr().String()
	at, err := url.Parse(h.base)
	if err != nil {
		t.Fatal(err)
	}
	cfg := &config.Config{
		BaseURL: at, SignUpOpen: true, Brand: config.Brand{Name: "Latchkey", SupportEmail: "help@example.com"},
		MailFrom: mail.Address{Name: "Latchkey", Address: "no-reply@example.com"},
	}
	for _, s := range set {
		s(cfg)
	}
	h.app, err = app.New(t.Context(), app.Options{Config: cfg, DB: h.db, Keys: h.keys, Log: slog.New(slog.NewTextHandler(h.log, &slog.HandlerOptions{Level: slog.LevelDebug}))})
	if err != nil {
		t.Fatal(err)
	}
	accounttest.Quick(h.app.SignIn.Passwords)
	srv.Config = edge.Server(h.app.Handler())
	srv.Start()
	t.Cleanup(srv.Close)
	return h
}

func (h *house) passwordHash() string { return accounttest.Hash(h.app.SignIn.Passwords, password) }

func (h *house) tx(f func(ctx context.Context, tx *pg.Tx) error) {
	h.t.Helper()
	if err := h.db.InTx(h.t.Context(), func(tx *pg.Tx) error { return f(h.t.Context(), tx) }); err != nil {
		h.t.Fatal(err)
	}
}

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

// mails counts what was queued to an address, of every kind.
func (h *house) mails(to string) int {
	h.t.Helper()
	return h.count(`SELECT count(*) FROM mails WHERE recipient = $1`, to)
}

// person is a user with what only the person would know.
type person struct {
	h      *house
	id     uuid.UUID
	email  string
	secret string
	keys   []string
}

var persons atomic.Int64

// person makes a user with methods on; the first is the preferred one.
func (h *house) person(methods ...factor.Kind) *person {
	h.t.Helper()
	id := pg.NewID()
	p := &person{h: h, id: id, email: fmt.Sprintf("person%d@example.org", persons.Add(1))}
	h.tx(func(ctx context.Context, tx *pg.Tx) error {
		err := account.CreateTx(ctx, tx, account.User{
			ID: id, Email: p.email, EmailVerified: true, Name: "Ada", Role: account.Member,
			Status: account.Active, PasswordHash: h.passwordHash(),
		})
		if err != nil {
			return err
		}
		if err := guard.CreateTx(ctx, tx, id); err != nil {
			return err
		}
		for _, k := range methods {
			if err := p.turnOn(ctx, tx, k); err != nil {
				return err
			}
		}
		return nil
	})
	return p
}

func (p *person) turnOn(ctx context.Context, tx *pg.Tx, k factor.Kind) error {
	store := p.h.app.SignIn.Factors
	e, err := store.BeginTx(ctx, tx, p.id, p.id, k, "Phone", uuid.Nil)
	if err != nil {
		return err
	}
	if k == factor.Email {
		err = store.TurnOnEmailTx(ctx, tx, p.id, e)
	} else {
		p.secret = e.Secret
		_, err = store.ProveAppTx(ctx, tx, p.id, e, codeAt(p.h, e.Secret, -1), 0)
	}
	if err != nil {
		return err
	}
	if len(p.keys) == 0 {
		set, err := store.NewSetTx(ctx, tx, p.id)
		if err != nil {
			return err
		}
		p.keys = set.Shown()
		if err := factor.SavedTx(ctx, tx, p.id, true); err != nil {
			return err
		}
	}
	return account.ProvedTx(ctx, tx, p.id, string(k))
}

func codeAt(h *house, secret string, off factor.Step) string {
	h.t.Helper()
	code, err := factor.CodeAt(secret, factor.StepAt(h.clock.Now())+off)
	if err != nil {
		h.t.Fatal(err)
	}
	return code
}

// appCode waits for the next code of the app, as a person would.
func (p *person) appCode() string {
	p.h.t.Helper()
	p.h.clock.Advance(30 * time.Second)
	return codeAt(p.h, p.secret, 0)
}

// mailed reads the newest code that was mailed to somebody.
func (h *house) mailed(email string) string {
	h.t.Helper()
	var row struct {
		ID     uuid.UUID `db:"id"`
		User   uuid.UUID `db:"user_id"`
		Sealed []byte    `db:"sealed"`
	}
	err := h.db.GetContext(h.t.Context(), &row, `
		SELECT id, user_id, sealed FROM codes WHERE address = $1 AND sealed IS NOT NULL
		ORDER BY created_at DESC, id DESC LIMIT 1`, email)
	if err != nil {
		h.t.Fatal(err)
	}
	code, err := h.keys.Mail.Open(row.Sealed, "code", row.User.String(), row.ID.String())
	if err != nil {
		h.t.Fatal(err)
	}
	return string(code)
}
