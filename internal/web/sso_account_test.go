package web_test

import (
	"net/http"
	"net/url"
	"strings"
	"testing"
	"time"

	"latchkey/internal/account"
	"latchkey/internal/config"
	"latchkey/internal/factor"
	"latchkey/internal/sso/ssotest"
)

const (
	linkPage     = "/account/security/sso/acme/link"
	countLinked  = `SELECT count(*) FROM sso_identities WHERE user_id = $1`
	countOpen    = `SELECT count(*) FROM sessions WHERE user_id = $1`
	countNotices = `SELECT count(*) FROM mails WHERE recipient = $1 AND kind = $2`
)

// leave presses the button of the link page, and gives where the provider
// leads back to.
func (b *browser) leave(p *ssotest.Provider, page *page) string {
	b.t.Helper()
	at := b.submit(page.want("sso_link", http.StatusOK), "sso-link", nil).want("sso_leaving", http.StatusOK)
	to := at.attr("#leave", "href")
	if got := at.attr(`meta[http-equiv="refresh"]`, "content"); got != "0;url="+to {
		b.t.Errorf("the page goes on to %q, its button to %q", got, to)
	}
	return p.SignIn(to)
}

// ssoPerson is somebody without a password, known to the provider.
func (h *house) ssoPerson(p *ssotest.Provider, methods ...factor.Kind) *person {
	h.t.Helper()
	who := h.person(methods...)
	h.exec(`UPDATE users SET password_hash = NULL WHERE id = $1`, who.id)
	who.link(p)
	return who
}

// inBySSO signs in through the provider, and by a code where one is asked for.
func (b *browser) inBySSO(p *ssotest.Provider, who *person) {
	b.t.Helper()
	if at := b.follow(b.sso(p)); at.name() == "code" {
		b.submit(at, "code", M{"code": who.appCode()})
	}
	b.get("/account/security").want("security", http.StatusOK)
}

func TestLinkingAProvider(t *testing.T) {
	t.Parallel()
	h, p := ssoHouse(t)
	who, b, other := h.person(factor.App), h.browser(), h.browser()
	b.in(who)
	other.in(who)
	b.get(linkPage).want("confirm", http.StatusOK) // 🔒
	if at := b.post(linkPage, nil); !strings.HasPrefix(at.Header.Get("Location"), "/account/confirm") {
		t.Fatalf("%d to %s", at.Status, at.Header.Get("Location"))
	}
	back := b.leave(p, b.sure(who, linkPage))
	at := b.follow(b.peek(back)).want("security", http.StatusOK)
	at.says("#identities", "Acme person@acme.example")
	at.says(".notice", "It is linked")
	if at.has(`a[data-link="acme"]`) {
		t.Error("it can be linked twice")
	}
	other.get("/account/security").want("sign_in", http.StatusOK) // invariant 7
	if h.count(countLinked, who.id) != 1 || h.count(countNotices, who.email, "sso_linked") != 1 ||
		h.count(`SELECT count(*) FROM events WHERE action = 'sso_linked' AND subject_id = $1`, who.id) != 1 {
		t.Error("identity, notice or event is missing")
	}
	b.peek(back).want("sso_failed", http.StatusForbidden) // again
	b.get("/account/activity").says("main", "Acme was linked")

	// From now on it is the first step, and the app the second.
	again := h.browser()
	code := again.follow(again.sso(p)).want("code", http.StatusOK)
	again.submit(code, "code", M{"code": who.appCode()}).want("security", http.StatusOK)

	// The same identity opens one account, and an account takes one of a provider.
	stranger, their := h.person(), h.browser()
	their.in(stranger)
	refused := their.peek(their.leave(p, their.sure(stranger, linkPage)))
	refused.want("sso_failed", http.StatusConflict).says("#why", "is linked to an account here already")
	p.Claims["sub"] = "person-2"
	b.peek(b.leave(p, b.sure(who, linkPage))).want("sso_failed", http.StatusConflict)
	if h.count(`SELECT count(*) FROM sso_identities`) != 1 {
		t.Error("it was linked all the same")
	}
}

