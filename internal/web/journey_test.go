package web_test

import (
	"net/url"
	"strings"
	"testing"
	"time"

	"latchkey/internal/factor"
	"latchkey/internal/policy"
)

// The way of a new user: from the first page to a second factor by email,
// keys in hand, then in by a key, and on to an app.
func TestJourneyFromSignUpToAnApp(t *testing.T) {
	t.Parallel()
	h := newHouse(t)
	b := h.browser()
	const email, pass = "ann@example.com", "lamp orbit cabbage quartz"

	at := b.get("/")
	at.want("sign_in", 200)
	at = b.submit(b.get("/sign-up"), "sign-up", M{"name": "Ann", "email": email, "password": pass})
	at.want("sign_in", 200).says("#notice", "sign in with your new password")
	if at.attr("#email", "value") != email {
		t.Error("the address is asked for again")
	}
	at = b.submit(at, "sign-in", M{"password": pass}).want("verify", 200)
	at.says("#reference", "Request ")
	at = b.submit(at, "verify-email", M{"code": h.mailed(email)}).want("offer", 200)
	at.says("#notice", "verified")
	at = b.get(at.attr(`[data-way="email"]`, "href")).want("confirm", 200)
	at = b.submit(at, "confirm", M{"password": pass}).want("add_email", 200)
	at = b.submit(at, "begin-email", nil).want("add_email", 200)
	code := h.mailed(email)
	at = b.submit(at, "email-code", M{"code": " " + code[:3] + " " + code[3:]}).want("keys", 200)

	keys := strings.Fields(at.text("#keys-text"))
	if len(keys) != 10 {
		t.Fatalf("%d keys", len(keys))
	}
	file := b.get(at.attr("#download-keys", "href"))
	if !strings.HasPrefix(file.Header.Get("Content-Disposition"), `attachment; filename="latchkey-recovery-keys-`) ||
		!strings.Contains(file.Body, keys[9]) || !strings.Contains(file.Body, email) || !strings.Contains(file.Body, "\r\n") {
		t.Errorf("%v\n%s", file.Header, file.Body)
	}
	b.submit(at, "keys-saved", nil).want("keys", 400).says("#saved-error", "Tick the box")
	at = b.submit(at, "keys-saved", M{"saved": "yes"}).want("security", 200)
	at.says("#methods", "Email: as safe as your mailbox")
	b.submit(at, "sign-out", nil).want("sign_in", 200)

	h.clock.Advance(time.Minute)
	at = b.signIn(email, pass).want("code", 200)
	at.says("h1", "mailed you")
	b.submit(at, "code", M{"code": h.mailed(email)}).want("security", 200)
	b.submit(b.get("/account/security"), "sign-out", nil)

	h.clock.Advance(time.Minute)
	b.signIn(email, pass)
	at = b.get("/sign-in/code?way=recovery_key").want("code", 200)
	if at.attr("#code", "autocapitalize") != "characters" || at.attr("#code", "spellcheck") != "false" {
		t.Error("the field of a recovery key is corrected by phones")
	}
	at = b.submit(at, "code", M{"code": strings.ToLower(keys[0])}).want("recovered", 200)
	at.says("#keys-left", "9 recovery keys are left")

	// A key counts as a confirmation: no other is asked for.
	at = b.get("/account/security/app").want("add_app_begin", 200)
	at = b.submit(at, "begin-app", M{"name": "Phone"}).want("add_app", 200)
	secret := strings.ReplaceAll(at.text("#secret"), " ", "")
	if !strings.Contains(at.attr("#otpauth", "href"), "secret="+secret) ||
		!strings.HasPrefix(at.attr(".qr img", "src"), "data:image/png;base64,") {
		t.Error("link, picture and text differ")
	}
	if again := b.get("/account/security/app/code"); strings.ReplaceAll(again.text("#secret"), " ", "") != secret {
		t.Error("a reload shows another secret")
	}
	at = b.submit(at, "app-code", M{"code": codeAt(h, secret, 0)}).want("security", 200)
	at.says("#methods", "Authenticator app: stronger")
	if strings.Contains(b.get("/account/security/app/code").Body, secret) {
		t.Error("the secret is shown after it was proved")
	}
	b.submit(b.get("/account/security"), "sign-out", nil)

	h.clock.Advance(time.Minute)
	b.signIn(email, pass)
	at = b.get("/sign-in/code?way=app").want("code", 200)
	b.submit(at, "code", M{"code": codeAt(h, secret, 0)}).want("security", 200)
}

