package session

import (
	"context"
	"errors"
	"fmt"
	"time"

	"github.com/google/uuid"

	"latchkey/internal/audit"
	"latchkey/internal/pg"
)

const (
	signInLife = 15 * time.Minute
	// SignInTries is how many wrong codes kill a sign-in.
	SignInTries = 5
)

// Step is what an unfinished sign-in waits for.
type Step string

const (
	SecondFactor Step = "second_factor"
	Enrolment    Step = "enrolment"
)

// SignIn is an attempt that is not finished. It opens nothing but its own
// steps: it is another row with another token than a session.
type SignIn struct {
	ID          uuid.UUID
	User        uuid.UUID
	First       First
	Step        Step
	Assurance   Assurance // reached so far
	Proved      string    // method proved on the way, before an enrolment
	Enrolled    bool      // a method was turned on in it; `complete` is due
	ByKey       bool      // a recovery key was spent in it
	TrustDevice bool
	Held        bool // its first code was not mailed: the budget was gone
	Failures    int
	CreatedAt   time.Time
	ExpiresAt   time.Time
}

type signInRow struct {
	ID          uuid.UUID `db:"id"`
	User        uuid.UUID `db:"user_id"`
	First       First     `db:"first_step"`
	Step        Step      `db:"status"`
	Assurance   Assurance `db:"assurance"`
	Proved      string    `db:"proved"`
	Enrolled    bool      `db:"enrolled"`
	ByKey       bool      `db:"by_key"`
	TrustDevice bool      `db:"trust_device"`
	Held        bool      `db:"held"`
	Failures    int       `db:"failures"`
	CreatedAt   time.Time `db:"created_at"`
	ExpiresAt   time.Time `db:"expires_at"`
}

func (r signInRow) signIn() SignIn {
	s := SignIn(r)
	s.CreatedAt, s.ExpiresAt = s.CreatedAt.UTC(), s.ExpiresAt.UTC()
	return s
}

// BeginTx writes a sign-in whose first step is done and gives its token.
func (s *Store) BeginTx(ctx context.Context, tx *pg.Tx, by audit.Actor, user uuid.UUID, first First, step Step) (SignIn, string, error) {
	token, digest := s.NewToken(SignInPrefix)
	id := pg.NewID()
	in := SignIn{
		ID: id, User: user, First: first, Step: step, Assurance: Password,
		CreatedAt: tx.Now, ExpiresAt: tx.Now.Add(signInLife),
	}
	_, err := tx.ExecContext(ctx, `
		INSERT INTO sign_ins (id, user_id, token_digest, first_step, status, device, address, browser, created_at, expires_at)
		VALUES ($1, $2, $3, $4, $5, $6, $7, $8, $9, $10)`,
		id, user, digest, first, step, by.Device, by.Address, null(by.Browser), tx.Now, in.ExpiresAt)
	if err != nil {
		return SignIn{}, "", fmt.Errorf("begin sign-in: %w", err)
	}
	return in, token, nil
}

// FindSignIn reads the live sign-in of a token, unlocked.
func (s *Store) FindSignIn(ctx context.Context, q pg.Q, token string, now time.Time) (SignIn, error) {
	digests := s.Digests(SignInPrefix, token)
	if digests == nil {
		return SignIn{}, dead
	}
	var r signInRow
	err := q.GetContext(ctx, &r, `
		SELECT id, user_id, first_step, status, assurance, proved, enrolled, by_key, trust_device, held, failures, created_at, expires_at
		FROM sign_ins WHERE token_digest = ANY($1) AND ended_at IS NULL AND expires_at > $2`, pg.Array(digests), now)
	if errors.Is(err, pg.ErrNoRows) {
		return SignIn{}, dead
	}
	if err != nil {
		return SignIn{}, fmt.Errorf("find sign-in: %w", err)
	}
	return r.signIn(), nil
}

// HoldSignInTx locks a live sign-in. The caller holds its user's guard: what
// was read before that lock may be over.
func (s *Store) HoldSignInTx(ctx context.Context, tx *pg.Tx, id uuid.UUID) (SignIn, error) {
	var r signInRow
	err := tx.GetContext(ctx, &r, `
		SELECT id, user_id, first_step, status, assurance, proved, enrolled, by_key, trust_device, held, failures, created_at, expires_at
		FROM sign_ins WHERE id = $1 AND ended_at IS NULL AND expires_at > $2 AND failures < $3
		FOR UPDATE`, id, tx.Now, SignInTries)
	if errors.Is(err, pg.ErrNoRows) {
		return SignIn{}, dead
	}
	if err != nil {
		return SignIn{}, fmt.Errorf("hold sign-in: %w", err)
	}
	return r.signIn(), nil
}

