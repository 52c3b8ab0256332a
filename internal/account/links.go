package account

import (
	"context"
	"fmt"

	"github.com/google/uuid"

	"latchkey/internal/pg"
)

// LinkKind is what a mailed link is good for.
type LinkKind string

const (
	PasswordResetLink LinkKind = "password_reset"
	InvitationLink    LinkKind = "invitation"
	EmailUndoLink     LinkKind = "email_undo"
	NotMeLink         LinkKind = "not_me"
	RecoveryPassLink  LinkKind = "recovery_pass"
)

// EndLinksTx ends the open links of a kind: a change of method, password or
// email leaves no reset link behind (invariant 7).
func EndLinksTx(ctx context.Context, tx *pg.Tx, user uuid.UUID, k LinkKind) error {
	_, err := tx.ExecContext(ctx, `
		UPDATE links SET used_at = $3 WHERE user_id = $1 AND kind = $2 AND used_at IS NULL`, user, k, tx.Now)
	if err != nil {
		return fmt.Errorf("end links: %w", err)
	}
	return nil
}
