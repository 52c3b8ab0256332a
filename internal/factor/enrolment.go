package factor

import (
	"context"
	"errors"
	"fmt"
	"time"

	"github.com/google/uuid"

	"latchkey/internal/fault"
	"latchkey/internal/pg"
)

const enrolmentLife = 10 * time.Minute

// Enrolment is a method that is not proved yet and counts for nothing.
type Enrolment struct {
	ID        uuid.UUID
	Kind      Kind
	Name      string
	Account   string    // address of the user, for the label in an app; not from OpenTx
	Secret    string    // apps: base32, shown now and never again
	Replaces  uuid.UUID // the app that ends when this one is proved
	ExpiresAt time.Time
}

// BeginTx begins an enrolment held by a sign-in or session; beginning again
// replaces the one before. The caller holds the user's guard, so the limits
// are exact. replaces names an app of the user's, or is zero.
func (s *Store) BeginTx(ctx context.Context, tx *pg.Tx, user, holder uuid.UUID, k Kind, name string, replaces uuid.UUID) (Enrolment, error) {
	if err := s.roomTx(ctx, tx, user, k, replaces); err != nil {
		return Enrolment{}, err
	}
	id := pg.NewID()
	e := Enrolment{ID: id, Kind: k, Name: name, Replaces: replaces, ExpiresAt: tx.Now.Add(enrolmentLife)}
	var sealed []byte
	if k == App {
		e.Secret = NewAppSecret()
		sealed = s.keys.AppSecrets.Seal([]byte(e.Secret), secretRow(user, id)...)
	}
	_, err := tx.ExecContext(ctx, `
		INSERT INTO enrolments (id, user_id, holder, kind, name, secret, replaces, created_at, expires_at)
		VALUES ($1, $2, $3, $4, $5, $6, $7, $8, $9)
		ON CONFLICT ON CONSTRAINT enrolments_holder_key DO UPDATE
		SET id = excluded.id, name = excluded.name, secret = excluded.secret, replaces = excluded.replaces,
		    created_at = excluded.created_at, expires_at = excluded.expires_at`,
		id, user, holder, k, name, sealed, uuid.NullUUID{UUID: replaces, Valid: replaces != uuid.Nil}, tx.Now, e.ExpiresAt)
	if err != nil {
		return Enrolment{}, fmt.Errorf("begin enrolment: %w", err)
	}
	return e, nil
}

// roomTx refuses a second email, a fourth app, and a foreign app to replace.
func (s *Store) roomTx(ctx context.Context, tx *pg.Tx, user uuid.UUID, k Kind, replaces uuid.UUID) error {
	methods, err := Methods(ctx, tx, user)
	if err != nil {
		return err
	}
	apps, found := 0, replaces == uuid.Nil
	for _, m := range methods {
		if m.Kind == App {
			apps++
			found = found || m.ID == replaces
		}
	}
	switch {
	case k == Email && Has(methods, Email):
		return fault.New(fault.Conflict, fault.AlreadyEnabled)
	case !found:
		return fault.New(fault.NotFound, fault.Absent)
	case k == App && replaces == uuid.Nil && apps >= maxApps:
		return fault.New(fault.Conflict, fault.AlreadyEnabled).Say("fault.too_many_apps", map[string]any{"Max": maxApps})
	}
	return nil
}

// OpenTx reads the live enrolment of a holder. One that was proved, replaced
// or left to die is a conflict: there is nothing to confirm.
func (s *Store) OpenTx(ctx context.Context, tx *pg.Tx, user, holder uuid.UUID, k Kind) (Enrolment, error) {
	var row struct {
		ID        uuid.UUID     `db:"id"`
		Name      string        `db:"name"`
		Secret    []byte        `db:"secret"`
		Replaces  uuid.NullUUID `db:"replaces"`
		ExpiresAt time.Time     `db:"expires_at"`
	}
	err := tx.GetContext(ctx, &row, `
		SELECT id, name, secret, replaces, expires_at FROM enrolments
		WHERE holder = $1 AND kind = $2 AND user_id = $3 AND expires_at > $4
		FOR UPDATE`, holder, k, user, tx.Now)
	if errors.Is(err, pg.ErrNoRows) {
		return Enrolment{}, nothingOpen(ctx, tx, user, holder, k)
	}
	if err != nil {
		return Enrolment{}, fmt.Errorf("read enrolment: %w", err)
	}
	e := Enrolment{ID: row.ID, Kind: k, Name: row.Name, Replaces: row.Replaces.UUID, ExpiresAt: row.ExpiresAt.UTC()}
	if k == App {
		secret, err := s.keys.AppSecrets.Open(row.Secret, secretRow(user, row.ID)...)
		if err != nil {
			return Enrolment{}, fmt.Errorf("open app secret: %w", err)
		}
		e.Secret = string(secret)
	}
	return e, nil
}

