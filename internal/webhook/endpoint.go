package webhook

import (
	"context"
	"errors"
	"fmt"
	"slices"
	"strings"
	"time"

	"github.com/google/uuid"

	"latchkey/internal/pg"
	"latchkey/internal/seal"
)

// Endpoint is where to send what. Its keys are never read back but to sign.
type Endpoint struct {
	ID        uuid.UUID
	URL       string
	Kinds     []string // in the order of Kinds
	Enabled   bool
	OldKey    bool      // two keys sign: the current one, and the one before it
	CreatedBy uuid.UUID // zero: the host
	CreatedAt time.Time
}

// most endpoints there may be: each is asked for at each claim.
const most = 20

var (
	// ErrNone is returned for an id that names no endpoint, or no delivery of it.
	ErrNone = errors.New("no such webhook")
	// ErrTooMany is returned when there are as many endpoints as there may be.
	ErrTooMany = errors.New("too many webhooks")
	// ErrNotNow is returned for what is so already.
	ErrNotNow = errors.New("webhook is in no state for this")
)

// Store keeps endpoints, and their keys sealed.
type Store struct{ sealer *seal.Sealer }

// NewStore makes a store that seals with the keyset of purpose mail.
func NewStore(s *seal.Sealer) *Store { return &Store{s} }

type endpointRow struct {
	ID        uuid.UUID     `db:"id"`
	URL       string        `db:"url"`
	Kinds     string        `db:"kinds"`
	Enabled   bool          `db:"enabled"`
	OldKey    bool          `db:"old_key"`
	CreatedBy uuid.NullUUID `db:"created_by"`
	CreatedAt time.Time     `db:"created_at"`
}

func (r endpointRow) endpoint() Endpoint {
	return Endpoint{r.ID, r.URL, strings.Fields(r.Kinds), r.Enabled, r.OldKey, r.CreatedBy.UUID, r.CreatedAt.UTC()}
}

// List gives all endpoints, oldest first.
func List(ctx context.Context, q pg.Q) ([]Endpoint, error) {
	var rows []endpointRow
	err := q.SelectContext(ctx, &rows, `
		SELECT id, url, array_to_string(kinds, ' ') AS kinds, enabled, old_secret IS NOT NULL AS old_key, created_by, created_at
		FROM webhooks ORDER BY created_at, id`)
	if err != nil {
		return nil, fmt.Errorf("list webhooks: %w", err)
	}
	out := make([]Endpoint, len(rows))
	for i, r := range rows {
		out[i] = r.endpoint()
	}
	return out, nil
}

// ByID reads one.
func ByID(ctx context.Context, q pg.Q, id uuid.UUID) (Endpoint, error) {
	var r endpointRow
	err := q.GetContext(ctx, &r, `
		SELECT id, url, array_to_string(kinds, ' ') AS kinds, enabled, old_secret IS NOT NULL AS old_key, created_by, created_at
		FROM webhooks WHERE id = $1`, id)
	return r.orNone(err, "read")
}

func (r endpointRow) orNone(err error, verb string) (Endpoint, error) {
	if errors.Is(err, pg.ErrNoRows) {
		return Endpoint{}, ErrNone
	}
	if err != nil {
		return Endpoint{}, fmt.Errorf("%s webhook: %w", verb, err)
	}
	return r.endpoint(), nil
}

// AddTx makes an endpoint and gives its key, which is told this once.
func (s *Store) AddTx(ctx context.Context, tx *pg.Tx, by uuid.UUID, url string, asked []string) (Endpoint, string, error) {
	id := pg.NewID()
	key := newSecret()
	sealed := s.sealer.Seal(key, row(id)...)
	var r endpointRow
	err := tx.GetContext(ctx, &r, `
		INSERT INTO webhooks (id, url, kinds, secret, created_by, created_at)
		SELECT $1, $2, $3, $4, $5, $6
		WHERE (SELECT count(*) FROM webhooks) < $7
		RETURNING id, url, array_to_string(kinds, ' ') AS kinds, enabled, false AS old_key, created_by, created_at`,
		id, url, pg.Array(asked), sealed, uuid.NullUUID{UUID: by, Valid: by != uuid.Nil}, tx.Now, most)
	e, err := r.orNone(err, "add")
	if errors.Is(err, ErrNone) {
		return e, "", ErrTooMany
	}
	return e, shown(key), err
}

