package attack_test

import (
	"encoding/base64"
	"encoding/hex"
	"net/http"
	"strings"
	"testing"

	"latchkey/internal/api/apitest"
	"latchkey/internal/factor"
)

var replay = []line{
	{"CodeOnAnotherSurface", "a code used once was good again on another surface: web, API, confirmation (Gitea)", codeOnAnotherSurface, ""},
	{"MailedCodeOnAnotherSurface", "the same with a mailed code", mailedCodeOnAnotherSurface, ""},
	{"TrailingStep", "a used code was good again in the trailing time-step (devise-two-factor, CVE-2021-43177)", trailingStep, ""},
	{"LinkUsedTwice", "a mailed link was good twice (Mattermost, CVE-2026-3590)", linkUsedTwice, ""},
	{"StoredDigestAsCode", "what the database keeps was taken as the code (SimpleLogin)", storedDigestAsCode, ""},
	{"AnyStringAsRecoveryKey", "any string was taken as a recovery key (authboss #351)", anyStringAsRecoveryKey, ""},
	{"EmptyOrNeverIssued", "an empty code matched one that was never issued (PickPlugins, CVE-2025-12374)", emptyOrNeverIssued, ""},
	{"ShortSecret", "app secrets of 80 bits, and recovery keys that repeat", shortSecret, ""},
	{"WeakGenerator", "codes from a generator that can be foretold", nil, "internal/factor TestAttackMailedCodesAreUniform"},
}

func TestAttackReplay(t *testing.T) { attack(t, replay) }

// codeOnAnotherSurface replays an app code wherever a code is typed, and in
// other spellings: whoever looked over the shoulder gets nowhere.
func codeOnAnotherSurface(t *scene) {
	ada := t.person(factor.App)
	replays, confirming, page := ada.open(), ada.session(), t.browser()
	page.start(ada)
	code := ada.app() // the second one: a session was signed in with the first
	verify(ada.open(), "app", code).Want(http.StatusOK)

	verify(replays, "app", code).WantProblem(422, "code_used")
	verify(replays, "app", " "+code[:3]+"\u00a0"+code[3:]+" ").WantProblem(422, "code_used")
	confirming.Post("/me/confirmations", M{"password": password, "method": "app", "code": code}).WantProblem(422, "code_used")
	if page.code("app", code); page.in() {
		t.Error("a code that was used by API opened the page")
	}
}

// mailedCodeOnAnotherSurface: a mailed code fits the sign-in or the session it
// was mailed for, and that one once.
func mailedCodeOnAnotherSurface(t *scene) {
	ada := t.person(factor.App, factor.Email)
	me := ada.session()
	first, second := ada.open(), ada.open()
	code := t.code(ada.email, first.Post("/sign-ins/current/email-code", nil).Want(202).Text("reference"))

	verify(second, "email", code).WantProblem(422, "wrong_code")
	me.Post("/me/confirmations", M{"password": password, "method": "email", "code": code}).WantProblem(422, "wrong_code")
	verify(first, "email", code).Want(http.StatusOK)
	verify(second, "email", code).WantProblem(422, "wrong_code")

	confirm := t.code(ada.email, me.Post("/me/confirmations/email-code", nil).Want(202).Text("reference"))
	me.Post("/me/confirmations", M{"password": password, "method": "email", "code": confirm}).Want(http.StatusOK)
	me.Post("/me/confirmations", M{"password": password, "method": "email", "code": confirm}).WantProblem(422, "code_used")
}

// trailingStep: after the code of a step neither it nor an older one is good,
// though a clock half a minute behind would still show it.
func trailingStep(t *scene) {
	ada := t.person(factor.App)
	opens := []*apitest.Client{ada.open(), ada.open(), ada.open()}
	calm()
	before, now := ada.codeAt(-1), ada.codeAt(0)
	verify(opens[0], "app", before).Want(http.StatusOK)
	verify(opens[1], "app", now).Want(http.StatusOK)
	for _, code := range []string{before, now} {
		verify(opens[2], "app", code).WantProblem(422, "code_used")
	}
}

// linkUsedTwice spends a reset link in four requests at once and once more.
func linkUsedTwice(t *scene) {
	ada := t.person()
	t.api().Post("/password-resets", M{"email": ada.email}).Want(202)
	token := t.link(ada.email, "/password-resets/")
	spent := crowd(4, func() bool {
		res, err := t.api().Try("POST", "/password-resets/confirm", M{"token": token, "password": "brisk herons wade at 7"})
		return err == nil && res.Status == http.StatusNoContent
	})
	if spent != 1 {
		t.Errorf("the link was good %d times", spent)
	}
	t.api().Post("/password-resets/confirm", M{"token": token, "password": "green herons wade at 8"}).WantProblem(422, "code_used")
	t.signIn(t.api(), ada.email, "brisk herons wade at 7").Want(http.StatusOK)
}

