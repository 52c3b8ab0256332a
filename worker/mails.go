package worker

import (
	"context"

	outbox "latchkey/internal/mail"
)

// terms are how many mails may be out at a time: few enough to be sent well
// within their lease, so that none is offered twice for having waited in line.
func terms(rate float64) outbox.Terms {
	t := outbox.Terms{Codes: 400, Notices: 200, Round: 200, CodeLease: codeLease, NoticeLease: noticeLease}
	if rate > 0 {
		t.Codes = max(1, min(t.Codes, int(4*rate)))
		t.Notices = max(1, min(t.Notices, int(4*rate)))
	}
	return t
}

// mails is the outbox of mails as a relay empties it.
type mails struct {
	ledger *outbox.Ledger
	terms  outbox.Terms
}

func (m mails) claim(ctx context.Context, probe bool) ([]offer, bool, error) {
	t := m.terms
	if probe {
		t.Round = 1
	}
	due, err := m.ledger.Claim(ctx, t)
	out := make([]offer, len(due))
	for i, o := range due {
		out[i] = offer{task{o.ID, o.Lease}, string(o.Queue), o.ExpiresAt, o.Trace}
	}
	return out, len(due) == t.Round, err
}

func (m mails) giveBack(ctx context.Context, offers []offer) error {
	back := make([]outbox.Offer, len(offers))
	for i, o := range offers {
		back[i] = outbox.Offer{ID: o.ID, Lease: o.Lease}
	}
	return m.ledger.GiveBack(ctx, back)
}
