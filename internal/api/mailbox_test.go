package api_test

import (
	"context"
	"errors"
	"fmt"
	"net/http"
	"testing"
	"time"

	"github.com/google/uuid"

	"latchkey/internal/account"
	"latchkey/internal/audit"
	"latchkey/internal/factor"
	"latchkey/internal/fault"
	"latchkey/internal/pg"
	"latchkey/internal/policy"
	"latchkey/internal/signin"
)

// What the mailbox alone must not be worth: guesses at the app, the app
// itself, the recovery keys, or the way back to an address.

func TestResetsBuyNoGuessesAtTheApp(t *testing.T) {
	t.Parallel()
	h := newHouse(t)
	p := h.person(withApp)
	judged := 0
	for round := range 6 {
		// Each reset makes one more browser known; in each somebody guesses.
		by := audit.Actor{Device: "Firefox", Address: "192.0.2.1", Browser: uuid.New()}
		fresh := fmt.Sprintf("lamp orbit cabbage %d quartz", round)
		if err := h.app.SignIn.ResetPassword(t.Context(), by, p.link(account.PasswordResetLink), fresh); err != nil {
			t.Fatal(err)
		}
		for range 2 {
			in, err := h.app.SignIn.Start(t.Context(), by, signin.Credentials{Email: p.email, Password: fresh})
			if err != nil {
				t.Fatal(err)
			}
			for range 6 {
				_, err := h.app.SignIn.Verify(t.Context(), by, in.Token, "app", p.wrongCode(), false)
				if errors.Is(err, fault.New(fault.Refused, fault.WrongCode)) {
					judged++
				}
			}
		}
	}
	if judged != 5 {
		t.Errorf("%d guesses were judged at once, want the five of one meter", judged)
	}
}

func TestAnAddressThatWasProvedOnceTakesNothingOver(t *testing.T) {
	t.Parallel()
	h := newHouse(t)
	p := h.person(withApp)
	token := p.link(account.PasswordResetLink)
	h.exec(`UPDATE users SET email_verified_at = NULL WHERE id = $1`, p.id)
	if err := h.app.SignIn.ResetPassword(t.Context(), audit.Actor{}, token, "lamp orbit cabbage quartz"); err != nil {
		t.Fatal(err)
	}
	if n := h.count(`SELECT count(*) FROM methods WHERE user_id = $1`, p.id); n != 1 {
		t.Error("the app is gone")
	}
}

// A second address change mails the first new address an undo link of its own:
// once the owner took the first change back, that one leads nowhere.
func TestAnUndoneChangeLeavesNoWayBackToTheStranger(t *testing.T) {
	t.Parallel()
	h := newHouse(t)
	p := h.person()
	owner, stranger := "", ""
	for _, link := range []struct {
		token *string
		data  account.LinkData
	}{
		{&owner, account.LinkData{OldEmail: p.email, NewEmail: "first@example.net"}},
		{&stranger, account.LinkData{OldEmail: "first@example.net", NewEmail: "second@example.net"}},
	} {
		h.clock.Advance(time.Minute)
		h.tx(func(ctx context.Context, tx *pg.Tx) (err error) {
			if err := account.ChangeEmailTx(ctx, tx, p.id, link.data.NewEmail); err != nil {
				return err
			}
			link.data.ChangedAt = tx.Now
			*link.token, _, err = h.app.Settings.Links.MakeTx(ctx, tx, p.id, account.EmailUndoLink, link.data)
			return err
		})
	}
	undo := func(token string) error {
		return h.app.Settings.NotMe(t.Context(), audit.Actor{}, account.EmailUndoLink, token)
	}
	if err := undo(owner); err != nil {
		t.Fatal(err)
	}
	if h.mails("email_changed", "second@example.net") != 1 {
		t.Error("the address that went was told nothing")
	}
	if err := undo(stranger); !errors.Is(err, fault.New(fault.Refused, fault.CodeUsed)) {
		t.Errorf("the stranger's link: %v", err)
	}
	if h.count(`SELECT count(*) FROM users WHERE id = $1 AND email = $2`, p.id, p.email) != 1 {
		t.Error("the address is not the owner's")
	}
}

