// Package admin is what admins rule, and how they and support help people: the
// policy and its rehearsal, accounts, invitations, recovery passes, and what
// happened. Nobody does anything to themselves here.
package admin

import (
	"bytes"
	"context"
	"errors"
	"strings"
	"unicode"
	"unicode/utf8"

	"github.com/google/uuid"

	"latchkey/internal/account"
	"latchkey/internal/audit"
	"latchkey/internal/factor"
	"latchkey/internal/fault"
	"latchkey/internal/guard"
	"latchkey/internal/mail"
	"latchkey/internal/pg"
	"latchkey/internal/policy"
	"latchkey/internal/proof"
	"latchkey/internal/seal"
	"latchkey/internal/session"
	"latchkey/internal/webhook"
)

// Flow acts for admins. Every function takes who acts and the session that it
// is done in; an access token stands in the place of one and opens nothing
// marked 🔒. The host (audit.Host) has no session and needs none.
type Flow struct {
	DB        *pg.DB
	Keys      *seal.Keys
	Passwords *account.Passwords
	Sessions  *session.Store
	Factors   *factor.Store
	Outbox    *mail.Outbox
	Judge     *proof.Judge
	Links     *account.Links
	Hooks     *webhook.Store
	Reach     *webhook.Reach // of their endpoints
	Brand     string

	saved chan struct{} // a policy was
}

// New completes a flow whose exported fields are set.
func New(f Flow) *Flow {
	f.saved = make(chan struct{}, 1)
	return &f
}

// want is what an act asks of whoever does it, and what it locks.
type want struct {
	confirmed bool      // 🔒
	support   bool      // role support may too, about users of role user
	admins    bool      // it may change who is an active admin
	policy    bool      // it saves the policy
	about     uuid.UUID // zero: nobody
	reason    string
}

// act is one change, inside its transaction.
type act struct {
	tx     *pg.Tx
	by     audit.Actor
	in     session.Session
	admin  account.User // zero for the host
	policy policy.Policy
	reason string

	// When it is about somebody:
	user    account.User
	lock    *guard.Lock
	methods []factor.Method
}

var (
	forbidden = fault.New(fault.Forbidden, fault.NotAllowed)
	absent    = fault.New(fault.NotFound, fault.Absent)
	signedOut = fault.New(fault.Unauthenticated, fault.NotSignedIn)
)

// within locks in the order of the house (admins or policy, guards by id, the
// session) and runs do. A hang-up of the caller undoes nothing from here on.
func (f *Flow) within(ctx context.Context, by audit.Actor, in session.Session, w want, do func(context.Context, *act) error) error {
	reason, err := canonicalReason(w.reason)
	if err != nil {
		return err
	}
	if by.Kind != audit.Host {
		by.Kind, by.ID = audit.Admin, in.User
	}
	ctx = context.WithoutCancel(ctx)
	return f.DB.InTx(ctx, func(tx *pg.Tx) error {
		a := &act{tx: tx, by: by, reason: reason}
		missing, err := f.lock(ctx, a, in, w)
		if err != nil {
			return err
		}
		if a.policy, err = policy.Current(ctx, tx); err != nil {
			return err
		}
		if err := f.mayTx(ctx, a, w); err != nil {
			return err
		}
		// Only who may act learns whether there is such a user.
		if missing {
			return absent
		}
		if err := f.readUser(ctx, a, w); err != nil {
			return err
		}
		return do(ctx, a)
	})
}

// lock takes what the act needs; missing: there is no user that it is about.
func (f *Flow) lock(ctx context.Context, a *act, in session.Session, w want) (missing bool, err error) {
	if w.admins {
		if err := account.LockAdminsTx(ctx, a.tx); err != nil {
			return false, err
		}
	}
	if w.policy {
		if err := policy.LockTx(ctx, a.tx); err != nil {
			return false, err
		}
	}
	ids := []uuid.UUID{a.by.ID, w.about}
	if bytes.Compare(ids[0][:], ids[1][:]) > 0 {
		ids[0], ids[1] = ids[1], ids[0]
	}
	for i, id := range ids {
		if id == uuid.Nil || (i == 1 && id == ids[0]) {
			continue
		}
		lock, err := guard.LockTx(ctx, a.tx, id, uuid.Nil)
		switch {
		case err == nil && id == w.about:
			a.lock = lock
		case errors.Is(err, signedOut) && id == w.about && id != a.by.ID:
			missing = true
		case err != nil:
			return false, err
		}
	}
	if a.by.Kind != audit.Host {
		a.in, err = f.Sessions.HoldTx(ctx, a.tx, in.ID)
	}
	return missing, err
}

