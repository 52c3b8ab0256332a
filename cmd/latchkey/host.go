package main

import (
	"context"
	"errors"
	"fmt"
	"log/slog"

	"latchkey/internal/admin"
	"latchkey/internal/app"
	"latchkey/internal/audit"
	"latchkey/internal/config"
	"latchkey/internal/fault"
	"latchkey/internal/pg"
	"latchkey/internal/session"
)

// hostInput is what the commands need that act from the machine itself. They
// speak to Postgres only, so that there is help when Redis or the mail server
// is what is broken; mails of theirs wait for both.
type hostInput struct {
	config.SiteInput
	config.PolicyInput
	config.DatabaseInput
	config.KeysInput
}

// host is the actor that everything done here is written down as; it has no
// session.
var (
	host    = audit.Actor{Kind: audit.Host}
	nowhere = session.Session{}
)

// open assembles the service without serving it.
func (h hostInput) open(ctx context.Context) (house *app.App, done func(), err error) {
	cfg, keys, err := load(config.Input{
		SiteInput: h.SiteInput, PolicyInput: h.PolicyInput, DatabaseInput: h.DatabaseInput, KeysInput: h.KeysInput,
	}, config.Serve)
	if err != nil {
		return nil, nil, err
	}
	if err := migrated(ctx, cfg); err != nil {
		return nil, nil, err
	}
	db, err := pg.Open(cfg.DatabaseURL.Reveal(), pg.Options{Name: "latchkey host", MaxConns: 4})
	if err != nil {
		return nil, nil, err
	}
	ctx, stop := context.WithCancel(ctx)
	house, err = app.New(ctx, app.Options{Config: cfg, DB: db, Keys: keys, Log: slog.New(slog.DiscardHandler)})
	if err != nil {
		stop()
		db.Close() //nolint:errcheck // nothing is buffered
		return nil, nil, err
	}
	return house, func() { stop(); db.Close() }, nil //nolint:errcheck // nothing is buffered
}

// named finds the user that an argument names.
func named(ctx context.Context, house *app.App, name string) (admin.User, error) {
	u, err := house.Admin.Find(ctx, host, nowhere, name)
	if errors.Is(err, fault.New(fault.NotFound, fault.Absent)) {
		return u, fmt.Errorf("there is no user %s: latchkey user list shows who there is", name)
	}
	return u, inWords(err)
}