// RetokenTx gives an open sign-in of the user a fresh token: the answer that
// carried the first one was lost on its way. ok is false when it is no longer
// open. The caller has proved the first step again.
func (s *Store) RetokenTx(ctx context.Context, tx *pg.Tx, user, id uuid.UUID) (in SignIn, token string, ok bool, err error) {
	token, digest := s.NewToken(SignInPrefix)
	var r signInRow
	err = tx.GetContext(ctx, &r, `
		UPDATE sign_ins SET token_digest = $3
		WHERE id = $1 AND user_id = $2 AND ended_at IS NULL AND expires_at > $4 AND failures < $5
		RETURNING id, user_id, first_step, status, assurance, proved, enrolled, by_key, trust_device, held, failures, created_at, expires_at`,
		id, user, digest, tx.Now, SignInTries)
	if errors.Is(err, pg.ErrNoRows) {
		return SignIn{}, "", false, nil
	}
	if err != nil {
		return SignIn{}, "", false, fmt.Errorf("give sign-in a fresh token: %w", err)
	}
	return r.signIn(), token, true, nil
}

// FailSignInTx counts a wrong code; the fifth ends the sign-in. It gives how
// many are left.
func FailSignInTx(ctx context.Context, tx *pg.Tx, id uuid.UUID) (left int, err error) {
	err = tx.GetContext(ctx, &left, `
		UPDATE sign_ins
		SET failures = failures + 1, ended_at = CASE WHEN failures + 1 >= $3 THEN $2 ELSE ended_at END
		WHERE id = $1 RETURNING $3 - failures`, id, tx.Now, SignInTries)
	if err != nil {
		return 0, fmt.Errorf("charge sign-in: %w", err)
	}
	return left, nil
}

// HeldTx notes that the first code of a sign-in was not mailed.
func HeldTx(ctx context.Context, tx *pg.Tx, id uuid.UUID) error {
	_, err := tx.ExecContext(ctx, `UPDATE sign_ins SET held = true WHERE id = $1`, id)
	if err != nil {
		return fmt.Errorf("note held code: %w", err)
	}
	return nil
}

// MoveTx carries a sign-in on to its enrolment, with what was proved so far.
func MoveTx(ctx context.Context, tx *pg.Tx, in SignIn) error {
	_, err := tx.ExecContext(ctx, `
		UPDATE sign_ins SET status = $2, assurance = $3, proved = $4, enrolled = $5, trust_device = $6, by_key = $7 WHERE id = $1`,
		in.ID, in.Step, in.Assurance, in.Proved, in.Enrolled, in.TrustDevice, in.ByKey)
	if err != nil {
		return fmt.Errorf("move sign-in: %w", err)
	}
	return nil
}

// EndSignInTx ends one sign-in: completed or cancelled.
func EndSignInTx(ctx context.Context, tx *pg.Tx, id uuid.UUID) error {
	_, err := tx.ExecContext(ctx, `UPDATE sign_ins SET ended_at = $2 WHERE id = $1 AND ended_at IS NULL`, id, tx.Now)
	if err != nil {
		return fmt.Errorf("end sign-in: %w", err)
	}
	return nil
}

// Keep names what survives EndRestTx: the session or sign-in that made the
// change. Zero ids keep nothing.
type Keep struct{ Session, SignIn uuid.UUID }

// EndRestTx is invariant 7: a change of method, password or email ends the
// user's other sessions, open sign-ins and every trusted device.
func (s *Store) EndRestTx(ctx context.Context, tx *pg.Tx, user uuid.UUID, keep Keep) error {
	_, err := tx.ExecContext(ctx, `
		UPDATE sign_ins SET ended_at = $3 WHERE user_id = $1 AND ended_at IS NULL AND id <> $2`, user, keep.SignIn, tx.Now)
	if err != nil {
		return fmt.Errorf("end open sign-ins: %w", err)
	}
	if _, err := s.EndAllTx(ctx, tx, user, keep.Session); err != nil {
		return err
	}
	return s.DistrustAllTx(ctx, tx, user)
}