// mayTx decides under the lock whether the caller may do this: a role taken
// away a moment ago is gone.
func (f *Flow) mayTx(ctx context.Context, a *act, w want) error {
	if a.by.Kind == audit.Host {
		return nil
	}
	var err error
	if a.admin, err = f.ruler(ctx, a.tx, a.in); err != nil {
		return err
	}
	if a.admin.Role == account.Support && !w.support {
		return forbidden
	}
	if !w.confirmed {
		return nil
	}
	if err := session.NotWithToken(a.in); err != nil {
		return err
	}
	methods, err := factor.Methods(ctx, a.tx, a.admin.ID)
	if err != nil {
		return err
	}
	return proof.MayRule(a.in, a.admin, methods, a.policy, a.tx.Now)
}

// ruler reads the caller, who must be an active admin or supporter in a session
// that is fresh enough.
func (f *Flow) ruler(ctx context.Context, q pg.Q, in session.Session) (account.User, error) {
	u, err := account.ByID(ctx, q, in.User)
	if err != nil {
		return u, err
	}
	if u.Status != account.Active || (u.Role != account.Admin && u.Role != account.Support) {
		return u, forbidden
	}
	if in.Token == nil && !in.Rules(f.DB.Now()) {
		return u, fault.New(fault.Forbidden, fault.ConfirmationRequired).Say("fault.admin_rested", nil)
	}
	return u, nil
}

func (f *Flow) readUser(ctx context.Context, a *act, w want) error {
	if w.about == uuid.Nil {
		return nil
	}
	if w.about == a.by.ID {
		return forbidden.Say("fault.not_oneself", nil)
	}
	var err error
	if a.user, err = account.ByID(ctx, a.tx, w.about); err != nil {
		return err
	}
	if a.admin.Role == account.Support && a.user.Role != account.Member {
		return forbidden
	}
	a.methods, err = factor.Methods(ctx, a.tx, w.about)
	return err
}

// Enter says whether the caller may come in at all, and who it is: for a front
// that asks before it reads a request. What may be done, each act decides.
func (f *Flow) Enter(ctx context.Context, by audit.Actor, in session.Session) (account.User, error) {
	if by.Kind == audit.Host {
		return account.User{}, nil
	}
	return f.ruler(ctx, f.DB, in)
}

// look admits a caller who only reads. support: that role may, too.
func (f *Flow) look(ctx context.Context, by audit.Actor, in session.Session, support bool) error {
	u, err := f.Enter(ctx, by, in)
	if err == nil && u.Role == account.Support && !support {
		return forbidden
	}
	return err
}

// event writes down what this act did, with its reason.
func (a *act) event(ctx context.Context, action string, data map[string]any) error {
	if a.reason != "" {
		if data == nil {
			data = map[string]any{}
		}
		data["reason"] = a.reason
	}
	return audit.RecordTx(ctx, a.tx, a.by, audit.Event{Action: action, Subject: a.user.ID, Data: data})
}

// tell mails the user what was changed. Who never accepted an invitation is
// told nothing: there is no account of theirs yet.
func (f *Flow) tell(ctx context.Context, a *act, m mail.AdminChangedTwoFactor) error {
	if a.user.Status == account.Invited {
		return nil
	}
	return f.Judge.TellTx(ctx, a.tx, a.user, func(notMe string) mail.Kind {
		m.Reason, m.At, m.NotMe = a.reason, a.tx.Now, notMe
		return m
	})
}

const reasonLength = 500 // code points

// canonicalReason makes a reason one line, since it is mailed and exported.
func canonicalReason(s string) (string, error) {
	if len(s) > 16*reasonLength || !utf8.ValidString(s) {
		return "", fault.InField("reason", "admin.reason_too_long", map[string]any{"Max": reasonLength})
	}
	s = strings.Join(strings.FieldsFunc(s, func(r rune) bool { return unicode.IsSpace(r) || unicode.IsControl(r) }), " ")
	if utf8.RuneCountInString(s) > reasonLength {
		return "", fault.InField("reason", "admin.reason_too_long", map[string]any{"Max": reasonLength})
	}
	return s, nil
}
