package api_test

import (
	"strconv"
	"strings"
	"testing"
	"time"

	"golang.org/x/crypto/bcrypt"

	"latchkey/internal/account/accounttest"
	"latchkey/internal/api/apitest"
	"latchkey/internal/factor"
	"latchkey/internal/policy"
)

// Each wrong code says how many are left, wherever codes are typed at sign-in;
// the fifth ends it.
func TestAWrongCodeSaysHowManyAreLeft(t *testing.T) {
	t.Parallel()
	h := newHouse(t)
	member, newcomer := h.person(withApp), h.person()
	newcomer.require()
	token := newcomer.signIn()
	h.api.As(token).Post("/sign-ins/current/enrolments", apitest.M{"method": "app"}).Want(201)
	for name, call := range map[string]func() *apitest.Response{
		"second step": h.verifies(member.signIn(), codeBody("app", member.wrongCode())),
		"enrolment":   h.calls(token, "/sign-ins/current/enrolments/confirm", codeBody("app", "000000")),
	} {
		for left := 4; left >= 0; left-- {
			if got := call().WantProblem(422, "wrong_code").AttemptsLeft; got == nil || *got != left {
				t.Errorf("%s: %v left, want %d", name, got, left)
			}
		}
		call().WantProblem(401, "unauthenticated")
	}
	// A code that is over costs none, and says how many are left all the same.
	late := h.person(withEmail)
	token = late.signIn()
	code := late.mailed(factor.SignInCode)
	late.verify(token, "email", other(code)).WantProblem(422, "wrong_code")
	h.clock.Advance(10 * time.Minute)
	if got := late.verify(token, "email", code).WantProblem(422, "code_expired").AttemptsLeft; got == nil || *got != 4 {
		t.Errorf("%v left after a wrong code and one that is over", got)
	}
}

// A confirmation names all that is missing at once, and asks for no more than
// is needed.
func TestAConfirmationNamesWhatIsMissing(t *testing.T) {
	t.Parallel()
	h := newHouse(t)
	p := h.person(withApp)
	me := h.api.Bad().As(p.in())
	for _, c := range []struct {
		given apitest.M
		names string
	}{
		{apitest.M{"password": ""}, "password,method,code"},
		{apitest.M{"password": password}, "method,code"},
		{apitest.M{"password": password, "method": "app"}, "code"},
		{apitest.M{"password": password, "code": "123456"}, "method"},
		{apitest.M{"password": "", "method": "app", "code": "123456"}, "password"},
	} {
		if got := me.Post("/me/confirmations", c.given).WantProblem(400, "invalid_request").Names(); got != c.names {
			t.Errorf("%v: %q, want %q", c.given, got, c.names)
		}
	}
	bare := h.person()
	h.api.As(bare.in()).Post("/me/confirmations", apitest.M{"password": password}).Want(200)
}

// A hash of yesterday's parameters is replaced at the first sign-in, one of
// today's never, and a wrong password replaces nothing.
func TestAnOldHashIsReplacedAtSignIn(t *testing.T) {
	t.Parallel()
	h := newHouse(t)
	accounttest.Dear(h.app.SignIn.Passwords)
	p := h.person(withApp)
	hash := func() (s string) {
		if err := h.db.GetContext(t.Context(), &s, `SELECT password_hash FROM users WHERE id = $1`, p.id); err != nil {
			t.Fatal(err)
		}
		return s
	}
	before := hash()
	p.start()
	if hash() != before {
		t.Error("a hash of today's parameters was replaced")
	}
	old, err := bcrypt.GenerateFromPassword([]byte(password), bcrypt.MinCost)
	if err != nil {
		t.Fatal(err)
	}
	h.exec(`UPDATE users SET password_hash = $2 WHERE id = $1`, p.id, string(old))
	h.api.Post("/sign-ins", apitest.M{"email": p.email, "password": "not it"}).WantProblem(401, "wrong_credentials")
	if hash() != string(old) {
		t.Error("a wrong password replaced it")
	}
	p.start()
	fresh := hash()
	if !strings.HasPrefix(fresh, "$argon2id$v=19$m=19456,t=2,p=1$") {
		t.Errorf("it is still %.10s…", fresh)
	}
	p.start()
	if hash() != fresh {
		t.Error("replaced twice")
	}
}

