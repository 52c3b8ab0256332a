package admin

import (
	"context"
	"encoding/json"
	"fmt"
	"time"

	"github.com/google/uuid"

	"latchkey/internal/account"
	"latchkey/internal/factor"
	"latchkey/internal/guard"
	"latchkey/internal/pg"
	"latchkey/internal/policy"
	"latchkey/internal/proof"
)

// This file is the one join over the tables of several owners: a list of
// people asks each of them nothing by itself.

// User is an account as admins see it.
type User struct {
	account.User
	Methods             []factor.Method
	KeysTotal, KeysLeft int
	KeysAt              *time.Time // when the recovery keys were made; nil: there are none
	By                  policy.By  // which rule requires two-factor; policy.NoRule: none
	From                *time.Time
	LastSignInAt        *time.Time
	FrozenUntil         *time.Time // no code is judged until then
}

type userRow struct {
	ID              uuid.UUID      `db:"id"`
	Email           string         `db:"email"`
	Verified        bool           `db:"verified"`
	Name            string         `db:"name"`
	Role            account.Role   `db:"role"`
	Status          account.Status `db:"status"`
	PreferredMethod string         `db:"preferred_method"`
	EnrolBy         *time.Time     `db:"enrol_by"`
	RequiredFrom    *time.Time     `db:"required_from"`
	ResetAt         *time.Time     `db:"reset_at"`
	PasswordResetAt *time.Time     `db:"password_reset_at"`
	CreatedAt       time.Time      `db:"created_at"`
	Failures        pg.Times       `db:"code_failures"`
	FrozenUntil     *time.Time     `db:"frozen_until"`
	Forever         bool           `db:"frozen_until_password_change"`
	Methods         []byte         `db:"methods"`
	KeysTotal       int            `db:"keys_total"`
	KeysLeft        int            `db:"keys_left"`
	KeysAt          *time.Time     `db:"keys_at"`
	LastSignInAt    *time.Time     `db:"last_sign_in_at"`
}

func (r userRow) user(p policy.Policy, now time.Time) (User, error) {
	var methods []struct {
		ID         uuid.UUID   `json:"id"`
		Kind       factor.Kind `json:"kind"`
		Name       string      `json:"name"`
		EnabledAt  time.Time   `json:"enabled_at"`
		LastUsedAt *time.Time  `json:"last_used_at"`
	}
	if err := json.Unmarshal(r.Methods, &methods); err != nil {
		return User{}, fmt.Errorf("read methods: %w", err)
	}
	u := User{
		User: account.User{
			ID: r.ID, Email: r.Email, EmailVerified: r.Verified, Name: r.Name, Role: r.Role, Status: r.Status,
			PreferredMethod: r.PreferredMethod, EnrolBy: r.EnrolBy, RequiredFrom: r.RequiredFrom, ResetAt: r.ResetAt,
			PasswordResetAt: r.PasswordResetAt, CreatedAt: r.CreatedAt.UTC(),
		},
		KeysTotal: r.KeysTotal, KeysLeft: r.KeysLeft, KeysAt: r.KeysAt, LastSignInAt: r.LastSignInAt,
		FrozenUntil: guard.Meter{Failures: r.Failures, Until: r.FrozenUntil, Forever: r.Forever}.FrozenUntil(now),
	}
	for _, m := range methods {
		u.Methods = append(u.Methods, factor.Method(m))
	}
	asks := p.Ask(proof.Facts(u.User, u.Methods), now)
	u.By, u.From = asks.By, asks.From
	return u, nil
}

// picked says which accounts a list shows.
type picked struct {
	id     *uuid.UUID // one account
	query  string     // part of an address or a name, lower case
	filter Filter
	before *time.Time // keyset: made before, or then and with a smaller id
	beside uuid.UUID
	limit  int
}

