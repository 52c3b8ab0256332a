package attack_test

import (
	"context"
	"fmt"
	"net/http"
	"sync"
	"sync/atomic"
	"time"

	"github.com/google/uuid"

	"latchkey/internal/account"
	"latchkey/internal/api/apitest"
	"latchkey/internal/factor"
	"latchkey/internal/guard"
	"latchkey/internal/pg"
)

// password is everybody's: it is hashed once.
const password = "quiet otters drift at 5"

var passwordHash = sync.OnceValues(func() (string, error) {
	return account.NewPasswords().Hash(context.Background(), password)
})

// person is a user, with what only that person knows.
type person struct {
	t      *scene
	id     uuid.UUID
	email  string
	secret string      // of the app
	keys   []string    // recovery keys that are not used yet
	step   factor.Step // of the newest app code
}

var persons atomic.Int64

// person makes a user with a proved address and these methods on; the first is
// preferred. Email after an app mails no code by itself.
func (t *scene) person(methods ...factor.Kind) *person {
	t.Helper()
	return t.personAs(account.Member, methods...)
}

func (t *scene) personAs(role account.Role, methods ...factor.Kind) *person {
	t.Helper()
	p := &person{t: t, email: fmt.Sprintf("person%d@example.net", persons.Add(1))}
	hash, err := passwordHash()
	if err == nil {
		p.id, err = uuid.NewV7()
	}
	if err != nil {
		t.Fatal(err)
	}
	err = t.db.InTx(t.Context(), func(tx *pg.Tx) error {
		err := account.CreateTx(t.Context(), tx, account.User{
			ID: p.id, Email: p.email, EmailVerified: true, Name: "Ada", Role: role, Status: account.Active, PasswordHash: hash,
		})
		if err != nil {
			return err
		}
		if err := guard.CreateTx(t.Context(), tx, p.id); err != nil {
			return err
		}
		for _, k := range methods {
			if err := p.turnOn(t.Context(), tx, k); err != nil {
				return err
			}
		}
		// The code that proved the app is forgiven, so that the next is at hand.
		_, err = tx.ExecContext(t.Context(), `UPDATE methods SET last_step = -1 WHERE user_id = $1`, p.id)
		return err
	})
	if err != nil {
		t.Fatal(err)
	}
	return p
}

func (p *person) turnOn(ctx context.Context, tx *pg.Tx, k factor.Kind) error {
	store := p.t.inside.SignIn.Factors
	e, err := store.BeginTx(ctx, tx, p.id, p.id, k, "Phone", uuid.Nil)
	if err != nil {
		return err
	}
	if k == factor.Email {
		err = store.TurnOnEmailTx(ctx, tx, p.id, e)
	} else {
		var code string
		p.secret = e.Secret
		if code, err = factor.CodeAt(e.Secret, factor.StepAt(tx.Now)); err == nil {
			_, err = store.ProveAppTx(ctx, tx, p.id, e, code, 0)
		}
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

// codeAt is what the app shows in a time-step off from now.
func (p *person) codeAt(off factor.Step) string {
	p.t.Helper()
	return p.codeOf(factor.StepAt(time.Now()) + off)
}

func (p *person) codeOf(step factor.Step) string {
	p.t.Helper()
	code, err := factor.CodeAt(p.secret, step)
	if err != nil {
		p.t.Fatal(err)
	}
	return code
}

// app is the next code of the app. Two can be had at once, since a phone's
// clock may be ahead; a third waits for its half minute.
func (p *person) app() string {
	p.t.Helper()
	p.step = max(p.step+1, factor.StepAt(time.Now()))
	for p.step > factor.StepAt(time.Now())+1 {
		time.Sleep(100 * time.Millisecond)
	}
	return p.codeOf(p.step)
}

// key is a recovery key that was not used yet.
func (p *person) key() string {
	p.t.Helper()
	if len(p.keys) == 0 {
		p.t.Fatal("no recovery key is left")
	}
	k := p.keys[0]
	p.keys = p.keys[1:]
	return k
}

// signIn does the password step; a machine that is busy is asked again.
func (t *scene) signIn(api *apitest.Client, email, password string) *apitest.Response {
	t.Helper()
	for {
		res := api.Post("/sign-ins", M{"email": email, "password": password})
		if res.Status != http.StatusServiceUnavailable {
			return res
		}
		time.Sleep(time.Second)
	}
}

// start is the password step of this person, from where the scene is.
func (p *person) start() *apitest.Response {
	p.t.Helper()
	return p.t.signIn(p.t.api(), p.email, password).Want(http.StatusOK)
}

// open is a sign-in that waits for its second step.
func (p *person) open() *apitest.Client {
	p.t.Helper()
	return p.t.api().As(p.start().Text("sign_in_token"))
}

// verify tries a code.
func verify(open *apitest.Client, method, code string) *apitest.Response {
	return open.Bad().Post("/sign-ins/current/verify", M{"method": method, "code": code})
}

// session signs in, by the app where there is one, else by password alone.
func (p *person) session() *apitest.Client {
	p.t.Helper()
	res := p.start()
	if p.secret != "" {
		res = verify(p.t.api().As(res.Text("sign_in_token")), "app", p.app()).Want(http.StatusOK)
	}
	return p.t.api().As(res.Text("session_token"))
}

// confirmed is a session in which 🔒 acts are open: by a recovery key where
// there are any, else by the password again.
func (p *person) confirmed() *apitest.Client {
	p.t.Helper()
	if len(p.keys) > 0 {
		res := verify(p.open(), "recovery_key", p.key()).Want(http.StatusOK)
		return p.t.api().As(res.Text("session_token"))
	}
	me := p.session()
	me.Post("/me/confirmations", M{"password": password}).Want(http.StatusOK)
	return me
}

// calm waits for a moment at which no time-step is about to end, so that a
// code stays what it is for the next few requests.
func calm() {
	for factor.StepAt(time.Now().Add(10*time.Second)) != factor.StepAt(time.Now()) {
		time.Sleep(100 * time.Millisecond)
	}
}
