package main

import (
	"context"
	"fmt"
	"time"

	"latchkey/internal/app"
	"latchkey/internal/pg"
	"latchkey/internal/rotation"
	"latchkey/migrations"
)

const (
	oldestPostgres = 140000
	clockSlack     = time.Second // codes of apps live 30 s; events and expiry read both clocks
)

func (x *doctor) database() {
	if !x.cfg.DatabaseURL.IsSet() {
		x.skip("database", "no DATABASE_URL to look at")
		return
	}
	ctx, cancel := context.WithTimeout(x.ctx, 3*checkTime)
	defer cancel()
	db, err := pg.Open(x.cfg.DatabaseURL.Reveal(), pg.Options{Name: "latchkey doctor", MaxConns: 2, StatementTimeout: checkTime})
	if err != nil {
		x.todo("database", err.Error(), "mend DATABASE_URL")
		return
	}
	defer db.Close() //nolint:errcheck // nothing is buffered
	if err := db.PingContext(ctx); err != nil {
		x.todo("database", "Postgres does not answer: "+err.Error(), "start it, and see that DATABASE_URL, its password and the firewall let this machine in")
		return
	}
	c, ok := x.server(ctx, db)
	if !ok || !x.migrated(ctx) {
		return
	}
	if err := c.Examine(ctx, db); err != nil {
		x.todo("database", err.Error(), "see the log of Postgres")
		return
	}
	x.rows(c)
	x.processes(ctx, db)
	x.lostKeys(ctx, db)
}

// server judges version and clock. The clock is compared with the middle of
// the question, which is as near as a round trip lets one come.
func (x *doctor) server(ctx context.Context, db *pg.DB) (app.Condition, bool) {
	if _, err := app.Server(ctx, db); err != nil { // the first one also connects
		x.todo("database", err.Error(), "see the log of Postgres")
		return app.Condition{}, false
	}
	asked := time.Now()
	c, err := app.Server(ctx, db)
	took := time.Since(asked)
	if err != nil {
		x.todo("database", err.Error(), "see the log of Postgres")
		return c, false
	}
	if c.Version < oldestPostgres {
		x.todo("database", fmt.Sprintf("Postgres is of version %d", c.Version/10000), "use PostgreSQL 14 or later")
	} else {
		x.ok("database", "Postgres %d.%d answers in %s", c.Version/10000, c.Version%10000, (took / 2).Round(10*time.Microsecond))
	}
	off := c.Clock.Sub(asked.Add(took / 2)).Round(time.Millisecond)
	if off.Abs() > clockSlack+took {
		x.todo("clock", fmt.Sprintf("this machine and Postgres differ by %s", off.Abs()), "turn on time synchronisation (NTP) on both: codes of apps are good for half a minute")
	} else {
		x.ok("clock", "this machine and Postgres differ by %s", off.Abs())
	}
	return c, true
}

func (x *doctor) migrated(ctx context.Context) bool {
	pending, err := migrations.Pending(ctx, x.cfg.DatabaseURL.Reveal())
	switch {
	case err != nil:
		x.todo("schema", err.Error(), "see that the user of DATABASE_URL owns the database")
	case pending:
		x.todo("schema", "the database is not up to this build", "run latchkey migrate up")
	default:
		x.ok("schema", "the database is up to this build")
	}
	return err == nil && !pending
}

func (x *doctor) rows(c app.Condition) {
	if c.ThisMonth && c.NextMonth {
		x.ok("events", "this month and the next have their partitions")
	} else {
		x.todo("events", "a partition of this month or the next is missing; events go to the default one meanwhile", "run latchkey migrate up, and keep a worker running, which makes them ahead")
	}
	if c.LateMails > 0 {
		x.todo("mails", fmt.Sprintf("%s more than a minute late", count(c.LateMails, "mail is", "mails are")), "see that a worker runs and reaches Redis and the mail server: latchkey worker")
	} else {
		x.ok("mails", "none is late")
	}
	if c.Admins == 0 {
		x.todo("admins", "nobody is admin", "latchkey user create --role admin --verified --email … --name …")
	} else {
		x.ok("admins", "%s", count(c.Admins, "active admin", "active admins"))
	}
}

// processes looks for servers and workers on this database.
func (x *doctor) processes(ctx context.Context, db *pg.DB) {
	running, err := rotation.Running(ctx, db)
	if err != nil {
		x.todo("processes", err.Error(), "see the log of Postgres")
		return
	}
	here := map[string]bool{}
	for _, p := range running {
		here[p.Name] = true
	}
	for _, name := range []string{"latchkey serve", "latchkey worker"} {
		if here[name] {
			x.ok("processes", "%s is connected", name)
		} else {
			x.todo("processes", "no "+name+" is connected to this database", "start it, and see its log where it does not stay")
		}
	}
	if x.set == nil {
		return
	}
	for _, p := range rotation.Behind(running, x.set.Fingerprint()) {
		x.todo("processes", p.Name+" runs with other keys than these", "give every process this keyset and restart it")
	}
}

// lostKeys finds rows that no key of the set opens.
func (x *doctor) lostKeys(ctx context.Context, db *pg.DB) {
	if x.set == nil {
		return
	}
	carried, err := app.KeyRows(ctx, db)
	if err != nil {
		x.skip("keys", "rows were not counted: %s", err)
		return
	}
	lost := false
	for _, s := range countRows(keyStates(x.set), carried) {
		if s.Status == "missing" || s.Status == "disabled" && s.Rows != nil && *s.Rows > 0 {
			lost = true
			x.todo("keys", fmt.Sprintf("%s: key %d is %s and needed by %s rows", s.Purpose, s.Key, s.Status, s.rows()), "restore the keyset that belongs to this database, or latchkey keys rotate enable")
		}
	}
	if !lost {
		x.ok("keys", "every live row has its key")
	}
}