// Keys that were never said to be saved are shown after a second step, but not
// after an email code on the day of a reset by mail.
func TestAMailboxAloneGetsNoRecoveryKeys(t *testing.T) {
	t.Parallel()
	h := newHouse(t)
	p := h.person(withEmail)
	h.exec(`UPDATE recovery_sets SET saved_at = NULL WHERE user_id = $1`, p.id)
	shown := func() error {
		in, err := h.app.SignIn.Sessions.Check(t.Context(), h.db, p.in())
		if err != nil {
			t.Fatal(err)
		}
		_, err = h.app.Settings.ShowKeys(t.Context(), audit.Actor{}, in)
		return err
	}
	if err := shown(); err != nil {
		t.Errorf("on an ordinary day: %v", err)
	}
	h.exec(`UPDATE users SET password_reset_at = $2 WHERE id = $1`, p.id, h.clock.Now())
	if err := shown(); !errors.Is(err, fault.New(fault.Forbidden, fault.ConfirmationRequired)) {
		t.Errorf("after a reset by mail: %v", err)
	}
}

// A recovery key counts as a confirmation, and says how many are left, also
// when an enrolment lies between it and the session.
func TestARecoveryKeyIsNotForgottenOverAnEnrolment(t *testing.T) {
	t.Parallel()
	h := newHouse(t)
	p := h.person(withEmail)
	h.exec(`UPDATE users SET reset_at = $2 WHERE id = $1`, p.id, h.clock.Now())
	token := p.signIn()
	if got := p.verify(token, "recovery_key", p.keys[0]).Want(200); got.Text("status") != "enrolment" || got.Field("recovery_keys_left") != 9.0 {
		t.Fatalf("%s", got.Body)
	}
	open := h.api.As(token)
	made := open.Post("/sign-ins/current/enrolments", map[string]any{"method": "app"}).Want(201)
	open.Post("/sign-ins/current/enrolments/confirm", codeBody("app", codeOf(h, made.Text("secret"), 0))).Want(200)
	if got := open.Get("/sign-ins/current").Want(200); got.Field("recovery_keys_left") != 9.0 {
		t.Errorf("%s", got.Body)
	}
	done := open.Post("/sign-ins/current/complete", map[string]any{"recovery_keys_saved": true}).Want(200)
	if done.Field("recovery_keys_left") != 9.0 {
		t.Errorf("%s", done.Body)
	}
	h.api.As(done.Text("session_token")).Get("/me/recovery-keys").Want(200)
}

// A method that is on but not taken by the policy is named as such, uncharged.
func TestAMethodThePolicyTookAwayIsNoWrongCode(t *testing.T) {
	t.Parallel()
	h := newHouse(t)
	p := h.person(withApp, withEmail)
	h.rules(func(r *policy.Rules) { r.EmailMethod = policy.Fallback })
	token := p.signIn()
	p.verify(token, "email", "271828").WantProblem(403, "method_not_allowed_by_policy")
	h.api.As(token).Post("/sign-ins/current/email-code", nil).WantProblem(403, "method_not_allowed_by_policy")
	if n := h.charged(p.id); n != 0 {
		t.Errorf("%d charged", n)
	}
}

func TestEmailCodeAddsAnAppUnderFallbackAndNothingElse(t *testing.T) {
	t.Parallel()
	h := newHouse(t)
	p := h.person(withEmail)
	h.rules(func(r *policy.Rules) { *r = policy.Standard.Rules() })
	me := h.api.As(p.in())
	me.Post("/me/confirmations/email-code", nil).Want(http.StatusAccepted)
	me.Post("/me/confirmations", map[string]any{
		"password": password, "method": "email", "code": p.mailed(factor.Confirmation),
	}).Want(http.StatusOK)
	me.Post("/me/two-factor/enrolments", map[string]any{"method": "app"}).Want(http.StatusCreated)
	me.Post("/me/password", map[string]any{"password": "lamp orbit cabbage quartz"}).WantProblem(403, "confirmation_required")
	me.Post("/me/recovery-keys", nil).WantProblem(403, "confirmation_required")
}