// users reads accounts, newest first, in one statement.
func users(ctx context.Context, q pg.Q, s picked, p policy.Policy, now time.Time) ([]User, error) {
	var rows []userRow
	err := q.SelectContext(ctx, &rows, `
		WITH page AS MATERIALIZED (
			SELECT u.id, u.email, u.email_verified_at IS NOT NULL AS verified, u.name, u.role, u.status,
			       coalesce(u.preferred_method, '') AS preferred_method, u.enrol_by, u.required_from, u.reset_at,
			       u.password_reset_at, u.created_at, g.code_failures, g.frozen_until, g.frozen_until_password_change
			FROM users u JOIN guards g ON g.user_id = u.id
			WHERE ($1::uuid IS NULL OR u.id = $1)
			  AND ($2 = '' OR strpos(u.email, $2) > 0 OR strpos(lower(u.name), $2) > 0)
			  AND CASE $3
			      WHEN 'covered' THEN EXISTS (SELECT FROM methods m WHERE m.user_id = u.id)
			      WHEN 'not_covered' THEN NOT EXISTS (SELECT FROM methods m WHERE m.user_id = u.id)
			      WHEN 'required' THEN u.reset_at IS NOT NULL OR u.required_from IS NOT NULL
			           OR $8 = 'everyone' OR ($8 = 'admins' AND u.role = 'admin')
			      WHEN 'unverified' THEN u.email_verified_at IS NULL
			      WHEN 'disabled' THEN u.status = 'disabled'
			      -- As package guard reckons it; a list can't ask it row by row. Few
			      -- come so far: the line after this CASE is asked of each user first.
			      WHEN 'frozen' THEN g.frozen_until_password_change OR g.frozen_until > $7
			           OR (cardinality(g.code_failures) >= 5 AND (
			               SELECT count(*) >= 10 OR (count(*) >= 5 AND max(at) + interval '30 seconds' * 2 ^ (count(*) - 5) > $7)
			               FROM unnest(g.code_failures) AS at WHERE at > $7 - interval '1 hour'))
			      ELSE true END
			  AND ($3 <> 'frozen' OR u.id IN (
			      SELECT user_id FROM guards
			      WHERE frozen_until_password_change OR frozen_until > $7 OR cardinality(code_failures) >= 5))
			  AND ($4::timestamptz IS NULL OR (u.created_at, u.id) < ($4, $5::uuid))
			ORDER BY u.created_at DESC, u.id DESC
			LIMIT $6
		)
		SELECT page.id, page.email, page.verified, page.name, page.role, page.status, page.preferred_method,
		       page.enrol_by, page.required_from, page.reset_at, page.password_reset_at, page.created_at,
		       page.code_failures, page.frozen_until, page.frozen_until_password_change,
		       (SELECT coalesce(json_agg(json_build_object('id', m.id, 'kind', m.kind, 'name', m.name,
		               'enabled_at', m.enabled_at, 'last_used_at', m.last_used_at) ORDER BY m.kind, m.enabled_at, m.id), '[]')
		        FROM methods m WHERE m.user_id = page.id) AS methods,
		       k.total AS keys_total, k.unused AS keys_left, k.made AS keys_at,
		       (SELECT e.at FROM events e WHERE e.subject_id = page.id AND e.action = 'signed_in'
		        ORDER BY e.id DESC LIMIT 1) AS last_sign_in_at
		FROM page LEFT JOIN LATERAL (
			SELECT count(*) AS total, count(*) FILTER (WHERE r.used_at IS NULL) AS unused, min(s.generated_at) AS made
			FROM recovery_sets s JOIN recovery_keys r ON r.set_id = s.id
			WHERE s.user_id = page.id AND s.replaced_at IS NULL
		) k ON true
		ORDER BY page.created_at DESC, page.id DESC`,
		s.id, s.query, string(s.filter), s.before, s.beside, s.limit, now, string(p.Require))
	if err != nil {
		return nil, fmt.Errorf("list users: %w", err)
	}
	out := make([]User, len(rows))
	for i, r := range rows {
		if out[i], err = r.user(p, now); err != nil {
			return nil, err
		}
	}
	return out, nil
}

// fact is what the policy needs to know of one active user, read for all.
type fact struct {
	ID              uuid.UUID    `db:"id"`
	Email           string       `db:"email"`
	Name            string       `db:"name"`
	Role            account.Role `db:"role"`
	CreatedAt       time.Time    `db:"created_at"`
	EnrolBy         *time.Time   `db:"enrol_by"`
	RequiredFrom    *time.Time   `db:"required_from"`
	ResetAt         *time.Time   `db:"reset_at"`
	PasswordResetAt *time.Time   `db:"password_reset_at"`
	App             bool         `db:"app"`
	ByMail          bool         `db:"by_mail"`
	Tokens          int          `db:"tokens"`
}