// A link is the session's that began it, while that is confirmed.
func TestALinkBelongsToItsSession(t *testing.T) {
	t.Parallel()
	h, p := ssoHouse(t)
	for name, f := range map[string]func(who *person, b *browser, back string) *page{
		"another session of the same user": func(who *person, b *browser, back string) *page {
			other := h.browser()
			other.in(who)
			other.sure(who, linkPage)
			other.set("sso", b.held("sso"))
			return other.peek(back)
		},
		"another user's session": func(_ *person, b *browser, back string) *page {
			victim, other := h.person(), h.browser()
			other.in(victim)
			other.sure(victim, linkPage)
			other.set("sso", b.held("sso"))
			return other.peek(back)
		},
		"signed out meanwhile": func(_ *person, b *browser, back string) *page {
			b.submit(b.get("/account/security"), "sign-out", nil)
			return b.peek(back)
		},
		"signed out and in again": func(who *person, b *browser, back string) *page {
			b.submit(b.get("/account/security"), "sign-out", nil)
			b.in(who)
			b.sure(who, linkPage)
			return b.peek(back)
		},
		"session ended from elsewhere": func(who *person, b *browser, back string) *page {
			h.exec(`DELETE FROM sessions WHERE user_id = $1`, who.id)
			return b.peek(back)
		},
		// The provider's answer, in a browser that holds no round trip at all.
		"no cookie": func(_ *person, b *browser, back string) *page {
			b.set("sso", "")
			return b.peek(back)
		},
		"confirmation is over": func(_ *person, b *browser, back string) *page {
			h.exec(`UPDATE sessions SET confirmed_until = $1`, h.clock.Now())
			at := b.peek(back)
			if to := at.Header.Get("Location"); to != "/account/confirm" {
				t.Errorf("leads to %q", to)
			}
			return at
		},
	} {
		t.Run(name, func(t *testing.T) {
			who, b := h.person(), h.browser()
			b.in(who)
			at := f(who, b, b.leave(p, b.sure(who, linkPage)))
			if at.Status != http.StatusForbidden && at.Header.Get("Location") != "/account/confirm" {
				t.Errorf("%d\n%s", at.Status, at.Body)
			}
			if h.count(`SELECT count(*) FROM sso_identities`) != 0 {
				t.Fatal("linked")
			}
		})
	}
}

func TestUnlinkingAProvider(t *testing.T) {
	t.Parallel()
	h, p := ssoHouse(t)
	who, b, other := h.person(), h.browser(), h.browser()
	who.link(p)
	b.in(who)
	other.inBySSO(p, who)
	link := b.get("/account/security").attr(`a[data-unlink="Acme"]`, "href")
	b.get(link).want("confirm", http.StatusOK) // 🔒
	ask := b.sure(who, link).want("sso_unlink", http.StatusOK)

	stranger, their := h.person(), h.browser()
	their.in(stranger)
	their.sure(stranger, linkPage)
	their.post(link, url.Values{}) // not theirs
	if h.count(countLinked, who.id) != 1 {
		t.Fatal("another's identity can be unlinked")
	}

	b.submit(ask, "sso-unlink", nil).want("security", http.StatusOK).says(".notice", "It is unlinked")
	if h.count(countLinked, who.id) != 0 || h.count(countOpen, who.id) != 1 || h.count(countNotices, who.email, "sso_unlinked") != 1 {
		t.Error("identity, the other session or no notice is left")
	}
	other.get("/account/security").want("sign_in", http.StatusOK)
	b.submit(ask, "sso-unlink", nil).want("security", http.StatusOK) // a second press
	p.Claims["email"] = who.email
	h.browser().sso(p).want("sso_failed", http.StatusConflict)

	// The last way in stays.
	p.Claims = map[string]any{}
	lone := h.ssoPerson(p)
	b = h.browser()
	b.inBySSO(p, lone)
	b.follow(b.peek(b.toProvider(p, "/account/confirm/sso/acme")))
	link = b.get("/account/security").attr(`a[data-unlink="Acme"]`, "href")
	b.get(link).want("sso_unlink", http.StatusOK).one("#last")
	b.post(link, url.Values{}).want("sso_unlink", http.StatusConflict)
	if h.count(countLinked, lone.id) != 1 {
		t.Error("nobody gets in any more")
	}
}

