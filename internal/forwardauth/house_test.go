package forwardauth_test

import (
	"context"
	"log/slog"
	"net/http"
	"net/http/httptest"
	"net/mail"
	"net/netip"
	"net/url"
	"os"
	"sync"
	"testing"
	"time"

	"github.com/google/uuid"

	"latchkey/internal/account"
	"latchkey/internal/app"
	"latchkey/internal/audit"
	"latchkey/internal/config"
	"latchkey/internal/guard"
	"latchkey/internal/pg"
	"latchkey/internal/pg/pgtest"
	"latchkey/internal/seal"
	"latchkey/internal/session"
)

func TestMain(m *testing.M) { os.Exit(pgtest.Main(m)) }

// house is the whole service at https://id.example.com, as a proxy in front of
// it sees it, with rules for the apps beside it.
type house struct {
	t     testing.TB
	db    *pg.DB
	clock *pgtest.Clock
	cfg   *config.Config
	app   *app.App
	h     http.Handler
}

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

func newHouse(t testing.TB, set ...func(*config.Config)) *house {
	t.Helper()
	h := &house{t: t, clock: pgtest.NewClock("2026-03-02 12:00:05")}
	h.db = pgtest.New(t, pgtest.WithClock(h.clock))
	h.cfg = &config.Config{
		BaseURL: &url.URL{Scheme: "https", Host: "id.example.com"}, Brand: config.Brand{Name: "Latchkey"},
		MailFrom: mail.Address{Address: "no-reply@example.com"}, CookieDomain: "example.com",
		TrustedProxies: []netip.Prefix{netip.MustParsePrefix("10.0.0.0/8")},
		AppRules: []config.AppRule{
			{Host: "app.example.com", Path: "/public", Allow: config.AllowAll},
			{Host: "app.example.com", Path: "/admin", Allow: config.AllowSignedIn, Roles: []string{"admin"}},
			{Host: "app.example.com", Path: "/vault", Allow: config.AllowTwoFactor},
			{Host: "app.example.com", Path: "/", Allow: config.AllowSignedIn},
		},
	}
	for _, change := range set {
		change(h.cfg)
	}
	var err error
	h.app, err = app.New(t.Context(), app.Options{Config: h.cfg, DB: h.db, Keys: keyset(), Log: slog.New(slog.DiscardHandler)})
	if err != nil {
		t.Fatal(err)
	}
	h.h = h.app.Handler()
	return h
}

// person is a user with a session on the pages.
type person struct {
	id      uuid.UUID
	session session.Session
	token   string // of the session, as its cookie has it
}

func (h *house) person(change func(*account.User), a session.Assurance) person {
	h.t.Helper()
	p := person{id: uuid.New()}
	u := account.User{
		ID: p.id, Email: p.id.String()[:8] + "@example.org", EmailVerified: true, Name: "Ada Löw",
		Role: account.Member, Status: account.Active,
	}
	if change != nil {
		change(&u)
	}
	h.tx(func(ctx context.Context, tx *pg.Tx) (err error) {
		if err := account.CreateTx(ctx, tx, u); err != nil {
			return err
		}
		if err := guard.CreateTx(ctx, tx, p.id); err != nil {
			return err
		}
		p.session, p.token, err = h.app.SignIn.Sessions.CreateTx(ctx, tx, audit.Actor{Device: "Firefox"}, session.New{
			User: p.id, Front: session.Cookie, Assurance: a, Idle: time.Hour, Lifetime: 24 * time.Hour,
		})
		return err
	})
	return p
}

func (h *house) tx(f func(context.Context, *pg.Tx) error) {
	h.t.Helper()
	if err := h.db.InTx(h.t.Context(), func(tx *pg.Tx) error { return f(h.t.Context(), tx) }); err != nil {
		h.t.Fatal(err)
	}
}

// cookie is what the apps' hosts have of a person.
func (h *house) cookie(p person) string {
	return "__Secure-latchkey-app=" + h.app.SignIn.Sessions.ForwardToken(p.session)
}

// ask is a question of a proxy: pairs of header and value on top.
func (h *house) ask(door, original, cookie string, more ...string) *httptest.ResponseRecorder {
	h.t.Helper()
	r := httptest.NewRequest("GET", "http://latchkey.internal:8080"+door, nil)
	r.RemoteAddr = "10.1.2.3:5555"
	if original != "" {
		r.Header.Set("X-Original-URL", original)
	}
	if cookie != "" {
		r.Header.Set("Cookie", cookie)
	}
	for i := 0; i+1 < len(more); i += 2 {
		r.Header.Add(more[i], more[i+1])
		if more[i] == "RemoteAddr" {
			r.RemoteAddr = more[i+1]
		}
	}
	w := httptest.NewRecorder()
	h.h.ServeHTTP(w, r)
	return w
}

// visit opens a page of ours in a browser.
func (h *house) visit(path string, cookies ...string) *httptest.ResponseRecorder {
	r := httptest.NewRequest("GET", "https://id.example.com"+path, nil)
	for _, c := range cookies {
		r.Header.Add("Cookie", c)
	}
	w := httptest.NewRecorder()
	h.h.ServeHTTP(w, r)
	return w
}
