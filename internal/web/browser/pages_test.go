package browser_test

import (
	"context"
	"testing"

	"github.com/google/uuid"

	"latchkey/internal/pg"
	"latchkey/internal/policy"
)

// Every page, with its errors, is good to look at and to listen to: light and
// dark, on a wide screen and on a phone.

func TestPagesOnTheWayInAreGood(t *testing.T) {
	t.Parallel()
	h := newHouse(t)
	b := newTab(t, h.base)
	p := h.person()

	b.open("/sign-up")
	b.wantGood()
	b.send(submitOf("sign-up"))
	b.wantRefusal("sign_up")
	b.wantGood()
	p.signUp(b)
	b.wantGood()
	b.open("/account/nowhere")
	b.isAt("failure")
	b.wantGood()

	b.open("/account/welcome")
	b.send(`a[data-way=email]`)
	b.wantGood()
	b.send(submitOf("confirm"))
	b.wantRefusal("confirm")
	b.wantGood()
	b.fill(field("confirm", "password"), p.password)
	b.send(submitOf("confirm"))
	b.wantGood()
	b.send(submitOf("begin-email"))
	b.wantGood()
	b.fill(field("email-code", "code"), p.mailed())
	b.send(submitOf("email-code"))
	b.isAt("keys")
	b.wantGood()
	p.keepKeys(b)
	p.signOut(b)
	b.wantGood()

	b.fill(field("sign-in", "email"), p.email)
	b.fill(field("sign-in", "password"), "not this one")
	b.send(submitOf("sign-in"))
	b.wantRefusal("sign_in")
	b.wantGood()
	p.passwordStep(b)
	b.wantGood()
	p.typeCode(b, "12345")
	b.wantRefusal("code")
	b.wantGood()
	p.way(b, "recovery_key")
	b.wantGood()
	p.typeCode(b, p.key())
	b.isAt("recovered")
	b.wantGood()
	h.seen.wantHeaders(t)
}

// wantRefusal: the form again, with its reason first and the focus on it.
func (b *tab) wantRefusal(page string) {
	b.t.Helper()
	b.isAt(page)
	if !b.has("#error-summary") {
		b.t.Errorf("%s does not say what is wrong", b.where())
	}
	if !value[bool](b, `document.activeElement.id === 'error-summary'`) {
		b.t.Errorf("%s: the reason is not read first", b.where())
	}
	if !value[bool](b, `[...document.querySelectorAll('[type=password], [name=code]')].every(e => e.value === '')`) {
		b.t.Errorf("%s gives back what was typed as a secret", b.where())
	}
}

func TestPagesOfTheAccountAreGood(t *testing.T) {
	t.Parallel()
	h := newHouse(t)
	b := newTab(t, h.base)
	p := h.person()
	p.signUp(b)
	p.emailOn(b)
	b.wantGood()

	b.open("/account/security/app")
	b.wantGood()
	b.send(submitOf("begin-app"))
	b.isAt("add_app")
	b.press("summary")
	b.wantGood()
	p.secret = b.scan(".qr img").secret
	b.fill(field("app-code", "code"), p.appCode())
	b.send(submitOf("app-code"))
	b.isAt("security")
	for _, path := range []string{
		"/account/security", "/account/security/off",
		"/account/recovery-keys", "/account/recovery-keys/new", "/account/recovery-keys/check",
		"/account/sessions", "/account/activity", "/account/profile", "/account/password",
	} {
		b.open(path)
		if at := b.where(); at != path {
			t.Errorf("%s leads to %s", path, at)
		}
		b.wantGood()
	}
	b.open("/account/security")
	b.send(`a[data-off=app]`)
	b.isAt("turn_off")
	b.wantGood()
	h.seen.wantHeaders(t)
}

func TestPagesOfARequiredEnrolmentAreGood(t *testing.T) {
	t.Parallel()
	h := newHouse(t)
	h.requireOfEveryone()
	b := newTab(t, h.base)
	p := h.person()
	b.open("/sign-up")
	b.fill(field("sign-up", "name"), "Ada")
	b.fill(field("sign-up", "email"), p.email)
	b.fill(field("sign-up", "password"), p.password)
	b.send(submitOf("sign-up"))
	b.fill(field("sign-in", "password"), p.password)
	b.send(submitOf("sign-in"))
	b.isAt("enrol")
	b.wantGood()
	b.send(submitOf("enrol-email"))
	b.isAt("enrol_email")
	b.wantGood()
	b.open("/sign-in/enrol")
	b.send(submitOf("enrol-app"))
	b.isAt("enrol_app")
	b.press("summary")
	b.wantGood()
	p.secret = b.scan(".qr img").secret
	b.fill(field("app-code", "code"), p.appCode())
	b.send(submitOf("app-code"))
	b.isAt("gate")
	b.wantGood()
	f := b.download("#download-keys")
	p.put(f)
	p.wantFile(f)
	b.send("#done")
	b.isAt("verify") // signed in; the address was never proved
	b.send("#later")
	p.signOut(b)
	p.passwordStep(b)
	b.wantGood()
	h.seen.wantHeaders(t)
	p.wantNoSecrets(p.keys)
}

// requireOfEveryone saves a policy that requires two-factor, with no grace.
func (h *house) requireOfEveryone() {
	h.t.Helper()
	ctx := h.t.Context()
	err := h.db.InTx(ctx, func(tx *pg.Tx) error { return require(ctx, tx) })
	if err != nil {
		h.t.Fatal(err)
	}
}

func require(ctx context.Context, tx *pg.Tx) error {
	now, err := policy.Current(ctx, tx)
	if err != nil {
		return err
	}
	rules := now.Rules
	rules.Require, rules.GraceDays = policy.Everyone, 0
	return policy.AppendTx(ctx, tx, now.Version+1, rules, uuid.Nil)
}
