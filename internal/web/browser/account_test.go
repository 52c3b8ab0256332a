package browser_test

import (
	"context"
	"regexp"
	"strings"
	"testing"

	"latchkey/internal/devstack"
)

// withApp is somebody signed in, with an app and recovery keys, on the page
// about security. The last screens asked for the password, so guarded pages
// are open.
func (h *house) withApp(b *tab) *person {
	h.t.Helper()
	p := h.person()
	p.signUp(b)
	b.send(`a[data-way=app]`)
	p.confirm(b)
	p.appOn(b)
	p.keepKeys(b)
	return p
}

// linked waits for a mail with a link to such a page, and gives its path.
func (p *person) linked(page string) string {
	p.t.Helper()
	ctx, cancel := context.WithTimeout(p.t.Context(), patience)
	defer cancel()
	link := regexp.MustCompile(regexp.QuoteMeta(p.h.base) + `(/` + page + `/[A-Za-z0-9_-]{43})\b`)
	m, err := p.h.box.Wait(ctx, func(m devstack.Mail) bool { return m.IsTo(p.email) && link.MatchString(m.Text) })
	if err != nil {
		p.t.Fatalf("no mail for %s with a link to %s: %v", p.email, page, err)
	}
	return link.FindStringSubmatch(m.Text)[1]
}

// signIn goes from the sign-in page to the page that somebody came for.
func (p *person) signIn(b *tab, page string) {
	b.t.Helper()
	p.passwordStep(b)
	p.typeCode(b, p.appCode())
	b.see(page)
}

// sure gives password and code again where that is asked for.
func (p *person) sure(b *tab) {
	b.t.Helper()
	if !b.has(`form[data-form=confirm]`) {
		return
	}
	b.see("confirm")
	b.fill(field("confirm", "password"), p.password)
	b.fill(field("confirm", "code"), p.appCode())
	b.send(submitOf("confirm"))
}

func TestAnAppIsReplacedAndReset(t *testing.T) {
	t.Parallel()
	h := newHouse(t)
	b := newTab(t, h.base)
	p := h.withApp(b)
	lost := p.secret

	// The phone is gone: a recovery key, and no other key after it.
	p.signOut(b)
	p.passwordStep(b)
	p.way(b, "recovery_key")
	p.typeCode(b, p.key())
	b.see("recovered")
	b.send(`[data-replace]`)
	p.appOn(b)
	b.see("security")
	p.signOut(b)
	p.passwordStep(b)
	renewed := p.secret
	p.secret = lost
	p.typeCode(b, p.appCode())
	b.see("code") // the old one is refused
	p.secret = renewed
	p.typeCode(b, p.appCode())
	b.see("security")

	b.send("#reset-app")
	p.sure(b)
	b.see("reset_app")
	b.send(submitOf("reset-app"))
	b.see("sign_in")
	b.fill(field("sign-in", "email"), p.email)
	b.fill(field("sign-in", "password"), p.password)
	b.send(submitOf("sign-in"))
	b.see("enrol")
	if b.has("#skip") {
		t.Error("after a reset the enrolment can be put off")
	}
}

func TestKeysAreRegeneratedAndPrinted(t *testing.T) {
	t.Parallel()
	h := newHouse(t)
	b := newTab(t, h.base)
	p := h.withApp(b)
	old := p.keys[0]
	b.send("#new-keys")
	p.sure(b)
	b.see("keys_new")
	if !b.says("Your 10 unused keys stop working") {
		t.Error("the page does not say how many die")
	}
	b.send(submitOf("new-keys"))
	p.keepKeys(b)
	b.send("#view-keys")
	p.sure(b)
	b.see("keys")
	b.send("#print-view")
	b.see("keys_print")
	sheet := b.text(".large-keys")
	if strings.Contains(sheet, old) || !strings.Contains(sheet, p.keys[9]) {
		t.Errorf("on paper:\n%s", sheet)
	}
	if size := value[float64](b, `parseFloat(getComputedStyle(document.querySelector('.large-keys code')).fontSize)`); size < 18 {
		t.Errorf("keys of %v pixels are not large", size)
	}
	b.open("/account/recovery-keys/check")
	b.see("key_check")
	b.fill(field("check-key", "key"), old)
	b.send(submitOf("check-key"))
	if got := value[string](b, `document.querySelector('#key-state').dataset.state`); got != "replaced" {
		t.Errorf("a key of the old set is %s", got)
	}
}

