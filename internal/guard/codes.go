package guard

import (
	"context"
	"database/sql"
	"errors"
	"fmt"
	"time"

	"github.com/google/uuid"

	"latchkey/internal/fault"
	"latchkey/internal/pg"
)

// Lock is a user's guard row, locked for the rest of the transaction, and the
// meter that this caller's guesses count on. Whoever writes a user's rows
// takes it first: it orders all that happens to one account.
type Lock struct {
	User    uuid.UUID
	browser uuid.UUID // zero: the shared meter
	budget  budget
	now     time.Time
}

// CreateTx makes the guard of a new user.
func CreateTx(ctx context.Context, tx *pg.Tx, user uuid.UUID) error {
	_, err := tx.ExecContext(ctx, `INSERT INTO guards (user_id) VALUES ($1)`, user)
	if err != nil {
		return fmt.Errorf("create guard: %w", err)
	}
	return nil
}

// LockTx locks the guard of a user. browser is the one proved by the caller's
// cookie; unless it is known for this user the shared meter is used. A user
// who is gone is unauthenticated.
func LockTx(ctx context.Context, tx *pg.Tx, user, browser uuid.UUID) (*Lock, error) {
	var row struct {
		Failures pg.Times     `db:"code_failures"`
		Until    sql.NullTime `db:"frozen_until"`
		Forever  bool         `db:"frozen_until_password_change"`
	}
	err := tx.GetContext(ctx, &row, `
		SELECT code_failures, frozen_until, frozen_until_password_change
		FROM guards WHERE user_id = $1 FOR UPDATE`, user)
	if errors.Is(err, pg.ErrNoRows) {
		return nil, fault.New(fault.Unauthenticated, fault.NotSignedIn)
	}
	if err != nil {
		return nil, fmt.Errorf("lock guard: %w", err)
	}
	l := &Lock{User: user, now: tx.Now}
	if browser != uuid.Nil {
		err := tx.GetContext(ctx, &row, `
			SELECT code_failures, frozen_until, frozen_until_password_change
			FROM known_browsers WHERE user_id = $1 AND browser = $2 FOR UPDATE`, user, browser)
		switch {
		case err == nil:
			l.browser = browser
		case !errors.Is(err, pg.ErrNoRows):
			return nil, fmt.Errorf("lock known browser: %w", err)
		}
	}
	l.budget = budget{Failures: row.Failures, Forever: row.Forever}
	if row.Until.Valid {
		l.budget.Until = &row.Until.Time
	}
	return l, nil
}

// Browser is the known browser whose meters this caller uses, zero if it is
// the shared one.
func (l *Lock) Browser() uuid.UUID { return l.browser }

// Refusal is the answer while no code may be judged, right or wrong; nil when
// one may. A refused try charges nothing.
func (l *Lock) Refusal() *fault.Fault {
	if wait := l.budget.wait(l.now); wait > 0 {
		return fault.New(fault.TooMany, fault.TooManyAttempts).After(wait)
	}
	return nil
}

// Left is how many wrong codes may follow before the first wait.
func (l *Lock) Left() int {
	return max(freeCodes-len(since(l.budget.Failures, l.now.Add(-time.Hour))), 0)
}

// FailTx charges one wrong code. The caller commits it before telling.
func (l *Lock) FailTx(ctx context.Context, tx *pg.Tx) (Alarm, error) {
	alarm := l.budget.fail(tx.Now)
	var err error
	if l.browser == uuid.Nil {
		_, err = tx.ExecContext(ctx, `
			UPDATE guards SET code_failures = $2, frozen_until = $3, frozen_until_password_change = $4
			WHERE user_id = $1`, l.User, l.budget.Failures, l.budget.Until, l.budget.Forever)
	} else {
		_, err = tx.ExecContext(ctx, `
			UPDATE known_browsers SET code_failures = $3, frozen_until = $4, frozen_until_password_change = $5
			WHERE user_id = $1 AND browser = $2`, l.User, l.browser, l.budget.Failures, l.budget.Until, l.budget.Forever)
	}
	if err != nil {
		return alarm, fmt.Errorf("charge wrong code: %w", err)
	}
	return alarm, nil
}

// UnlockTx empties the meters of wrong codes: by an admin, the host, or the
// change of the password.
func (l *Lock) UnlockTx(ctx context.Context, tx *pg.Tx) error {
	_, err := tx.ExecContext(ctx, `
		UPDATE guards SET code_failures = '{}', frozen_until = NULL, frozen_until_password_change = false
		WHERE user_id = $1`, l.User)
	if err != nil {
		return fmt.Errorf("unlock guard: %w", err)
	}
	_, err = tx.ExecContext(ctx, `
		UPDATE known_browsers
		SET code_failures = '{}', frozen_until = NULL, frozen_until_password_change = false, password_failures = '{}'
		WHERE user_id = $1`, l.User)
	if err != nil {
		return fmt.Errorf("unlock known browsers: %w", err)
	}
	l.budget = budget{}
	return nil
}

// PasswordResetTx is what a reset by a mailed link lifts: the freeze that
// lasts until the password changes, and wrong passwords of known browsers.
// Wrong codes stay counted and a day's freeze goes on: the mailbox alone must
// not buy guesses at the second step.
func (l *Lock) PasswordResetTx(ctx context.Context, tx *pg.Tx) error {
	_, err := tx.ExecContext(ctx, `
		UPDATE guards SET frozen_until_password_change = false WHERE user_id = $1 AND frozen_until_password_change`, l.User)
	if err != nil {
		return fmt.Errorf("lift freeze: %w", err)
	}
	_, err = tx.ExecContext(ctx, `
		UPDATE known_browsers SET frozen_until_password_change = false, password_failures = '{}' WHERE user_id = $1`, l.User)
	if err != nil {
		return fmt.Errorf("lift freeze of browsers: %w", err)
	}
	l.budget.Forever = false
	return nil
}

// FrozenUntil says until when the shared meter judges no code; nil: it does.
func FrozenUntil(ctx context.Context, q pg.Q, user uuid.UUID, now time.Time) (*time.Time, error) {
	var row struct {
		Failures pg.Times     `db:"code_failures"`
		Until    sql.NullTime `db:"frozen_until"`
		Forever  bool         `db:"frozen_until_password_change"`
	}
	err := q.GetContext(ctx, &row, `
		SELECT code_failures, frozen_until, frozen_until_password_change FROM guards WHERE user_id = $1`, user)
	if err != nil {
		return nil, fmt.Errorf("read guard: %w", err)
	}
	b := budget{Failures: row.Failures, Forever: row.Forever}
	if row.Until.Valid {
		b.Until = &row.Until.Time
	}
	if wait := b.wait(now); wait > 0 {
		until := now.Add(wait)
		return &until, nil
	}
	return nil, nil
}
