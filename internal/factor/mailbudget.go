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
	addressesPerDay = 20 // mails of any account to one address that it has not proved
)

// budgetTx refuses a mail when its user's budget is gone. Mails are counted from
// the codes themselves: there is no second counter that could disagree.
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
		WHERE user_id = $1 AND purpose = ANY($2) AND created_at > $4
		  AND (NOT $5 OR browser IS NOT DISTINCT FROM $3)`,
		r.User, pg.Array(group), uuid.NullUUID{UUID: r.Browser, Valid: r.Browser != uuid.Nil},
		tx.Now.Add(-25*time.Hour), shared) // a code is mailed for less than an hour, and counts for a day
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
	return nil
}

// MailWaitTx says how long no code of this kind is mailed; 0: one may be.
func (s *Store) MailWaitTx(ctx context.Context, tx *pg.Tx, r Request) (time.Duration, error) {
	err := s.budgetTx(ctx, tx, r)
	if f, ok := fault.As(err); ok {
		return f.RetryAfter, nil
	}
	return 0, err
}

// foreign reports whether a code goes to an address that its user has not
// proved: it may be a stranger's.
func (r Request) foreign() bool {
	return r.Purpose == VerifyEmail || r.Purpose == EmailChange || r.Unproved
}

// addressBudgetTx refuses one more code to an address that nobody has proved.
func (s *Store) addressBudgetTx(ctx context.Context, tx *pg.Tx, address string) error {
	wait, err := s.MailForeignTx(ctx, tx, address)
	if err == nil && wait > 0 {
		err = fault.New(fault.TooMany, fault.TooManyEmails).After(wait)
	}
	return err
}

// MailForeignTx charges one mail to a canonical address that its user has not
// proved, over all kinds of mails and all accounts, so that nobody floods a
// stranger's mailbox from here. wait > 0: the budget is gone, and nothing was
// charged. The meter is locked until the commit, which makes the budget exact;
// whoever holds it takes no meter of a client address any more.
//
// It is not counted from codes or mails, since those go with the account.
func (s *Store) MailForeignTx(ctx context.Context, tx *pg.Tx, address string) (wait time.Duration, err error) {
	all, err := s.addressMeterTx(ctx, tx, address)
	if err != nil {
		return 0, err
	}
	sent := pg.Times{}
	for _, at := range all {
		if at.After(tx.Now.Add(-24 * time.Hour)) {
			sent = append(sent, at)
		}
	}
	if wait := over(sent, addressesPerDay, 24*time.Hour, tx.Now); wait > 0 {
		return wait, nil
	}
	_, err = tx.ExecContext(ctx, `
		UPDATE address_meters SET mailed = $2 WHERE address_digest = $1`, s.addressMeter(address)[0], append(sent, tx.Now))
	if err != nil {
		return 0, fmt.Errorf("charge mail to address: %w", err)
	}
	return 0, nil
}

// HoldForeignTx locks the meter of an address without charging it, for who
// takes another lock on the address before it is known whether a mail goes out:
// the meter comes first everywhere.
func (s *Store) HoldForeignTx(ctx context.Context, tx *pg.Tx, address string) error {
	_, err := s.addressMeterTx(ctx, tx, address)
	return err
}

// addressMeter are the digests that an address may be counted under, the
// present key's first.
func (s *Store) addressMeter(address string) [][]byte {
	return s.keys.Tokens.All("address_meter", address)
}

// addressMeterTx makes the meter of an address or finds it, locked either way.
func (s *Store) addressMeterTx(ctx context.Context, tx *pg.Tx, address string) (sent pg.Times, err error) {
	digests := s.addressMeter(address)
	err = tx.GetContext(ctx, &sent, `
		INSERT INTO address_meters (address_digest, mailed, updated_at)
		VALUES ($1, coalesce((SELECT mailed FROM address_meters
		                      WHERE address_digest = ANY($3) -- written under another key
		                      ORDER BY updated_at DESC LIMIT 1), '{}'), $2)
		ON CONFLICT ON CONSTRAINT address_meters_pk DO UPDATE SET updated_at = excluded.updated_at
		RETURNING mailed`, digests[0], tx.Now, pg.Array(digests[1:]))
	if err != nil {
		return nil, fmt.Errorf("lock meter of address: %w", err)
	}
	return sent, nil
}

// over says how long until fewer than limit of the instants (in order) lie
// within the window; 0: they do already.
func over(sent pg.Times, limit int, window time.Duration, now time.Time) time.Duration {
	if len(sent) < limit {
		return 0
	}
	return max(sent[len(sent)-limit].Add(window).Sub(now), 0)
}
