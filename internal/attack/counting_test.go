package attack_test

import (
	"fmt"
	"net/http"
	"strings"
	"sync"
	"sync/atomic"
	"testing"

	"latchkey/internal/api/apitest"
	"latchkey/internal/factor"
)

var counting = []line{
	{"ResetByResend", "asking for the code again gave five more tries", resetByResend, ""},
	{"CountedPerMethod", "each method, and each new sign-in, had tries of its own (Zitadel)", countedPerMethod, ""},
	{"CountedPerAddress", "guesses were counted per client address alone (Vikunja, CVE-2026-29794)", countedPerAddress, ""},
	{"ForgedAddress", "a header of the client's own making was taken for its address (Vikunja, CVE-2026-29794)", forgedAddress, ""},
	{"GoneWithTheCache", "a lost cache or a restart forgot the counters (Nextcloud, CVE-2021-41177)", goneWithTheCache, ""},
	{"SpelledOtherwise", "one account by case, Unicode and space had as many counters (Authelia, CVE-2025-24806)", spelledOtherwise, ""},
	{"FloodedOutOfMemory", "other people's failures pushed a counter out (Argo CD, CVE-2024-21662)", floodedOutOfMemory, ""},
	{"OverrunInParallel", "guesses side by side all passed before the first was counted (express-brute)", overrunInParallel, ""},
	{"FromEverywhere", "a password was known, and guesses came over many addresses, sign-ins and screens at once", fromEverywhere, ""},
	{"PasswordsInParallel", "the same at the password step", passwordsInParallel, ""},
}

func TestAttackCounting(t *testing.T) { attack(t, counting) }

// frozen demands that even the right code is not judged. The wait begins now: on
// a slow machine it may just have passed.
func (p *person) frozen(open *apitest.Client, method, code string) {
	p.t.Helper()
	p.t.exec(`UPDATE guards SET code_failures[cardinality(code_failures)] = now() WHERE user_id = $1 AND code_failures <> '{}'`, p.id)
	verify(open, method, code).WantProblem(http.StatusTooManyRequests, "too_many_attempts")
}

const wrongPassword = "wrong horse, wrong battery"

// waits demands that five wrong passwords stand against an address. A wait is
// short at first, and may have passed: then one more guess begins the next,
// which is twice as long.
func (t *scene) waits(api *apitest.Client, email string) {
	t.Helper()
	for range 4 {
		res := t.signIn(api, email, wrongPassword)
		if res.Status == http.StatusUnauthorized {
			res = t.signIn(api, email, password)
		}
		if res.Status != http.StatusOK {
			res.WantProblem(429, "too_many_attempts")
			return
		}
	}
	t.Error("the right password is judged after more than five wrong ones")
}

// resetByResend guesses three times, has the code mailed again, and guesses on.
func resetByResend(t *scene) {
	ada := t.person(factor.App, factor.Email)
	open, next := ada.open(), ada.open()
	code := t.code(ada.email, open.Post("/sign-ins/current/email-code", nil).Want(202).Text("reference"))
	for range 3 {
		verify(open, "email", other(code)).WantProblem(422, "wrong_code")
	}
	t.exec(`UPDATE codes SET resend_at = created_at WHERE user_id = $1`, ada.id) // the countdown is over
	open.Post("/sign-ins/current/email-code", nil).Want(202)
	if n := t.count(`SELECT count(*) FROM mails WHERE recipient = $1`, ada.email); n != 2 {
		t.Fatalf("%d mails: it was not mailed again", n)
	}
	for range 2 {
		verify(open, "email", other(code)).WantProblem(422, "wrong_code")
	}
	verify(open, "email", code).WantProblem(401, "unauthenticated")
	next.Post("/sign-ins/current/email-code", nil).Want(202)
	ada.frozen(next, "app", ada.app())
}

// countedPerMethod spreads five guesses over the methods, two sign-ins, a
// confirmation and an enrolment; then nothing is judged anywhere, right or
// wrong.
func countedPerMethod(t *scene) {
	ada := t.person(factor.App, factor.Email)
	me, first, second, third := ada.confirmed(), ada.open(), ada.open(), ada.open()
	code := t.code(ada.email, first.Post("/sign-ins/current/email-code", nil).Want(202).Text("reference"))
	const nobodys = "0000-0000-0000-0000" // its check symbol fits
	verify(first, "email", other(code)).WantProblem(422, "wrong_code")
	verify(first, "recovery_key", nobodys).WantProblem(422, "wrong_code")
	verify(second, "app", other(ada.codeAt(0))).Want(422)
	me.Post("/me/confirmations", M{"password": password, "method": "recovery_key", "code": nobodys}).WantProblem(422, "wrong_code")
	enrolling := &person{t: t, secret: me.Post("/me/two-factor/enrolments", M{"method": "app", "name": "New"}).Want(201).Text("secret")}
	me.Post("/me/two-factor/enrolments/confirm", M{"method": "app", "code": other(enrolling.codeAt(0))}).Want(422)

	ada.frozen(first, "email", code)
	ada.frozen(second, "recovery_key", ada.keys[0])
	ada.frozen(second, "recovery_pass", nobodys)
	ada.frozen(third, "app", ada.app())
	me.Post("/me/confirmations", M{"password": password, "method": "recovery_key", "code": ada.keys[0]}).WantProblem(429, "too_many_attempts")
	me.Post("/me/two-factor/enrolments/confirm", M{"method": "app", "code": enrolling.app()}).WantProblem(429, "too_many_attempts")
}

