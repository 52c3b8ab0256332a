package web_test

import (
	"context"
	"fmt"
	"maps"
	"net/url"
	"os"
	"slices"
	"strings"
	"testing"

	"github.com/google/uuid"

	"latchkey/internal/factor"
	"latchkey/internal/pg"
	"latchkey/internal/pg/pgtest"
	"latchkey/internal/sso/ssotest"
)

// What only pages do is done whole or not at all: each statement of each of
// these ways fails once, as if the connection had broken there. Then nobody is
// signed in, nothing is written down and nothing is mailed; and going the same
// way again leaves what going it once leaves. Every tenth statement is tried;
// with LATCHKEY_STATEMENTS=all, all are.
func TestEveryStatementOfAWayMayFail(t *testing.T) {
	t.Parallel()
	for name, ready := range ways {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			f := pgtest.NewFailing()
			f.Held = "DELETE FROM address_requests" // of whoever mails reset links, beside us
			h, p := ssoHouseBefore(t, f.Before)
			whole := ready(h, p)
			last := whole.arrive()
			f.From(0)
			at := last()
			statements := f.Stop()
			if at.Status >= 500 {
				t.Fatalf("with nothing failing: %d\n%s", at.Status, at.Body)
			}
			want := h.traces(whole.email)
			for n, query := range statements {
				if pgtest.Spared(t, query) || strings.Contains(query, "idempotency_keys") && !strings.Contains(query, "INSERT") {
					continue // what was done once it was done; the form is filled in anew at worst
				}
				h.exec(`DELETE FROM ip_meters`) // of so many journeys
				w := ready(h, p)
				last := w.arrive()
				before := h.traces(w.email)
				f.From(n + 1)
				at := last()
				f.Stop()
				if at.Status < 500 {
					t.Errorf("statement %d failed, and the answer is %d: %s", n+1, at.Status, query)
				}
				if after := h.traces(w.email); after != before {
					t.Errorf("statement %d failed, and left\n%s\nbefore it was\n%s\n%s", n+1, after, before, query)
				}
				if w.again == nil {
					w.again = last
				}
				if at := w.again(); at.Status >= 500 {
					t.Errorf("after statement %d failed: %d: %s", n+1, at.Status, query)
				}
				if got := h.traces(w.email); got != want {
					t.Errorf("after statement %d failed, the same way leaves\n%s\nwant\n%s\n%s", n+1, got, want, query)
				}
			}
		})
	}
}

// What the last call of each way leaves, word for word: which events with what
// in them, which mails, which session.
func TestWhatEachWayLeaves(t *testing.T) {
	t.Parallel()
	h, p := ssoHouse(t)
	var all strings.Builder
	for _, name := range slices.Sorted(maps.Keys(ways)) {
		w := ways[name](h, p)
		last := w.arrive()
		before := strings.Split(h.traces(w.email), "\n")
		last()
		fmt.Fprintf(&all, "%s\n", name)
		for _, line := range strings.Split(h.traces(w.email), "\n") {
			if i := slices.Index(before, line); i >= 0 {
				before = slices.Delete(before, i, i+1)
			} else {
				fmt.Fprintf(&all, "  + %s\n", line)
			}
		}
		for _, line := range before {
			if line != "" {
				fmt.Fprintf(&all, "  - %s\n", line)
			}
		}
	}
	want, err := os.ReadFile("testdata/ways.txt")
	if err != nil {
		t.Fatal(err)
	}
	if all.String() != string(want) {
		t.Errorf("testdata/ways.txt says otherwise:\n%s", all.String())
	}
}

// way is a journey of somebody whom it alone concerns.
type way struct {
	email  string
	arrive func() (last func() *page) // leads up to the call whose statements fail
	again  func() *page               // after a failure; nil: the last call is made once more
}

// once is a way whose last call is good for as often as it is made.
func once(email string, last func() *page) way {
	return way{email: email, arrive: func() func() *page { return last }}
}

// returning is the way back from a provider, which is good once.
func returning(b *browser, email string, leave func() string) way {
	arrive := func() func() *page {
		back := leave()
		return func() *page { return b.peek(back) }
	}
	return way{email, arrive, func() *page { return arrive()() }}
}