// A code that was held back and is mailed after all is shown as mailed.
func TestAHeldCodeIsMailedLater(t *testing.T) {
	t.Parallel()
	h := newHouse(t)
	p := h.person(withEmail)
	p.signIns(5)
	h.clock.Advance(50 * time.Minute)
	open := h.api.As(p.signIn())
	if got := open.Get("/sign-ins/current/email-code").Want(200); got.Text("delivery") != "held" || !got.Time("resend_at").Equal(h.clock.Now().Add(10*time.Minute)) {
		t.Errorf("%s", got.Body)
	}
	h.clock.Advance(10 * time.Minute)
	open.Post("/sign-ins/current/email-code", nil).Want(202)
	for _, path := range []string{"/sign-ins/current/email-code", "/sign-ins/current"} {
		if got := open.Get(path).Want(200).Text("delivery"); got != "queued" {
			t.Errorf("%s: %s", path, got)
		}
	}
}

// By API a device is news once a day for each address and agent, and never at
// the very first sign-in.
func TestADeviceIsNewsOnceADay(t *testing.T) {
	t.Parallel()
	h := newHouse(t)
	p := h.person()
	told := func(want int) {
		t.Helper()
		if got := h.mails("new_device", p.email); got != want {
			t.Errorf("%d mails, want %d", got, want)
		}
	}
	p.start()
	told(0)
	h.clock.Advance(time.Hour)
	p.start()
	told(0)
	other := h.api.Header("User-Agent", "curl/8.5.0")
	other.Post("/sign-ins", apitest.M{"email": p.email, "password": password}).Want(200)
	told(1)
	h.clock.Advance(23 * time.Hour)
	other.Post("/sign-ins", apitest.M{"email": p.email, "password": password}).Want(200)
	told(1)
	h.clock.Advance(24*time.Hour + time.Minute)
	other.Post("/sign-ins", apitest.M{"email": p.email, "password": password}).Want(200)
	told(2)
}

// What is not due, or not on, is refused as that, and charges nothing.
func TestStepsOutOfTurn(t *testing.T) {
	t.Parallel()
	h := newHouse(t)
	byApp, newcomer, byEmail := h.person(withApp), h.person(), h.person(withEmail)
	newcomer.require()
	second, enrolment, email := byApp.signIn(), newcomer.signIn(), byEmail.confirmed()
	h.api.As(enrolment).Post("/sign-ins/current/enrolments", apitest.M{"method": "app"}).Want(201)
	for name, c := range map[string]struct {
		call   func() *apitest.Response
		status int
		code   string
	}{
		"an email code where email is off":    {h.calls(second, "/sign-ins/current/email-code", nil), 409, "conflict"},
		"an enrolment at the second step":     {h.calls(second, "/sign-ins/current/enrolments", apitest.M{"method": "app"}), 409, "conflict"},
		"its code at the second step":         {h.calls(second, "/sign-ins/current/enrolments/confirm", codeBody("app", "123456")), 409, "conflict"},
		"the second step at an enrolment":     {h.verifies(enrolment, codeBody("app", "123456")), 409, "conflict"},
		"an app by a name that shows nothing": {h.calls(enrolment, "/sign-ins/current/enrolments", apitest.M{"method": "app", "name": "a\u200bb"}), 400, "invalid_request"},
		"an enrolment without a code":         {h.calls(enrolment, "/sign-ins/current/enrolments/confirm", codeBody("app", " ")), 400, "invalid_request"},
		"a code for email, not begun":         {h.calls(enrolment, "/sign-ins/current/email-code", nil), 409, "conflict"},
		"a code to confirm, email is off":     {h.calls(h.session(byApp, false), "/me/confirmations/email-code", nil), 409, "conflict"},
		"email is on and is enrolled again":   {h.calls(email, "/me/two-factor/enrolments", apitest.M{"method": "email"}), 409, "already_enabled"},
	} {
		if got := c.call(); got.Status != c.status || got.Problem().Code != c.code {
			t.Errorf("%s: %d %s", name, got.Status, got.Body)
		}
	}
	if h.charged(byApp.id)+h.charged(newcomer.id)+h.count(`SELECT sum(failures) FROM sign_ins`) != 0 {
		t.Error("something is charged")
	}
	h.api.As(enrolment).Get("/sign-ins/current").Want(200) // and goes on
}

