package app_test

import (
	"context"
	"log/slog"
	"net/http"
	"net/http/httptest"
	"net/url"
	"os"
	"slices"
	"strings"
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

// door says who gets an answer of a route: nobody by name (open), who holds a
// sign-in that is not finished, a session, a token with a scope.
type door string

const (
	open         door = "open"
	signInBearer door = "sign-in, by API"
	signInCookie door = "sign-in, on the page"
	bearer       door = "session, by API"
	reads        door = "session or token that reads"
	writes       door = "session or token that writes"
	cookie       door = "session, on the page"
	adminReads   door = "admin's session or token that reads"
	adminWrites  door = "admin's session or token that writes"
	desk         door = "admin's session, on the page"
	apps         door = "session of an app behind forward-auth"
)

// doors are all paths, by what they begin with; the first that fits counts. A
// path that none fits fails: whoever adds one says here whose it is. A method
// may be put before it.
var doors = []struct {
	begins string
	who    door
}{
	{"/api/v1/sign-ups", open}, {"/api/v1/sign-ins/current", signInBearer}, {"/api/v1/sign-ins", open},
	{"/api/v1/password-resets", open}, {"/api/v1/invitations/accept", open},
	{"GET /api/v1/admin", adminReads}, {"/api/v1/admin", adminWrites},
	{"GET /api/v1/me", reads}, {"/api/v1/me", writes},

	{"/sign-in/cancel", open}, {"/sign-in/sso", open}, {"/sso/", open}, {"/sign-in/", signInCookie}, {"/sign-in", open}, {"/sign-up", open}, {"/sign-out", open},
	{"/password-resets", open}, {"/not-me", open}, {"/email-changes", open}, {"/invitations", open},
	{"/account", cookie}, {"/admin", desk},

	{"/forward-auth", apps}, {"/apps/", apps},
	{"/healthz", open}, {"/readyz", open}, {"/openapi.json", open}, {"/docs", open}, {"/static/", open},
}

func doorOf(method, path string) (door, bool) {
	if path == "/" {
		return open, true
	}
	for _, d := range doors {
		if m, rest, said := strings.Cut(d.begins, " "); said && m == method && strings.HasPrefix(path, rest) || strings.HasPrefix(path, d.begins) {
			return d.who, true
		}
	}
	return "", false
}

// caller is one way to ask: a header, and the doors that it opens.
type caller struct {
	name   string
	header [2]string
	may    []door
}

// methods are all that a client can think of; DELETE is last, since it may end
// what asks.
var methods = []string{"GET", "HEAD", "OPTIONS", "TRACE", "PUT", "PATCH", "POST", "DELETE"}

// TestEveryDoorIsShutToEveryoneElse asks every path that is registered, by
// every method, as everybody: nobody gets a 2xx that their door does not say,
// what is not registered is not found, and nothing makes the server fail.
func TestEveryDoorIsShutToEveryoneElse(t *testing.T) {
	t.Parallel()
	h := newCast(t)
	routes, paths := h.app.Routes(), map[string]bool{}
	for _, r := range routes {
		paths[r[strings.IndexByte(r, ' ')+1:]] = true
	}
	entered := map[door]bool{}
	asked := 0
	for path := range paths {
		if _, known := doorOf("GET", path); !known {
			t.Errorf("%s is in no line of doors: say whose it is", path)
			continue
		}
		for _, c := range h.callers(t) {
			for _, method := range methods {
				routed := strings.Replace(method, "HEAD", "GET", 1)
				who, _ := doorOf(routed, path)
				opened := slices.Contains(c.may, who) || who == open
				is := slices.ContainsFunc(routes, func(r string) bool { return fits(r, routed+" "+path) })
				if !is && c.name != "nobody" && !slices.Contains(c.may, who) {
					continue // where there is nothing, two may ask: nobody, and whose the path is
				}
				got := h.ask(method, path, c)
				asked++
				switch {
				case got >= 500:
					t.Errorf("%s %s as %s: %d", method, path, c.name, got)
				case !is && got != http.StatusNotFound:
					t.Errorf("%s %s, which is nothing, as %s: %d", method, path, c.name, got)
				case got < 300 && !opened:
					t.Errorf("%s %s as %s: %d, though it is for %s", method, path, c.name, got, who)
				case got < 300:
					entered[who] = true
				}
			}
		}
	}
	t.Logf("%d paths, %d requests", len(paths), asked)
	for _, d := range []door{open, signInBearer, signInCookie, reads, writes, cookie, adminReads, adminWrites, desk} {
		if !entered[d] {
			t.Errorf("nobody got through the door of a %s: nothing is shown by those who didn't", d)
		}
	}
}

// fits reports whether a request for a path comes to a route: one of its own,
// or one whose parameter stands where the path has a word.
func fits(route, request string) bool {
	a, b := strings.Split(route, "/"), strings.Split(request, "/")
	if len(a) != len(b) {
		return false
	}
	for i := range a {
		if a[i] != b[i] && !strings.HasPrefix(a[i], ":") {
			return false
		}
	}
	return true
}

// cast is the service and two people, a member and an admin.
type cast struct {
	app           *app.App
	db            *pg.DB
	member, admin uuid.UUID
	port          string
}

func newCast(t *testing.T) *cast {
	t.Helper()
	raw, err := seal.Generate()
	if err != nil {
		t.Fatal(err)
	}
	keys, err := seal.Load(raw)
	if err != nil {
		t.Fatal(err)
	}
	at, _ := url.Parse("http://localhost:8080")
	h := &cast{db: pgtest.New(t), port: at.Port()}
	h.app, err = app.New(t.Context(), app.Options{
		Config: &config.Config{BaseURL: at, SignUpOpen: true, Brand: config.Brand{Name: "Latchkey"}},
		DB:     h.db, Keys: keys, Log: slog.New(slog.DiscardHandler),
	})
	if err != nil {
		t.Fatal(err)
	}
	h.member, h.admin = h.person(t, "member@example.com", account.Member), h.person(t, "admin@example.com", account.Admin)
	return h
}

func (h *cast) person(t *testing.T, email string, role account.Role) uuid.UUID {
	t.Helper()
	id := uuid.Must(uuid.NewV7())
	h.tx(t, func(ctx context.Context, tx *pg.Tx) error {
		err := account.CreateTx(ctx, tx, account.User{ID: id, Email: email, EmailVerified: true, Name: "Ada", Role: role, Status: account.Active})
		if err != nil {
			return err
		}
		return guard.CreateTx(ctx, tx, id)
	})
	return id
}

func (h *cast) tx(t *testing.T, do func(context.Context, *pg.Tx) error) {
	t.Helper()
	if err := h.db.InTx(t.Context(), func(tx *pg.Tx) error { return do(t.Context(), tx) }); err != nil {
		t.Fatal(err)
	}
}

// callers are all of them, fresh: a request may end the one that makes it.
func (h *cast) callers(t *testing.T) []caller {
	t.Helper()
	var out []caller
	by := func(token string) [2]string { return [2]string{"Authorization", "Bearer " + token} }
	in := func(what, token string) [2]string {
		return [2]string{"Cookie", "latchkey-" + what + "-" + h.port + "=" + token}
	}
	both := func(name, token, what string, may, page []door) {
		out = append(out, caller{name + ", as bearer", by(token), may}, caller{name + ", as cookie", in(what, token), page})
	}
	out = append(out, caller{name: "nobody"})
	both("garbage", "lks_"+strings.Repeat("A", 43), "session", nil, nil)
	both("garbage of a sign-in", "lki_"+strings.Repeat("A", 43), "sign-in", nil, nil)
	h.tx(t, func(ctx context.Context, tx *pg.Tx) error {
		store, actor := h.app.SignIn.Sessions, audit.Actor{Kind: audit.Anonymous, Address: "192.0.2.1", Device: "test"}
		made := func(user uuid.UUID, front session.Front, life time.Duration) string {
			_, token, err := store.CreateTx(ctx, tx, actor, session.New{
				User: user, Front: front, Assurance: session.Password, Idle: time.Hour, Lifetime: life,
			})
			if err != nil {
				t.Fatal(err)
			}
			return token
		}
		minted := func(user uuid.UUID, scopes ...session.Scope) string {
			_, token, err := store.MintTx(ctx, tx, user, session.NewToken{Name: "script", Scopes: scopes, ExpiresAt: tx.Now.Add(time.Hour)})
			if err != nil {
				t.Fatal(err)
			}
			return token
		}
		for _, step := range []session.Step{session.SecondFactor, session.Enrolment} {
			_, token, err := store.BeginTx(ctx, tx, actor, h.member, session.ByPassword, step)
			if err != nil {
				return err
			}
			both("a sign-in that waits for "+string(step), token, "sign-in", []door{signInBearer}, []door{signInCookie})
			both("its token in the place of a session's", token, "session", []door{signInBearer}, nil)
		}
		both("a member's session by API", made(h.member, session.Bearer, time.Hour), "session", []door{bearer, reads, writes}, nil)
		both("a member's session on the page", made(h.member, session.Cookie, time.Hour), "session", nil, []door{cookie})
		both("a session by API that is over", made(h.member, session.Bearer, -time.Second), "session", nil, nil)
		both("a session on the page that is over", made(h.member, session.Cookie, -time.Second), "session", nil, nil)
		both("an admin's session by API", made(h.admin, session.Bearer, time.Hour), "session", []door{bearer, reads, writes, adminReads, adminWrites}, nil)
		both("an admin's session on the page", made(h.admin, session.Cookie, time.Hour), "session", nil, []door{cookie, desk})
		both("a token that reads", minted(h.admin, session.ScopeRead), "session", []door{reads}, nil)
		both("a token that writes", minted(h.admin, session.ScopeWrite), "session", []door{writes}, nil)
		both("an admin's token that reads", minted(h.admin, session.ScopeAdminRead), "session", []door{adminReads}, nil)
		both("an admin's token that writes", minted(h.admin, session.ScopeAdminWrite), "session", []door{adminWrites}, nil)
		both("a member's token with an admin's scopes", minted(h.member, session.ScopeAdminRead, session.ScopeAdminWrite), "session", nil, nil)
		return nil
	})
	return out
}

// ask sends a request with an empty body to a path whose parameters name a
// user, or something that there is not.
func (h *cast) ask(method, path string, c caller) int {
	parts := strings.Split(path, "/")
	for i, p := range parts {
		switch {
		case p == ":id":
			parts[i] = h.member.String()
		case strings.HasPrefix(p, ":"), strings.HasPrefix(p, "*"):
			parts[i] = "nothing"
		}
	}
	body, kind := "", "application/x-www-form-urlencoded"
	if strings.HasPrefix(path, "/api/") {
		body, kind = "{}", "application/json"
	}
	r := httptest.NewRequest(method, "http://localhost:8080"+strings.Join(parts, "/"), strings.NewReader(body))
	if method != http.MethodGet && method != http.MethodHead {
		r.Header.Set("Content-Type", kind)
	}
	if c.header[0] != "" {
		r.Header.Set(c.header[0], c.header[1])
	}
	w := httptest.NewRecorder()
	h.app.Handler().ServeHTTP(w, r)
	return w.Code
}
