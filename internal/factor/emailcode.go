package factor

import (
	"context"
	"errors"
	"fmt"
	"time"

	"github.com/google/uuid"

	"latchkey/internal/audit"
	"latchkey/internal/fault"
	"latchkey/internal/mail"
	"latchkey/internal/pg"
)

// Purpose is what a mailed code is good for. It is part of the digest.
type Purpose string

const (
	VerifyEmail  Purpose = "verify_email" // holder: the user
	SignInCode   Purpose = "sign_in"      // holder: the sign-in
	Confirmation Purpose = "confirmation" // holder: the session
	Enrolling    Purpose = "enrolment"    // holder: the sign-in or session
	EmailChange  Purpose = "email_change" // holder: the session
)

const codeTries = 5 // wrong guesses until a code is dead

// life is how long a code of the purpose is good.
func (p Purpose) life() time.Duration {
	if p == VerifyEmail || p == EmailChange {
		return 30 * time.Minute
	}
	return 10 * time.Minute
}

// countdown is the rest between two mails of one code.
var countdown = []time.Duration{30 * time.Second, time.Minute, 2 * time.Minute, 5 * time.Minute}

// Request asks for a code by mail.
type Request struct {
	User          uuid.UUID
	Name          string // how the person is greeted
	Address       string // where to, canonical
	Purpose       Purpose
	Holder        uuid.UUID
	Browser       uuid.UUID // known browser, with a budget of mails of its own; zero: the shared one
	CodeInSubject bool
	// Beside is done with each mail, nil: nothing is. With it a Silent one is
	// made and taken back: the address belongs to someone else, and whoever asks
	// must not learn that by text or time.
	Beside func() error
	Silent bool
	// Charged says that the caller has charged the client's address for the mail.
	Charged bool
	// Unproved says that the user has not proved the address: an enrolment
	// proves both at once.
	Unproved bool
}

// Held is the delivery of a code that was not mailed: the budget was gone.
const Held mail.State = "held"

// Delivery is what may be told about a mailed code.
type Delivery struct {
	Reference string
	State     mail.State // queued, sent, refused, expired; Held at sign-in only
	SentTo    string
	SentAt    *time.Time
	ExpiresAt time.Time
	ResendAt  time.Time // asking before mails nothing
}

type codeRow struct {
	ID        uuid.UUID `db:"id"`
	Address   string    `db:"address"`
	Sealed    []byte    `db:"sealed"`
	Reference string    `db:"reference"`
	Mailed    pg.Times  `db:"mailed"`
	MailID    uuid.UUID `db:"mail_id"`
	ResendAt  time.Time `db:"resend_at"`
	Deadline  time.Time `db:"deadline"`
}

// MailCodeTx mails a code. A live one is repeated with its own deadline, and
// inside its countdown nothing is mailed: the answer is the same either way,
// so that a reload or an impatient finger voids nothing. The caller holds the
// user's guard, which makes the user's budget exact.
func (s *Store) MailCodeTx(ctx context.Context, tx *pg.Tx, by audit.Actor, r Request) (Delivery, error) {
	live, err := s.liveTx(ctx, tx, r)
	if err != nil {
		return Delivery{}, err
	}
	if live != nil && tx.Now.Before(live.ResendAt) {
		return s.deliveryTx(ctx, tx, *live)
	}
	if err := s.budgetTx(ctx, tx, r); err != nil {
		return Delivery{}, err
	}
	if !r.Charged {
		if err := s.Limits.CodeMailTx(ctx, tx, by.Address); err != nil {
			return Delivery{}, err
		}
	}
	if r.foreign() {
		if err := s.addressBudgetTx(ctx, tx, r.Address); err != nil {
			return Delivery{}, err
		}
	}
	if live != nil {
		return s.repeatTx(ctx, tx, by, r, *live)
	}
	return s.freshTx(ctx, tx, by, r)
}

// liveTx finds the code of this lock that may still be typed; nil: none.
func (s *Store) liveTx(ctx context.Context, tx *pg.Tx, r Request) (*codeRow, error) {
	var c codeRow
	err := tx.GetContext(ctx, &c, `
		SELECT id, address, sealed, reference, mailed, mail_id, resend_at, deadline
		FROM codes
		WHERE holder = $1 AND purpose = $2 AND user_id = $3 AND address = $4
		  AND used_at IS NULL AND deadline > $5 AND tries < $6
		ORDER BY created_at DESC LIMIT 1
		FOR UPDATE`, r.Holder, r.Purpose, r.User, r.Address, tx.Now, codeTries)
	if errors.Is(err, pg.ErrNoRows) {
		return nil, nil
	}
	if err != nil {
		return nil, fmt.Errorf("find live code: %w", err)
	}
	return &c, nil
}