// Where two-factor is required, the way in leads through an enrolment.
func TestJourneyThroughARequiredEnrolment(t *testing.T) {
	t.Parallel()
	for _, kind := range []string{"app", "email"} {
		t.Run(kind, func(t *testing.T) {
			t.Parallel()
			h := newHouse(t)
			p, b := h.person(), h.browser()
			h.exec(`UPDATE users SET required_from = now() - interval '1 year' WHERE id = $1`, p.id)
			at := b.signIn(p.email, password).want("enrol", 200)
			if at.has("#skip") {
				t.Error("what is required may be skipped")
			}
			at = b.submit(at, "enrol-"+kind, nil).want("enrol_"+kind, 200)
			b.submit(at, kind+"-code", M{"code": "000000"}).want("enrol_"+kind, 422).says("#code-error", "not the code")
			code := ""
			if kind == "app" {
				code = codeAt(h, strings.ReplaceAll(at.text("#secret"), " ", ""), 0)
			} else {
				b.submit(at, "send-code", nil).want("enrol_email", 200)
				code = h.mailed(p.email)
			}
			at = b.submit(at, kind+"-code", M{"code": code}).want("gate", 200)
			if n := len(strings.Fields(at.text("#keys-text"))); n != 10 {
				t.Errorf("%d keys", n)
			}
			if got := b.get("/account/security"); got.name() != "sign_in" {
				t.Errorf("a half session opens %s", got.name())
			}
			if file := b.get("/sign-in/recovery-keys.txt"); !strings.Contains(file.Body, p.email) {
				t.Errorf("%s", file.Body)
			}
			b.submit(at, "keys-saved", nil).want("gate", 400)
			b.get("/sign-in/enrol").want("gate", 200) // back, and the same keys again
			b.get("/sign-in/enrol/"+kind).want("gate", 200)
			b.submit(at, "keys-saved", M{"saved": "yes"}).want("security", 200)
			// A second press, or the back button, is no error.
			b.submit(at, "keys-saved", M{"saved": "yes"}).want("security", 200)
		})
	}
}

// Within its grace an enrolment may be put off, and is not offered twice.
func TestAnEnrolmentCanBePutOffUntilItsDate(t *testing.T) {
	t.Parallel()
	h := newHouse(t)
	p, b := h.person(), h.browser()
	h.exec(`UPDATE users SET required_from = $2 WHERE id = $1`, p.id, h.clock.Now().AddDate(0, 0, 7))
	at := b.signIn(p.email, password).want("enrol", 200)
	at.says("main", "until 9 March 2026")
	at = b.submit(at, "skip", nil).want("security", 200)
	at.says("#why", "It can wait until 9 March 2026")
}

// What is offered once is not offered again after "not now".
func TestTwoFactorIsOfferedUntilItIsPutOff(t *testing.T) {
	t.Parallel()
	h := newHouse(t)
	p := h.person()
	first := h.browser()
	at := first.submit(first.get("/sign-in?return_to=/account/sessions"), "sign-in", M{"email": p.email, "password": password})
	at.want("offer", 200)
	first.submit(at, "put-off", nil).want("sessions", 200)
	h.browser().in(p).want("security", 200)
}

// Keys that were never noted as saved come up after each sign-in, and are made
// anew where they can't be shown any more.
func TestUnsavedKeysComeUpAfterSignIn(t *testing.T) {
	t.Parallel()
	h := newHouse(t)
	p, b := h.person(factor.App), h.browser()
	h.exec(`UPDATE recovery_sets SET saved_at = NULL WHERE user_id = $1`, p.id)
	at := b.in(p).want("keys", 200)
	if !strings.Contains(at.text("#keys-text"), p.keys[0]) {
		t.Error("other keys are shown")
	}
	h.exec(`UPDATE recovery_keys SET sealed = NULL WHERE user_id = $1`, p.id)
	at = b.get("/account/recovery-keys").want("keys", 200)
	at = b.submit(at, "new-keys", nil).want("keys", 200)
	if fresh := at.text("#keys-text"); fresh == "" || strings.Contains(fresh, p.keys[0]) {
		t.Errorf("%q", fresh)
	}
	b.submit(at, "keys-saved", M{"saved": "yes"}).want("security", 200)

	// Later they are behind a confirmation.
	h.exec(`UPDATE recovery_sets SET saved_at = NULL WHERE user_id = $1`, p.id)
	h.clock.Advance(11 * time.Minute)
	b.get("/account/recovery-keys").want("confirm", 200)
	if got := b.post("/account/recovery-keys/new", url.Values{"set": {"XXXX"}}); got.Header.Get("Location") != "/account/confirm?return_to=/account/recovery-keys/new" {
		t.Errorf("%d %v", got.Status, got.Header)
	}
}

// Nobody fills in a form that was refused before it was opened.
func TestAClosedSignUpSaysSoAtOnce(t *testing.T) {
	t.Parallel()
	h := newHouse(t)
	b := h.browser()
	b.get("/sign-up").want("sign_up", 200).one(`form[data-form="sign-up"]`)
	h.rules(func(r *policy.Rules) { r.SignUpOpen = false })
	at := b.get("/sign-up").want("sign_up", 403)
	at.says("#error-summary", "New accounts are by invitation")
	at.one(`main a[href="/sign-in"]`)
	if at.has(`form[data-form="sign-up"]`) {
		t.Error("there is a form all the same")
	}
}
