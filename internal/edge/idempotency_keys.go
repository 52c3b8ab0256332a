package edge

import (
	"bytes"
	"context"
	"database/sql"
	"errors"
	"fmt"
	"time"

	"latchkey/internal/pg"
)

const keyLife = 24 * time.Hour

// Keys is the KeyStore in Postgres.
type Keys struct{ DB *pg.DB }

// Begin writes the key down as running, in a commit of its own before
// anything else is done: a crash in between leaves a conflict, never a second
// run.
func (k Keys) Begin(ctx context.Context, key Key) (Seen, Kept, error) {
	now := k.DB.Now()
	n, err := pg.Affected(k.DB.ExecContext(ctx, `
		INSERT INTO idempotency_keys AS held (digest, request, state, expires_at)
		SELECT $1::bytea, $2::bytea, 'running', $3::timestamptz
		WHERE NOT EXISTS ( -- written under an older digest key
			SELECT FROM idempotency_keys WHERE digest = ANY($4) AND digest <> $1::bytea AND expires_at > $5)
		ON CONFLICT (digest) DO UPDATE -- a race is decided here
		SET request = EXCLUDED.request, state = 'running', status = NULL, content_type = NULL, answer = NULL,
			expires_at = EXCLUDED.expires_at
		WHERE held.expires_at <= $5`,
		key.Digests[0], key.Requests[0], now.Add(keyLife), pg.Array(key.Digests), now))
	if err != nil {
		return 0, Kept{}, fmt.Errorf("write idempotency key: %w", err)
	}
	if n == 1 {
		return Fresh, Kept{}, nil
	}
	return k.seen(ctx, key, now)
}

func (k Keys) seen(ctx context.Context, key Key, now time.Time) (Seen, Kept, error) {
	var (
		request, answer []byte
		state           string
		status          sql.NullInt64
		contentType     sql.NullString
	)
	err := k.DB.QueryRowContext(ctx, `
		SELECT request, state, status, content_type, answer
		FROM idempotency_keys
		WHERE digest = ANY($1) AND expires_at > $2
		LIMIT 1`, pg.Array(key.Digests), now).Scan(&request, &state, &status, &contentType, &answer)
	if errors.Is(err, pg.ErrNoRows) {
		return Running, Kept{}, nil // released a moment ago: the next try will do
	}
	if err != nil {
		return 0, Kept{}, fmt.Errorf("read idempotency key: %w", err)
	}
	same := false
	for _, r := range key.Requests {
		same = same || bytes.Equal(r, request)
	}
	switch {
	case !same:
		return Reused, Kept{}, nil
	case state == "done":
		return Done, Kept{int(status.Int64), contentType.String, answer}, nil
	case state == "secret":
		return Hidden, Kept{}, nil
	}
	return Running, Kept{}, nil
}

// Finish keeps the answer, or only that there was one.
func (k Keys) Finish(ctx context.Context, key Key, a *Kept) error {
	var err error
	if a == nil {
		_, err = k.DB.ExecContext(ctx, `
			UPDATE idempotency_keys SET state = 'secret'
			WHERE digest = $1 AND state = 'running'`, key.Digests[0])
	} else {
		_, err = k.DB.ExecContext(ctx, `
			UPDATE idempotency_keys SET state = 'done', status = $2, content_type = $3, answer = $4
			WHERE digest = $1 AND state = 'running'`, key.Digests[0], a.Status, a.ContentType, append([]byte{}, a.Body...))
	}
	if err != nil {
		return fmt.Errorf("finish idempotency key: %w", err)
	}
	return nil
}

// Release frees a key under which nothing was done.
func (k Keys) Release(ctx context.Context, key Key) error {
	_, err := k.DB.ExecContext(ctx, `
		DELETE FROM idempotency_keys WHERE digest = $1 AND state = 'running'`, key.Digests[0])
	if err != nil {
		return fmt.Errorf("release idempotency key: %w", err)
	}
	return nil
}

// Sweep removes keys whose day is over. It only makes room: a key past its
// time counts for nothing already.
func (k Keys) Sweep(ctx context.Context) (int64, error) {
	n, err := pg.Affected(k.DB.ExecContext(ctx, `DELETE FROM idempotency_keys WHERE expires_at <= $1`, k.DB.Now()))
	if err != nil {
		return 0, fmt.Errorf("sweep idempotency keys: %w", err)
	}
	return n, nil
}
