package admin

import (
	"context"

	"github.com/google/uuid"

	"latchkey/internal/account"
	"latchkey/internal/audit"
	"latchkey/internal/fault"
	"latchkey/internal/mail"
	"latchkey/internal/policy"
	"latchkey/internal/session"
)

// Policy reads the policy in force.
func (f *Flow) Policy(ctx context.Context, by audit.Actor, in session.Session) (policy.Policy, error) {
	if err := f.look(ctx, by, in, false); err != nil {
		return policy.Policy{}, err
	}
	return policy.Current(ctx, f.DB)
}

// History lists versions below one, newest first; 0 begins at the newest.
func (f *Flow) History(ctx context.Context, by audit.Actor, in session.Session, before, limit int) ([]policy.Version, error) {
	if err := f.look(ctx, by, in, false); err != nil {
		return nil, err
	}
	return policy.History(ctx, f.DB, before, limit)
}

// Saving is a new version of the policy.
type Saving struct {
	Rules policy.Rules
	Over  int // the version that the caller read; 0: none was named
	// EndSessions signs everyone else out too. Otherwise a policy works at the
	// next sign-in (invariant 10).
	EndSessions bool
}

// SavePolicy saves a new version (🔒). A version that has moved on is stale; rules
// that nobody could meet are refused by field. The same rules again are no new
// version.
func (f *Flow) SavePolicy(ctx context.Context, by audit.Actor, in session.Session, s Saving) (policy.Policy, error) {
	var out policy.Policy
	err := f.within(ctx, by, in, want{confirmed: true, policy: true}, func(ctx context.Context, a *act) error {
		out = a.policy
		if s.Over != a.policy.Version {
			return stale(s.Over, a.policy.Version)
		}
		if err := f.meetable(ctx, a, s.Rules); err != nil {
			return err
		}
		changes := policy.Diff(a.policy.Rules, s.Rules)
		if len(changes) == 0 && !s.EndSessions {
			return nil
		}
		next := a.policy.Version + 1
		if err := policy.AppendTx(ctx, a.tx, next, s.Rules, a.admin.ID); err != nil {
			return err
		}
		if a.policy.Require != policy.Nobody || s.Rules.Require != policy.Nobody {
			if err := policy.DeadlinesDueTx(ctx, a.tx, next); err != nil {
				return err
			}
			a.tx.AfterCommit(f.wakeUp)
		}
		data := map[string]any{"version": next, "changes": described(changes)}
		if s.EndSessions {
			n, err := f.Sessions.EndEveryoneTx(ctx, a.tx, a.in.ID)
			if err != nil {
				return err
			}
			data["sessions_ended"] = n
		}
		var err error
		if out, err = policy.Current(ctx, a.tx); err != nil {
			return err
		}
		return a.event(ctx, "policy_saved", data)
	})
	return out, err
}

// stale names both versions, so that the caller can show what lies between.
func stale(yours, now int) error {
	f := fault.New(fault.Stale, fault.StaleVersion)
	if yours == 0 {
		return f.Say("fault.version_missing", map[string]any{"Now": now})
	}
	return f.Say("fault.version_stale", map[string]any{"Yours": yours, "Now": now})
}

func described(changes []policy.Change) map[string]any {
	out := map[string]any{}
	for _, c := range changes {
		out[c.Field] = []any{c.From, c.To}
	}
	return out
}

// meetable refuses rules that are nonsense, or that leave somebody required and
// without a way to comply.
func (f *Flow) meetable(ctx context.Context, a *act, r policy.Rules) error {
	bad := r.Check(a.policy.Rules, a.tx.Now)
	if bad != nil {
		return bad
	}
	asked := r.Require != policy.Nobody
	if !asked {
		var err error
		if asked, err = account.AnyRequired(ctx, a.tx); err != nil {
			return err
		}
		everyone := r
		everyone.Require = policy.Everyone
		if asked && !everyone.Meetable() {
			return fault.InField("app_method", "policy.not_meetable_anyone", nil)
		}
	}
	if !asked || !r.EmailAlone() {
		return nil
	}
	delivered, err := mail.EverDelivered(ctx, a.tx)
	if err != nil || delivered {
		return err
	}
	// Rows of old mails are swept. An address that was proved by a code says the
	// same and stays.
	proved, err := audit.Ever(ctx, a.tx, "email_verified")
	if err != nil || proved {
		return err
	}
	return fault.InField("email_method", "policy.no_mail_delivered", nil)
}

// Savers names those who saved versions, for a page; who is gone is left out.
func (f *Flow) Savers(ctx context.Context, versions []policy.Version) (map[string]account.User, error) {
	out := map[string]account.User{}
	for _, v := range versions {
		if _, known := out[v.SavedBy]; known || v.SavedBy == "" {
			continue
		}
		id, err := uuid.Parse(v.SavedBy)
		if err != nil {
			return nil, err
		}
		u, err := account.ByID(ctx, f.DB, id)
		if _, gone := fault.As(err); gone {
			continue
		}
		if err != nil {
			return nil, err
		}
		out[v.SavedBy] = u
	}
	return out, nil
}
