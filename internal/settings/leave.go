package settings

import (
	"context"

	"latchkey/internal/account"
	"latchkey/internal/audit"
	"latchkey/internal/fault"
	"latchkey/internal/session"
)

// Leave is Delete for a page, whose user typed the account's address: a press
// of a button is soon done, and this one can't be taken back.
func (f *Flow) Leave(ctx context.Context, by audit.Actor, in session.Session, typed string) error {
	email, bad := account.CanonicalEmail(typed)
	if bad != nil {
		return bad
	}
	a, err := f.view(ctx, in)
	if err != nil {
		return err
	}
	if a.user.Email != email {
		return fault.InField("email", "field.email.not_yours", nil)
	}
	return f.Delete(ctx, by, in)
}
