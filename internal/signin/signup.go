package signin

import (
	"context"
	"errors"
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
	"latchkey/internal/proof"
)

// Person is who signs up, as typed.
type Person struct {
	Email    string
	Name     string
	Password string
}

// takenMailsPerDay bounds what a stranger can have mailed to an owner.
const takenMailsPerDay = 3

// MaySignUp refuses while nobody may make an account by themselves.
func (f *Flow) MaySignUp(ctx context.Context) error {
	_, err := f.openToAll(ctx)
	return err
}

// openToAll gives the policy in force, if it lets anyone make an account.
func (f *Flow) openToAll(ctx context.Context) (policy.Policy, error) {
	rules, err := policy.Current(ctx, f.DB)
	if err == nil && !rules.SignUpOpen {
		err = fault.New(fault.Forbidden, fault.SignUpClosed)
	}
	return rules, err
}

// SignUp makes an account and mails the code that proves its address. An
// address that has an account gets the same answer with a fresh id: nothing is
// made, and its owner is told by mail.
func (f *Flow) SignUp(ctx context.Context, by audit.Actor, p Person) (account.User, error) {
	rules, err := f.openToAll(ctx)
	if err != nil {
		return account.User{}, err
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
		return f.signUpTx(ctx, tx, by, u)
	})
	return u, err
}

// signUpTx does the same for a taken address as for a free one, and takes back
// what it made: the time tells no more than the answer. Either way one mail is
// charged to the client's address.
func (f *Flow) signUpTx(ctx context.Context, tx *pg.Tx, by audit.Actor, u account.User) error {
	mails, err := true, f.Limits.CodeMailTx(ctx, tx, by.Address)
	if errors.Is(err, tooManyEmails) {
		mails, err = false, nil
	}
	if err != nil {
		return err
	}
	_, taken, err := account.ByEmail(ctx, tx, u.Email)
	if err != nil {
		return err
	}
	made, asked := u, account.AskedNothing
	if taken {
		made.Email, asked = nobodys(u.ID), account.AskedSignUp
	}
	err = tx.KeepIf(ctx, !taken, func() error {
		err := f.createTx(ctx, tx, by, made)
		if err != nil || !mails {
			return err
		}
		return f.firstCodeTx(ctx, tx, by, u, true)
	})
	if errors.Is(err, account.ErrTaken) { // meanwhile, by somebody who was quicker
		err, asked = nil, account.AskedSignUp
	}
	if err != nil {
		return err
	}
	tx.AfterCommit(f.Wake)
	return account.AskTx(ctx, tx, by, asked, u.Email)
}

// nobodys is an address that no account has, for one that is not kept.
func nobodys(id uuid.UUID) string { return id.String() + "@taken.invalid" }

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
	u.ID = pg.NewID()
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
	return audit.RecordTx(ctx, tx, by, audit.Event{
		Action: "user_created", Subject: u.ID, Data: map[string]any{"role": u.Role},
	})
}

var tooManyEmails = fault.New(fault.TooMany, fault.TooManyEmails)

// firstCodeTx mails the code that proves the address of a new account. Without
// a budget the account stands all the same: a code can be asked for later.
func (f *Flow) firstCodeTx(ctx context.Context, tx *pg.Tx, by audit.Actor, u account.User, charged bool) error {
	_, err := f.Factors.MailCodeTx(ctx, tx, by, factor.Request{
		User: u.ID, Name: u.Name, Address: u.Email, Purpose: factor.VerifyEmail, Holder: u.ID, Charged: charged,
	})
	if errors.Is(err, tooManyEmails) {
		return nil
	}
	return err
}

// tellOwner answers a sign-up, or a change of address, to one that is taken.
// The change has charged the address for a code: the notice is not once more.
func (f *Flow) tellOwner(ctx context.Context, tx *pg.Tx, a account.Asked) error {
	owner, found, err := account.ByEmail(ctx, tx, a.Email)
	if err != nil || !found {
		return err
	}
	if !owner.EmailVerified {
		if err := f.Factors.HoldForeignTx(ctx, tx, a.Email); err != nil {
			return err
		}
	}
	ok, err := mail.AllowTx(ctx, tx, mail.AddressTaken{}, a.Email, tx.Now.Add(-24*time.Hour), takenMailsPerDay)
	if err != nil || !ok {
		return err
	}
	notice := mail.AddressTaken{Invited: owner.Status == account.Invited, Device: a.By.Device, Address: a.By.Address, At: a.CreatedAt}
	if a.Kind == account.AskedChange {
		_, err = f.Outbox.QueueTx(ctx, tx, proof.To(owner), notice)
		return err
	}
	return f.Judge.NoteTx(ctx, tx, owner, notice)
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
		if err := f.createTx(ctx, tx, by, u); err != nil || verified {
			return err
		}
		return f.firstCodeTx(ctx, tx, by, u, false)
	})
	return u, err
}
