package app

import (
	"context"
	"errors"
	"fmt"
	"time"

	"github.com/google/uuid"

	"latchkey/internal/account"
	"latchkey/internal/audit"
	"latchkey/internal/factor"
	"latchkey/internal/guard"
	"latchkey/internal/pg"
)

// demoPassword opens every demo account. It is exempt from the strength rule.
const demoPassword = "latchkey-demo"

// demoAccount is somebody made up, in a state that pages have to show.
type demoAccount struct {
	email, name string
	role        account.Role
	status      account.Status
	verified    bool
	methods     []factor.Kind
	required    bool
	frozen      bool
}

var demoAccounts = []demoAccount{
	{email: "admin@example.com", name: "Admin", role: account.Admin, status: account.Active, verified: true},
	{email: "user@example.com", name: "User", role: account.Member, status: account.Active, verified: true},
	{email: "app@example.com", name: "Has an app", role: account.Member, status: account.Active, verified: true, methods: []factor.Kind{factor.App}},
	{email: "mail@example.com", name: "Has codes by email", role: account.Member, status: account.Active, verified: true, methods: []factor.Kind{factor.Email}},
	{email: "both@example.com", name: "Has both", role: account.Support, status: account.Active, verified: true, methods: []factor.Kind{factor.App, factor.Email}},
	{email: "required@example.com", name: "Must enrol", role: account.Member, status: account.Active, verified: true, required: true},
	{email: "frozen@example.com", name: "Is frozen", role: account.Member, status: account.Active, verified: true, methods: []factor.Kind{factor.App}, frozen: true},
	{email: "new@example.com", name: "Has not proved the address", role: account.Member, status: account.Active},
	{email: "gone@example.com", name: "Is disabled", role: account.Member, status: account.Disabled, verified: true},
	{email: "guest@example.com", name: "Is invited", role: account.Member, status: account.Invited},
}

// SeedDemo makes the accounts of `dev`: those that are there stay as they are.
func (a *App) SeedDemo(ctx context.Context) error {
	hash, err := a.SignIn.Passwords.Hash(ctx, demoPassword)
	if err != nil {
		return fmt.Errorf("hash demo password: %w", err)
	}
	for _, d := range demoAccounts {
		err := a.DB.InTx(ctx, func(tx *pg.Tx) error { return a.seed(ctx, tx, d, hash) })
		if err != nil && !errors.Is(err, account.ErrTaken) {
			return fmt.Errorf("make %s: %w", d.email, err)
		}
	}
	return nil
}

func (a *App) seed(ctx context.Context, tx *pg.Tx, d demoAccount, hash string) error {
	by := audit.Actor{Kind: audit.System}
	id := pg.NewID()
	u := account.User{
		ID: id, Email: d.email, EmailVerified: d.verified, Name: d.name, Role: d.role, Status: d.status, PasswordHash: hash,
	}
	if d.status == account.Invited { // chooses one when accepting
		u.PasswordHash = ""
	}
	if err := account.CreateTx(ctx, tx, u); err != nil {
		return err
	}
	if err := guard.CreateTx(ctx, tx, id); err != nil {
		return err
	}
	for _, k := range d.methods {
		if err := a.seedMethod(ctx, tx, id, k); err != nil {
			return err
		}
	}
	if len(d.methods) > 0 {
		if _, err := a.SignIn.Factors.NewSetTx(ctx, tx, id); err != nil {
			return err
		}
		if err := factor.SavedTx(ctx, tx, id, true); err != nil {
			return err
		}
	}
	if d.required {
		from := tx.Now.Truncate(time.Second)
		if err := account.RequireTx(ctx, tx, id, &from); err != nil {
			return err
		}
	}
	if d.frozen {
		if err := seedFreeze(ctx, tx, id); err != nil {
			return err
		}
	}
	return audit.RecordTx(ctx, tx, by, audit.Event{Action: "user_created", Subject: id, Data: map[string]any{"role": d.role, "demo": true}})
}

// seedFreeze guesses until nothing is judged any more.
func seedFreeze(ctx context.Context, tx *pg.Tx, user uuid.UUID) error {
	lock, err := guard.LockTx(ctx, tx, user, uuid.Nil)
	if err != nil {
		return err
	}
	for alarm := guard.Quiet; alarm != guard.Frozen; {
		if alarm, err = lock.FailTx(ctx, tx); err != nil {
			return err
		}
	}
	return nil
}

// seedMethod turns a method on the way everybody does: begun, then proved.
func (a *App) seedMethod(ctx context.Context, tx *pg.Tx, user uuid.UUID, k factor.Kind) error {
	name, err := factor.CanonicalName(k, "")
	if err != nil {
		return err
	}
	e, err := a.SignIn.Factors.BeginTx(ctx, tx, user, user, k, name, uuid.Nil)
	if err != nil {
		return err
	}
	if k == factor.Email {
		err = a.SignIn.Factors.TurnOnEmailTx(ctx, tx, user, e)
	} else {
		var code string
		if code, err = factor.CodeAt(e.Secret, factor.StepAt(tx.Now)); err != nil {
			return err
		}
		_, err = a.SignIn.Factors.ProveAppTx(ctx, tx, user, e, code, 0)
	}
	if err != nil {
		return err
	}
	return account.ProvedTx(ctx, tx, user, string(k))
}
