package session_test

import (
	"context"
	"testing"
	"time"

	"latchkey/internal/pg"
	"latchkey/internal/session"
)

// Admin pages are open for a quarter of an hour since the last use, for half a
// day since who this is was last proved, and after a rest not until it is
// proved again; 🔒 acts for five minutes since the last confirmation.
func TestWhenAnAdminRules(t *testing.T) {
	t.Parallel()
	noon := time.Date(2026, 3, 2, 12, 0, 0, 0, time.UTC)
	const moment = time.Microsecond
	at := func(d time.Duration) *time.Time { when := noon.Add(d); return &when }
	for name, c := range map[string]struct {
		now, own                 time.Duration // since the session was made
		confirmed, until, rested *time.Time
		rules, acts              bool
	}{
		"just made":                      {rules: true},
		"used a quarter of an hour ago":  {now: 15*time.Minute - moment, rules: true},
		"and a moment more":              {now: 15 * time.Minute},
		"half a day old":                 {now: 12*time.Hour - moment, own: 12 * time.Hour, rules: true},
		"and a moment older":             {now: 12 * time.Hour, own: 12 * time.Hour},
		"confirmed half a day ago":       {now: 15*time.Hour - moment, own: 15 * time.Hour, confirmed: at(3 * time.Hour), rules: true},
		"confirmed a moment before that": {now: 15 * time.Hour, own: 15 * time.Hour, confirmed: at(3 * time.Hour)},
		"rested":                         {now: 3 * time.Hour, own: 3 * time.Hour, rested: at(2 * time.Hour)},
		"confirmed before a rest":        {now: 3 * time.Hour, own: 3 * time.Hour, confirmed: at(2*time.Hour - moment), rested: at(2 * time.Hour)},
		"confirmed after a rest":         {now: 3 * time.Hour, own: 3 * time.Hour, confirmed: at(2 * time.Hour), rested: at(2 * time.Hour), rules: true},
		"confirmed five minutes ago":     {now: 5*time.Minute - moment, confirmed: at(0), until: at(10 * time.Minute), rules: true, acts: true},
		"confirmed before that":          {now: 5 * time.Minute, confirmed: at(0), until: at(10 * time.Minute), rules: true},
		"its confirmation is over":       {now: time.Minute, confirmed: at(0), until: at(time.Minute), rules: true},
		"confirmed, nobody knows when":   {now: time.Minute, until: at(10 * time.Minute), rules: true},
	} {
		in := session.Session{CreatedAt: noon, OwnSeenAt: noon.Add(c.own), ConfirmedAt: c.confirmed, ConfirmedUntil: c.until, RestedAt: c.rested}
		now := noon.Add(c.now)
		if in.Rules(now) != c.rules || in.ConfirmedToRule(now) != c.acts {
			t.Errorf("%s: rules %t, its acts are open %t", name, in.Rules(now), in.ConfirmedToRule(now))
		}
	}
}

// What is proved inside a session raises its assurance and never lowers it.
func TestAssuranceIsNeverLowered(t *testing.T) {
	t.Parallel()
	b := newBench(t)
	all := []session.Assurance{session.Password, session.TwoStep, session.TwoFactor}
	for i, had := range all {
		for j, proved := range all {
			for way, prove := range map[string]func(context.Context, *pg.Tx, session.Session) error{
				"confirmed": func(ctx context.Context, tx *pg.Tx, in session.Session) error {
					return second(b.store.ConfirmTx(ctx, tx, in, session.Confirmation{Until: tx.Now, Assurance: proved}))
				},
				"raised": func(ctx context.Context, tx *pg.Tx, in session.Session) error {
					return b.store.RaiseTx(ctx, tx, in, "app", proved)
				},
			} {
				in, _ := b.session(session.New{Assurance: had, Idle: time.Hour, Lifetime: time.Hour})
				b.tx(func(ctx context.Context, tx *pg.Tx) error {
					if err := prove(ctx, tx, in); err != nil {
						return err
					}
					got, err := b.store.HoldTx(ctx, tx, in.ID)
					if want := all[max(i, j)]; got.Assurance != want {
						t.Errorf("%s with %s, %s: %s", had, proved, way, got.Assurance)
					}
					return err
				})
			}
		}
	}
}
