package web

import (
	"time"

	"latchkey/internal/session"
)

// proved says by which code a session was proved last, and how long ago that
// is: what it may do grows old, what it is does not.
type proved struct {
	Words string
	At    *time.Time
}

func (v *visit) proved(s session.Session) proved {
	how, known := methodNames[s.Method]
	if !known || s.MethodAt == nil {
		return proved{Words: v.o.Words.T("web.sessions.not_proved", nil)}
	}
	return proved{At: s.MethodAt, Words: v.o.Words.T("web.sessions.proved", map[string]any{
		"How": v.o.Words.T(how, nil), "Ago": v.ago(v.o.DB.Now().Sub(*s.MethodAt)),
	})}
}

// ago says a span in the largest unit that fits.
func (v *visit) ago(d time.Duration) string {
	switch {
	case d < time.Minute:
		return v.o.Words.T("web.ago.now", nil)
	case d < time.Hour:
		return v.o.Words.T("web.ago.minutes", map[string]any{"Count": int(d / time.Minute)})
	case d < 24*time.Hour:
		return v.o.Words.T("web.ago.hours", map[string]any{"Count": int(d / time.Hour)})
	}
	return v.o.Words.T("web.ago.days", map[string]any{"Count": int(d / (24 * time.Hour))})
}
