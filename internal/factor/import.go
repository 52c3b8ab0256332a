package factor

import (
	"context"
	"errors"
	"fmt"
	"net/url"
	"strings"

	"github.com/google/uuid"

	"latchkey/internal/pg"
)

// Imported is an app that its user has used with another system: it counts as
// proved.
type Imported struct {
	User   uuid.UUID
	Name   string
	Secret string // as CanonicalSecret gives it
}

// Secrets of other systems: RFC 4226 section 4 R6 wants 128 bits at least.
const (
	shortestSecret = 16
	longestSecret  = 64
	longestURL     = 1024
)

var (
	errSecret   = errors.New("is no secret in base32, and no otpauth:// URL")
	errShort    = errors.New("holds a secret of less than 128 bits, which is too easy to guess (RFC 4226): leave it out, and a new app is set up after the first sign-in")
	errLong     = errors.New("holds a secret of more than 64 bytes")
	errKind     = errors.New("is of another kind than totp")
	errSettings = errors.New("wants other codes than SHA1, 6 digits, 30 seconds, and no other work here: leave it out, and a new app is set up after the first sign-in")
)

// CanonicalSecret reads an app's secret, bare or in an otpauth URL: base32 in
// capitals, without padding. The error says what is wrong and quotes nothing.
func CanonicalSecret(s string) (string, error) {
	s = strings.TrimSpace(s)
	if strings.HasPrefix(strings.ToLower(s), "otpauth:") {
		var err error
		if s, err = secretOf(s); err != nil {
			return "", err
		}
	}
	s = strings.ToUpper(strings.TrimRight(strings.NewReplacer(" ", "", "-", "").Replace(s), "="))
	raw, err := base32Plain.DecodeString(s)
	switch {
	case err != nil || s == "":
		return "", errSecret
	case len(raw) < shortestSecret:
		return "", errShort
	case len(raw) > longestSecret:
		return "", errLong
	}
	return base32Plain.EncodeToString(raw), nil // unused bits at the end are zero
}

// secretOf takes the secret out of an otpauth URL that asks for nothing
// unusual.
func secretOf(s string) (string, error) {
	if len(s) > longestURL {
		return "", errSecret
	}
	u, err := url.Parse(s) // its error quotes the URL
	if err != nil {
		return "", errSecret
	}
	if !strings.EqualFold(u.Host, "totp") {
		return "", errKind
	}
	q, err := url.ParseQuery(u.RawQuery)
	if err != nil || len(q["secret"]) != 1 {
		return "", errSecret
	}
	for name, usual := range map[string]string{"algorithm": "SHA1", "digits": "6", "period": "30"} {
		if v := q.Get(name); v != "" && !strings.EqualFold(v, usual) && !strings.EqualFold(v, "Hmac"+usual) {
			return "", errSettings
		}
	}
	return q.Get("secret"), nil
}

// ImportTx turns on many imported apps, and gives each of their users a set of
// recovery keys of which "saved" was never said: the pages show it after the
// first sign-in. The users are new in this transaction.
func (s *Store) ImportTx(ctx context.Context, tx *pg.Tx, apps []Imported) error {
	if len(apps) == 0 {
		return nil
	}
	var (
		ids, users []uuid.UUID
		names      []string
		secrets    [][]byte
		holders    []uuid.UUID
		seen       = map[uuid.UUID]bool{}
	)
	for _, a := range apps {
		id := pg.NewID()
		sealed := s.keys.AppSecrets.Seal([]byte(a.Secret), secretRow(a.User, id)...)
		ids, users, names, secrets = append(ids, id), append(users, a.User), append(names, a.Name), append(secrets, sealed)
		if !seen[a.User] {
			seen[a.User] = true
			holders = append(holders, a.User)
		}
	}
	_, err := tx.ExecContext(ctx, `
		INSERT INTO methods (id, user_id, kind, name, secret, enabled_at)
		SELECT m.id, m.user_id, 'app', m.name, m.secret, $5
		FROM unnest($1::uuid[], $2::uuid[], $3::text[], $4::bytea[]) AS m (id, user_id, name, secret)`,
		pg.Array(ids), pg.Array(users), pg.Array(names), pg.Array(secrets), tx.Now)
	if err != nil {
		return fmt.Errorf("import apps: %w", err)
	}
	return s.newSetsTx(ctx, tx, holders)
}

// newSetsTx is NewSetTx for many users who have none.
func (s *Store) newSetsTx(ctx context.Context, tx *pg.Tx, users []uuid.UUID) error {
	var (
		sets, ids, of, owners []uuid.UUID
		labels                []string
		positions             []int64
		digests, sealed       [][]byte
	)
	for _, user := range users {
		set := pg.NewID()
		sets, labels = append(sets, set), append(labels, newReference()+newReference())
		for i := range keysPerSet {
			key := newRecoveryKey()
			canonical, _ := CanonicalRecoveryKey(key)
			row := pg.NewID()
			copied := s.keys.RecoverySeal.Seal([]byte(key), keySeal(user, row)...)
			ids, of, owners, positions = append(ids, row), append(of, set), append(owners, user), append(positions, int64(i+1))
			digests, sealed = append(digests, s.keys.RecoveryKeys.Digest(user.String(), canonical)), append(sealed, copied)
		}
	}
	_, err := tx.ExecContext(ctx, `
		INSERT INTO recovery_sets (id, user_id, label, generated_at)
		SELECT r.id, r.user_id, r.label, $4
		FROM unnest($1::uuid[], $2::uuid[], $3::text[]) AS r (id, user_id, label)`,
		pg.Array(sets), pg.Array(users), pg.Array(labels), tx.Now)
	if err != nil {
		return fmt.Errorf("keep recovery sets: %w", err)
	}
	_, err = tx.ExecContext(ctx, `
		INSERT INTO recovery_keys (id, set_id, user_id, position, digest, sealed)
		SELECT k.id, k.set_id, k.user_id, k.position, k.digest, k.sealed
		FROM unnest($1::uuid[], $2::uuid[], $3::uuid[], $4::smallint[], $5::bytea[], $6::bytea[])
		     AS k (id, set_id, user_id, position, digest, sealed)`,
		pg.Array(ids), pg.Array(of), pg.Array(owners), pg.Array(positions), pg.Array(digests), pg.Array(sealed))
	if err != nil {
		return fmt.Errorf("keep recovery keys: %w", err)
	}
	return nil
}