func (f fact) facts() policy.Facts {
	return policy.Facts{
		Admin: f.Role == account.Admin, HasEmail: f.ByMail, HasApp: f.App, CreatedAt: f.CreatedAt, EnrolBy: f.EnrolBy,
		RequiredFrom: f.RequiredFrom, ResetAt: f.ResetAt, ResetByMail: f.PasswordResetAt,
	}
}

const factsAtOnce = 5000

// everyone calls f for each active user, a batch at a time, so that memory
// stays flat however many there are.
func everyone(ctx context.Context, tx *pg.Tx, f func(fact) error) error {
	for after := uuid.Nil; ; {
		var rows []fact
		err := tx.SelectContext(ctx, &rows, `
			WITH batch AS MATERIALIZED (
				SELECT id, email, name, role, created_at, enrol_by, required_from, reset_at, password_reset_at
				FROM users WHERE id > $1 AND status = 'active' ORDER BY id LIMIT $2
			), has AS (
				SELECT user_id, bool_or(kind = 'app') AS app, bool_or(kind = 'email') AS by_mail
				FROM methods WHERE user_id IN (SELECT id FROM batch) GROUP BY user_id
			), tokens AS (
				SELECT user_id, count(*) AS live
				FROM access_tokens WHERE user_id IN (SELECT id FROM batch) AND expires_at > $3 GROUP BY user_id
			)
			SELECT b.id, b.email, b.name, b.role, b.created_at, b.enrol_by, b.required_from, b.reset_at, b.password_reset_at,
			       coalesce(h.app, false) AS app, coalesce(h.by_mail, false) AS by_mail, coalesce(t.live, 0) AS tokens
			FROM batch b LEFT JOIN has h ON h.user_id = b.id LEFT JOIN tokens t ON t.user_id = b.id
			ORDER BY b.id`, after, factsAtOnce, tx.Now)
		if err != nil {
			return fmt.Errorf("read facts: %w", err)
		}
		for _, r := range rows {
			if err := f(r); err != nil {
				return err
			}
			after = r.ID
		}
		if len(rows) < factsAtOnce {
			return nil
		}
	}
}

// toRemind locks up to limit active users without a method whose deadline lies
// less than a week ahead and who were not told, or less than a day and not told
// since. Others at the same work take other rows. The lock is no stronger than
// the write after it: what a sign-in inserts for a user does not wait for it,
// holding the meter of an address that a reminder waits for.
func toRemind(ctx context.Context, tx *pg.Tx, adminsOnly bool, limit int) ([]account.User, error) {
	var rows []struct {
		ID      uuid.UUID `db:"id"`
		Email   string    `db:"email"`
		Name    string    `db:"name"`
		EnrolBy time.Time `db:"enrol_by"`
		Proved  bool      `db:"proved"`
	}
	err := tx.SelectContext(ctx, &rows, `
		SELECT u.id, u.email, u.name, u.enrol_by, u.email_verified_at IS NOT NULL AS proved
		FROM users u
		WHERE u.enrol_by > $1 AND u.enrol_by <= $1 + interval '7 days'
		  AND u.status = 'active' AND (u.role = 'admin' OR NOT $2)
		  AND (u.reminded_at IS NULL OR u.reminded_at < u.enrol_by -
		       CASE WHEN u.enrol_by <= $1 + interval '1 day' THEN interval '1 day' ELSE interval '7 days' END)
		  AND NOT EXISTS (SELECT FROM methods m WHERE m.user_id = u.id)
		ORDER BY u.enrol_by LIMIT $3
		FOR NO KEY UPDATE SKIP LOCKED`, tx.Now, adminsOnly, limit)
	if err != nil {
		return nil, fmt.Errorf("find whom to remind: %w", err)
	}
	out := make([]account.User, len(rows))
	for i, r := range rows {
		out[i] = account.User{ID: r.ID, Email: r.Email, EmailVerified: r.Proved, Name: r.Name, EnrolBy: &r.EnrolBy}
	}
	return out, nil
}
