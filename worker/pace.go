package worker

import (
	"context"
	"time"

	"golang.org/x/time/rate"

	outbox "latchkey/internal/mail"
)

// pace holds MAIL_RATE, for servers that count. Notices pass a narrower gate
// first, so that they never use the rate up that a code needs.
type pace struct{ all, notices *rate.Limiter }

func newPace(perSecond float64) *pace {
	if perSecond <= 0 {
		return &pace{}
	}
	burst := max(1, int(perSecond))
	return &pace{
		all:     rate.NewLimiter(rate.Limit(perSecond), burst),
		notices: rate.NewLimiter(rate.Limit(0.7*perSecond), max(1, burst/2)),
	}
}

// wait reports whether the mail's turn came within the time that it has.
func (p *pace) wait(ctx context.Context, q outbox.Queue, atMost time.Duration) bool {
	if p.all == nil {
		return true
	}
	ctx, cancel := context.WithTimeout(ctx, min(atMost, asynqTimeout-smtpDeadline))
	defer cancel()
	if q != outbox.Codes && p.notices.Wait(ctx) != nil {
		return false
	}
	return p.all.Wait(ctx) == nil
}
