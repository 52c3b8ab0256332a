package factor

import (
	"context"
	"database/sql"
	"errors"
	"fmt"
	"time"

	"github.com/google/uuid"

	"latchkey/internal/pg"
)

const (
	keysPerSet = 10
	// LowKeys is where the user is told that few are left.
	LowKeys = 3
	// unsavedFor is how long the sealed copies of a set that may not be viewed
	// again are kept for the screen that shows them once.
	unsavedFor = 30 * time.Minute
)

// Set is a user's current set of recovery keys.
type Set struct {
	ID          uuid.UUID
	Label       string // short id, on screen and in the file's name
	GeneratedAt time.Time
	SavedAt     *time.Time
	Keys        []Key // in the order of the list; empty from CurrentSet
	Total, Left int
}

// Key is one recovery key.
type Key struct {
	Key      string // as shown; empty when it can't be viewed
	UsedAt   *time.Time
	UsedFrom string
}

// Shown lists the keys that can be viewed, as they are written.
func (s Set) Shown() []string {
	out := []string{}
	for _, k := range s.Keys {
		if k.Key != "" {
			out = append(out, k.Key)
		}
	}
	return out
}

func keySeal(user, row uuid.UUID) []string { return []string{"recovery", user.String(), row.String()} }

// NewSetTx replaces the user's keys by a fresh set. Digests of older sets stay,
// so that a key of one can be told apart from a typing error.
func (s *Store) NewSetTx(ctx context.Context, tx *pg.Tx, user uuid.UUID) (Set, error) {
	if err := EndKeysTx(ctx, tx, user); err != nil {
		return Set{}, err
	}
	id := pg.NewID()
	set := Set{ID: id, Label: newReference() + newReference(), GeneratedAt: tx.Now, Total: keysPerSet, Left: keysPerSet}
	_, err := tx.ExecContext(ctx, `
		INSERT INTO recovery_sets (id, user_id, label, generated_at) VALUES ($1, $2, $3, $4)`,
		id, user, set.Label, tx.Now)
	if err != nil {
		return Set{}, fmt.Errorf("keep recovery set: %w", err)
	}
	ids, digests, sealed := make([]string, keysPerSet), make([][]byte, keysPerSet), make([][]byte, keysPerSet)
	for i := range keysPerSet {
		key := newRecoveryKey()
		canonical, _ := CanonicalRecoveryKey(key)
		row := pg.NewID()
		ids[i], digests[i] = row.String(), s.keys.RecoveryKeys.Digest(user.String(), canonical)
		sealed[i] = s.keys.RecoverySeal.Seal([]byte(key), keySeal(user, row)...)
		set.Keys = append(set.Keys, Key{Key: key})
	}
	_, err = tx.ExecContext(ctx, `
		INSERT INTO recovery_keys (id, set_id, user_id, position, digest, sealed)
		SELECT k.id, $1, $2, k.position, k.digest, k.sealed
		FROM unnest($3::uuid[], $4::bytea[], $5::bytea[]) WITH ORDINALITY AS k (id, digest, sealed, position)`,
		id, user, pg.Array(ids), pg.Array(digests), pg.Array(sealed))
	if err != nil {
		return Set{}, fmt.Errorf("keep recovery keys: %w", err)
	}
	return set, nil
}

// EndKeysTx ends the current set: its keys open nothing any more.
func EndKeysTx(ctx context.Context, tx *pg.Tx, user uuid.UUID) error {
	_, err := tx.ExecContext(ctx, `
		UPDATE recovery_sets SET replaced_at = $2 WHERE user_id = $1 AND replaced_at IS NULL`, user, tx.Now)
	if err != nil {
		return fmt.Errorf("end recovery set: %w", err)
	}
	_, err = tx.ExecContext(ctx, `
		UPDATE recovery_keys SET sealed = NULL WHERE user_id = $1 AND sealed IS NOT NULL`, user)
	if err != nil {
		return fmt.Errorf("wipe recovery keys: %w", err)
	}
	return nil
}

// SavedTx notes that the user said that the keys are kept. Where they may not
// be viewed again the sealed copies go now.
func SavedTx(ctx context.Context, tx *pg.Tx, user uuid.UUID, viewable bool) error {
	_, err := tx.ExecContext(ctx, `
		UPDATE recovery_sets SET saved_at = coalesce(saved_at, $2) WHERE user_id = $1 AND replaced_at IS NULL`, user, tx.Now)
	if err != nil {
		return fmt.Errorf("note saved keys: %w", err)
	}
	if viewable {
		return nil
	}
	_, err = tx.ExecContext(ctx, `
		UPDATE recovery_keys SET sealed = NULL WHERE user_id = $1 AND sealed IS NOT NULL`, user)
	if err != nil {
		return fmt.Errorf("wipe recovery keys: %w", err)
	}
	return nil
}

// CurrentSet reads the current set without its keys; ok is false if none.
func CurrentSet(ctx context.Context, q pg.Q, user uuid.UUID) (set Set, ok bool, err error) {
	var row struct {
		ID          uuid.UUID    `db:"id"`
		Label       string       `db:"label"`
		GeneratedAt time.Time    `db:"generated_at"`
		SavedAt     sql.NullTime `db:"saved_at"`
		Total       int          `db:"total"`
		Left        int          `db:"unused"`
	}
	err = q.GetContext(ctx, &row, `
		SELECT s.id, s.label, s.generated_at, s.saved_at, count(*) AS total,
		       count(*) FILTER (WHERE k.used_at IS NULL) AS unused
		FROM recovery_sets s JOIN recovery_keys k ON k.set_id = s.id
		WHERE s.user_id = $1 AND s.replaced_at IS NULL
		GROUP BY s.id`, user)
	if errors.Is(err, pg.ErrNoRows) {
		return Set{}, false, nil
	}
	if err != nil {
		return Set{}, false, fmt.Errorf("read recovery set: %w", err)
	}
	return Set{
		ID: row.ID, Label: row.Label, GeneratedAt: row.GeneratedAt.UTC(), SavedAt: instant(row.SavedAt),
		Total: row.Total, Left: row.Left,
	}, true, nil
}

