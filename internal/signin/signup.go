package signin

import (
	"context"
	"errors"
	"fmt"
	"time"

	"github.com/google/uuid"

	"latchkey/internal/account"
	"latchkey/internal/audit"
	"latchkey/internal/factor"
	"latchkey/internal/fault"
	"latchkey/internal/guard"
	"latchkey/internal/mail"
	"latchkey/internal/pg"
	"latchkey/internal/policy"
)

// Person is who signs up, as typed.
type Person struct {
	Email    string
	Name     string
	Password string
}

// takenMailsPerDay bounds what a stranger can have mailed to an owner.
const takenMailsPerDay = 3

// SignUp makes an account and mails the code that proves its address. An
// address that has an account gets the same answer with a fresh id: nothing is
// made, and its owner is told by mail.
func (f *Flow) SignUp(ctx context.Context, by audit.Actor, p Person) (account.User, error) {
	rules, err := policy.Current(ctx, f.DB)
	if err != nil {
		return account.User{}, err
	}
	if !rules.SignUpOpen {
		return account.User{}, fault.New(fault.Forbidden, fault.SignUpClosed)
	}
	if err := f.Limits.SignUpLook(ctx, f.DB, by.Address, f.DB.Now()); err != nil {
		return account.User{}, err
	}
	u, err := f.person(ctx, p, rules)
	if err != nil {
		return account.User{}, err
	}
	u.Role, u.Status = account.Member, account.Active
	err = f.DB.InTx(context.WithoutCancel(ctx), func(tx *pg.Tx) error {
		u.CreatedAt = tx.Now
		if err := f.Limits.SignUpTx(ctx, tx, by.Address); err != nil {
			return err
		}
		err := f.createTx(ctx, tx, by, u)
		if !errors.Is(err, account.ErrTaken) {
			return err
		}
		return f.tellOwnerTx(ctx, tx, by, u.Email)
	})
	return u, err
}

// person checks what was typed, all fields at once, and hashes the password.
func (f *Flow) person(ctx context.Context, p Person, rules policy.Policy) (account.User, error) {
	u := account.User{}
	all := &fault.Fault{Kind: fault.Invalid, Code: fault.InvalidRequest}
	note := func(bad *fault.Fault) {
		if bad != nil {
			all.Fields = append(all.Fields, bad.Fields...)
		}
	}
	var bad *fault.Fault
	u.Email, bad = account.CanonicalEmail(p.Email)
	note(bad)
	u.Name, bad = account.CanonicalName(p.Name)
	note(bad)
	note(account.CheckPassword(p.Password, rules.PasswordMinLength, p.Email, p.Name, f.Brand))
	if len(all.Fields) > 0 {
		return u, all
	}
	var err error
	if u.ID, err = uuid.NewV7(); err != nil {
		return u, fmt.Errorf("make user: %w", err)
	}
	u.PasswordHash, err = f.Passwords.Hash(ctx, p.Password)
	return u, err
}

func (f *Flow) createTx(ctx context.Context, tx *pg.Tx, by audit.Actor, u account.User) error {
	if err := account.CreateTx(ctx, tx, u); err != nil {
		return err
	}
	if err := guard.CreateTx(ctx, tx, u.ID); err != nil {
		return err
	}
	err := audit.RecordTx(ctx, tx, by, audit.Event{
		Action: "user_created", Subject: u.ID, Data: map[string]any{"role": u.Role},
	})
	if err != nil || u.EmailVerified {
		return err
	}
	_, err = f.Factors.MailCodeTx(ctx, tx, by, factor.Request{
		User: u.ID, Name: u.Name, Address: u.Email, Purpose: factor.VerifyEmail, Holder: u.ID,
	})
	if errors.Is(err, fault.New(fault.TooMany, fault.TooManyEmails)) {
		return nil // the account stands; a code can be asked for later
	}
	return err
}

func (f *Flow) tellOwnerTx(ctx context.Context, tx *pg.Tx, by audit.Actor, email string) error {
	owner, found, err := account.ByEmail(ctx, tx, email)
	if err != nil || !found {
		return err
	}
	if !owner.EmailVerified {
		if err := f.Factors.HoldForeignTx(ctx, tx, email); err != nil {
			return err
		}
	}
	ok, err := mail.AllowTx(ctx, tx, mail.AddressTaken{}, email, tx.Now.Add(-24*time.Hour), takenMailsPerDay)
	if err != nil || !ok {
		return err
	}
	return f.Judge.NoteTx(ctx, tx, owner, mail.AddressTaken{Device: by.Device, Address: by.Address, At: tx.Now})
}

// CreateUser makes an account for someone else: by the host or an admin. The
// address counts as proved when verified says so.
func (f *Flow) CreateUser(ctx context.Context, by audit.Actor, p Person, role account.Role, verified bool) (account.User, error) {
	rules, err := policy.Current(ctx, f.DB)
	if err != nil {
		return account.User{}, err
	}
	u, err := f.person(ctx, p, rules)
	if err != nil {
		return u, err
	}
	u.Role, u.Status, u.EmailVerified = role, account.Active, verified
	err = f.DB.InTx(ctx, func(tx *pg.Tx) error {
		u.CreatedAt = tx.Now
		return f.createTx(ctx, tx, by, u)
	})
	return u, err
}