// Where the policy takes no email code for a confirmation, none is mailed for
// one and none is judged.
func TestWhereEmailConfirmsNothing(t *testing.T) {
	t.Parallel()
	h := newHouse(t)
	h.rules(func(r *policy.Rules) { r.EmailMethod = policy.Fallback })
	p := h.person(withApp, withEmail)
	me := h.api.As(p.in())
	me.Post("/me/confirmations/email-code", nil).WantProblem(403, "method_not_allowed_by_policy")
	me.Post("/me/confirmations", apitest.M{"password": password, "method": "email", "code": "271828"}).WantProblem(403, "method_not_allowed_by_policy")
	if h.charged(p.id) != 0 || h.mails("confirmation_code", p.email) != 0 {
		t.Error("a code is charged or mailed")
	}
	me.Post("/me/confirmations", apitest.M{"password": password, "method": "app", "code": p.nextAppCode()}).Want(200)
}

// What a sign-in asks first is the user's choice where the policy takes it,
// else what it does take.
func TestWhatIsAskedFirst(t *testing.T) {
	t.Parallel()
	h := newHouse(t)
	h.rules(func(r *policy.Rules) { r.EmailMethod = policy.Fallback })
	for name, c := range map[string]struct {
		p    *person
		want string
	}{
		"email preferred, app alone taken": {h.person(withEmail, withApp), "app"},
		"email alone":                      {h.person(withEmail), "email"},
		"app alone":                        {h.person(withApp), "app"},
	} {
		if got := c.p.start().Text("preferred"); got != c.want {
			t.Errorf("%s: %q", name, got)
		}
	}
	none := h.person(withApp)
	h.exec(`UPDATE users SET preferred_method = NULL WHERE id = $1`, none.id)
	if got := none.start().Text("preferred"); got != "app" {
		t.Errorf("no choice made: %q", got)
	}
}

// After a reset that left an app on, the app is proved and what is then
// offered is what is not on yet. Only a recovery pass, which proves no app,
// offers another one.
func TestWhatIsEnrolledBesideAnApp(t *testing.T) {
	t.Parallel()
	h := newHouse(t)
	methods := func(r *apitest.Response) string {
		if r.Text("status") != "enrolment" {
			t.Errorf("%s", r.Body)
		}
		out := ""
		for i := 0; r.Field("methods."+strconv.Itoa(i)) != nil; i++ {
			out += r.Text("methods."+strconv.Itoa(i)+".method") + " "
		}
		return out
	}
	reset, passed := h.person(withApp), h.person(withApp)
	h.exec(`UPDATE users SET reset_at = $2 WHERE id = $1`, reset.id, h.clock.Now())
	if got := methods(reset.verify(reset.signIn(), "app", reset.nextAppCode()).Want(200)); got != "email " {
		t.Errorf("after a reset: %s", got)
	}
	if got := methods(passed.verify(passed.signIn(), "recovery_pass", passed.pass()).Want(200)); got != "app email " {
		t.Errorf("after a recovery pass: %s", got)
	}
}

// Where the policy trusts no device, or no admin's, or something is to be
// enrolled, the second step is asked for whatever device it is, and none is
// trusted anew.
func TestWhereNoDeviceIsTrusted(t *testing.T) {
	t.Parallel()
	for name, c := range map[string]struct {
		who    trait
		change func(*house, *person)
	}{
		"trust is off":          {withApp, func(h *house, _ *person) { h.rules(func(r *policy.Rules) { r.TrustedDeviceDays = 0 }) }},
		"an admin's":            {asAdmin, func(h *house, _ *person) { h.rules(func(r *policy.Rules) { r.EmailMethod = policy.Fallback }) }},
		"after a reset of apps": {withApp, func(h *house, p *person) { h.exec(`UPDATE users SET reset_at = $2 WHERE id = $1`, p.id, h.clock.Now()) }},
	} {
		h := newHouse(t)
		p := h.person(withApp, c.who)
		device, _ := p.trusting()
		c.change(h, p)
		first := p.startWith(device)
		if got := first.Text("status"); got != "second_factor" {
			t.Errorf("%s: led to %s", name, got)
			continue
		}
		h.exec(`DELETE FROM trusted_devices`)
		done := h.api.As(first.Text("sign_in_token")).Post("/sign-ins/current/verify",
			apitest.M{"method": "app", "code": p.nextAppCode(), "trust_device": true}).Want(200)
		if done.Field("trusted_device") != nil || h.count(`SELECT count(*) FROM trusted_devices`) != 0 {
			t.Errorf("%s: trusted anew", name)
		}
	}
}

