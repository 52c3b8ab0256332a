package account

import (
	"context"
	"crypto/rand"
	"encoding/base64"
	"encoding/json"
	"errors"
	"fmt"
	"time"

	"github.com/google/uuid"

	"latchkey/internal/fault"
	"latchkey/internal/pg"
	"latchkey/internal/seal"
)

// LinkKind is what a mailed link is good for. It is part of the digest, so a
// link of one kind opens nothing of another.
type LinkKind string

const (
	PasswordResetLink LinkKind = "password_reset"
	InvitationLink    LinkKind = "invitation"
	EmailUndoLink     LinkKind = "email_undo"
	NotMeLink         LinkKind = "not_me"
	RecoveryPassLink  LinkKind = "recovery_pass"
)

// life is how long a link of the kind is good.
func (k LinkKind) life() time.Duration {
	switch k {
	case PasswordResetLink:
		return 30 * time.Minute
	case InvitationLink:
		return 72 * time.Hour
	case RecoveryPassLink:
		return time.Hour
	}
	return 7 * 24 * time.Hour
}

// LinkData is what a link remembers of the change that it was mailed for.
type LinkData struct {
	ChangedAt time.Time
	OldEmail  string // of a changed address
	NewEmail  string
}

type linkData struct {
	ChangedAt time.Time `json:"changed_at,omitzero"`
	OldEmail  string    `json:"old_email,omitzero"`
	NewEmail  string    `json:"new_email,omitzero"`
}

// Link is a mailed link that was found by its token.
type Link struct {
	ID   uuid.UUID
	User uuid.UUID
	Data LinkData
}

// Links makes and spends mailed links: 256 random bits, one use, only keyed
// digests kept.
type Links struct{ digests *seal.Digester }

// NewLinks makes links over the keyset of purpose tokens.
func NewLinks(d *seal.Digester) *Links { return &Links{d} }

const linkBytes = 32

// MakeTx makes a link and gives its token, and until when it is good.
func (l *Links) MakeTx(ctx context.Context, tx *pg.Tx, user uuid.UUID, k LinkKind, data LinkData) (token string, until time.Time, err error) {
	raw := make([]byte, linkBytes)
	_, _ = rand.Read(raw) // never fails
	token = base64.RawURLEncoding.EncodeToString(raw)
	id := pg.NewID()
	body, err := json.Marshal(linkData(data))
	if err != nil {
		return "", until, fmt.Errorf("make link: %w", err)
	}
	until = tx.Now.Add(k.life())
	_, err = tx.ExecContext(ctx, `
		INSERT INTO links (id, user_id, kind, token_digest, data, created_at, expires_at)
		VALUES ($1, $2, $3, $4, $5, $6, $7)`,
		id, user, k, l.digests.Digest("link", string(k), token), string(body), tx.Now, until)
	if err != nil {
		return "", until, fmt.Errorf("make %s link: %w", k, err)
	}
	return token, until, nil
}

// digestsOf gives none for what is not even shaped like a token, so that
// garbage costs no query.
func (l *Links) digestsOf(k LinkKind, token string) [][]byte {
	raw, err := base64.RawURLEncoding.Strict().DecodeString(token)
	if err != nil || len(raw) != linkBytes {
		return nil
	}
	return l.digests.All("link", string(k), token)
}

type linkRow struct {
	ID   uuid.UUID `db:"id"`
	User uuid.UUID `db:"user_id"`
	Data []byte    `db:"data"`
	Used bool      `db:"used"`
	Late bool      `db:"late"`
}

func (r linkRow) link() (Link, error) {
	var d linkData
	if err := json.Unmarshal(r.Data, &d); err != nil {
		return Link{}, fmt.Errorf("read link: %w", err)
	}
	return Link{r.ID, r.User, LinkData(d)}, nil
}

var (
	linkExpired = fault.New(fault.Refused, fault.CodeExpired).Say("fault.link_expired", nil)
	linkUsed    = fault.New(fault.Refused, fault.CodeUsed).Say("fault.link_used", nil)
)

// Find looks a link up without spending it: for the page that a mail opens.
// Unknown ones count as expired, since rows of old links are swept.
func (l *Links) Find(ctx context.Context, q pg.Q, k LinkKind, token string, now time.Time) (Link, error) {
	digests := l.digestsOf(k, token)
	if digests == nil {
		return Link{}, linkExpired
	}
	var r linkRow
	err := q.GetContext(ctx, &r, `
		SELECT id, user_id, data, used_at IS NOT NULL AS used, expires_at <= $3 AS late
		FROM links WHERE token_digest = ANY($1) AND kind = $2`, pg.Array(digests), k, now)
	switch {
	case errors.Is(err, pg.ErrNoRows):
		return Link{}, linkExpired
	case err != nil:
		return Link{}, fmt.Errorf("find link: %w", err)
	case r.Used:
		return Link{}, linkUsed
	case r.Late:
		return Link{}, linkExpired
	}
	return r.link()
}

// SpendTx uses a link up. The caller holds its user's guard; of two uses one
// changes the row.
func (l *Links) SpendTx(ctx context.Context, tx *pg.Tx, id uuid.UUID) error {
	n, err := pg.Affected(tx.ExecContext(ctx, `
		UPDATE links SET used_at = $2 WHERE id = $1 AND used_at IS NULL AND expires_at > $2 -- a race is decided here`, id, tx.Now))
	if err != nil {
		return fmt.Errorf("spend link: %w", err)
	}
	if n == 0 {
		return linkUsed
	}
	return nil
}

// LinksSinceTx counts the links of a kind made for a user since an instant:
// what strangers can cause to be mailed has a budget.
func LinksSinceTx(ctx context.Context, tx *pg.Tx, user uuid.UUID, k LinkKind, since time.Time) (int, error) {
	var n int
	err := tx.GetContext(ctx, &n, `
		SELECT count(*) FROM links WHERE user_id = $1 AND kind = $2 AND created_at > $3`, user, k, since)
	if err != nil {
		return 0, fmt.Errorf("count links: %w", err)
	}
	return n, nil
}

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

// EndUndosSinceTx ends the undo links that were mailed for changes after the
// given one: once the earlier change is undone they would lead to an address
// that never was the owner's. Earlier ones lead further back, and stay.
func EndUndosSinceTx(ctx context.Context, tx *pg.Tx, user uuid.UUID, since time.Time) error {
	_, err := tx.ExecContext(ctx, `
		UPDATE links SET used_at = $3
		WHERE user_id = $1 AND kind = 'email_undo' AND created_at > $2 AND used_at IS NULL`, user, since, tx.Now)
	if err != nil {
		return fmt.Errorf("end undo links: %w", err)
	}
	return nil
}