func TestAnAddressIsChangedAndBroughtBack(t *testing.T) {
	t.Parallel()
	h := newHouse(t)
	b := newTab(t, h.base)
	p := h.withApp(b)
	first := p.email
	b.open("/account/profile")
	b.see("profile")
	b.send("#change-email")
	p.sure(b)
	b.see("email_change")
	b.fill(field("email-change", "email"), "moved-"+first)
	b.send(submitOf("email-change"))
	b.see("email_change")
	p.email = "moved-" + first
	b.fill(field("email-change-code", "code"), p.mailed())
	b.send(submitOf("email-change-code"))
	b.see("profile")
	if got := b.text("#email"); !strings.Contains(got, "moved-"+first) {
		t.Errorf("the profile says %q", got)
	}

	p.email = first
	owner := newTab(t, h.base)
	owner.open(p.linked("email-changes/undo"))
	owner.see("report")
	owner.send(submitOf("report"))
	owner.see("reported")
	b.reload()
	b.see("sign_in")
	p.signIn(b, "profile")
}

// A forgotten password is set by a link, and the second step is asked for all
// the same, whichever method that is.
func TestAPasswordIsForgotten(t *testing.T) {
	t.Parallel()
	for method, c := range map[string]struct {
		set  func(*house, *tab) *person
		back func(*person, *tab)
	}{
		"app": {(*house).withApp, func(p *person, b *tab) { p.signIn(b, "security") }},
		"recovery key": {(*house).withApp, func(p *person, b *tab) {
			p.passwordStep(b)
			p.way(b, "recovery_key")
			p.typeCode(b, p.key())
			b.see("recovered")
		}},
		"email": {(*house).withEmail, func(p *person, b *tab) {
			p.passwordStep(b)
			p.typeCode(b, p.mailed())
			b.see("security")
		}},
	} {
		t.Run(method, func(t *testing.T) {
			h := newHouse(t)
			b := newTab(t, h.base)
			p := c.set(h, b)
			p.signOut(b)
			path := p.forgets(b)
			c.back(p, b)
			b.open(path)
			b.see("link_over")
		})
	}
}

// forgets sets a new password by the mailed link, whose path it gives, and ends
// at the sign-in page.
func (p *person) forgets(b *tab) string {
	b.t.Helper()
	b.send("#forgot")
	b.see("ask_reset")
	b.fill(field("ask-reset", "email"), p.email)
	b.send(submitOf("ask-reset"))
	b.see("reset_sent")
	path := p.linked("password-resets")
	b.open(path)
	b.see("new_password")
	p.password = "lamp orbit cabbage quartz"
	b.fill(field("new-password", "password"), p.password)
	b.send(submitOf("new-password"))
	b.see("sign_in")
	return path
}

// withEmail is the same with codes by email.
func (h *house) withEmail(b *tab) *person {
	h.t.Helper()
	p := h.person()
	p.signUp(b)
	p.emailOn(b)
	return p
}

func TestSomeoneElseIsShownOut(t *testing.T) {
	t.Parallel()
	h := newHouse(t)
	b := newTab(t, h.base)
	p := h.withApp(b)
	path := p.linked("not-me") // of the notice that the app is on
	owner := newTab(t, h.base)
	owner.open(path)
	owner.see("report")
	b.reload()
	b.see("security") // opening it did nothing
	owner.send(submitOf("report"))
	owner.see("reported")
	b.reload()
	b.see("sign_in")
	p.signIn(b, "security")
	b.send("#new-keys")
	p.sure(b)
	b.see("failure") // the app is no older than what was reported
}
