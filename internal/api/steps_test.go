package api_test

import (
	"strings"
	"testing"
	"time"

	"golang.org/x/crypto/bcrypt"

	"latchkey/internal/account/accounttest"
	"latchkey/internal/api/apitest"
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
	p.start()
	told(0)
	other := h.api.Header("User-Agent", "curl/8.5.0")
	other.Post("/sign-ins", apitest.M{"email": p.email, "password": password}).Want(200)
	told(1)
	other.Post("/sign-ins", apitest.M{"email": p.email, "password": password}).Want(200)
	told(1)
	h.clock.Advance(24*time.Hour + time.Minute)
	other.Post("/sign-ins", apitest.M{"email": p.email, "password": password}).Want(200)
	told(2)
}
