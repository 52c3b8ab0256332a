package browser_test

import (
	"testing"
	"time"

	"github.com/chromedp/chromedp"
)

// Whatever a person does twice happens once: a reload, the back button, two
// presses of a button, the same page in two tabs. With scripts off it is the
// server alone that sees to it.

func TestTwiceIsOnce(t *testing.T)               { t.Parallel(); twice(t) }
func TestTwiceIsOnceWithoutScripts(t *testing.T) { t.Parallel(); twice(t, withoutScripts) }

// friendly are pages that say where a person is; a bare error is none of them.
func (b *tab) friendly() {
	b.t.Helper()
	if page := value[string](b, `document.body.dataset.page ?? ''`); page == "" || page == "failure" {
		b.t.Errorf("at %s a person is told: %s", b.where(), value[string](b, `document.body.innerText.slice(0, 300)`))
	}
}

// again does to a page what must change nothing, and comes back to it.
func (p *person) again(b *tab) {
	b.t.Helper()
	mails, at := p.mails(), b.where()
	b.reload()
	b.friendly()
	other := b.beside(p.options...)
	other.open(at)
	other.friendly()
	if there := other.where(); there != at {
		b.t.Errorf("%s opened in another tab is %s", at, there)
	}
	other.close()
	b.back()
	b.friendly()
	b.open(at)
	if here := b.where(); here != at {
		b.t.Errorf("after going back %s is %s", at, here)
	}
	if n := p.mails(); n != mails {
		b.t.Errorf("%s: reload, back and a second tab mailed %d times", at, n-mails)
	}
}

// sendTwice presses a button twice, as an impatient finger does. A script sees
// to it that one press is sent. Without it the server has done the first when
// the second comes, and the browser never gets to see the first answer.
func (p *person) sendTwice(b *tab, selector string) {
	b.t.Helper()
	path := value[string](b, `new URL(document.querySelector($?).form.action).pathname`, selector)
	before, want := p.h.seen.count("POST", path), 2
	// By place: while a page waits for the next one nothing in it can be asked for.
	mid := value[[]float64](b, `(() => {
		const e = document.querySelector($?)
		e.scrollIntoView({ block: 'center' })
		const r = e.getBoundingClientRect()
		return [r.x + r.width / 2, r.y + r.height / 2]
	})()`, selector)
	at := chromedp.MouseClickXY(mid[0], mid[1])
	b.leaving("pressing "+selector+" twice", func() {
		if b.scripts {
			want = 1
			b.do(chromedp.DoubleClick(chromedp.CSS(selector), chromedp.NodeVisible))
			return
		}
		done := p.h.seen.slowly("POST", path)
		b.do(at)
		select {
		case <-done:
		case <-time.After(patience):
			b.t.Fatalf("%s was not sent", path)
		}
		b.do(at)
	})
	b.friendly()
	if n := p.h.seen.count("POST", path) - before; n != want {
		b.t.Errorf("two presses sent %s %d times, not %d", path, n, want)
	}
}

// sendTokenTwice is sendTwice for a form whose answer brings a fresh token. With
// that answer lost the person has to sign in again, which a page says; so
// without a script it is pressed once here.
func (p *person) sendTokenTwice(b *tab, selector string) {
	b.t.Helper()
	if b.scripts {
		p.sendTwice(b, selector)
		return
	}
	b.send(selector)
	b.friendly()
}

// sendFromTwo sends the same form from two tabs, one after the other.
func (p *person) sendFromTwo(b *tab, selector string, fill func(*tab)) {
	b.t.Helper()
	other := b.beside(p.options...)
	other.open(b.where())
	fill(b)
	fill(other)
	b.send(selector)
	other.send(selector)
	b.friendly()
	other.friendly()
	other.close()
}

// sendAgain asks for the mail once more inside its countdown, where it can be
// asked for: a script shuts the button until then.
func (b *tab) sendAgain() {
	b.t.Helper()
	if shut := value[bool](b, `document.getElementById('send-code').disabled`); shut != b.scripts {
		b.t.Errorf("inside the countdown the button is shut: %v", shut)
	} else if !shut {
		b.send("#send-code")
	}
}

