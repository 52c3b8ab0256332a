package settings

import (
	"context"

	"latchkey/internal/audit"
	"latchkey/internal/factor"
	"latchkey/internal/session"
)

// putOff is written down when somebody who was offered two-factor said "not
// now": they are not asked again.
const putOff = "two_factor_put_off"

// Arrival is what a page brings up right after a sign-in, most urgent first.
type Arrival struct {
	KeysUnsaved bool // recovery keys exist, and "saved" was never said
	VerifyEmail bool // nobody has proved the address yet
	Offer       bool // two-factor is off, may be turned on, and was not put off
}

// Arrival tells what is due after a sign-in. It is the pages' alone: by API
// nothing is asked.
func (f *Flow) Arrival(ctx context.Context, in session.Session) (Arrival, error) {
	a, err := f.view(ctx, in)
	if err != nil {
		return Arrival{}, err
	}
	set, has, err := factor.CurrentSet(ctx, f.DB, in.User)
	if err != nil {
		return Arrival{}, err
	}
	out := Arrival{KeysUnsaved: has && set.SavedAt == nil, VerifyEmail: !a.user.EmailVerified}
	if len(a.methods) == 0 && !a.asks.Enrol { // a requirement asks at sign-in itself
		said, err := audit.Happened(ctx, f.DB, in.User, putOff)
		if err != nil {
			return Arrival{}, err
		}
		out.Offer = !said
	}
	return out, nil
}

// PutOff is "not now" to the offer of two-factor. Saying it twice is once.
func (f *Flow) PutOff(ctx context.Context, by audit.Actor, in session.Session) error {
	return f.within(ctx, by, in, signedIn, func(ctx context.Context, a *act) error {
		said, err := audit.Happened(ctx, a.tx, a.user.ID, putOff)
		if err != nil || said {
			return err
		}
		return a.event(ctx, putOff, nil)
	})
}
