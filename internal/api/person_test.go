package api_test

import (
	"context"
	"fmt"
	"regexp"
	"sync/atomic"
	"time"

	"github.com/google/uuid"

	"latchkey/internal/account"
	"latchkey/internal/account/accounttest"
	"latchkey/internal/api/apitest"
	"latchkey/internal/factor"
	"latchkey/internal/guard"
	"latchkey/internal/pg"
	"latchkey/internal/policy"
)

const password = "quiet otters drift at 5"

// person is a user that a test made, with what only the person would know.
type person struct {
	h      *house
	id     uuid.UUID
	email  string
	secret string   // of the app
	keys   []string // recovery keys
}

type trait func(*account.User, *traits)

type traits struct{ methods []factor.Kind }

func withApp(_ *account.User, t *traits)         { t.methods = append(t.methods, factor.App) }
func withEmail(_ *account.User, t *traits)       { t.methods = append(t.methods, factor.Email) }
func unverified(u *account.User, _ *traits)      { u.EmailVerified = false }
func asAdmin(u *account.User, _ *traits)         { u.Role = account.Admin }
func disabled(u *account.User, _ *traits)        { u.Status = account.Disabled }
func withoutPassword(u *account.User, _ *traits) { u.PasswordHash = "" }

var persons atomic.Int64

// person makes a user straight through the stores. Methods are turned on in
// the order given; the first is the preferred one.
func (h *house) person(all ...trait) *person {
	h.t.Helper()
	id := pg.NewID()
	p := &person{h: h, id: id, email: fmt.Sprintf("person%d@example.org", persons.Add(1))}
	u := account.User{
		ID: id, Email: p.email, EmailVerified: true, Name: "Ada", Role: account.Member,
		Status: account.Active, PasswordHash: accounttest.Hash(h.app.SignIn.Passwords, password),
	}
	var its traits
	for _, one := range all {
		one(&u, &its)
	}
	h.tx(func(ctx context.Context, tx *pg.Tx) error {
		if err := account.CreateTx(ctx, tx, u); err != nil {
			return err
		}
		if err := guard.CreateTx(ctx, tx, id); err != nil {
			return err
		}
		for _, k := range its.methods {
			if err := p.turnOn(ctx, tx, k); err != nil {
				return err
			}
		}
		return nil
	})
	return p
}

func (p *person) turnOn(ctx context.Context, tx *pg.Tx, k factor.Kind) error {
	store := p.h.app.SignIn.Factors
	e, err := store.BeginTx(ctx, tx, p.id, p.id, k, "Phone", uuid.Nil)
	if err != nil {
		return err
	}
	if k == factor.Email {
		err = store.TurnOnEmailTx(ctx, tx, p.id, e)
	} else {
		p.secret = e.Secret
		// The step before, so that the present one is still to be spent.
		var code string
		if code, err = factor.CodeAt(e.Secret, factor.StepAt(tx.Now)-1); err != nil {
			return err
		}
		_, err = store.ProveAppTx(ctx, tx, p.id, e, code, 0)
	}
	if err != nil {
		return err
	}
	if len(p.keys) == 0 {
		set, err := store.NewSetTx(ctx, tx, p.id)
		if err != nil {
			return err
		}
		p.keys = set.Shown()
		if err := factor.SavedTx(ctx, tx, p.id, true); err != nil {
			return err
		}
	}
	return account.ProvedTx(ctx, tx, p.id, string(k))
}

// start does the password step.
func (p *person) start() *apitest.Response {
	p.h.t.Helper()
	return p.h.api.Post("/sign-ins", apitest.M{"email": p.email, "password": password}).Want(200)
}

// signIn begins a sign-in that waits for its second step.
func (p *person) signIn() (token string) {
	p.h.t.Helper()
	return p.start().Text("sign_in_token")
}

// signIns begins many.
func (p *person) signIns(n int) []string {
	p.h.t.Helper()
	all := make([]string, n)
	for i := range all {
		all[i] = p.signIn()
	}
	return all
}

// appCode is what the app shows now.
func (p *person) appCode() string {
	p.h.t.Helper()
	return codeOf(p.h, p.secret, 0)
}

