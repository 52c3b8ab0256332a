package admin

import (
	"context"
	"fmt"
	"time"

	"golang.org/x/sync/errgroup"

	"latchkey/internal/audit"
	"latchkey/internal/mail"
	"latchkey/internal/pg"
	"latchkey/internal/session"
)

// Share is how many of the active users had what on at a time. Someone with
// both methods counts for both.
type Share struct {
	Users   int
	Covered int // with a method on
	App     int
	Email   int
}

// Day is the share of one day, as it was last counted on it.
type Day struct {
	Day time.Time // midnight UTC
	Share
}

// Coverage is the overview.
type Coverage struct {
	Now    Share
	Frozen int
	Days   []Day // oldest first; today is the present. Days when nothing ran are missing
	// Of the last seven days:
	SignIns, WrongPasswords, WrongCodes int
	Mails                               map[mail.State]int
}

const (
	coverageDays = 90
	lately       = 7 * 24 * time.Hour
)

// Coverage reads the overview.
func (f *Flow) Coverage(ctx context.Context, by audit.Actor, in session.Session) (Coverage, error) {
	var out Coverage
	if err := f.look(ctx, by, in, false); err != nil {
		return out, err
	}
	now := f.DB.Now()
	var counts map[string]int
	// Each part reads a table of its own, so they are read side by side.
	parts, ctx := errgroup.WithContext(ctx)
	parts.Go(func() (err error) { out.Now, err = share(ctx, f.DB); return err })
	parts.Go(func() (err error) { out.Days, err = f.days(ctx, now); return err })
	parts.Go(func() (err error) {
		counts, err = audit.Count(ctx, f.DB, []string{"signed_in", "password_refused", "code_refused"}, now.Add(-lately))
		return err
	})
	parts.Go(func() (err error) { out.Mails, err = mail.States(ctx, f.DB, now.Add(-lately), now); return err })
	parts.Go(func() (err error) { out.Frozen, err = frozen(ctx, f.DB, now); return err })
	if err := parts.Wait(); err != nil {
		return Coverage{}, err
	}
	out.Days = append(out.Days, Day{now.Truncate(24 * time.Hour), out.Now})
	out.SignIns, out.WrongPasswords, out.WrongCodes = counts["signed_in"], counts["password_refused"], counts["code_refused"]
	return out, nil
}

func share(ctx context.Context, q pg.Q) (Share, error) {
	var row struct {
		Users   int `db:"users"`
		Covered int `db:"covered"`
		App     int `db:"app"`
		Email   int `db:"email"`
	}
	err := q.GetContext(ctx, &row, `
		-- The few who are not active are left out, not the many joined in.
		SELECT (SELECT count(*) FROM users WHERE status = 'active') AS users, count(*) AS covered,
		       count(*) FILTER (WHERE app) AS app, count(*) FILTER (WHERE email) AS email
		FROM (
			SELECT user_id, bool_or(kind = 'app') AS app, bool_or(kind = 'email') AS email
			FROM methods WHERE user_id NOT IN (SELECT id FROM users WHERE status <> 'active') GROUP BY user_id
		) m`)
	if err != nil {
		return Share{}, fmt.Errorf("count coverage: %w", err)
	}
	return Share(row), nil
}

// days reads the days before today.
func (f *Flow) days(ctx context.Context, now time.Time) ([]Day, error) {
	var rows []struct {
		Day     time.Time `db:"day"`
		Users   int       `db:"users"`
		Covered int       `db:"covered"`
		App     int       `db:"app"`
		Email   int       `db:"email"`
	}
	today := now.Truncate(24 * time.Hour)
	err := f.DB.SelectContext(ctx, &rows, `
		SELECT day, users, covered, app, email FROM coverage_days
		WHERE day < $1::date AND day > $1::date - $2::integer ORDER BY day`, today.Format(time.DateOnly), coverageDays)
	if err != nil {
		return nil, fmt.Errorf("read coverage: %w", err)
	}
	out := make([]Day, 0, len(rows)+1)
	for _, r := range rows {
		out = append(out, Day{r.Day.UTC(), Share{r.Users, r.Covered, r.App, r.Email}})
	}
	return out, nil
}

// countCoverage writes today's row. It is counted anew each time, so the day
// ends with its last count.
func (f *Flow) countCoverage(ctx context.Context) error {
	s, err := share(ctx, f.DB)
	if err != nil {
		return err
	}
	_, err = f.DB.ExecContext(ctx, `
		INSERT INTO coverage_days (day, users, covered, app, email) VALUES ($1::date, $2, $3, $4, $5)
		ON CONFLICT ON CONSTRAINT coverage_days_day_pk DO UPDATE
		SET users = excluded.users, covered = excluded.covered, app = excluded.app, email = excluded.email`,
		f.DB.Now().Format(time.DateOnly), s.Users, s.Covered, s.App, s.Email)
	if err != nil {
		return fmt.Errorf("write coverage: %w", err)
	}
	return nil
}

// frozen counts accounts whose second step is frozen for a day or for good.
func frozen(ctx context.Context, q pg.Q, now time.Time) (int, error) {
	var n int
	err := q.GetContext(ctx, &n, `
		SELECT count(*) FROM guards WHERE frozen_until > $1 OR frozen_until_password_change`, now)
	if err != nil {
		return 0, fmt.Errorf("count frozen accounts: %w", err)
	}
	return n, nil
}