// KeysTx reads the current set with its keys. viewable is the policy's word;
// without it a key is shown only for half an hour and until "saved" is said.
func (s *Store) KeysTx(ctx context.Context, tx *pg.Tx, user uuid.UUID, viewable bool) (set Set, ok bool, err error) {
	set, ok, err = CurrentSet(ctx, tx, user)
	if err != nil || !ok {
		return set, ok, err
	}
	show := viewable || (set.SavedAt == nil && tx.Now.Before(set.GeneratedAt.Add(unsavedFor)))
	var rows []struct {
		ID       uuid.UUID      `db:"id"`
		Sealed   []byte         `db:"sealed"`
		UsedAt   sql.NullTime   `db:"used_at"`
		UsedFrom sql.NullString `db:"used_from"`
	}
	err = tx.SelectContext(ctx, &rows, `
		SELECT id, sealed, used_at, used_from FROM recovery_keys WHERE set_id = $1 ORDER BY position`, set.ID)
	if err != nil {
		return Set{}, false, fmt.Errorf("read recovery keys: %w", err)
	}
	for _, r := range rows {
		k := Key{UsedAt: instant(r.UsedAt), UsedFrom: r.UsedFrom.String}
		if show && r.Sealed != nil {
			plain, err := s.keys.RecoverySeal.Open(r.Sealed, keySeal(user, r.ID)...)
			if err != nil {
				return Set{}, false, fmt.Errorf("open recovery key: %w", err)
			}
			k.Key = string(plain)
		}
		set.Keys = append(set.Keys, k)
	}
	return set, true, nil
}

// SpendKeyTx spends a recovery key as it was typed. left is how many remain
// after it; from is where it was used, in words.
func (s *Store) SpendKeyTx(ctx context.Context, tx *pg.Tx, user uuid.UUID, typed, from string) (o Outcome, left int, err error) {
	canonical, ok := CanonicalRecoveryKey(typed)
	if !ok {
		return Typo, 0, nil
	}
	digests := s.keys.RecoveryKeys.All(user.String(), canonical)
	var set uuid.UUID
	err = tx.GetContext(ctx, &set, `
		UPDATE recovery_keys k SET used_at = $3, used_from = $4
		FROM recovery_sets s
		WHERE k.user_id = $1 AND k.digest = ANY($2) AND k.used_at IS NULL -- a race is decided here
		  AND s.id = k.set_id AND s.replaced_at IS NULL
		RETURNING k.set_id`, user, pg.Array(digests), tx.Now, from)
	switch {
	case err == nil:
	case errors.Is(err, pg.ErrNoRows):
		state, err := s.checkKey(ctx, tx, user, digests)
		if err != nil {
			return Wrong, 0, err
		}
		if state == KeyUsed {
			return Used, 0, nil
		}
		return Wrong, 0, nil
	default:
		return Wrong, 0, fmt.Errorf("spend recovery key: %w", err)
	}
	err = tx.GetContext(ctx, &left, `
		SELECT count(*) FROM recovery_keys WHERE set_id = $1 AND used_at IS NULL`, set)
	if err != nil {
		return Wrong, 0, fmt.Errorf("count recovery keys: %w", err)
	}
	return Right, left, nil
}

// KeyState is what a check of a key finds, without spending it.
type KeyState string

const (
	KeyUnused  KeyState = "unused"
	KeyUsed    KeyState = "used"
	KeyUnknown KeyState = "unknown"
	// KeyReplaced: a key of an older set. The API says unknown.
	KeyReplaced KeyState = "replaced"
)

// CheckKey tells whether a typed key belongs to the current set and is unused.
func (s *Store) CheckKey(ctx context.Context, q pg.Q, user uuid.UUID, typed string) (KeyState, error) {
	canonical, ok := CanonicalRecoveryKey(typed)
	if !ok {
		return KeyUnknown, nil
	}
	return s.checkKey(ctx, q, user, s.keys.RecoveryKeys.All(user.String(), canonical))
}

func (s *Store) checkKey(ctx context.Context, q pg.Q, user uuid.UUID, digests [][]byte) (KeyState, error) {
	var row struct {
		Used     bool `db:"used"`
		Replaced bool `db:"replaced"`
	}
	err := q.GetContext(ctx, &row, `
		SELECT k.used_at IS NOT NULL AS used, s.replaced_at IS NOT NULL AS replaced
		FROM recovery_keys k JOIN recovery_sets s ON s.id = k.set_id
		WHERE k.user_id = $1 AND k.digest = ANY($2)`, user, pg.Array(digests))
	switch {
	case errors.Is(err, pg.ErrNoRows):
		return KeyUnknown, nil
	case err != nil:
		return "", fmt.Errorf("check recovery key: %w", err)
	case row.Replaced:
		return KeyReplaced, nil
	case row.Used:
		return KeyUsed, nil
	}
	return KeyUnused, nil
}
