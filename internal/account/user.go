// Package account keeps people: their address and its proof, their password,
// role and standing.
package account

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

// Role says what a user may do to others.
type Role string

const (
	Member  Role = "user"
	Support Role = "support" // may help users, not rule
	Admin   Role = "admin"
)

// Status says whether a user may sign in.
type Status string

const (
	Active   Status = "active"
	Disabled Status = "disabled"
	Invited  Status = "invited"
)

// ErrTaken means that an account has this address already. It is never told
// to whoever asked: the owner of the address is.
var ErrTaken = errors.New("address has an account")

// User is one account. Instants are UTC; nil means never.
type User struct {
	ID              uuid.UUID
	Email           string // canonical
	EmailVerified   bool
	EverVerified    bool // now or before: then nobody takes the account over
	Disowned        bool // an admin says that the address is no longer theirs
	Name            string
	Role            Role
	Status          Status
	PasswordHash    string // PHC string; empty: has no password
	PreferredMethod string // "", "email" or "app"
	EnrolBy         *time.Time
	RequiredFrom    *time.Time
	ResetAt         *time.Time
	PasswordResetAt *time.Time
	ReportedAt      *time.Time // change that the owner said was not theirs
	ReportedUntil   *time.Time // until when that report holds
	CreatedAt       time.Time
}

type userRow struct {
	ID              uuid.UUID      `db:"id"`
	Email           string         `db:"email"`
	EmailVerifiedAt sql.NullTime   `db:"email_verified_at"`
	EverVerified    bool           `db:"ever_verified"`
	Disowned        bool           `db:"disowned"`
	Name            string         `db:"name"`
	Role            Role           `db:"role"`
	Status          Status         `db:"status"`
	PasswordHash    sql.NullString `db:"password_hash"`
	PreferredMethod sql.NullString `db:"preferred_method"`
	EnrolBy         sql.NullTime   `db:"enrol_by"`
	RequiredFrom    sql.NullTime   `db:"required_from"`
	ResetAt         sql.NullTime   `db:"reset_at"`
	PasswordResetAt sql.NullTime   `db:"password_reset_at"`
	ReportedAt      sql.NullTime   `db:"reported_at"`
	ReportedUntil   sql.NullTime   `db:"reported_until"`
	CreatedAt       time.Time      `db:"created_at"`
}

func (r userRow) user() User {
	return User{
		ID: r.ID, Email: r.Email, EmailVerified: r.EmailVerifiedAt.Valid, EverVerified: r.EverVerified, Disowned: r.Disowned, Name: r.Name,
		Role: r.Role, Status: r.Status, PasswordHash: r.PasswordHash.String,
		PreferredMethod: r.PreferredMethod.String, EnrolBy: instant(r.EnrolBy),
		RequiredFrom: instant(r.RequiredFrom), ResetAt: instant(r.ResetAt),
		PasswordResetAt: instant(r.PasswordResetAt), ReportedAt: instant(r.ReportedAt),
		ReportedUntil: instant(r.ReportedUntil), CreatedAt: r.CreatedAt.UTC(),
	}
}

func instant(t sql.NullTime) *time.Time {
	if !t.Valid {
		return nil
	}
	at := t.Time.UTC()
	return &at
}

// ByEmail finds the account of a canonical address; ok is false where none is.
func ByEmail(ctx context.Context, q pg.Q, email string) (u User, ok bool, err error) {
	var row userRow
	err = q.GetContext(ctx, &row, `
		SELECT id, email, email_verified_at, ever_verified, disowned, name, role, status, password_hash, preferred_method,
		       enrol_by, required_from, reset_at, password_reset_at, reported_at, reported_until, created_at
		FROM users WHERE email = $1`, email)
	if errors.Is(err, pg.ErrNoRows) {
		return User{}, false, nil
	}
	if err != nil {
		return User{}, false, fmt.Errorf("find user by address: %w", err)
	}
	return row.user(), true, nil
}

// ByID reads an account that the caller has proved to be. One that is gone is
// unauthenticated.
func ByID(ctx context.Context, q pg.Q, id uuid.UUID) (User, error) {
	var row userRow
	err := q.GetContext(ctx, &row, `
		SELECT id, email, email_verified_at, ever_verified, disowned, name, role, status, password_hash, preferred_method,
		       enrol_by, required_from, reset_at, password_reset_at, reported_at, reported_until, created_at
		FROM users WHERE id = $1`, id)
	if errors.Is(err, pg.ErrNoRows) {
		return User{}, fault.New(fault.Unauthenticated, fault.NotSignedIn)
	}
	if err != nil {
		return User{}, fmt.Errorf("read user: %w", err)
	}
	return row.user(), nil
}

// CreateTx writes a new account, or gives ErrTaken. The clash is found by the
// constraint and leaves the transaction usable.
func CreateTx(ctx context.Context, tx *pg.Tx, u User) error {
	verified := sql.NullTime{Time: tx.Now, Valid: u.EmailVerified}
	n, err := pg.Affected(tx.ExecContext(ctx, `
		INSERT INTO users (id, email, email_verified_at, name, role, status, password_hash, created_at)
		VALUES ($1, $2, $3, $4, $5, $6, $7, $8)
		ON CONFLICT ON CONSTRAINT users_email_key DO NOTHING`,
		u.ID, u.Email, verified, u.Name, u.Role, u.Status,
		sql.NullString{String: u.PasswordHash, Valid: u.PasswordHash != ""}, tx.Now))
	if err != nil {
		return fmt.Errorf("create user: %w", err)
	}
	if n == 0 {
		return ErrTaken
	}
	return nil
}

