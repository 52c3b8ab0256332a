package web

import (
	"net/http"
	"strings"
	"time"

	"github.com/gin-gonic/gin"

	"latchkey/internal/factor"
	"latchkey/internal/mail"
	"latchkey/internal/signin"
)

// delivery is what became of a mailed code, as a page says it.
type delivery struct {
	State     mail.State
	Words     string // with {at} where a time belongs that a script may localise
	At        *time.Time
	Reference string
	ResendIn  int    // seconds until asking again mails
	Poll      string // where a script asks for news; empty: there will be none
}

// delivered describes a delivery; nil where none was asked for.
func (v *visit) delivered(d *factor.Delivery, poll string) *delivery {
	if d == nil {
		return nil
	}
	now := v.o.DB.Now()
	state := d.State
	if state != factor.Held && !d.ExpiresAt.After(now) {
		state = mail.Expired
	}
	out := &delivery{State: state, At: d.SentAt, Reference: d.Reference, ResendIn: secondsUntil(now, d.ResendAt)}
	args := map[string]any{"To": signin.Mask(d.SentTo), "At": "{at}"}
	switch state {
	case mail.Sent:
		out.Words = v.o.Words.T("web.delivery.sent", args)
	case mail.Refused:
		out.Words = v.o.Words.T("web.delivery.refused", args)
	case mail.Expired:
		out.Words = v.o.Words.T("web.delivery.expired", args)
	case factor.Held:
		out.Words = v.o.Words.T("web.delivery.held", args)
	default:
		out.Words, out.Poll = v.o.Words.T("web.delivery.queued", args), poll
	}
	if d.SentAt == nil && state == mail.Sent { // never without its time
		out.At = &now
	}
	return out
}

// Text is what to read where no script runs.
func (d *delivery) Text() string {
	if d.At == nil {
		return d.Words
	}
	return strings.Replace(d.Words, "{at}", d.At.UTC().Format("15:04 UTC"), 1)
}

func secondsUntil(now, then time.Time) int {
	return int((max(then.Sub(now), 0) + time.Second - 1) / time.Second)
}

// answerDelivery is what the script gets when it asks.
func (v *visit) answerDelivery(d *delivery) error {
	if d == nil {
		v.c.Status(http.StatusNoContent)
		v.c.Writer.WriteHeaderNow()
		return nil
	}
	out := gin.H{"state": d.State, "words": d.Words, "reference": d.Reference, "resend_in": d.ResendIn}
	if d.At != nil {
		out["at"] = d.At.UTC().Format(time.RFC3339)
	}
	v.c.JSON(http.StatusOK, out)
	return nil
}
