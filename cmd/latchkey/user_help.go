package main

import (
	"context"
	"fmt"
	"time"

	"latchkey/internal/account"
	"latchkey/internal/admin"
	"latchkey/internal/app"
)

// onUser is what the commands have in common that change one user. Each tells
// the user by mail and is written down as done by the host.
type onUser struct {
	hostInput

	User   string `arg:"" placeholder:"USER" help:"Address or id."`
	Reason string `name:"reason" placeholder:"TEXT" help:"Why: mailed to the user and written down."`
	JSON   bool   `name:"json" help:"Print the user as JSON."`
}

// do runs one act and shows the user as it left them.
func (o onUser) do(ctx context.Context, c *console, said string, act func(*app.App, admin.User) error) error {
	house, done, err := o.open(ctx)
	if err != nil {
		return err
	}
	defer done()
	u, err := named(ctx, house, o.User)
	if err != nil {
		return err
	}
	if err := act(house, u); err != nil {
		return inWords(err)
	}
	if u, err = house.Admin.User(ctx, host, nowhere, u.ID); err != nil {
		return inWords(err)
	}
	if o.JSON {
		return printJSON(c.out, asJSON(u))
	}
	fmt.Fprintf(c.out, "%s %s\n", u.Email, said)
	return nil
}

type userRequireCmd struct {
	onUser

	From string `name:"from" placeholder:"TIME" help:"From when, such as 2026-01-31 or 2026-01-31T12:00:00Z (default now)."`
	Lift bool   `name:"lift" help:"Require it no more. Turns nothing off."`
}

func (r *userRequireCmd) Run(ctx context.Context, c *console) error {
	var from *time.Time
	if r.From != "" {
		at, err := time.Parse(time.RFC3339, r.From)
		if err != nil {
			at, err = time.Parse(time.DateOnly, r.From)
		}
		if err != nil || r.Lift {
			return usage("--from takes a time such as 2026-01-31T12:00:00Z, and not beside --lift")
		}
		from = &at
	}
	said := "must use two-factor."
	if r.Lift {
		said = "need not use two-factor, unless the policy says so."
	}
	return r.do(ctx, c, said, func(house *app.App, u admin.User) error {
		if r.Lift {
			return house.Admin.Unrequire(ctx, host, nowhere, u.ID, r.Reason)
		}
		return house.Admin.Require(ctx, host, nowhere, u.ID, from, r.Reason)
	})
}

type userDisableTwoFactorCmd struct{ onUser }

func (d *userDisableTwoFactorCmd) Run(ctx context.Context, c *console) error {
	return d.do(ctx, c, "signs in with the password alone, and is signed out everywhere.", func(house *app.App, u admin.User) error {
		return house.Admin.TurnOff(ctx, host, nowhere, u.ID, d.Reason)
	})
}

type userResetAppCmd struct{ onUser }

func (r *userResetAppCmd) Run(ctx context.Context, c *console) error {
	return r.do(ctx, c, "sets up a method again at the next sign-in, and is signed out everywhere.", func(house *app.App, u admin.User) error {
		return house.Admin.ResetApp(ctx, host, nowhere, u.ID, r.Reason)
	})
}

type userUnlockCmd struct{ onUser }

func (k *userUnlockCmd) Run(ctx context.Context, c *console) error {
	return k.do(ctx, c, "is unlocked: passwords and codes are taken again.", func(house *app.App, u admin.User) error {
		return house.Admin.Unlock(ctx, host, nowhere, u.ID, k.Reason)
	})
}

type userRoleCmd struct {
	onUser

	Role string `arg:"" enum:"user,support,admin" placeholder:"ROLE" help:"user, support (may help users) or admin."`
}

func (r *userRoleCmd) Run(ctx context.Context, c *console) error {
	return r.do(ctx, c, "has the role "+r.Role+".", func(house *app.App, u admin.User) error {
		role := account.Role(r.Role)
		_, err := house.Admin.Patch(ctx, host, nowhere, u.ID, admin.Change{Role: &role, Reason: r.Reason})
		return err
	})
}
