package main

import (
	"context"
	"errors"
	"fmt"
	"log/slog"

	"latchkey/internal/account"
	"latchkey/internal/app"
	"latchkey/internal/audit"
	"latchkey/internal/config"
	"latchkey/internal/pg"
	"latchkey/internal/signin"
	"latchkey/migrations"
)

// userCreateCmd works without Redis and SMTP, so that there is a way in when
// they are what is broken. The code that proves the address waits in Postgres.
type userCreateCmd struct {
	config.SiteInput
	config.PolicyInput
	config.DatabaseInput
	config.KeysInput

	Email        string `name:"email" required:"" placeholder:"EMAIL" help:"Address to sign in with."`
	Name         string `name:"name" required:"" placeholder:"NAME" help:"Name to be called by."`
	Role         string `name:"role" enum:"user,support,admin" default:"user" placeholder:"ROLE" help:"user, support (may help users) or admin (default user)."`
	Verified     bool   `name:"verified" help:"You know that the address is theirs. Otherwise a code is mailed, and they prove it after signing in."`
	PasswordFile string `name:"password-file" placeholder:"FILE" help:"File that holds the password. Otherwise it is asked for, or read from standard input."`
	JSON         bool   `name:"json" help:"Print JSON."`
}

// createdUser is the --json answer.
type createdUser struct {
	ID            string `json:"id"`
	Email         string `json:"email"`
	EmailVerified bool   `json:"email_verified"`
	Name          string `json:"name"`
	Role          string `json:"role"`
}

func (u *userCreateCmd) Run(ctx context.Context, c *console) error {
	cfg, keys, err := load(config.Input{
		SiteInput: u.SiteInput, PolicyInput: u.PolicyInput, DatabaseInput: u.DatabaseInput, KeysInput: u.KeysInput,
	}, config.Serve)
	if err != nil {
		return err
	}
	password, err := readPassword(c, u.PasswordFile)
	if err != nil {
		return err
	}
	if err := migrated(ctx, cfg); err != nil {
		return err
	}
	db, err := pg.Open(cfg.DatabaseURL.Reveal(), pg.Options{Name: "latchkey user"})
	if err != nil {
		return err
	}
	defer db.Close() //nolint:errcheck // nothing is buffered
	house, err := app.New(ctx, app.Options{Config: cfg, DB: db, Keys: keys, Log: slog.New(slog.DiscardHandler)})
	if err != nil {
		return err
	}
	made, err := house.SignIn.CreateUser(ctx, audit.Actor{Kind: audit.Host},
		signin.Person{Email: u.Email, Name: u.Name, Password: password}, account.Role(u.Role), u.Verified)
	if errors.Is(err, account.ErrTaken) {
		return fmt.Errorf("%s has an account already", u.Email)
	}
	if err != nil {
		return inWords(err)
	}
	if u.JSON {
		return printJSON(c.out, createdUser{made.ID.String(), made.Email, made.EmailVerified, made.Name, string(made.Role)})
	}
	_, err = fmt.Fprintf(c.out, "Made %s (%s). Sign in at %s\n", made.Email, made.Role, cfg.BaseURL)
	return err
}

// migrated says what to do where the schema is older than this build.
func migrated(ctx context.Context, cfg *config.Config) error {
	pending, err := migrations.Pending(ctx, cfg.DatabaseURL.Reveal())
	if err != nil {
		return err
	}
	if pending {
		return errors.New("the database is not up to this build: run latchkey migrate up first")
	}
	return nil
}
