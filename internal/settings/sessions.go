package settings

import (
	"context"

	"github.com/google/uuid"

	"latchkey/internal/audit"
	"latchkey/internal/fault"
	"latchkey/internal/session"
)

// List gives the user's live sessions, newest first.
func (f *Flow) List(ctx context.Context, in session.Session) ([]session.Session, error) {
	return f.Sessions.List(ctx, f.DB, in.User, f.DB.Now())
}

// SignOut ends the session itself, on the server.
func (f *Flow) SignOut(ctx context.Context, by audit.Actor, in session.Session) error {
	return f.within(ctx, by, in, signedIn, func(ctx context.Context, a *act) error {
		if _, err := f.Sessions.EndTx(ctx, a.tx, a.user.ID, a.in.ID); err != nil {
			return err
		}
		return a.event(ctx, "signed_out", nil)
	})
}

// EndSession ends one of the user's sessions; another's is not found.
func (f *Flow) EndSession(ctx context.Context, by audit.Actor, in session.Session, id uuid.UUID) error {
	return f.within(ctx, by, in, signedIn, func(ctx context.Context, a *act) error {
		found, err := f.Sessions.EndTx(ctx, a.tx, a.user.ID, id)
		if err != nil {
			return err
		}
		if !found {
			return fault.New(fault.NotFound, fault.Absent)
		}
		return a.event(ctx, "session_ended", map[string]any{"session": id})
	})
}

// EndOthers ends every session of the user but this one.
func (f *Flow) EndOthers(ctx context.Context, by audit.Actor, in session.Session) error {
	return f.within(ctx, by, in, signedIn, func(ctx context.Context, a *act) error {
		n, err := f.Sessions.EndAllTx(ctx, a.tx, a.user.ID, a.in.ID)
		if err != nil {
			return err
		}
		return a.event(ctx, "sessions_ended", map[string]any{"count": n})
	})
}

// Devices lists the user's trusted devices, newest first.
func (f *Flow) Devices(ctx context.Context, in session.Session) ([]session.Device, error) {
	return f.Sessions.Devices(ctx, f.DB, in.User, f.DB.Now())
}

// EndDevice ends the trust in one device; another's is not found.
func (f *Flow) EndDevice(ctx context.Context, by audit.Actor, in session.Session, id uuid.UUID) error {
	return f.within(ctx, by, in, signedIn, func(ctx context.Context, a *act) error {
		found, err := f.Sessions.DistrustTx(ctx, a.tx, a.user.ID, id)
		if err != nil {
			return err
		}
		if !found {
			return fault.New(fault.NotFound, fault.Absent)
		}
		return a.event(ctx, "trusted_device_ended", map[string]any{"device": id})
	})
}

// Events lists what happened to the account, newest first: at most limit of
// those before the given id; 0 starts at the newest.
func (f *Flow) Events(ctx context.Context, in session.Session, before int64, limit int) ([]audit.Line, error) {
	return audit.Of(ctx, f.DB, in.User, before, limit)
}
