package web_test

import (
	"strings"
	"testing"
	"time"

	"latchkey/internal/factor"
)

// The code page says what there is, preferred first, the recovery key and an
// admin's recovery pass last.
func TestTheCodePageOffersWhatThereIs(t *testing.T) {
	t.Parallel()
	h := newHouse(t)
	p, b := h.person(factor.App, factor.Email), h.browser()
	at := b.signIn(p.email, password).want("code", 200)
	if h.mails(p.email) != 0 || at.attr(`input[name="method"]`, "value") != "app" {
		t.Error("a code was mailed though the app is preferred")
	}
	in := at.one("#code")
	if in.AttrOr("inputmode", "") != "numeric" || in.AttrOr("autocomplete", "") != "one-time-code" {
		t.Error("phones don't fill the code in")
	}
	var ways []string
	for _, s := range at.Doc.Find("[data-way]").EachIter() {
		ways = append(ways, s.AttrOr("data-way", ""))
	}
	if strings.Join(ways, " ") != "email recovery_key recovery_pass" {
		t.Errorf("%v", ways)
	}
	at = b.get("/sign-in/code?way=email").want("code", 200)
	if at.has("#delivery") || h.mails(p.email) != 0 {
		t.Error("looking at a method mails a code")
	}
	at = b.submit(at, "send-code", nil).want("code", 200)
	at.says("#delivery", "on its way")
	for range 3 { // reload, a second press: one mail
		b.submit(b.get("/sign-in/code?way=email"), "send-code", nil)
	}
	if n := h.mails(p.email); n != 1 {
		t.Errorf("%d mails", n)
	}
	b.submit(at, "cancel-sign-in", nil).want("sign_in", 200)
	b.get("/sign-in/code").want("sign_in", 200).says("#notice", "over")

	h.exec(`UPDATE recovery_keys SET used_at = now() WHERE user_id = $1`, p.id)
	if at = b.signIn(p.email, password); at.has(`[data-way="recovery_key"]`) {
		t.Error("a recovery key is offered where none is left")
	}
}

// Each state of the mail is said, with the reference of the request.
func TestTheDeliveryLine(t *testing.T) {
	t.Parallel()
	h := newHouse(t)
	p, b := h.person(factor.Email), h.browser()
	at := b.signIn(p.email, password).want("code", 200)
	reference := at.text("#reference")
	for _, c := range []struct{ set, words string }{
		{`UPDATE mails SET state = 'sent', sealed = NULL, sent_at = '2026-03-02 12:03:00+00'`, "Sent at 12:03 UTC to p•••@example.org."},
		{`UPDATE mails SET state = 'refused', sent_at = NULL`, "refused"},
		{`UPDATE mails SET state = 'expired'`, "expired"},
	} {
		h.exec(c.set)
		at = b.get("/sign-in/code")
		at.says("#delivery", c.words)
		if at.text("#reference") != reference {
			t.Error("the reference has changed")
		}
		if news := b.get("/sign-in/delivery"); !strings.Contains(news.Body, reference[len("Request "):]) || news.Header.Get("Cache-Control") != "no-store" {
			t.Errorf("%s", news.Body)
		}
	}
	for range 6 { // the budget of the hour
		h.exec(`UPDATE sign_ins SET ended_at = now() WHERE user_id = $1`, p.id)
		h.clock.Advance(time.Second)
		at = b.signIn(p.email, password).want("code", 200)
	}
	at.says("#delivery", "held back")
	if !at.has(`[data-way="recovery_key"]`) {
		t.Error("nothing else is offered")
	}
	b.submit(at, "send-code", nil).want("code", 429).says("#error-summary", "You can ask for the next one in")
}

// Errors name the next step, and tie themselves to the field.
func TestCodeErrorsNameTheNextStep(t *testing.T) {
	t.Parallel()
	h := newHouse(t)
	p, b := h.person(factor.App), h.browser()
	at := b.signIn(p.email, password).want("code", 200)
	b.submit(at, "code", nil).want("code", 400).says("#code-error", "Type the code")
	for _, words := range []string{"not the code", "You have 3 tries left", "You have 2 tries left", "You have one try left"} {
		got := b.submit(at, "code", M{"code": "000000"}).want("code", 422)
		got.says("#code-error", words)
		if got.attr("#code", "aria-describedby") != "code-error" || got.attr("#code", "aria-invalid") != "true" ||
			got.attr("#error-summary", "tabindex") != "-1" {
			t.Error("the error is not tied to its field")
		}
		if !strings.HasPrefix(got.Doc.Find("title").Text(), "Error:") {
			t.Error("the title does not say so")
		}
	}
	b.submit(at, "code", M{"code": "000000"}).want("sign_in", 422).says("#error-summary", "it was the last try")
	b.get("/sign-in/code").want("sign_in", 200)

	at = b.signIn(p.email, password).want("code", 200)
	got := b.submit(at, "code", M{"code": p.appCode()})
	if got.name() == "code" {
		got.want("code", 429).says("#error-summary", "You can try again in")
		if got.Header.Get("Retry-After") == "" {
			t.Error("no Retry-After")
		}
	}
}

func TestUsedAndExpiredCodesAreCalledSo(t *testing.T) {
	t.Parallel()
	h := newHouse(t)
	p := h.person(factor.App)
	one, two := h.browser(), h.browser()
	code := p.appCode()
	one.submit(one.signIn(p.email, password), "code", M{"code": code}).want("security", 200)
	two.submit(two.signIn(p.email, password), "code", M{"code": code}).want("code", 422).says("#code-error", "Wait for the next one")

	e := h.person(factor.Email)
	at := two.signIn(e.email, password)
	old := h.mailed(e.email)
	h.clock.Advance(11 * time.Minute)
	got := two.submit(at, "code", M{"code": old}).want("code", 422)
	got.says("#code-error", "its time is over")
	got.says("#delivery", "expired")
}

// A trusted device skips the second step, and its cookie lives as long as the
// policy says.
func TestATrustedDeviceIsNotAskedAgain(t *testing.T) {
	t.Parallel()
	h := newHouse(t)
	p, b := h.person(factor.App), h.browser()
	at := b.signIn(p.email, password).want("code", 200)
	done := b.send(at, "code", M{"code": p.appCode(), "trust": "yes"})
	c := done.cookie("trusted-device")
	if c == nil || c.MaxAge != 30*24*3600 {
		t.Fatalf("%v", c)
	}
	b.submit(b.get("/account/security"), "sign-out", nil)
	b.signIn(p.email, password).want("security", 200)
	at = b.get("/account/sessions").want("sessions", 200)
	b.submit(at, "end-device", nil).says("#notice", "asked for a code again")
	b.submit(at, "end-device", nil).says("#notice", "already done")
}
