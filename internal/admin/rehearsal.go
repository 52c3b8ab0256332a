package admin

import (
	"context"
	"encoding/csv"
	"io"
	"time"

	"github.com/google/uuid"

	"latchkey/internal/account"
	"latchkey/internal/audit"
	"latchkey/internal/pg"
	"latchkey/internal/policy"
	"latchkey/internal/session"
)

// Effect is what a policy would do to somebody.
type Effect string

const (
	MustEnrol      Effect = "must_enrol"       // led to turn a method on at the next sign-in, or from From on
	LoseOnlyMethod Effect = "lose_only_method" // none of the methods they have would be taken
	EmailOnly      Effect = "email_only"       // codes by email are all they have
)

// Affected is one user whom a policy would touch.
type Affected struct {
	ID      uuid.UUID
	Email   string
	Name    string
	Role    account.Role
	Effects []Effect
	From    *time.Time // until then the enrolment can be put off; nil: it can't
}

// Rehearsal is what a policy would do, were it saved now.
type Rehearsal struct {
	MustEnrol      int
	LoseOnlyMethod int
	EmailOnly      int
	Tokens         int        // live access tokens of those who must enrol: they go on working
	Users          []Affected // at most listed of them
}

const listed = 100

// Rehearse says what rules would do to every active user, by the same pure
// function that sign-in asks. It changes nothing and is not 🔒.
func (f *Flow) Rehearse(ctx context.Context, by audit.Actor, in session.Session, r policy.Rules) (Rehearsal, error) {
	var out Rehearsal
	err := f.rehearse(ctx, by, in, r, func(u Affected, tokens int) error {
		for _, e := range u.Effects {
			switch e {
			case MustEnrol:
				out.MustEnrol++
				out.Tokens += tokens
			case LoseOnlyMethod:
				out.LoseOnlyMethod++
			case EmailOnly:
				out.EmailOnly++
			}
		}
		if len(out.Users) < listed {
			out.Users = append(out.Users, u)
		}
		return nil
	})
	return out, err
}

// RehearsalCSV writes everybody whom the rules would touch.
func (f *Flow) RehearsalCSV(ctx context.Context, by audit.Actor, in session.Session, r policy.Rules, w io.Writer) error {
	out := csv.NewWriter(w)
	if err := out.Write([]string{"id", "email", "name", "role", "must_enrol", "lose_only_method", "email_only", "from"}); err != nil {
		return err
	}
	err := f.rehearse(ctx, by, in, r, func(u Affected, _ int) error {
		line := []string{u.ID.String(), audit.Cell(u.Email), audit.Cell(u.Name), string(u.Role), "", "", "", ""}
		for _, e := range u.Effects {
			for i, one := range []Effect{MustEnrol, LoseOnlyMethod, EmailOnly} {
				if e == one {
					line[4+i] = "yes" // #nosec G602 -- i is 0 to 2
				}
			}
		}
		if u.From != nil {
			line[7] = u.From.UTC().Format(time.RFC3339)
		}
		return out.Write(line)
	})
	out.Flush()
	if err == nil {
		err = out.Error()
	}
	return err
}

func (f *Flow) rehearse(ctx context.Context, by audit.Actor, in session.Session, r policy.Rules, each func(Affected, int) error) error {
	if err := f.look(ctx, by, in, false); err != nil {
		return err
	}
	now, err := policy.Current(ctx, f.DB)
	if err != nil {
		return err
	}
	if bad := r.Check(now.Rules, f.DB.Now()); bad != nil {
		return bad
	}
	return f.DB.Snapshot(ctx, func(tx *pg.Tx) error {
		next := policy.Policy{Rules: r, Version: now.Version + 1, SavedAt: tx.Now}
		return everyone(ctx, tx, func(u fact) error {
			if a := u.under(now, next, tx.Now); len(a.Effects) > 0 {
				return each(a, u.Tokens)
			}
			return nil
		})
	})
}

// under says what the next policy does to one user. A deadline that the one in
// force has set already stays, as the save will store it.
func (u fact) under(now, next policy.Policy, at time.Time) Affected {
	a := Affected{ID: u.ID, Email: u.Email, Name: u.Name, Role: u.Role}
	facts := u.facts()
	if d := now.Deadline(facts); d != nil {
		facts.EnrolBy = d
	}
	asks := next.Ask(facts, at)
	if asks.Enrol {
		a.Effects, a.From = append(a.Effects, MustEnrol), asks.SkippableUntil
	}
	if (u.App || u.ByMail) && !next.Satisfied(facts) {
		a.Effects = append(a.Effects, LoseOnlyMethod)
	}
	if u.ByMail && !u.App {
		a.Effects = append(a.Effects, EmailOnly)
	}
	return a
}
