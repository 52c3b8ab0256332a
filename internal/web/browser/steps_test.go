package browser_test

import (
	"strings"
)

// The steps of a walk, each from the page that a person stands on to the next.

// signUp makes the account and proves its address.
func (p *person) signUp(b *tab) {
	b.t.Helper()
	b.open("/")
	b.see("sign_in")
	b.send(`a[href="/sign-up"]`)
	b.see("sign_up")
	b.fill(field("sign-up", "name"), "Ada Lovelace")
	b.fill(field("sign-up", "email"), p.email)
	b.fill(field("sign-up", "password"), p.password)
	b.send(submitOf("sign-up"))
	b.see("sign_in")
	if got := value[string](b, `document.querySelector('[name=email]').value`); got != p.email {
		b.t.Errorf("the address has to be typed again: %q", got)
	}
	b.fill(field("sign-in", "password"), p.password)
	b.send(submitOf("sign-in"))
	b.see("verify")
	b.fill(field("verify-email", "code"), p.mailed())
	b.send(submitOf("verify-email"))
	b.see("offer")
}

// emailOn goes from the offer to a session with codes by email.
func (p *person) emailOn(b *tab) file {
	b.t.Helper()
	b.send(`a[data-way=email]`)
	p.confirm(b)
	b.see("add_email")
	b.send(submitOf("begin-email"))
	b.see("add_email")
	b.fill(field("email-code", "code"), p.mailed())
	b.send(submitOf("email-code"))
	return p.keepKeys(b)
}

// confirm gives the password again; nothing else is on yet.
func (p *person) confirm(b *tab) {
	b.t.Helper()
	b.see("confirm")
	b.fill(field("confirm", "password"), p.password)
	b.send(submitOf("confirm"))
}

// keepKeys downloads the recovery keys and says so.
func (p *person) keepKeys(b *tab) file {
	b.t.Helper()
	b.see("keys")
	if open := value[bool](b, `!document.getElementById('done').disabled`); open == b.scripts {
		b.t.Errorf("before the keys are kept, Done is open: %v", open)
	}
	f := b.download("#download-keys")
	p.put(f)
	// With scripts, having downloaded them is saying so.
	if ticked := value[bool](b, `document.getElementById('saved').checked`); ticked != b.scripts {
		b.t.Errorf("after the download the box is ticked: %v", ticked)
	} else if !ticked {
		b.press("#saved")
	}
	b.send("#done")
	b.see("security")
	return f
}

func (p *person) signOut(b *tab) {
	b.t.Helper()
	b.send("#sign-out")
	b.see("sign_in")
}

// password does the first step.
func (p *person) passwordStep(b *tab) {
	b.t.Helper()
	b.fill(field("sign-in", "email"), p.email)
	b.fill(field("sign-in", "password"), p.password)
	b.send(submitOf("sign-in"))
	b.see("code")
}

// way chooses another way to prove who it is.
func (p *person) way(b *tab, kind string) {
	b.t.Helper()
	b.send(`a[data-way=` + kind + `]`)
	b.see("code")
}

func (p *person) typeCode(b *tab, code string) {
	b.t.Helper()
	b.fill(field("code", "code"), code)
	b.send(submitOf("code"))
}

// appOn adds an app. The name may stay empty.
func (p *person) appOn(b *tab) {
	b.t.Helper()
	b.see("add_app_begin")
	b.fill(field("begin-app", "name"), "Phone")
	b.send(submitOf("begin-app"))
	b.see("add_app")
	b.press("summary")
	p.secret = strings.ReplaceAll(b.text("#secret"), " ", "")
	if scanned := b.scan(".qr img"); scanned.secret != p.secret || !strings.Contains(scanned.label, p.email) {
		b.t.Errorf("the QR gives %+v, the page %q", scanned, p.secret)
	}
	b.fill(field("app-code", "code"), p.appCode())
	b.send(submitOf("app-code"))
}
