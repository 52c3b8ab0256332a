package account

import (
	"context"
	"errors"
	"fmt"
	"regexp"
	"slices"
	"strings"

	"github.com/google/uuid"

	"latchkey/internal/pg"
)

// What an imported hash may look like besides being usable.
const (
	longestHash = 256
	longestKey  = 64 // bytes of salt, and of the hash itself
)

var (
	errForeignHash = errors.New("is neither argon2id in PHC form ($argon2id$v=19$m=…,t=…,p=…$salt$hash) nor bcrypt ($2a$, $2b$ or $2y$): leave it out, and the password is set by a reset link")
	errCostlyHash  = fmt.Errorf("asks for more than this service gives one sign-in: at most m=%d, t=%d, and bcrypt cost %d", maxMemoryKiB, maxIterations, maxBcryptCost)

	bcryptForm = regexp.MustCompile(`^\$2[aby]\$[0-9]{2}\$[./A-Za-z0-9]{53}$`)
	phcForm    = regexp.MustCompile(`^\$argon2id\$v=19\$m=[0-9]{1,10},t=[0-9]{1,10},p=[0-9]{1,3}\$[A-Za-z0-9+/]+\$[A-Za-z0-9+/]+$`)
)

// CheckHash says whether sign-in could use a hash of another system, and if
// not why. What it refuses would stop the service at each sign-in, or fit no
// password at all. The error quotes nothing of it.
func CheckHash(hash string) error {
	if len(hash) > longestHash || !bcryptForm.MatchString(hash) && !phcForm.MatchString(hash) {
		return errForeignHash
	}
	params, err := usable(hash)
	switch {
	case err != nil && strings.HasPrefix(hash, "$argon2id$") && strings.Count(hash, "$") != 5:
		return errForeignHash
	case err != nil:
		return errCostlyHash
	case params != nil && (params.SaltLength < 8 || params.SaltLength > longestKey || params.KeyLength > longestKey || params.Parallelism > 16):
		return errCostlyHash
	}
	return nil
}

// KnownEmails gives those of the canonical addresses that have an account.
func KnownEmails(ctx context.Context, q pg.Q, emails []string) (map[string]bool, error) {
	var known []string
	if err := q.SelectContext(ctx, &known, `SELECT email FROM users WHERE email = ANY($1)`, pg.Array(emails)); err != nil {
		return nil, fmt.Errorf("look for accounts: %w", err)
	}
	out := map[string]bool{}
	for _, e := range known {
		out[e] = true
	}
	return out, nil
}

// ImportTx writes many accounts in one statement and gives the ids of those
// that were made: an address that has an account keeps the one it has. They
// are written in the order of addresses, so that two imports at once wait for
// each other instead of forever.
func ImportTx(ctx context.Context, tx *pg.Tx, users []User) (map[uuid.UUID]bool, error) {
	users = slices.SortedFunc(slices.Values(users), func(a, b User) int { return strings.Compare(a.Email, b.Email) })
	var ids, emails, names, roles, hashes, preferred []string
	var verified []bool
	for _, u := range users {
		ids, emails, names = append(ids, u.ID.String()), append(emails, u.Email), append(names, u.Name)
		roles, hashes = append(roles, string(u.Role)), append(hashes, u.PasswordHash)
		preferred, verified = append(preferred, u.PreferredMethod), append(verified, u.EmailVerified)
	}
	var made []uuid.UUID
	err := tx.SelectContext(ctx, &made, `
		INSERT INTO users (id, email, email_verified_at, name, role, status, password_hash, preferred_method, created_at, ever_verified)
		SELECT u.id, u.email, CASE WHEN u.verified THEN $8::timestamptz END, u.name, u.role, 'active',
		       nullif(u.hash, ''), nullif(u.preferred, ''), $8,
		       true -- the host vouches for them: nobody prepared the account for someone else
		FROM unnest($1::uuid[], $2::text[], $3::text[], $4::text[], $5::text[], $6::text[], $7::boolean[])
		     AS u (id, email, name, role, hash, preferred, verified)
		ON CONFLICT ON CONSTRAINT users_email_key DO NOTHING
		RETURNING id`,
		pg.Array(ids), pg.Array(emails), pg.Array(names), pg.Array(roles), pg.Array(hashes), pg.Array(preferred), pg.Array(verified), tx.Now)
	if err != nil {
		return nil, fmt.Errorf("import users: %w", err)
	}
	out := make(map[uuid.UUID]bool, len(made))
	for _, id := range made {
		out[id] = true
	}
	return out, nil
}