// nextAppCode waits for the next code of the app, as a person would.
func (p *person) nextAppCode() string {
	p.h.t.Helper()
	p.h.clock.Advance(30 * time.Second)
	return p.appCode()
}

func codeOf(h *house, secret string, off factor.Step) string {
	h.t.Helper()
	code, err := factor.CodeAt(secret, factor.StepAt(h.clock.Now())+off)
	if err != nil {
		h.t.Fatal(err)
	}
	return code
}

// wrongCode is none that the app would take now.
func (p *person) wrongCode() string {
	p.h.t.Helper()
	right := map[string]bool{}
	for off := factor.Step(-2); off <= 2; off++ {
		if p.secret != "" {
			right[codeOf(p.h, p.secret, off)] = true
		}
	}
	for n := 0; ; n++ {
		if code := fmt.Sprintf("%06d", n); !right[code] {
			return code
		}
	}
}

// in signs in, with the app where there is one, and gives the session's token.
func (p *person) in() string {
	p.h.t.Helper()
	first := p.start()
	if first.Text("status") == "complete" {
		return first.Text("session_token")
	}
	token := first.Text("sign_in_token")
	if p.secret == "" {
		if first.Field("delivery") == nil {
			p.h.api.As(token).Post("/sign-ins/current/email-code", nil).Want(202)
		}
		return p.verify(token, "email", p.mailed(factor.SignInCode)).Want(200).Text("session_token")
	}
	return p.verify(token, "app", p.nextAppCode()).Want(200).Text("session_token")
}

func (p *person) verify(token, method, code string) *apitest.Response {
	p.h.t.Helper()
	return p.h.api.As(token).Post("/sign-ins/current/verify", apitest.M{"method": method, "code": code})
}

// confirmed signs in and confirms, so that 🔒 acts are open.
func (p *person) confirmed() string {
	p.h.t.Helper()
	token := p.in()
	p.confirm(token)
	return token
}

func (p *person) confirm(session string) {
	p.h.t.Helper()
	proofs := apitest.M{"password": password}
	if p.secret != "" {
		proofs["method"], proofs["code"] = "app", p.nextAppCode()
	} else if len(p.keys) > 0 {
		proofs["method"], proofs["code"] = "recovery_key", p.keys[len(p.keys)-1]
		p.keys = p.keys[:len(p.keys)-1]
	}
	p.h.api.As(session).Post("/me/confirmations", proofs).Want(200)
}

// mailed is the code of the newest mail of a purpose, read as the worker would.
func (p *person) mailed(purpose factor.Purpose) string {
	p.h.t.Helper()
	var row struct {
		ID     uuid.UUID `db:"id"`
		Sealed []byte    `db:"sealed"`
	}
	err := p.h.db.GetContext(p.h.t.Context(), &row, `
		SELECT id, sealed FROM codes WHERE user_id = $1 AND purpose = $2 ORDER BY created_at DESC, id DESC LIMIT 1`, p.id, purpose)
	if err != nil {
		p.h.t.Fatalf("no %s code: %v", purpose, err)
	}
	code, err := p.h.keys.Mail.Open(row.Sealed, "code", p.id.String(), row.ID.String())
	if err != nil {
		p.h.t.Fatal(err)
	}
	return string(code)
}

// other is a code of six digits that is not this one.
func other(code string) string {
	if code == "271828" {
		return "314159"
	}
	return "271828"
}

var sixDigits = regexp.MustCompile(`(?m)^[0-9]{6}\r?$`)

// require asks two-factor of the person as an admin does.
func (p *person) require() {
	p.h.t.Helper()
	p.h.tx(func(ctx context.Context, tx *pg.Tx) error {
		from := tx.Now.Truncate(time.Second)
		return account.RequireTx(ctx, tx, p.id, &from)
	})
}

func requireEveryone(r *policy.Rules) { r.Require = policy.Everyone }

func mustID(h *house, id string) uuid.UUID {
	h.t.Helper()
	out, err := uuid.Parse(id)
	if err != nil {
		h.t.Fatal(err)
	}
	return out
}

func closeSignUp(r *policy.Rules) { r.SignUpOpen = false }