// countedPerAddress guesses once from each of five addresses, at the password
// and at the second step.
func countedPerAddress(t *scene) {
	ada, eve := t.person(factor.App), t.person()
	opens := []*apitest.Client{ada.open(), ada.open()}
	for i := range 5 {
		from := t.elsewhere()
		verify(opens[i%2].Header("X-Forwarded-For", from), "app", other(ada.codeAt(0))).Want(422)
		t.signIn(t.api().Header("X-Forwarded-For", from), eve.email, wrongPassword).WantProblem(401, "wrong_credentials")
	}
	t.waits(t.api().Header("X-Forwarded-For", t.elsewhere()), eve.email)
	ada.frozen(opens[0].Header("X-Forwarded-For", t.elsewhere()), "app", ada.app())
}

// forgedAddress spends the sixty mails that an address may ask for in an hour,
// each time under another address that it made up.
func forgedAddress(t *scene) {
	forged := func(i int) *apitest.Client {
		c := t.api().Header("X-Forwarded-For", fmt.Sprintf("198.51.100.%d, %s", i, t.from))
		for _, name := range []string{"X-Real-IP", "Forwarded", "True-Client-IP", "X-Client-IP", "CF-Connecting-IP"} {
			c = c.Header(name, fmt.Sprintf("198.51.100.%d", i))
		}
		return c
	}
	for i := range 60 {
		forged(i).Post("/password-resets", M{"email": fmt.Sprintf("nobody%d@example.com", i)}).Want(202)
	}
	forged(61).Post("/password-resets", M{"email": "nobody@example.com"}).WantProblem(429, "too_many_emails")
}

// goneWithTheCache goes on at another server, which saw none of the guesses and
// is told of no Redis: as after a restart.
func goneWithTheCache(t *scene) {
	ada, eve := t.person(factor.App), t.person()
	fresh := t.api().At(t.serve(t.T))
	first, second := ada.open(), ada.open()
	for i := range 5 {
		verify([]*apitest.Client{first, second}[i%2], "app", other(ada.codeAt(0))).Want(422)
		t.signIn(t.api(), eve.email, wrongPassword).WantProblem(401, "wrong_credentials")
	}
	t.waits(fresh, eve.email)
	token := t.signIn(fresh, ada.email, password).Want(200).Text("sign_in_token")
	ada.frozen(fresh.As(token), "app", ada.app())
}

// spelledOtherwise guesses at one account under five spellings of its address.
func spelledOtherwise(t *scene) {
	ada := t.person()
	local, domain, _ := strings.Cut(ada.email, "@")
	wide := strings.Map(func(r rune) rune { // full-width letters, as some keyboards make them
		if r >= 'a' && r <= 'z' {
			return r - 'a' + 'ａ'
		}
		return r
	}, local)
	for _, spelled := range []string{
		strings.ToUpper(ada.email), " " + ada.email + "\t", wide + "@" + domain, local + "@" + strings.ToUpper(domain), local + "＠" + domain,
	} {
		t.signIn(t.api(), spelled, wrongPassword).WantProblem(401, "wrong_credentials")
	}
	t.waits(t.api(), ada.email)
}

// floodedOutOfMemory fails five times, then has others fail a while.
func floodedOutOfMemory(t *scene) {
	ada := t.person()
	for range 5 {
		t.signIn(t.api(), ada.email, wrongPassword).WantProblem(401, "wrong_credentials")
	}
	for i := range 24 {
		elsewhere := t.api().Header("X-Forwarded-For", t.elsewhere())
		t.signIn(elsewhere, fmt.Sprintf("nobody%d@flood.example", i), wrongPassword).WantProblem(401, "wrong_credentials")
	}
	t.waits(t.api(), ada.email)
}

// overrunInParallel throws forty wrong codes at one sign-in at once.
func overrunInParallel(t *scene) {
	ada := t.person(factor.App)
	open, wrong := ada.open(), other(ada.codeAt(0))
	judged := crowd(40, func() bool {
		res, err := open.Try("POST", "/sign-ins/current/verify", M{"method": "app", "code": wrong})
		if err != nil {
			t.Error(err)
			return false
		}
		switch res.Status {
		case http.StatusTooManyRequests, http.StatusUnauthorized:
			return false
		}
		return true
	})
	if judged != 5 {
		t.Errorf("%d of forty were judged, want 5", judged)
	}
	if n := t.count(`SELECT cardinality(code_failures) FROM guards WHERE user_id = $1`, ada.id); n != 5 {
		t.Errorf("%d were charged, want 5", n)
	}
}

// passwordsInParallel throws sixteen wrong passwords at one account at once.
func passwordsInParallel(t *scene) {
	ada := t.person()
	judged := crowd(16, func() bool {
		res, err := t.api().Try("POST", "/sign-ins", M{"email": ada.email, "password": wrongPassword})
		if err != nil {
			t.Error(err)
			return false
		}
		return res.Status == http.StatusUnauthorized
	})
	if judged > 5 {
		t.Errorf("%d of sixteen were judged, want 5 at the most", judged)
	}
	t.waits(t.api(), ada.email)
}

// crowd does one thing many times at once and counts how often it was so.
func crowd(n int, so func() bool) int {
	var count atomic.Int64
	var all sync.WaitGroup
	start := make(chan struct{})
	for range n {
		all.Go(func() {
			<-start
			if so() {
				count.Add(1)
			}
		})
	}
	close(start)
	all.Wait()
	return int(count.Load())
}