// traces are what tells of somebody: account, sessions, events, mails.
func (h *house) traces(email string) string {
	h.t.Helper()
	var all []string
	err := h.db.SelectContext(h.t.Context(), &all, `
		WITH u AS (SELECT * FROM users WHERE email = $1)
		SELECT 'account, password ' || coalesce(left(password_hash, 8), 'none') FROM u
		UNION ALL SELECT 'identity ' || CASE WHEN i.last_used_at IS NULL THEN 'never used' ELSE 'used' END FROM sso_identities i, u WHERE i.user_id = u.id
		UNION ALL SELECT concat_ws(', ', 'session by ' || first_step, assurance, nullif(method, ''),
			CASE WHEN confirmed_until IS NOT NULL THEN 'confirmed' END, CASE WHEN sso_at IS NOT NULL THEN 'proved at the provider' END,
			CASE WHEN confirmed_since IS NOT NULL THEN 'by what was there before' END,
			CASE WHEN s.trusted_device IS NOT NULL THEN 'trusted' END) FROM sessions s, u WHERE s.user_id = u.id
		UNION ALL SELECT 'sign-in ' || CASE WHEN ended_at IS NULL THEN s.status ELSE 'ended' END FROM sign_ins s, u WHERE s.user_id = u.id
		UNION ALL SELECT 'trusted device' FROM trusted_devices d, u WHERE d.user_id = u.id
		UNION ALL SELECT 'known browser' FROM known_browsers b, u WHERE b.user_id = u.id
		UNION ALL SELECT 'code for ' || purpose || CASE WHEN used_at IS NOT NULL THEN ', spent' ELSE '' END FROM codes c, u WHERE c.user_id = u.id
		UNION ALL SELECT concat_ws(' ', 'event', action, 'by', actor_kind, data - 'session') FROM events e, u WHERE e.subject_id = u.id
		UNION ALL SELECT 'mail ' || kind FROM mails WHERE recipient = $1
		ORDER BY 1`, email)
	if err != nil {
		h.t.Fatal(err)
	}
	return strings.Join(all, "\n")
}

// knows has the provider tell of one person whom it never told of.
func knows(p *ssotest.Provider) (email string) {
	id := uuid.NewString()
	p.Claims["sub"], p.Claims["email"] = id, id+"@acme.example"
	return id + "@acme.example"
}