// VerifyEmailTx marks the address as proved; changed is false if it was.
func VerifyEmailTx(ctx context.Context, tx *pg.Tx, id uuid.UUID) (changed bool, err error) {
	n, err := pg.Affected(tx.ExecContext(ctx, `
		UPDATE users SET email_verified_at = $2 WHERE id = $1 AND email_verified_at IS NULL`, id, tx.Now))
	if err != nil {
		return false, fmt.Errorf("mark address as proved: %w", err)
	}
	return n == 1, nil
}

// RehashTx replaces the hash of an unchanged password by one with today's
// parameters, unless the password has changed meanwhile.
func RehashTx(ctx context.Context, tx *pg.Tx, id uuid.UUID, old, fresh string) error {
	_, err := tx.ExecContext(ctx, `
		UPDATE users SET password_hash = $3 WHERE id = $1 AND password_hash = $2`, id, old, fresh)
	if err != nil {
		return fmt.Errorf("re-hash password: %w", err)
	}
	return nil
}

// SetPasswordTx gives the account a new password.
func SetPasswordTx(ctx context.Context, tx *pg.Tx, id uuid.UUID, hash string) error {
	_, err := tx.ExecContext(ctx, `UPDATE users SET password_hash = $2 WHERE id = $1`, id, hash)
	if err != nil {
		return fmt.Errorf("set password: %w", err)
	}
	return nil
}

// RenameTx changes the name.
func RenameTx(ctx context.Context, tx *pg.Tx, id uuid.UUID, name string) error {
	_, err := tx.ExecContext(ctx, `UPDATE users SET name = $2 WHERE id = $1`, id, name)
	if err != nil {
		return fmt.Errorf("rename user: %w", err)
	}
	return nil
}

// PreferTx sets the preferred method; empty forgets it.
func PreferTx(ctx context.Context, tx *pg.Tx, id uuid.UUID, method string) error {
	_, err := tx.ExecContext(ctx, `UPDATE users SET preferred_method = $2 WHERE id = $1`,
		id, sql.NullString{String: method, Valid: method != ""})
	if err != nil {
		return fmt.Errorf("set preferred method: %w", err)
	}
	return nil
}

// ProvedTx ends what a reset demanded, and makes the method the preferred one
// where there is none.
func ProvedTx(ctx context.Context, tx *pg.Tx, id uuid.UUID, method string) error {
	_, err := tx.ExecContext(ctx, `
		UPDATE users SET reset_at = NULL, preferred_method = coalesce(preferred_method, $2) WHERE id = $1`, id, method)
	if err != nil {
		return fmt.Errorf("note proved method: %w", err)
	}
	return nil
}

// ResetTx demands that a method is set up again at the next sign-in.
func ResetTx(ctx context.Context, tx *pg.Tx, id uuid.UUID, preferred string) error {
	_, err := tx.ExecContext(ctx, `
		UPDATE users SET reset_at = $2, preferred_method = $3 WHERE id = $1`,
		id, tx.Now, sql.NullString{String: preferred, Valid: preferred != ""})
	if err != nil {
		return fmt.Errorf("note reset: %w", err)
	}
	return nil
}

// RequireTx sets or (nil) lifts an admin's requirement.
func RequireTx(ctx context.Context, tx *pg.Tx, id uuid.UUID, from *time.Time) error {
	_, err := tx.ExecContext(ctx, `UPDATE users SET required_from = $2 WHERE id = $1`, id, from)
	if err != nil {
		return fmt.Errorf("set requirement: %w", err)
	}
	return nil
}

// LockAdminsTx orders everything that changes who is an active admin, so that
// two admins who demote each other don't leave none.
func LockAdminsTx(ctx context.Context, tx *pg.Tx) error {
	_, err := tx.ExecContext(ctx, `SELECT pg_advisory_xact_lock(hashtext('latchkey.admins'))`)
	if err != nil {
		return fmt.Errorf("lock admins: %w", err)
	}
	return nil
}

// LastAdminTx reports whether the user is the only active admin. The caller
// holds LockAdminsTx.
func LastAdminTx(ctx context.Context, tx *pg.Tx, id uuid.UUID) (bool, error) {
	var last bool
	err := tx.GetContext(ctx, &last, `
		SELECT EXISTS (SELECT FROM users WHERE id = $1 AND role = 'admin' AND status = 'active')
		   AND NOT EXISTS (SELECT FROM users WHERE id <> $1 AND role = 'admin' AND status = 'active')`, id)
	if err != nil {
		return false, fmt.Errorf("count admins: %w", err)
	}
	return last, nil
}

// DeleteTx erases an account and with it every row of its own. Events keep
// the id alone.
func DeleteTx(ctx context.Context, tx *pg.Tx, id uuid.UUID) error {
	_, err := tx.ExecContext(ctx, `DELETE FROM users WHERE id = $1`, id)
	if err != nil {
		return fmt.Errorf("delete user: %w", err)
	}
	return nil
}