// nothingOpen tells a repeated confirm apart from one that comes too late.
func nothingOpen(ctx context.Context, tx *pg.Tx, user, holder uuid.UUID, k Kind) error {
	var late bool
	err := tx.GetContext(ctx, &late, `
		SELECT EXISTS (SELECT FROM enrolments WHERE holder = $1 AND kind = $2 AND user_id = $3)`, holder, k, user)
	if err != nil {
		return fmt.Errorf("look for expired enrolment: %w", err)
	}
	if late {
		return fault.New(fault.Refused, fault.CodeExpired).Say("fault.no_enrolment", nil)
	}
	methods, err := Methods(ctx, tx, user)
	if err != nil {
		return err
	}
	if Has(methods, k) {
		return fault.New(fault.Conflict, fault.AlreadyEnabled)
	}
	return fault.New(fault.Conflict, fault.StateConflict).Say("fault.no_enrolment", nil)
}

// ProveAppTx turns the enrolled app on if the code is right. The code is spent
// with it: the new method starts at that step. ahead is the policy's.
func (s *Store) ProveAppTx(ctx context.Context, tx *pg.Tx, user uuid.UUID, e Enrolment, code string, ahead int) (Outcome, error) {
	step, ok := MatchStep(e.Secret, code, tx.Now, appsBehind, int64(ahead))
	if !ok {
		return Wrong, nil
	}
	return Right, s.turnOnTx(ctx, tx, user, e, step)
}

// TurnOnEmailTx turns on codes by email, once one was accepted.
func (s *Store) TurnOnEmailTx(ctx context.Context, tx *pg.Tx, user uuid.UUID, e Enrolment) error {
	return s.turnOnTx(ctx, tx, user, e, -1)
}

func (s *Store) turnOnTx(ctx context.Context, tx *pg.Tx, user uuid.UUID, e Enrolment, step Step) error {
	if err := s.roomTx(ctx, tx, user, e.Kind, e.Replaces); err != nil {
		return err
	}
	var sealed []byte
	if e.Kind == App {
		// The enrolment's id becomes the method's, so the seal fits as it is.
		sealed = s.keys.AppSecrets.Seal([]byte(e.Secret), secretRow(user, e.ID)...)
	}
	_, err := tx.ExecContext(ctx, `
		INSERT INTO methods (id, user_id, kind, name, secret, last_step, enabled_at, last_used_at)
		VALUES ($1, $2, $3, $4, $5, $6, $7, $7)`, e.ID, user, e.Kind, e.Name, sealed, int64(step), tx.Now)
	if pg.Violates(err, "methods_email_key") {
		return fault.New(fault.Conflict, fault.AlreadyEnabled)
	}
	if err != nil {
		return fmt.Errorf("turn on method: %w", err)
	}
	if e.Replaces != uuid.Nil {
		if err := RemoveTx(ctx, tx, user, e.Replaces); err != nil {
			return err
		}
	}
	return DropEnrolmentsTx(ctx, tx, user)
}

// DropEnrolmentsTx ends every unproved enrolment of the user: what another
// device began before a change of methods counts for nothing after it.
func DropEnrolmentsTx(ctx context.Context, tx *pg.Tx, user uuid.UUID) error {
	_, err := tx.ExecContext(ctx, `DELETE FROM enrolments WHERE user_id = $1`, user)
	if err != nil {
		return fmt.Errorf("end enrolments: %w", err)
	}
	return nil
}
