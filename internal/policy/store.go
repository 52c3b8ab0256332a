package policy

import (
	"context"
	"encoding/json"
	"fmt"
	"time"

	"github.com/google/uuid"

	"latchkey/internal/pg"
)

// rulesRow is how rules are kept. Its names are the contract's, since admins
// read the history; a field that an older version lacks keeps its default.
type rulesRow struct {
	Require                   Require    `json:"require"`
	StartsAt                  *time.Time `json:"starts_at"`
	GraceDays                 int        `json:"grace_days"`
	EmailMethod               Use        `json:"email_method"`
	AppMethod                 Use        `json:"app_method"`
	ResetRequiresOtherChannel bool       `json:"reset_requires_other_channel"`
	TrustedDeviceDays         int        `json:"trusted_device_days"`
	RecoveryKeysViewable      bool       `json:"recovery_keys_viewable"`
	RecoveryPassApproval      bool       `json:"recovery_pass_approval"`
	PasswordMinLength         int        `json:"password_min_length"`
	SessionIdleMinutes        int        `json:"session_idle_minutes"`
	SessionLifetimeHours      int        `json:"session_lifetime_hours"`
	ConfirmationMinutes       int        `json:"confirmation_minutes"`
	AppStepsAhead             int        `json:"app_steps_ahead"`
	TokenMaxDays              int        `json:"token_max_days"`
	CodeInSubject             bool       `json:"code_in_subject"`
	SignUpOpen                bool       `json:"sign_up_open"`
}

// Current reads the version in force.
func Current(ctx context.Context, q pg.Q) (Policy, error) {
	var r row
	err := q.GetContext(ctx, &r, `
		SELECT version, rules, saved_at, saved_by FROM policies ORDER BY version DESC LIMIT 1`)
	if err != nil {
		return Policy{}, fmt.Errorf("read policy: %w", err)
	}
	return r.policy()
}

// AppendTx adds the next version. Two writers of one version meet in the
// primary key; the caller compares versions under the advisory lock.
func AppendTx(ctx context.Context, tx *pg.Tx, version int, r Rules, by uuid.UUID) error {
	data, err := json.Marshal(rulesRow(r))
	if err != nil {
		return fmt.Errorf("encode policy: %w", err)
	}
	_, err = tx.ExecContext(ctx, `
		INSERT INTO policies (version, rules, saved_at, saved_by) VALUES ($1, $2, $3, $4)`,
		version, string(data), tx.Now, uuid.NullUUID{UUID: by, Valid: by != uuid.Nil})
	if err != nil {
		return fmt.Errorf("save policy: %w", err)
	}
	return nil
}

// Ensure writes the first version (preset Compatible) where there is none.
// Only that one takes its sign-up rule from the setting.
func Ensure(ctx context.Context, db *pg.DB, signUpOpen bool) error {
	first := Compatible.Rules()
	first.SignUpOpen = signUpOpen
	data, err := json.Marshal(rulesRow(first))
	if err != nil {
		return fmt.Errorf("encode policy: %w", err)
	}
	_, err = db.ExecContext(ctx, `
		INSERT INTO policies (version, rules, saved_at) VALUES (1, $1, $2)
		ON CONFLICT ON CONSTRAINT policies_version_pk DO NOTHING`, string(data), db.Now())
	if err != nil {
		return fmt.Errorf("save first policy: %w", err)
	}
	return nil
}
