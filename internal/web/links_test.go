package web_test

import (
	"encoding/json"
	"testing"
	"time"

	"github.com/google/uuid"

	"latchkey/internal/factor"
	"latchkey/internal/policy"
)

// fresh is a password that is not the one before.
const fresh = "lamp orbit cabbage quartz"

// link waits for the newest mail of a kind and gives the token of its link.
func (h *house) link(kind, to string) string {
	h.t.Helper()
	m := h.letter(kind, to)
	return m.Token + m.NotMe + m.Undo
}

// letter is what such a mail says.
type letter struct {
	Token, NotMe, Undo string
	Invited            bool
}

// letter waits for the newest mail of a kind.
func (h *house) letter(kind, to string) letter {
	h.t.Helper()
	h.until("a mail "+kind, func() bool {
		return h.count(`SELECT count(*) FROM mails WHERE kind = $1 AND recipient = $2`, kind, to) > 0
	})
	var row struct {
		ID     uuid.UUID `db:"id"`
		Sealed []byte    `db:"sealed"`
	}
	err := h.db.GetContext(h.t.Context(), &row, `
		SELECT id, sealed FROM mails WHERE kind = $1 AND recipient = $2 ORDER BY created_at DESC, id DESC LIMIT 1`, kind, to)
	if err != nil {
		h.t.Fatal(err)
	}
	plain, err := h.keys.Mail.Open(row.Sealed, "mail", row.ID.String(), kind, to)
	if err != nil {
		h.t.Fatal(err)
	}
	var says struct{ Mail letter }
	if err := json.Unmarshal(plain, &says); err != nil {
		h.t.Fatal(err)
	}
	return says.Mail
}

// until waits for what nobody announces.
func (h *house) until(what string, so func() bool) {
	h.t.Helper()
	tick := time.NewTicker(5 * time.Millisecond)
	defer tick.Stop()
	for end := time.Now().Add(time.Minute); !so(); <-tick.C {
		if time.Now().After(end) {
			h.t.Fatalf("still not so: %s", what)
		}
	}
}

// forgot asks for a reset link and gives the path that is mailed.
func (b *browser) forgot(h *house, email string) string {
	b.t.Helper()
	at := b.get("/sign-in")
	at = b.get(at.attr("#forgot", "href")).want("ask_reset", 200)
	b.submit(at, "ask-reset", M{"email": email}).want("reset_sent", 200)
	return "/password-resets/" + h.link("password_reset", email)
}

func TestAForgottenPassword(t *testing.T) {
	t.Parallel()
	for name, methods := range map[string][]factor.Kind{"no method": nil, "app": {factor.App}, "email": {factor.Email}} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			h := newHouse(t)
			p, elsewhere, b := h.person(methods...), h.browser(), h.browser()
			elsewhere.in(p)
			path := b.forgot(h, p.email)
			at := b.get(path).want("new_password", 200)
			b.get(path).want("new_password", 200) // opening it is not using it
			weak := b.submit(at, "new-password", M{"password": "short"}).want("new_password", 400)
			weak.says("#password-error", "at least")
			elsewhere.get("/account/profile").want("profile", 200)
			b.submit(weak, "new-password", M{"password": fresh}).want("sign_in", 200).says("#notice", "Your password is set")
			elsewhere.get("/account/profile").want("sign_in", 200)
			b.submit(at, "new-password", M{"password": fresh}).want("link_over", 422).says("h1", "did its work")
			again := b.get(path).want("link_over", 422)
			again.one("#ask-reset")
			b.signIn(p.email, password).want("sign_in", 401)

			at = b.signIn(p.email, fresh)
			if methods == nil {
				at.want("offer", 200)
				return
			}
			at.want("code", 200) // the second step is asked for all the same
			if n := h.count(`SELECT count(*) FROM known_browsers WHERE user_id = $1`, p.id); n != 2 {
				t.Errorf("%d browsers are known, not the one elsewhere and the one of the link", n)
			}
		})
	}
}

func TestAskingForALinkTellsNothing(t *testing.T) {
	t.Parallel()
	h := newHouse(t)
	p, b := h.person(), h.browser()
	form := b.get("/password-resets").want("ask_reset", 200)
	b.submit(form, "ask-reset", M{"email": "no address"}).want("ask_reset", 400).says("#email-error", "not an email address")
	form = b.get("/password-resets")
	nobody := b.submit(form, "ask-reset", M{"email": "nobody@example.org"}).want("reset_sent", 200)
	form = b.get("/password-resets")
	var known *page
	for range 3 { // two more presses of the button
		known = b.submit(form, "ask-reset", M{"email": p.email}).want("reset_sent", 200)
	}
	if nobody.text("main") != known.text("main") {
		t.Errorf("%q and %q", nobody.text("main"), known.text("main"))
	}
	path := "/password-resets/" + h.link("password_reset", p.email)
	if n := h.mails(p.email); n != 1 {
		t.Errorf("%d mails", n)
	}
	h.clock.Advance(30 * time.Minute)
	for _, old := range []string{path, "/password-resets/x", "/password-resets/" + "A" + path[len("/password-resets/")+1:]} {
		late := b.get(old).want("link_over", 422)
		late.says("h1", "no longer good")
		late.one("#ask-reset")
	}
}

// Where a reset makes mailbox and password one channel, the code by email is
// not enough; the page says so and a recovery key gets in.
func TestAfterAResetAnotherChannelIsAskedFor(t *testing.T) {
	t.Parallel()
	h := newHouse(t)
	h.rules(func(r *policy.Rules) { r.ResetRequiresOtherChannel = true })
	p, b := h.person(factor.Email), h.browser()
	at := b.get(b.forgot(h, p.email))
	b.submit(at, "new-password", M{"password": fresh}).want("sign_in", 200)
	at = b.signIn(p.email, fresh).want("code", 200)
	refused := b.submit(at, "code", M{"code": "271828"}).want("code", 403) // none was mailed: it would open nothing
	refused.says("#error-summary", "a recovery key")
	at = b.get(refused.attr(`[data-way="recovery_key"]`, "href"))
	b.submit(at, "code", M{"code": p.keys[0]}).want("recovered", 200)
}

// Who signs up with an address that was invited is sent to the invitation: an
// account that waits for it has no password to set anew.
func TestWhoIsInvitedAlreadyIsToldSo(t *testing.T) {
	t.Parallel()
	h := newHouse(t)
	for email, status := range map[string]string{h.person().email: "active", h.person().email: "invited"} {
		h.exec(`UPDATE users SET status = $2 WHERE email = $1`, email, status)
		b := h.browser()
		b.submit(b.get("/sign-up"), "sign-up", M{"name": "Ada", "email": email, "password": fresh})
		if got := h.letter("address_taken", email); got.Invited != (status == "invited") {
			t.Errorf("%s: %+v", status, got)
		}
	}
}