// Without a password the first half of a confirmation is the provider's, and of
// this moment; with two-factor on a code comes after it.
func TestConfirmingWithoutAPassword(t *testing.T) {
	t.Parallel()
	h, p := ssoHouse(t)
	who, b := h.ssoPerson(p), h.browser()
	b.inBySSO(p, who)
	at := b.get("/account/password").want("confirm", http.StatusOK)
	if at.has(`input[name="password"]`) {
		t.Error("asks for a password that there is not")
	}
	link := at.attr(`a[data-sso="acme"]`, "href")
	led, _ := url.Parse(b.peek(link).Header.Get("Location"))
	if q := led.Query(); q.Get("prompt") != "login" || q.Get("max_age") != "0" {
		t.Errorf("asked for %v", q)
	}
	confirmed := func() int { return h.count(`SELECT count(*) FROM sessions WHERE confirmed_until IS NOT NULL`) }
	for name, c := range map[string]struct {
		claims map[string]any
		says   string
	}{
		"an old proof":       {map[string]any{"auth_time": h.clock.Now().Add(-2 * time.Minute).Unix()}, "did not say that you have just"},
		"no time of a proof": {map[string]any{"auth_time": nil}, "did not say that you have just"},
		"somebody else":      {map[string]any{"sub": "person-2"}, "another account at Acme"},
	} {
		t.Run(name, func(t *testing.T) {
			p.Claims = c.claims
			b.peek(b.toProvider(p, link)).want("sso_failed", http.StatusForbidden).says("#why", c.says)
			if confirmed() != 0 {
				t.Error("confirmed")
			}
		})
	}
	p.Claims = map[string]any{}
	t.Run("begun in another session", func(t *testing.T) {
		other := h.browser()
		other.inBySSO(p, who)
		back := other.toProvider(p, "/account/confirm/sso/acme")
		b.set("sso", other.held("sso"))
		b.peek(back).want("sso_failed", http.StatusForbidden)
		if confirmed() != 0 {
			t.Error("confirmed")
		}
	})
	t.Run("the password's form", func(t *testing.T) {
		b.post("/account/confirm", url.Values{"password": {password}}).want("confirm", http.StatusForbidden)
	})
	before := b.held("session")
	set := b.follow(b.peek(b.toProvider(p, link))).want("password", http.StatusOK)
	if b.held("session") == before {
		t.Error("the session kept its token")
	}
	b.submit(set, "password", M{"password": fresh}).want("profile", http.StatusOK)
	// With a password of their own that is what is asked for.
	h.clock.Advance(11 * time.Minute)
	at = b.get("/account/password").want("confirm", http.StatusOK)
	at.one(`input[name="password"]`)
	b.peek(b.toProvider(p, "/account/confirm/sso/acme")).want("sso_failed", http.StatusConflict)
	b.submit(at, "confirm", M{"password": fresh}).want("password", http.StatusOK)
}

func TestConfirmingWithoutAPasswordButACode(t *testing.T) {
	t.Parallel()
	h, p := ssoHouse(t)
	who, b := h.ssoPerson(p, factor.App), h.browser()
	b.inBySSO(p, who)
	form := url.Values{"method": {"app"}, "code": {who.appCode()}}
	b.post("/account/confirm", form).want("confirm", http.StatusForbidden) // the code alone
	link := b.get("/account/password").attr(`a[data-sso="acme"]`, "href")
	at := b.follow(b.peek(b.toProvider(p, link))).want("confirm", http.StatusOK)
	at.says("main", "enter a code")
	if h.count(`SELECT count(*) FROM sessions WHERE confirmed_until IS NOT NULL`) != 0 {
		t.Fatal("the provider alone confirms")
	}
	b.submit(at, "confirm", M{"code": "000000"}).want("confirm", http.StatusUnprocessableEntity)
	b.submit(at, "confirm", M{"code": who.appCode()}).want("password", http.StatusOK)
	// It was good for one confirmation, and is good for five minutes.
	b.post("/account/confirm", url.Values{"method": {"app"}, "code": {who.appCode()}}).want("confirm", http.StatusForbidden)
	b.follow(b.peek(b.toProvider(p, link)))
	h.clock.Advance(5 * time.Minute)
	b.post("/account/confirm", url.Values{"method": {"app"}, "code": {who.appCode()}}).want("confirm", http.StatusForbidden)
}