// A wrong recovery key at a confirmation is used up by nobody, and nobody is
// told that one was.
func TestAWrongRecoveryKeyConfirmsNothing(t *testing.T) {
	t.Parallel()
	h := newHouse(t)
	p, stranger := h.person(withApp), h.person(withApp)
	me := h.api.As(p.in())
	before := h.events(p.id)
	me.Post("/me/confirmations", apitest.M{"password": password, "method": "recovery_key", "code": stranger.keys[0]}).WantProblem(422, "wrong_code")
	if contains(h.events(p.id)[len(before):], "recovery_key_used") || h.mails("recovery_key_used", p.email) != 0 {
		t.Error("it counts as used")
	}
	me.Post("/me/confirmations", apitest.M{"password": password, "method": "recovery_key", "code": p.keys[0]}).Want(200)
	if !contains(h.events(p.id), "recovery_key_used") || h.mails("recovery_key_used", p.email) != 1 {
		t.Error("nobody is told of the right one")
	}
}

// What a sign-in and a sign-up answer says when.
func TestWhenThingsAreSaidToBe(t *testing.T) {
	t.Parallel()
	h := newHouse(t)
	made := h.api.Post("/sign-ups", apitest.M{"email": "ann@example.org", "password": "lamp orbit cabbage quartz", "name": "Ann"}).Want(201)
	if !made.Time("created_at").Equal(h.clock.Now()) {
		t.Errorf("made at %s", made.Text("created_at"))
	}
	done := h.person().start()
	if !done.Time("expires_at").Equal(h.clock.Now().Add(12 * time.Hour)) { // unless it is used
		t.Errorf("signed in until %s", done.Text("expires_at"))
	}
}

// The mail with a reset link is worth sending as long as its link is good, and
// to an address that nobody proved no more go out than its budget has.
func TestMailsWithResetLinks(t *testing.T) {
	t.Parallel()
	h := newHouse(t)
	p, stranger := h.person(withApp), h.person(unverified)
	gone := h.person(disabled)
	h.api.Post("/password-resets", apitest.M{"email": gone.email}).Want(202)
	if h.mails("password_reset", gone.email) != 0 {
		t.Error("a link is mailed to who is disabled")
	}
	h.api.Post("/password-resets", apitest.M{"email": p.email}).Want(202)
	if h.mails("password_reset", p.email) != 1 ||
		h.count(`SELECT count(*) FROM mails m JOIN links l USING (user_id) WHERE m.kind = 'password_reset' AND m.expires_at = l.expires_at`) != 1 {
		t.Error("the mail ends otherwise than its link")
	}
	for range 2 {
		h.api.Post("/password-resets", apitest.M{"email": stranger.email}).Want(202)
		if h.mails("password_reset", stranger.email) != 1 || h.count(`SELECT count(*) FROM links WHERE user_id = $1`, stranger.id) != 1 {
			t.Error("no mail, or one too many, to an address that nobody proved")
		}
		h.exec(`UPDATE address_meters SET mailed = array_fill($1::timestamptz, ARRAY[20])`, h.clock.Now())
	}
}

// A sign-up is one mail on the budget of the address that it comes from; where
// none is left, the account is made all the same, and no code is mailed.
func TestASignUpIsOneMailOfItsAddress(t *testing.T) {
	t.Parallel()
	h := limited(t)
	spent := func() int {
		return h.count(`SELECT coalesce(sum(cardinality(spent)), 0) FROM ip_meters WHERE kind = 'code_mail'`)
	}
	signUp := func(email string) {
		t.Helper()
		h.from("192.0.2.7").Post("/sign-ups", apitest.M{"email": email, "password": "lamp orbit cabbage quartz", "name": "Eve"}).Want(201)
	}
	signUp("ann@example.org")
	if spent() != 1 || h.mails("verify_email", "ann@example.org") != 1 {
		t.Errorf("%d charged", spent())
	}
	h.exec(`UPDATE ip_meters SET spent = array_fill($1::timestamptz, ARRAY[60]) WHERE kind = 'code_mail'`, h.clock.Now())
	signUp("bob@example.org")
	if spent() != 60 || h.mails("verify_email", "bob@example.org") != 0 || h.count(`SELECT count(*) FROM users WHERE email = 'bob@example.org'`) != 1 {
		t.Error("without a budget it is otherwise")
	}
}