func codeSeal(user, row uuid.UUID) []string { return []string{"code", user.String(), row.String()} }

func (s *Store) freshTx(ctx context.Context, tx *pg.Tx, by audit.Actor, r Request) (Delivery, error) {
	id := pg.NewID()
	code := newDigits()
	c := codeRow{
		ID: id, Address: r.Address, Reference: newReference(), Mailed: pg.Times{tx.Now},
		ResendAt: tx.Now.Add(countdown[0]), Deadline: tx.Now.Add(r.Purpose.life()),
	}
	c.Sealed = s.keys.Mail.Seal([]byte(code), codeSeal(r.User, id)...)
	var err error
	if c.MailID, err = s.queueTx(ctx, tx, by, r, c, code); err != nil {
		return Delivery{}, err
	}
	_, err = tx.ExecContext(ctx, `
		INSERT INTO codes (id, user_id, purpose, holder, address, browser, digest, sealed, reference,
			mailed, mail_id, resend_at, created_at, deadline)
		VALUES ($1, $2, $3, $4, $5, $6, $7, $8, $9, $10, $11, $12, $13, $14)`,
		id, r.User, r.Purpose, r.Holder, r.Address, uuid.NullUUID{UUID: r.Browser, Valid: r.Browser != uuid.Nil},
		s.keys.Codes.Digest(string(r.Purpose), r.Holder.String(), code), c.Sealed, c.Reference,
		c.Mailed, c.MailID, c.ResendAt, tx.Now, c.Deadline)
	if err != nil {
		return Delivery{}, fmt.Errorf("keep code: %w", err)
	}
	return c.delivery(mail.Delivery{State: mail.Queued}), nil
}

func (s *Store) repeatTx(ctx context.Context, tx *pg.Tx, by audit.Actor, r Request, c codeRow) (Delivery, error) {
	code, err := s.keys.Mail.Open(c.Sealed, codeSeal(r.User, c.ID)...)
	if err != nil {
		return Delivery{}, fmt.Errorf("open code: %w", err)
	}
	if c.MailID, err = s.queueTx(ctx, tx, by, r, c, string(code)); err != nil {
		return Delivery{}, err
	}
	c.Mailed = append(c.Mailed, tx.Now)
	c.ResendAt = tx.Now.Add(countdown[min(len(c.Mailed), len(countdown))-1])
	_, err = tx.ExecContext(ctx, `
		UPDATE codes SET mailed = $2, mail_id = $3, resend_at = $4 WHERE id = $1`, c.ID, c.Mailed, c.MailID, c.ResendAt)
	if err != nil {
		return Delivery{}, fmt.Errorf("note repeated code: %w", err)
	}
	return c.delivery(mail.Delivery{State: mail.Queued}), nil
}

func (s *Store) queueTx(ctx context.Context, tx *pg.Tx, by audit.Actor, r Request, c codeRow, code string) (id uuid.UUID, err error) {
	if r.Beside == nil {
		return s.codeMailTx(ctx, tx, by, r, c, code)
	}
	err = tx.KeepIf(ctx, !r.Silent, func() (err error) {
		id, err = s.codeMailTx(ctx, tx, by, r, c, code)
		return err
	})
	if err != nil {
		return id, err
	}
	return id, r.Beside()
}

func (s *Store) codeMailTx(ctx context.Context, tx *pg.Tx, by audit.Actor, r Request, c codeRow, code string) (uuid.UUID, error) {
	m := mail.CodeMail{
		Code: code, Reference: c.Reference, ValidUntil: c.Deadline, CodeInSubject: r.CodeInSubject,
		Device: by.Device, Address: by.Address, At: tx.Now,
	}
	e := mail.Envelope{User: r.User, To: r.Address, Name: r.Name, ExpiresAt: c.Deadline}
	switch r.Purpose {
	case SignInCode:
		return s.outbox.QueueTx(ctx, tx, e, mail.SignInCode(m))
	case Confirmation:
		return s.outbox.QueueTx(ctx, tx, e, mail.ConfirmationCode(m))
	case Enrolling:
		return s.outbox.QueueTx(ctx, tx, e, mail.EnrolmentCode(m))
	case EmailChange:
		return s.outbox.QueueTx(ctx, tx, e, mail.EmailChangeCode(m))
	default:
		return s.outbox.QueueTx(ctx, tx, e, mail.VerifyEmail(m))
	}
}