// Asked puts chosen kinds into the order of Kinds; those that there are not are
// left out.
func Asked(chosen []string) []string {
	return slices.DeleteFunc(Kinds(), func(k string) bool { return !slices.Contains(chosen, k) })
}

// ChangeTx changes where to send what. What waits goes to the new URL.
func ChangeTx(ctx context.Context, tx *pg.Tx, id uuid.UUID, url string, asked []string) (Endpoint, error) {
	var r endpointRow
	err := tx.GetContext(ctx, &r, `
		UPDATE webhooks SET url = $2, kinds = $3 WHERE id = $1
		RETURNING id, url, array_to_string(kinds, ' ') AS kinds, enabled, old_secret IS NOT NULL AS old_key, created_by, created_at`, id, url, pg.Array(asked))
	return r.orNone(err, "change")
}

// TurnTx turns an endpoint on or off; ErrNotNow: it is so already. While it is
// off nothing is queued for it, and what waits is not sent.
func TurnTx(ctx context.Context, tx *pg.Tx, id uuid.UUID, on bool) (Endpoint, error) {
	var r endpointRow
	err := tx.GetContext(ctx, &r, `
		UPDATE webhooks SET enabled = $2 WHERE id = $1 AND enabled <> $2
		RETURNING id, url, array_to_string(kinds, ' ') AS kinds, enabled, old_secret IS NOT NULL AS old_key, created_by, created_at`, id, on)
	return r.orNotNow(ctx, tx, id, err, "turn")
}

// orNotNow tells an endpoint that is in no state for a change from none.
func (r endpointRow) orNotNow(ctx context.Context, tx *pg.Tx, id uuid.UUID, err error, verb string) (Endpoint, error) {
	e, err := r.orNone(err, verb)
	if errors.Is(err, ErrNone) {
		if e, err = ByID(ctx, tx, id); err == nil {
			err = ErrNotNow
		}
	}
	return e, err
}

// DeleteTx deletes an endpoint, and all deliveries with it.
func DeleteTx(ctx context.Context, tx *pg.Tx, id uuid.UUID) (Endpoint, error) {
	var r endpointRow
	err := tx.GetContext(ctx, &r, `
		DELETE FROM webhooks WHERE id = $1
		RETURNING id, url, array_to_string(kinds, ' ') AS kinds, enabled, old_secret IS NOT NULL AS old_key, created_by, created_at`, id)
	return r.orNone(err, "delete")
}

// RotateTx gives an endpoint a fresh key, which is told this once. The one
// before signs beside it until DropOldTx; ErrNotNow: one does so already, and a
// receiver may know that one only.
func (s *Store) RotateTx(ctx context.Context, tx *pg.Tx, id uuid.UUID) (Endpoint, string, error) {
	key := newSecret()
	sealed := s.sealer.Seal(key, row(id)...)
	var r endpointRow
	err := tx.GetContext(ctx, &r, `
		UPDATE webhooks SET old_secret = secret, secret = $2 WHERE id = $1 AND old_secret IS NULL
		RETURNING id, url, array_to_string(kinds, ' ') AS kinds, enabled, true AS old_key, created_by, created_at`, id, sealed)
	e, err := r.orNotNow(ctx, tx, id, err, "rotate key of")
	return e, shown(key), err
}

// DropOldTx ends the old key; ErrNotNow: there is none.
func DropOldTx(ctx context.Context, tx *pg.Tx, id uuid.UUID) (Endpoint, error) {
	var r endpointRow
	err := tx.GetContext(ctx, &r, `
		UPDATE webhooks SET old_secret = NULL WHERE id = $1 AND old_secret IS NOT NULL
		RETURNING id, url, array_to_string(kinds, ' ') AS kinds, enabled, false AS old_key, created_by, created_at`, id)
	return r.orNotNow(ctx, tx, id, err, "drop old key of")
}
