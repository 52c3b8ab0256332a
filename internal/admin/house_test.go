package admin

import (
	"context"
	"fmt"
	"os"
	"sync"
	"testing"

	"github.com/google/uuid"

	"latchkey/internal/account"
	"latchkey/internal/audit"
	"latchkey/internal/factor"
	"latchkey/internal/guard"
	"latchkey/internal/mail"
	"latchkey/internal/pg"
	"latchkey/internal/pg/pgtest"
	"latchkey/internal/policy"
	"latchkey/internal/proof"
	"latchkey/internal/seal"
	"latchkey/internal/session"
)

func TestMain(m *testing.M) { os.Exit(pgtest.Main(m)) }

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

type house struct {
	*Flow
	t     testing.TB
	clock *pgtest.Clock
}

func newHouse(t testing.TB) *house {
	t.Helper()
	clock, keys := pgtest.NewClock("2026-03-02 12:00:00"), keyset()
	db := pgtest.New(t, pgtest.WithClock(clock))
	outbox, sessions, links := mail.NewOutbox(keys.Mail), session.NewStore(keys.Tokens), account.NewLinks(keys.Tokens)
	factors := factor.NewStore(keys, outbox)
	if err := policy.Ensure(t.Context(), db, true); err != nil {
		t.Fatal(err)
	}
	return &house{t: t, clock: clock, Flow: New(Flow{
		DB: db, Keys: keys, Passwords: account.NewPasswords(), Sessions: sessions, Factors: factors, Outbox: outbox,
		Judge: &proof.Judge{Factors: factors, Sessions: sessions, Outbox: outbox, Links: links}, Links: links, Brand: "Latchkey",
	})}
}

var (
	host    = audit.Actor{Kind: audit.Host}
	nowhere = session.Session{}
)

func (h *house) user(role account.Role) uuid.UUID {
	h.t.Helper()
	id := pg.NewID()
	ctx := h.t.Context()
	err := h.DB.InTx(ctx, func(tx *pg.Tx) error {
		u := account.User{ID: id, Email: fmt.Sprintf("%s@example.org", id), EmailVerified: true, Name: "Ada", Role: role, Status: account.Active}
		if err := account.CreateTx(ctx, tx, u); err != nil {
			return err
		}
		return guard.CreateTx(ctx, tx, id)
	})
	if err != nil {
		h.t.Fatal(err)
	}
	return id
}

// session is one of a user, confirmed a moment ago.
func (h *house) session(user uuid.UUID) session.Session {
	h.t.Helper()
	var out session.Session
	ctx := h.t.Context()
	err := h.DB.InTx(ctx, func(tx *pg.Tx) error {
		p, err := policy.Current(ctx, tx)
		if err != nil {
			return err
		}
		out, _, err = h.Sessions.CreateTx(ctx, tx, audit.Actor{Kind: audit.User, ID: user}, session.New{
			User: user, Front: session.Bearer, Assurance: session.Password, Idle: p.Idle(), Lifetime: p.Lifetime(), Confirmed: p.Confirmation(),
		})
		return err
	})
	if err != nil {
		h.t.Fatal(err)
	}
	return out
}

func (h *house) count(query string, args ...any) (n int) {
	h.t.Helper()
	if err := h.DB.GetContext(context.Background(), &n, query, args...); err != nil {
		h.t.Fatal(err)
	}
	return n
}
