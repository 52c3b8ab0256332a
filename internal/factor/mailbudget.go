package factor

import (
	"context"
	"fmt"
	"time"

	"github.com/google/uuid"

	"latchkey/internal/fault"
	"latchkey/internal/pg"
)

// Figures of mailed codes.
const (
	mailsPerHour    = 5  // per purpose group, and per known browser for sign-in and confirmation
	signInsPerDay   = 15 // sign-in and confirmation codes, shared budget
	addressesPerDay = 20 // codes of any account to one address that it has not proved
)

// budgetTx refuses a mail when its budget is gone. Mails are counted from the
// codes themselves: there is no second counter that could disagree.
func (s *Store) budgetTx(ctx context.Context, tx *pg.Tx, r Request) error {
	group := []string{string(r.Purpose)}
	shared := r.Purpose == SignInCode || r.Purpose == Confirmation
	if shared {
		group = []string{string(SignInCode), string(Confirmation)}
	}
	var sent pg.Times
	err := tx.GetContext(ctx, &sent, `
		SELECT coalesce(array_agg(at ORDER BY at), '{}')
		FROM codes CROSS JOIN unnest(mailed) AS at
		WHERE user_id = $1 AND purpose = ANY($2) AND at > $4 AND created_at > $4 - interval '1 hour'
		  AND (NOT $5 OR browser IS NOT DISTINCT FROM $3)`,
		r.User, pg.Array(group), uuid.NullUUID{UUID: r.Browser, Valid: r.Browser != uuid.Nil},
		tx.Now.Add(-24*time.Hour), shared)
	if err != nil {
		return fmt.Errorf("count mailed codes: %w", err)
	}
	if wait := over(sent, mailsPerHour, time.Hour, tx.Now); wait > 0 {
		return fault.New(fault.TooMany, fault.TooManyEmails).After(wait)
	}
	if shared && r.Browser == uuid.Nil {
		if wait := over(sent, signInsPerDay, 24*time.Hour, tx.Now); wait > 0 {
			return fault.New(fault.TooMany, fault.TooManyEmails).After(wait)
		}
	}
	if r.Purpose == VerifyEmail || r.Purpose == EmailChange {
		return s.addressBudgetTx(ctx, tx, r.Address)
	}
	return nil
}

// addressBudgetTx keeps one mailbox from being flooded through many accounts.
func (s *Store) addressBudgetTx(ctx context.Context, tx *pg.Tx, address string) error {
	var sent pg.Times
	err := tx.GetContext(ctx, &sent, `
		SELECT coalesce(array_agg(at ORDER BY at), '{}')
		FROM codes CROSS JOIN unnest(mailed) AS at
		WHERE address = $1 AND purpose IN ('verify_email', 'email_change')
		  AND at > $2 AND created_at > $2 - interval '1 hour'`, address, tx.Now.Add(-24*time.Hour))
	if err != nil {
		return fmt.Errorf("count mails to address: %w", err)
	}
	if wait := over(sent, addressesPerDay, 24*time.Hour, tx.Now); wait > 0 {
		return fault.New(fault.TooMany, fault.TooManyEmails).After(wait)
	}
	return nil
}

// over says how long until fewer than limit of the instants (in order) lie
// within the window; 0: they do already.
func over(sent pg.Times, limit int, window time.Duration, now time.Time) time.Duration {
	if len(sent) < limit {
		return 0
	}
	return max(sent[len(sent)-limit].Add(window).Sub(now), 0)
}
