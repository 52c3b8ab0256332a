package main

import (
	"context"
	"fmt"
	"strings"
	"text/tabwriter"
	"time"

	"latchkey/internal/admin"
)

type userListCmd struct {
	hostInput

	Query  string `name:"query" placeholder:"TEXT" help:"Only whose address or name holds this."`
	Filter string `name:"filter" placeholder:"STATE" help:"Only covered, not_covered, required, frozen, unverified or disabled."`
	JSON   bool   `name:"json" help:"Print one JSON object a line."`
}

// userJSON is a user as --json prints one; the names are the API's.
type userJSON struct {
	ID            string       `json:"id"`
	Email         string       `json:"email"`
	EmailVerified bool         `json:"email_verified"`
	Name          string       `json:"name"`
	Role          string       `json:"role"`
	Status        string       `json:"status"`
	TwoFactor     bool         `json:"two_factor"`
	Methods       []methodJSON `json:"methods"`
	KeysLeft      int          `json:"recovery_keys_left"`
	Required      requiredJSON `json:"required"`
	LastSignInAt  *time.Time   `json:"last_sign_in_at"`
	FrozenUntil   *time.Time   `json:"frozen_until"`
	CreatedAt     time.Time    `json:"created_at"`
}

type methodJSON struct {
	ID     string `json:"id"`
	Method string `json:"method"`
	Name   string `json:"name"`
}

type requiredJSON struct {
	By   *string    `json:"by"`
	From *time.Time `json:"from"`
}

func asJSON(u admin.User) userJSON {
	out := userJSON{
		ID: u.ID.String(), Email: u.Email, EmailVerified: u.EmailVerified, Name: u.Name, Role: string(u.Role),
		Status: string(u.Status), TwoFactor: len(u.Methods) > 0, Methods: []methodJSON{}, KeysLeft: u.KeysLeft,
		LastSignInAt: u.LastSignInAt, FrozenUntil: u.FrozenUntil, CreatedAt: u.CreatedAt,
	}
	for _, m := range u.Methods {
		out.Methods = append(out.Methods, methodJSON{m.ID.String(), string(m.Kind), m.Name})
	}
	if by := string(u.By); by != "" {
		out.Required = requiredJSON{&by, u.From}
	}
	return out
}

func (l *userListCmd) Run(ctx context.Context, c *console) error {
	house, done, err := l.open(ctx)
	if err != nil {
		return err
	}
	defer done()
	w := tabwriter.NewWriter(c.out, 0, 0, 2, ' ', 0)
	if !l.JSON {
		fmt.Fprintln(w, "EMAIL\tNAME\tROLE\tSTATUS\tTWO-FACTOR\tREQUIRED")
	}
	for cursor, more := "", true; more; more = cursor != "" {
		var list []admin.User
		list, cursor, err = house.Admin.Users(ctx, host, nowhere, admin.Search{
			Query: l.Query, Filter: admin.Filter(l.Filter), Cursor: cursor, Limit: 200,
		})
		if err != nil {
			return inWords(err)
		}
		for _, u := range list {
			if l.JSON {
				if err := printLine(c.out, asJSON(u)); err != nil {
					return err
				}
				continue
			}
			fmt.Fprintf(w, "%s\t%s\t%s\t%s\t%s\t%s\n", u.Email, u.Name, u.Role, standing(u), methods(u), requirement(u))
		}
	}
	return w.Flush()
}

func standing(u admin.User) string {
	s := string(u.Status)
	if u.FrozenUntil != nil {
		s += ", frozen until " + u.FrozenUntil.UTC().Format(time.RFC3339)
	}
	return s
}

func methods(u admin.User) string {
	var names []string
	for _, m := range u.Methods {
		names = append(names, string(m.Kind))
	}
	if len(names) == 0 {
		return "off"
	}
	return strings.Join(names, ", ")
}

func requirement(u admin.User) string {
	if u.From == nil {
		return "no"
	}
	return "by " + string(u.By) + " from " + u.From.UTC().Format(time.RFC3339)
}
