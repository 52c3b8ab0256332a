package browser_test

import (
	"strings"
	"testing"

	"github.com/chromedp/chromedp"
)

// How many screens the main jobs take, counted from a screen that a person has
// to do something on to the one where the job is done, which is not counted.
// README's figures are these.

// Bounds of each job: one more is a decision, not an accident.
const (
	mostToAppOffered  = 6 // sign in, offer, confirm, name, scan, keys
	mostToAppRequired = 4 // sign in, choose, scan, keys
	mostToEmail       = 6 // sign in, offer, confirm, what it is worth, code, keys
	mostByApp         = 2
	mostByRecoveryKey = 3 // password, "try another way", key
)

func TestScreensFromTheFirstPageOfDev(t *testing.T) {
	t.Parallel()
	h := newHouse(t)
	if err := h.app.SeedDemo(t.Context()); err != nil {
		t.Fatal(err)
	}
	b := newTab(t, h.base)
	p := h.person()
	p.email, p.password = "user@example.com", "latchkey-demo"

	b.open("/")
	b.see("sign_in")
	p.typePassword(b)
	b.see("offer")
	b.send(`a[data-way=app]`)
	p.confirm(b)
	p.appOn(b)
	p.keepKeys(b)
	b.counted("from the first page of dev to an app, offered", mostToAppOffered)

	p.signOut(b)
	b.screens = []string{"sign_in"}
	p.typePassword(b)
	b.see("code")
	p.typeCode(b, p.appCode())
	b.see("security")
	b.counted("sign-in with an app", mostByApp)

	p.signOut(b)
	b.screens = []string{"sign_in"}
	p.typePassword(b)
	b.see("code")
	p.way(b, "recovery_key")
	p.typeCode(b, p.key())
	b.see("recovered")
	b.counted("sign-in with a recovery key", mostByRecoveryKey)

	mail := newTab(t, h.base)
	p.email = "admin@example.com"
	mail.open("/")
	mail.see("sign_in")
	p.typePassword(mail)
	mail.see("offer")
	p.emailOn(mail)
	mail.counted("from the first page of dev to codes by email, offered", mostToEmail)
}

func TestScreensOfARequiredEnrolment(t *testing.T) {
	t.Parallel()
	h := newHouse(t)
	if err := h.app.SeedDemo(t.Context()); err != nil {
		t.Fatal(err)
	}
	b := newTab(t, h.base)
	p := h.person()
	p.email, p.password = "required@example.com", "latchkey-demo"

	b.open("/")
	b.see("sign_in")
	p.typePassword(b)
	b.see("enrol")
	b.send(submitOf("enrol-app"))
	b.see("enrol_app")
	p.secret = b.scan(".qr img").secret
	b.fill(field("app-code", "code"), p.appCode())
	b.send(submitOf("app-code"))
	b.see("gate")
	p.put(b.download("#download-keys"))
	b.send("#done")
	b.see("security")
	b.counted("from the first page of dev to an app, required", mostToAppRequired)
	if len(p.keys) != 10 {
		t.Errorf("%d keys in hand", len(p.keys))
	}
}

// typePassword does the first step, wherever it leads.
func (p *person) typePassword(b *tab) {
	b.t.Helper()
	b.fill(field("sign-in", "email"), p.email)
	b.fill(field("sign-in", "password"), p.password)
	b.send(submitOf("sign-in"))
}

// counted tells how many screens there were before this one.
func (b *tab) counted(job string, most int) {
	b.t.Helper()
	n := len(b.screens) - 1
	b.t.Logf("%s: %d screens (%s)", job, n, strings.Join(b.screens[:n], ", "))
	if n > most {
		b.t.Errorf("%s takes %d screens, not %d", job, n, most)
	}
}

// TestCopyAndPrint presses what only scripts do.
func TestCopyAndPrint(t *testing.T) {
	t.Parallel()
	h := newHouse(t)
	if err := h.app.SeedDemo(t.Context()); err != nil {
		t.Fatal(err)
	}
	b := newTab(t, h.base)
	b.allowClipboard()
	p := h.person()
	p.email, p.password = "required@example.com", "latchkey-demo"
	b.open("/")
	p.typePassword(b)
	b.send(submitOf("enrol-app"))
	b.press("summary")
	b.press("[data-copy=secret]")
	p.secret = b.scan(".qr img").secret
	until(t, "the secret is copied", func() bool { return b.clipboard() == p.secret })
	b.fill(field("app-code", "code"), p.appCode())
	b.send(submitOf("app-code"))
	b.isAt("gate")
	b.do(chromedp.Evaluate[chromedp.Void](`window.print = () => { window.printed = true }`))
	b.press("#print-keys")
	if !value[bool](b, `window.printed === true && !document.getElementById('done').disabled`) {
		t.Error("printing the keys does not print, or does not open Done")
	}
	b.press("#copy-keys")
	until(t, "the keys are copied", func() bool { return strings.Count(b.clipboard(), "-") == 10*3 })
}