// What ends with the account, with its takeover, and with "this wasn't me".
func TestIdentitiesEnd(t *testing.T) {
	t.Parallel()
	for name, f := range map[string]func(h *house, p *ssotest.Provider, who *person, b *browser){
		"with the account": func(h *house, p *ssotest.Provider, who *person, b *browser) {
			b.inBySSO(p, who)
			b.follow(b.peek(b.toProvider(p, "/account/confirm/sso/acme")))
			b.submit(b.get("/account/delete").want("leave", http.StatusOK), "leave", M{"email": who.email}).want("sign_in", http.StatusOK)
		},
		// Prepared by somebody who knew the address; its owner takes it over.
		"with who prepared the account": func(h *house, p *ssotest.Provider, who *person, b *browser) {
			h.exec(`UPDATE users SET email_verified_at = NULL, ever_verified = false WHERE id = $1`, who.id)
			b.submit(b.get("/password-resets"), "ask-reset", M{"email": who.email})
			at := b.get("/password-resets/" + h.link("password_reset", who.email))
			b.submit(at, "new-password", M{"password": fresh})
		},
		"linked by a stranger": func(h *house, p *ssotest.Provider, who *person, b *browser) {
			h.exec(`DELETE FROM sso_identities`)
			h.exec(`UPDATE users SET password_hash = $2 WHERE id = $1`, who.id, h.passwordHash())
			thief := h.browser()
			thief.in(who)
			thief.follow(thief.peek(thief.leave(p, thief.sure(who, linkPage))))
			if h.count(countLinked, who.id) != 1 {
				h.t.Fatal("not linked")
			}
			b.submit(b.get("/not-me/"+h.link("sso_linked", who.email)), "report", nil).want("reported", http.StatusOK)
		},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			h, p := ssoHouse(t)
			who := h.ssoPerson(p)
			f(h, p, who, h.browser())
			if h.count(`SELECT count(*) FROM sso_identities`) != 0 {
				t.Error("it still opens an account")
			}
			p.Claims["email"] = who.email
			b := h.browser()
			b.sso(p)
			if n := h.count(`SELECT count(*) FROM sessions WHERE user_id = $1`, who.id); n != 0 {
				t.Errorf("%d sessions", n)
			}
		})
	}
}

// An identity that was there before the reported change stays: nobody who
// reads old mail can lock its owner out.
func TestThisWasntMeLeavesOlderIdentities(t *testing.T) {
	t.Parallel()
	h, p := ssoHouse(t)
	who := h.person()
	who.link(p)
	h.clock.Advance(time.Hour)
	thief, owner := h.browser(), h.browser()
	thief.in(who)
	thief.submit(thief.sure(who, "/account/password"), "password", M{"password": fresh}).want("profile", http.StatusOK)
	owner.submit(owner.get("/not-me/"+h.link("password_changed", who.email)), "report", nil).want("reported", http.StatusOK)
	if h.count(countLinked, who.id) != 1 {
		t.Error("it is gone")
	}
}

func TestAdminsSeeLinkedProviders(t *testing.T) {
	t.Parallel()
	h, p := ssoHouse(t)
	boss, who, b := h.person(factor.App), h.ssoPerson(p), h.browser()
	h.exec(`UPDATE users SET role = 'admin' WHERE id = $1`, boss.id)
	b.in(boss)
	b.get("/admin/users/"+who.id.String()).want("admin_user", http.StatusOK).says("#identities", "Acme person@acme.example")
}

// Whoever has no password reads of none: neither what their sessions rest on,
// nor what happened, nor what there is to change.
func TestNoPasswordIsNamedWhereThereIsNone(t *testing.T) {
	t.Parallel()
	h, p := ssoHouse(t)
	who, b := h.ssoPerson(p), h.browser()
	b.inBySSO(p, who)
	at := b.get("/account/security")
	at.says("#methods-title ~ .empty", "Your sign-on provider alone signs you in")
	at.says("#change-password", "Set a password")
	b.get("/account/profile").says("#change-password", "Set a password")
	at = b.get("/account/password").want("confirm", http.StatusOK)
	b.follow(b.peek(b.toProvider(p, at.attr(`main a[href*="/sso/acme"]`, "href")))).want("password", http.StatusOK).says("h1", "Set a password")
	b.get("/account/sessions").says("main", "Single sign-on only")
	at = b.get("/account/activity")
	at.says("#events", "Signed in with single sign-on")
	at.says("#events", "Confirmed with single sign-on")

	proof, q := ssoHouse(t, func(one *config.SSOProvider) { one.SecondFactor, one.ProofAMR = config.SSOAcceptProof, []string{"mfa"} })
	q.Claims["amr"] = []string{"mfa"}
	other, its := proof.ssoPerson(q, factor.App), proof.browser()
	its.inBySSO(q, other)
	its.get("/account/sessions").says("main", "Single sign-on with its own second factor")
	boss, desk := proof.person().as(account.Admin), proof.browser()
	desk.in(boss)
	desk.get(other.page()).says("#sessions", "Single sign-on with its own second factor")
}