var ways = map[string]func(*house, *ssotest.Provider) way{
	"password, from a browser that is news": func(h *house, _ *ssotest.Provider) way {
		who, b := h.person(), h.browser()
		h.browser().in(who)
		form := b.get("/sign-in")
		return once(who.email, func() *page { return b.send(form, "sign-in", M{"email": who.email, "password": password}) })
	},
	"password, and a code is mailed": func(h *house, _ *ssotest.Provider) way {
		who, b := h.person(factor.Email), h.browser()
		b.in(who)
		b.submit(b.get("/account/security"), "sign-out", nil)
		form := b.get("/sign-in")
		return once(who.email, func() *page { return b.send(form, "sign-in", M{"email": who.email, "password": password}) })
	},
	"password, once more as the answer was lost": func(h *house, _ *ssotest.Provider) way {
		who, b, lost := h.person(factor.Email), h.browser(), h.browser()
		form := b.get("/sign-in")
		lost.send(form, "sign-in", M{"email": who.email, "password": password})
		return once(who.email, func() *page { return b.send(form, "sign-in", M{"email": who.email, "password": password}) })
	},
	"code, and the device is trusted": func(h *house, _ *ssotest.Provider) way {
		who, b := h.person(factor.App), h.browser()
		h.browser().in(who)
		form := b.signIn(who.email, password)
		code := who.appCode()
		return once(who.email, func() *page { return b.send(form, "code", M{"code": code, "trust": "yes"}) })
	},
	"mailed code, in a browser that is known": func(h *house, _ *ssotest.Provider) way {
		who, b := h.person(factor.Email), h.browser()
		b.in(who)
		b.submit(b.get("/account/security"), "sign-out", nil)
		form := b.signIn(who.email, password)
		code := h.mailed(who.email)
		return once(who.email, func() *page { return b.send(form, "code", M{"code": code}) })
	},
	"wrong password": func(h *house, _ *ssotest.Provider) way {
		who, b := h.person(factor.App), h.browser()
		form := b.get("/sign-in")
		return once(who.email, func() *page { return b.send(form, "sign-in", M{"email": who.email, "password": "not it"}) })
	},
	"recovery key": func(h *house, _ *ssotest.Provider) way {
		who, b := h.person(factor.App), h.browser()
		b.signIn(who.email, password)
		form := b.get("/sign-in/code?way=recovery_key")
		return once(who.email, func() *page { return b.send(form, "code", M{"code": who.keys[0]}) })
	},
	"recovery pass": func(h *house, _ *ssotest.Provider) way {
		who, b := h.person(factor.App), h.browser()
		var pass string
		h.tx(func(ctx context.Context, tx *pg.Tx) (err error) {
			pass, _, err = h.app.SignIn.Factors.MakePassTx(ctx, tx, who.id, pg.NewID())
			return err
		})
		b.signIn(who.email, password)
		form := b.get("/sign-in/code?way=recovery_pass")
		return once(who.email, func() *page { return b.send(form, "code", M{"code": pass}) })
	},
	"trusted device": func(h *house, _ *ssotest.Provider) way {
		who, b := h.person(factor.App), h.browser()
		b.submit(b.signIn(who.email, password), "code", M{"code": who.appCode(), "trust": "yes"})
		b.submit(b.get("/account/security"), "sign-out", nil)
		form := b.get("/sign-in")
		return once(who.email, func() *page { return b.send(form, "sign-in", M{"email": who.email, "password": password}) })
	},
	"page of the code": func(h *house, _ *ssotest.Provider) way {
		who, b := h.person(factor.Email), h.browser()
		b.signIn(who.email, password)
		return once(who.email, func() *page { return b.peek("/sign-in/code") })
	},
	"page of an enrolment": func(h *house, _ *ssotest.Provider) way {
		who, b := h.person(), h.browser()
		h.exec(`UPDATE users SET required_from = $2 WHERE id = $1`, who.id, h.clock.Now())
		b.submit(b.signIn(who.email, password), "enrol-app", nil)
		return once(who.email, func() *page { return b.peek("/sign-in/enrol/app") })
	},
	"page of a confirmation": func(h *house, p *ssotest.Provider) way {
		knows(p)
		who, b := h.ssoPerson(p, factor.Email), h.browser()
		at := b.follow(b.sso(p))
		b.submit(at, "code", M{"code": h.mailed(who.email)})
		return once(who.email, func() *page { return b.peek("/account/confirm") })
	},
	"reset link, in a browser that is news": func(h *house, _ *ssotest.Provider) way {
		who, b := h.person(factor.App), h.browser()
		h.browser().in(who)
		form := b.get(b.forgot(h, who.email))
		return once(who.email, func() *page { return b.send(form, "new-password", M{"password": fresh}) })
	},
	"reset link, in a browser that is known": func(h *house, _ *ssotest.Provider) way {
		who, b := h.person(factor.App), h.browser()
		b.in(who)
		b.submit(b.get("/account/security"), "sign-out", nil)
		form := b.get(b.forgot(h, who.email))
		return once(who.email, func() *page { return b.send(form, "new-password", M{"password": fresh}) })
	},
	"provider, for whom nobody knew": func(h *house, p *ssotest.Provider) way {
		email, b := knows(p), h.browser()
		return returning(b, email, func() string { return b.toProvider(p, "/sign-in/sso/acme") })
	},
	"provider, for whom it led in before": func(h *house, p *ssotest.Provider) way {
		knows(p)
		who, b := h.ssoPerson(p), h.browser()
		h.browser().inBySSO(p, who)
		return returning(b, who.email, func() string { return b.toProvider(p, "/sign-in/sso/acme") })
	},
	"provider, and a code is mailed": func(h *house, p *ssotest.Provider) way {
		knows(p)
		who, b := h.ssoPerson(p, factor.Email), h.browser()
		return returning(b, who.email, func() string { return b.toProvider(p, "/sign-in/sso/acme") })
	},
	"provider, for who is disabled": func(h *house, p *ssotest.Provider) way {
		knows(p)
		who, b := h.ssoPerson(p), h.browser()
		h.exec(`UPDATE users SET status = 'disabled' WHERE id = $1`, who.id)
		return returning(b, who.email, func() string { return b.toProvider(p, "/sign-in/sso/acme") })
	},
	"provider confirms": func(h *house, p *ssotest.Provider) way {
		knows(p)
		who, b := h.ssoPerson(p), h.browser()
		b.inBySSO(p, who)
		return returning(b, who.email, func() string { return b.toProvider(p, "/account/confirm/sso/acme") })
	},
	"provider confirms by half": func(h *house, p *ssotest.Provider) way {
		knows(p)
		who, b := h.ssoPerson(p, factor.App), h.browser()
		b.inBySSO(p, who)
		return returning(b, who.email, func() string { return b.toProvider(p, "/account/confirm/sso/acme") })
	},
	"code after a provider confirmed by half": func(h *house, p *ssotest.Provider) way {
		knows(p)
		who, b := h.ssoPerson(p, factor.App), h.browser()
		b.inBySSO(p, who)
		b.peek(b.toProvider(p, "/account/confirm/sso/acme"))
		form := url.Values{"method": {"app"}, "code": {who.appCode()}}
		return once(who.email, func() *page { return b.post("/account/confirm", form) })
	},
	"provider is linked": func(h *house, p *ssotest.Provider) way {
		knows(p)
		who, b := h.person(factor.App), h.browser()
		b.in(who)
		return returning(b, who.email, func() string { return b.leave(p, b.sure(who, linkPage)) })
	},
}
