package guard

import (
	"context"
	"errors"
	"fmt"
	"net/netip"
	"time"

	"latchkey/internal/fault"
	"latchkey/internal/pg"
)

// window is how many of something one address may do within a time.
type window struct {
	most int
	in   time.Duration
}

// What is counted per address.
const (
	wrongPasswords = "password"
	signUps        = "sign_up"
	codeMails      = "code_mail"
)

// windowsOf says how much of it, the shortest time first.
func windowsOf(kind string) []window {
	if kind == wrongPasswords {
		return []window{{30, 15 * time.Minute}, {300, 24 * time.Hour}}
	}
	return []window{{60, time.Hour}} // sign-ups and mails
}

// Limits are the budgets per client address: an IPv4 address, or an IPv6 /64,
// which is what one household gets. They help against a flood and are never
// relied on: the meters of the account hold against any number of addresses.
//
// The nil Limits and the empty address are without limit.
type Limits struct{ exempt []netip.Prefix }

// NewLimits are in force for every address but the exempt ones.
func NewLimits(exempt []netip.Prefix) *Limits { return &Limits{exempt} }

// network is the key of an address; ok is false where it has no limits.
func (l *Limits) network(address string) (_ netip.Prefix, ok bool) {
	a, err := netip.ParseAddr(address)
	if l == nil || err != nil {
		return netip.Prefix{}, false
	}
	a = a.Unmap().WithZone("")
	for _, p := range l.exempt {
		if p.Contains(a) {
			return netip.Prefix{}, false
		}
	}
	bits := 32
	if a.Is6() {
		bits = 64
	}
	p, err := a.Prefix(bits)
	return p, err == nil
}

// PasswordLook refuses while the address has no wrong password left. It locks
// nothing: a right password, and whoever only spares work, need not wait for
// others of the same office.
func (l *Limits) PasswordLook(ctx context.Context, q pg.Q, address string, now time.Time) error {
	return l.look(ctx, q, wrongPasswords, address, now, fault.TooManyAttempts)
}

// WrongPasswordTx charges a wrong password, or refuses to judge it.
func (l *Limits) WrongPasswordTx(ctx context.Context, tx *pg.Tx, address string) error {
	return l.spendTx(ctx, tx, wrongPasswords, address, fault.TooManyAttempts)
}

// SignUpLook refuses while the address has made enough accounts, before a
// password is hashed.
func (l *Limits) SignUpLook(ctx context.Context, q pg.Q, address string, now time.Time) error {
	return l.look(ctx, q, signUps, address, now, fault.TooManyAttempts)
}

// SignUpTx charges a sign-up, whether the account exists already or not.
func (l *Limits) SignUpTx(ctx context.Context, tx *pg.Tx, address string) error {
	return l.spendTx(ctx, tx, signUps, address, fault.TooManyAttempts)
}

// CodeMailTx charges a mail with a code or a link that this address asks for.
func (l *Limits) CodeMailTx(ctx context.Context, tx *pg.Tx, address string) error {
	return l.spendTx(ctx, tx, codeMails, address, fault.TooManyEmails)
}

func (l *Limits) look(ctx context.Context, q pg.Q, kind, address string, now time.Time, code fault.Code) error {
	network, limited := l.network(address)
	if !limited {
		return nil
	}
	var spent pg.Times
	err := q.GetContext(ctx, &spent, `
		SELECT spent FROM ip_meters WHERE kind = $1 AND network = $2::cidr`, kind, network.String())
	if errors.Is(err, pg.ErrNoRows) {
		return nil
	}
	if err != nil {
		return fmt.Errorf("read meter of address: %w", err)
	}
	if wait := waitFor(windowsOf(kind), spent, now); wait > 0 {
		return fault.New(fault.TooMany, code).After(wait)
	}
	return nil
}

// spendTx adds one, or refuses: one statement decides, so that of requests in
// parallel no more pass than the budget has. A refusal charges nothing. The
// row stays locked to the end of the transaction, so this comes last in it.
func (l *Limits) spendTx(ctx context.Context, tx *pg.Tx, kind, address string, code fault.Code) error {
	network, limited := l.network(address)
	if !limited {
		return nil
	}
	all := windowsOf(kind)
	short, long := all[0], all[len(all)-1]
	n, err := pg.Affected(tx.ExecContext(ctx, `
		INSERT INTO ip_meters AS m (kind, network, spent, updated_at)
		VALUES ($1, $2::cidr, ARRAY[$3::timestamptz], $3)
		ON CONFLICT ON CONSTRAINT ip_meters_pk DO UPDATE
		SET updated_at = excluded.updated_at,
		    spent = array(SELECT at FROM unnest(m.spent) AS at WHERE at > $6 ORDER BY at) || $3::timestamptz
		WHERE (SELECT count(*) FROM unnest(m.spent) AS at WHERE at > $4) < $5 -- a race is decided here
		  AND (SELECT count(*) FROM unnest(m.spent) AS at WHERE at > $6) < $7`,
		kind, network.String(), tx.Now, tx.Now.Add(-short.in), short.most, tx.Now.Add(-long.in), long.most))
	if err != nil {
		return fmt.Errorf("charge meter of address: %w", err)
	}
	if n == 1 {
		return nil
	}
	if err := l.look(ctx, tx, kind, address, tx.Now, code); err != nil {
		return err
	}
	// The clock of another process is a little ahead of this one's.
	return fault.New(fault.TooMany, code).After(time.Second)
}

// waitFor says how long until every window has room for one more; 0: now.
func waitFor(all []window, spent pg.Times, now time.Time) (wait time.Duration) {
	for _, w := range all {
		recent := since(spent, now.Add(-w.in))
		if n := len(recent); n >= w.most {
			wait = max(wait, recent[n-w.most].Add(w.in).Sub(now))
		}
	}
	return wait
}
