package account

import (
	"context"
	"fmt"
	"time"

	"github.com/google/uuid"

	"latchkey/internal/audit"
	"latchkey/internal/pg"
	"latchkey/internal/trace"
)

// ChangeEmailTx moves an account to an address that was just proved. One that
// belongs to another account is ErrTaken.
func ChangeEmailTx(ctx context.Context, tx *pg.Tx, id uuid.UUID, email string) error {
	// A clash must leave the transaction usable, so it is asked for first; the
	// constraint still decides a race.
	n, err := pg.Affected(tx.ExecContext(ctx, `
		UPDATE users SET email = $2, email_verified_at = $3
		WHERE id = $1 AND NOT EXISTS (SELECT FROM users WHERE email = $2 AND id <> $1)`, id, email, tx.Now))
	if pg.Violates(err, "users_email_key") {
		return ErrTaken
	}
	if err != nil {
		return fmt.Errorf("change address: %w", err)
	}
	if n == 0 {
		return ErrTaken
	}
	return nil
}

// ResetPasswordTx sets a password by a mailed link, which proves the address:
// for a day mailbox and password count as one channel.
func ResetPasswordTx(ctx context.Context, tx *pg.Tx, id uuid.UUID, hash string) error {
	_, err := tx.ExecContext(ctx, `
		UPDATE users SET password_hash = $2, password_reset_at = $3,
			email_verified_at = coalesce(email_verified_at, $3)
		WHERE id = $1`, id, hash, tx.Now)
	if err != nil {
		return fmt.Errorf("reset password: %w", err)
	}
	return nil
}

// ReportTx notes that the owner said "this wasn't me" of a change at that
// time. An earlier report in force is kept: it takes more away.
func ReportTx(ctx context.Context, tx *pg.Tx, id uuid.UUID, changedAt time.Time) error {
	_, err := tx.ExecContext(ctx, `
		UPDATE users
		SET reported_at = CASE WHEN reported_until > $4 THEN least(reported_at, $2) ELSE $2 END, reported_until = $3
		WHERE id = $1`, id, changedAt, tx.Now.AddDate(0, 0, reportDays), tx.Now)
	if err != nil {
		return fmt.Errorf("note report: %w", err)
	}
	return nil
}

// reportDays is how long a report holds.
const reportDays = 7

// AskKind is what is asked about an address.
type AskKind string

const (
	AskedReset   AskKind = "password_reset" // a link that sets a new password
	AskedSignUp  AskKind = "sign_up"        // an account, for an address that has one: its owner is told
	AskedChange  AskKind = "email_change"   // the same, by somebody who wanted to change to it
	AskedNothing AskKind = "nothing"        // either, for a free address: written since it costs the same
)

// AskTx writes down what is asked about an address, whether it has an account
// or not: the same write for both.
func AskTx(ctx context.Context, tx *pg.Tx, by audit.Actor, k AskKind, email string) error {
	id := pg.NewID()
	_, err := tx.ExecContext(ctx, `
		INSERT INTO address_requests (id, kind, email, device, address, created_at, request_id, traceparent)
		VALUES ($1, $2, $3, $4, $5, $6, nullif($7, ''), nullif($8, ''))`,
		id, k, email, by.Device, by.Address, tx.Now, trace.Request(ctx), trace.Parent(ctx))
	if err != nil {
		return fmt.Errorf("note request: %w", err)
	}
	return nil
}

// Asked is a request about an address that waits for its answer by mail.
type Asked struct {
	Kind      AskKind
	Email     string
	By        audit.Actor
	CreatedAt time.Time

	request, parent string
}

// For makes ctx a part of the request that asked, so that its mail is told to it.
func (a Asked) For(ctx context.Context) context.Context {
	return trace.WithRequest(trace.Continue(ctx, a.parent), a.request)
}

// TakeAskedTx takes up to limit waiting requests away, oldest first; the
// caller answers them in the same transaction. Others at the same work take
// other rows.
func TakeAskedTx(ctx context.Context, tx *pg.Tx, limit int) ([]Asked, error) {
	var rows []struct {
		Kind      AskKind   `db:"kind"`
		Email     string    `db:"email"`
		Device    string    `db:"device"`
		Address   string    `db:"address"`
		CreatedAt time.Time `db:"created_at"`
		Request   string    `db:"request_id"`
		Parent    string    `db:"traceparent"`
	}
	err := tx.SelectContext(ctx, &rows, `
		DELETE FROM address_requests WHERE id IN (
			SELECT id FROM address_requests ORDER BY created_at, id LIMIT $1 FOR UPDATE SKIP LOCKED)
		RETURNING kind, email, device, address, created_at,
		          coalesce(request_id, '') AS request_id, coalesce(traceparent, '') AS traceparent`, limit)
	if err != nil {
		return nil, fmt.Errorf("take requests: %w", err)
	}
	out := make([]Asked, len(rows))
	for i, r := range rows {
		out[i] = Asked{r.Kind, r.Email, audit.Actor{Kind: audit.Anonymous, Device: r.Device, Address: r.Address}, r.CreatedAt.UTC(), r.Request, r.Parent}
	}
	return out, nil
}