// DeliveryTx tells what became of the newest code of a lock; not_found: none
// was ever asked for.
func (s *Store) DeliveryTx(ctx context.Context, tx *pg.Tx, user uuid.UUID, p Purpose, holder uuid.UUID) (Delivery, error) {
	var c codeRow
	err := tx.GetContext(ctx, &c, `
		SELECT id, address, sealed, reference, mailed, mail_id, resend_at, deadline
		FROM codes WHERE holder = $1 AND purpose = $2 AND user_id = $3
		ORDER BY created_at DESC LIMIT 1`, holder, p, user)
	if errors.Is(err, pg.ErrNoRows) {
		return Delivery{}, fault.New(fault.NotFound, fault.Absent)
	}
	if err != nil {
		return Delivery{}, fmt.Errorf("find code: %w", err)
	}
	return s.deliveryTx(ctx, tx, c)
}

func (s *Store) deliveryTx(ctx context.Context, tx *pg.Tx, c codeRow) (Delivery, error) {
	d, err := s.outbox.DeliveryTx(ctx, tx, c.MailID)
	if errors.Is(err, mail.ErrNoMail) { // silent: it looks like any other
		d, err = silent(c, tx.Now), nil
	}
	return c.delivery(d), err
}

// silent is what a code that was never mailed looks like.
func silent(c codeRow, now time.Time) mail.Delivery {
	sent := c.Mailed[len(c.Mailed)-1].UTC()
	if now.Before(sent.Add(time.Second)) {
		return mail.Delivery{State: mail.Queued}
	}
	return mail.Delivery{State: mail.Sent, SentAt: &sent}
}

func (c codeRow) delivery(d mail.Delivery) Delivery {
	return Delivery{
		Reference: c.Reference, State: d.State, SentTo: c.Address, SentAt: d.SentAt,
		ExpiresAt: c.Deadline.UTC(), ResendAt: c.ResendAt.UTC(),
	}
}

// SpendCodeTx tries a canonical code in one lock. address is the one that the
// code must have been mailed to. The caller holds the user's guard and charges
// the outcome there; the code's own five tries are counted here.
func (s *Store) SpendCodeTx(ctx context.Context, tx *pg.Tx, user uuid.UUID, p Purpose, holder uuid.UUID, address, code string) (Outcome, error) {
	if !IsCode(code) {
		return Wrong, nil
	}
	digests := s.keys.Codes.All(string(p), holder.String(), code)
	n, err := pg.Affected(tx.ExecContext(ctx, `
		UPDATE codes SET used_at = $5, sealed = NULL
		WHERE holder = $1 AND purpose = $2 AND user_id = $3 AND address = $4
		  AND digest = ANY($6) AND used_at IS NULL AND deadline > $5 AND tries < $7 -- a race is decided here`,
		holder, p, user, address, tx.Now, pg.Array(digests), codeTries))
	if err != nil {
		return Wrong, fmt.Errorf("spend code: %w", err)
	}
	if n > 0 {
		return Right, nil
	}
	return s.missedTx(ctx, tx, user, p, holder, digests)
}

// missedTx charges the live code and says why nothing was spent.
func (s *Store) missedTx(ctx context.Context, tx *pg.Tx, user uuid.UUID, p Purpose, holder uuid.UUID, digests [][]byte) (Outcome, error) {
	var used bool
	err := tx.GetContext(ctx, &used, `
		SELECT used_at IS NOT NULL FROM codes
		WHERE holder = $1 AND purpose = $2 AND user_id = $3 AND digest = ANY($4)
		ORDER BY created_at DESC LIMIT 1`, holder, p, user, pg.Array(digests))
	switch {
	case err == nil && used:
		return Used, nil
	case err == nil:
		return Expired, nil // past its deadline, or dead after five wrong tries
	case !errors.Is(err, pg.ErrNoRows):
		return Wrong, fmt.Errorf("look for spent code: %w", err)
	}
	_, err = tx.ExecContext(ctx, `
		UPDATE codes SET tries = tries + 1
		WHERE holder = $1 AND purpose = $2 AND user_id = $3 AND used_at IS NULL AND deadline > $4 AND tries < $5`,
		holder, p, user, tx.Now, codeTries)
	if err != nil {
		return Wrong, fmt.Errorf("charge code: %w", err)
	}
	return Wrong, nil
}

// VoidTx ends every live code of a user for a purpose, whoever holds it.
func VoidTx(ctx context.Context, tx *pg.Tx, user uuid.UUID, p Purpose) error {
	_, err := tx.ExecContext(ctx, `
		UPDATE codes SET deadline = $3, sealed = NULL
		WHERE user_id = $1 AND purpose = $2 AND used_at IS NULL AND deadline > $3`, user, p, tx.Now)
	if err != nil {
		return fmt.Errorf("void codes: %w", err)
	}
	return nil
}