func twice(t *testing.T, options ...tabOption) {
	h := newHouse(t)
	b := newTab(t, h.base, options...)
	p := h.person()
	p.options = options

	b.open("/sign-up")
	b.fill(field("sign-up", "name"), "Ada")
	b.fill(field("sign-up", "email"), p.email)
	b.fill(field("sign-up", "password"), p.password)
	p.sendTwice(b, submitOf("sign-up"))
	b.isAt("sign_in")
	p.wantMails(map[string]int{"verify_email": 1}) // and none that the address is taken

	b.back() // and once more what was typed before
	b.fill(field("sign-up", "name"), "Ada")
	b.fill(field("sign-up", "email"), p.email)
	b.fill(field("sign-up", "password"), p.password)
	b.send(submitOf("sign-up"))
	b.friendly()

	b.open("/sign-in")
	b.fill(field("sign-in", "email"), p.email)
	b.fill(field("sign-in", "password"), p.password)
	p.sendTokenTwice(b, submitOf("sign-in"))
	b.isAt("verify")
	p.again(b)
	code := p.mailed()
	p.sendFromTwo(b, submitOf("verify-email"), func(b *tab) { b.fill(field("verify-email", "code"), code) })
	b.isAt("offer")
	p.again(b)

	b.send(`a[data-way=email]`)
	p.again(b)
	b.fill(field("confirm", "password"), p.password)
	p.sendTokenTwice(b, submitOf("confirm"))
	b.isAt("add_email")
	p.again(b)
	p.sendTwice(b, submitOf("begin-email"))
	b.isAt("add_email")
	p.again(b)
	b.sendAgain()
	code = p.mailed()
	b.fill(field("email-code", "code"), code)
	p.sendTwice(b, submitOf("email-code"))
	b.isAt("keys")
	p.again(b)
	keys := value[string](b, `document.getElementById('recovery-keys').innerText`)
	b.press("#saved")
	p.sendTwice(b, "#done")
	b.isAt("security")
	b.send("#view-keys")
	if now := value[string](b, `document.getElementById('recovery-keys').innerText`); now != keys {
		t.Error("the keys are others than those that were saved")
	}
	p.put(b.download("#download-keys"))
	p.wantMails(map[string]int{"verify_email": 1, "address_taken": 1, "enrolment_code": 1, "method_on": 1})

	b.open("/account/security")
	p.sendTwice(b, "#sign-out")
	b.isAt("sign_in")
	p.twiceAtSignIn(b)
	h.seen.wantHeaders(t)
}

// twiceAtSignIn signs in by email and by recovery key, everything twice.
func (p *person) twiceAtSignIn(b *tab) {
	b.t.Helper()
	mails := p.mails()
	b.fill(field("sign-in", "email"), p.email)
	b.fill(field("sign-in", "password"), p.password)
	p.sendTokenTwice(b, submitOf("sign-in"))
	b.isAt("code")
	p.again(b)
	b.sendAgain()
	b.isAt("code")
	if n := p.mails() - mails; n != 1 {
		b.t.Errorf("one sign-in mailed %d times", n)
	}
	code := p.mailed()
	p.sendFromTwo(b, submitOf("code"), func(b *tab) { b.fill(field("code", "code"), code) })
	b.isAt("security")
	b.back()
	b.friendly()
	b.open("/sign-in/code") // a page of a sign-in that is over
	b.friendly()
	b.open("/account/security")
	if n := p.h.count(`SELECT count(*) FROM sessions`); n != 1 {
		b.t.Errorf("%d sessions, of one sign-in that is not over", n)
	}
	p.signOut(b)

	p.passwordStep(b)
	p.way(b, "recovery_key")
	p.again(b)
	b.fill(field("code", "code"), p.key())
	p.sendTokenTwice(b, submitOf("code"))
	b.isAt("recovered")
	p.again(b)
	if n := p.h.count(`SELECT count(*) FROM recovery_keys WHERE used_at IS NOT NULL`); n != 1 {
		b.t.Errorf("%d keys are spent", n)
	}
	p.twiceAtApp(b)
}

// twiceAtApp adds an app, everything twice.
func (p *person) twiceAtApp(b *tab) {
	b.t.Helper()
	b.open("/account/security/app")
	b.fill(field("begin-app", "name"), "Phone")
	p.sendTwice(b, submitOf("begin-app"))
	b.isAt("add_app")
	p.again(b)
	p.secret = b.scan(".qr img").secret
	b.fill(field("app-code", "code"), p.appCode())
	mails := p.mails()
	p.sendTwice(b, submitOf("app-code"))
	b.isAt("security")
	if n := p.mails() - mails; n != 1 {
		b.t.Errorf("turning on an app mailed %d times", n)
	}
	if n := value[int](b, `document.querySelectorAll('#methods [data-method=app]').length`); n != 1 {
		b.t.Errorf("%d apps are on", n)
	}
	b.back()
	b.friendly()
	b.open("/account/security/app/code") // the secret is gone
	b.friendly()
	if b.has("#secret") || b.has(".qr") {
		b.t.Errorf("%s shows a secret that was proved", b.where())
	}
}
