package signin

import (
	"context"

	"latchkey/internal/account"
	"latchkey/internal/audit"
	"latchkey/internal/factor"
	"latchkey/internal/guard"
	"latchkey/internal/pg"
	"latchkey/internal/policy"
	"latchkey/internal/proof"
	"latchkey/internal/session"
	"latchkey/internal/sso"
)

// Confirmation is what a confirmation asks of this user now.
type Confirmation struct {
	User        account.User
	TwoFactor   bool             // a code is asked for beside the password
	Choices     []Choice         // methods that it takes
	Preferred   factor.Kind      // the one to ask first; empty: none is taken
	RecoveryKey bool             // some are left
	Issuers     []string         // without a password: providers that may say who it is
	SSODone     bool             // one did, just now; the code is due
	Mailed      *factor.Delivery // newest code mailed for it; nil: none
}

// Confirmation reads what the page of a confirmation draws.
func (f *Flow) Confirmation(ctx context.Context, by audit.Actor, in session.Session) (Confirmation, error) {
	var out Confirmation
	err := f.DB.InTx(ctx, func(tx *pg.Tx) error {
		if _, err := guard.LockTx(ctx, tx, in.User, by.Browser); err != nil {
			return err
		}
		held, err := f.Sessions.HoldTx(ctx, tx, in.ID)
		if err != nil {
			return err
		}
		s := &step{tx: tx, by: by}
		if s.user, err = account.ByID(ctx, tx, in.User); err != nil {
			return err
		}
		if s.methods, err = factor.Methods(ctx, tx, in.User); err != nil {
			return err
		}
		if s.policy, err = policy.Current(ctx, tx); err != nil {
			return err
		}
		if s.user.PasswordHash == "" {
			all, err := sso.Of(ctx, tx, in.User)
			if err != nil {
				return err
			}
			for _, one := range all {
				out.Issuers = append(out.Issuers, one.Issuer)
			}
			out.SSODone = waitsForCode(held, tx.Now)
		}
		facts := proof.Facts(s.user, s.methods)
		out.User, out.TwoFactor = s.user, len(s.methods) > 0
		if factor.Has(s.methods, factor.App) {
			out.Choices = append(out.Choices, Choice{factor.App, s.hint(factor.App)})
		}
		if factor.Has(s.methods, factor.Email) && (s.policy.ConfirmsByEmail(facts, tx.Now) || s.policy.EmailAddsApp(facts, tx.Now)) {
			out.Choices = append(out.Choices, Choice{factor.Email, s.hint(factor.Email)})
		}
		for i, c := range out.Choices {
			if i == 0 || string(c.Kind) == s.user.PreferredMethod {
				out.Preferred = c.Kind
			}
		}
		set, _, err := factor.CurrentSet(ctx, tx, in.User)
		if err != nil {
			return err
		}
		out.RecoveryKey = set.Left > 0
		d, err := f.Factors.DeliveryTx(ctx, tx, in.User, factor.Confirmation, in.ID)
		if err == nil {
			out.Mailed = &d
		} else if !isAbsent(err) {
			return err
		}
		return nil
	})
	return out, err
}
