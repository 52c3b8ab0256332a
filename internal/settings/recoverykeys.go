package settings

import (
	"context"

	"latchkey/internal/audit"
	"latchkey/internal/factor"
	"latchkey/internal/fault"
	"latchkey/internal/mail"
	"latchkey/internal/session"
)

var noKeys = fault.New(fault.Conflict, fault.StateConflict).Say("fault.no_recovery_keys", nil)

// Keys shows the current recovery keys (🔒). Answering with them by API counts
// as saying that they are saved; a page says so itself (saved false).
func (f *Flow) Keys(ctx context.Context, by audit.Actor, in session.Session, saved bool) (factor.Set, error) {
	set, _, err := f.keys(ctx, by, in, saved)
	return set, err
}

func (f *Flow) keys(ctx context.Context, by audit.Actor, in session.Session, saved bool) (set factor.Set, account string, err error) {
	err = f.within(ctx, by, in, confirmed, func(ctx context.Context, a *act) error {
		var (
			has bool
			err error
		)
		set, has, err = f.Factors.KeysTx(ctx, a.tx, a.user.ID, a.policy.RecoveryKeysViewable)
		if err != nil {
			return err
		}
		if !has {
			return noKeys
		}
		account = a.user.Email
		if !saved || set.SavedAt != nil || len(set.Shown()) == 0 {
			return nil
		}
		return factor.SavedTx(ctx, a.tx, a.user.ID, a.policy.RecoveryKeysViewable)
	})
	return set, account, err
}

// SaveKeys is the word "I have saved them", said on a page.
func (f *Flow) SaveKeys(ctx context.Context, by audit.Actor, in session.Session) error {
	return f.within(ctx, by, in, signedIn, func(ctx context.Context, a *act) error {
		return factor.SavedTx(ctx, a.tx, a.user.ID, a.policy.RecoveryKeysViewable)
	})
}

// RegenerateKeys replaces the set (🔒): every key of the old one is dead.
func (f *Flow) RegenerateKeys(ctx context.Context, by audit.Actor, in session.Session, saved bool) (factor.Set, error) {
	var set factor.Set
	err := f.within(ctx, by, in, confirmed, func(ctx context.Context, a *act) error {
		if len(a.methods) == 0 {
			return noKeys
		}
		var err error
		if set, err = f.renew(ctx, a); err != nil || !saved {
			return err
		}
		return factor.SavedTx(ctx, a.tx, a.user.ID, a.policy.RecoveryKeysViewable)
	})
	return set, err
}

// renew makes a new set, and writes down and mails that it did.
func (f *Flow) renew(ctx context.Context, a *act) (factor.Set, error) {
	set, err := f.Factors.NewSetTx(ctx, a.tx, a.user.ID)
	if err != nil {
		return set, err
	}
	if err := a.event(ctx, "recovery_keys_regenerated", nil); err != nil {
		return set, err
	}
	return set, f.notice(ctx, a, func(n mail.Notice) mail.Kind { return mail.RecoveryKeysRegenerated(n) })
}

// CheckKey tells whether a typed key is good, without spending it (🔒).
func (f *Flow) CheckKey(ctx context.Context, by audit.Actor, in session.Session, typed string) (factor.KeyState, error) {
	if factor.CanonicalCode(typed) == "" {
		return "", fault.InField("key", "field.key.empty", nil)
	}
	state := factor.KeyUnknown
	err := f.within(ctx, by, in, confirmed, func(ctx context.Context, a *act) error {
		if len(a.methods) == 0 {
			return noKeys
		}
		var err error
		state, err = f.Factors.CheckKey(ctx, a.tx, a.user.ID, typed)
		return err
	})
	return state, err
}

// KeyFile is the current set as a file (🔒). Where the policy does not let keys
// be viewed again there is none.
func (f *Flow) KeyFile(ctx context.Context, by audit.Actor, in session.Session) (factor.KeyFile, error) {
	set, account, err := f.keys(ctx, by, in, true)
	if err != nil {
		return factor.KeyFile{}, err
	}
	if len(set.Shown()) == 0 {
		return factor.KeyFile{}, fault.New(fault.Forbidden, fault.NotAllowed).Say("fault.keys_not_viewable", nil)
	}
	return f.File(set, account), nil
}

// File lays a set out as a file.
func (f *Flow) File(set factor.Set, account string) factor.KeyFile {
	out := factor.KeyFile{
		Service: f.Brand, Host: f.Host, Account: account, Set: set.Label,
		ManageURL: f.ManageURL, GeneratedAt: set.GeneratedAt,
	}
	for _, k := range set.Keys {
		out.Keys = append(out.Keys, factor.FileKey{Key: k.Key, UsedAt: k.UsedAt})
	}
	return out
}