// storedDigestAsCode types what a reader of the database sees.
func storedDigestAsCode(t *scene) {
	ada := t.person(factor.App, factor.Email)
	open := ada.open()
	open.Post("/sign-ins/current/email-code", nil).Want(202)
	var code, key []byte
	err := t.db.QueryRowContext(t.Context(), `
		SELECT c.digest, k.digest FROM codes c JOIN recovery_keys k USING (user_id) WHERE user_id = $1 LIMIT 1`, ada.id).Scan(&code, &key)
	if err != nil {
		t.Fatal(err)
	}
	for _, typed := range []string{hex.EncodeToString(code), base64.StdEncoding.EncodeToString(code), `\x` + hex.EncodeToString(code)} {
		verify(open, "email", typed).WantProblem(422, "wrong_code")
	}
	for _, typed := range []string{hex.EncodeToString(key), strings.ToUpper(hex.EncodeToString(key)[:16])} {
		verify(open, "recovery_key", typed).WantProblem(422, "wrong_code")
	}
}

// anyStringAsRecoveryKey tries words, a well-formed key that nobody has, and a
// real key of somebody else.
func anyStringAsRecoveryKey(t *scene) {
	ada, eve := t.person(factor.App), t.person(factor.App)
	// A set that this very server made.
	me := eve.session()
	me.Post("/me/confirmations", M{"password": password, "method": "app", "code": eve.app()}).Want(http.StatusOK)
	evesKey := me.Post("/me/recovery-keys", nil).Want(http.StatusCreated).Text("keys.0.key")

	open := ada.open()
	for _, typed := range []string{"x", "let me in", "0000-0000-0000-0000", "null", "true", "*", "%", evesKey} {
		verify(open, "recovery_key", typed).WantProblem(422, "wrong_code")
	}
	if n := t.count(`SELECT count(*) FROM recovery_keys WHERE used_at IS NOT NULL AND user_id = $1`, ada.id); n != 0 {
		t.Errorf("%d of Ada's keys were spent", n)
	}
	if n := t.count(`SELECT count(*) FROM sessions WHERE user_id = $1`, ada.id); n != 0 {
		t.Errorf("%d sessions", n)
	}
}

// emptyOrNeverIssued asks for no code, and then types none, or what an unset
// one might be kept as.
func emptyOrNeverIssued(t *scene) {
	ada := t.person(factor.App, factor.Email)
	open := ada.open()
	for _, typed := range []string{"", " ", "\u200b", "-"} {
		for _, method := range []string{"email", "app", "recovery_key", "recovery_pass"} {
			verify(open, method, typed).WantProblem(400, "invalid_request")
		}
	}
	for _, body := range []string{`{"method":"email"}`, `{"method":"email","code":null}`, `{"method":"email","code":0}`,
		`{"method":"email","code":[]}`, `{"method":"email","code":false}`} {
		open.Bad().Post("/sign-ins/current/verify", body).WantProblem(400, "invalid_request")
	}
	for _, typed := range []string{"000000", "null", "0"} {
		verify(open, "email", typed).WantProblem(422, "wrong_code")
	}
	verify(open, "recovery_pass", "0000-0000-0000-0000").WantProblem(422, "wrong_code")
	t.api().Bad().Post("/password-resets/confirm", M{"token": "", "password": "brisk herons wade at 7"}).WantProblem(422, "code_expired")
}

// shortSecret: 160 bits as RFC 4226 wants them, a new one each time, and keys
// of which no two share a group.
func shortSecret(t *scene) {
	ada := t.person()
	me := ada.confirmed()
	seen := map[string]bool{}
	for range 8 {
		secret := me.Post("/me/two-factor/enrolments", M{"method": "app", "name": "Phone"}).Want(http.StatusCreated).Text("secret")
		if len(secret) != 32 || strings.Trim(secret, "ABCDEFGHIJKLMNOPQRSTUVWXYZ234567") != "" || seen[secret] {
			t.Errorf("a secret of %d symbols, or one that was there before", len(secret))
		}
		seen[secret], ada.secret = true, secret
	}
	keys := me.Post("/me/two-factor/enrolments/confirm", M{"method": "app", "code": ada.app()}).Want(http.StatusOK).Texts("recovery_keys")
	groups := map[string]bool{}
	for _, k := range keys {
		for part := range strings.SplitSeq(k, "-") {
			groups[part] = true
		}
	}
	// Of forty groups of twenty bits hardly ever two are alike.
	if len(keys) != 10 || len(groups) < 38 {
		t.Errorf("%d keys, %d different groups", len(keys), len(groups))
	}
}
