package main

import (
	"context"
	"encoding/json"
	"fmt"
	"io"
	"text/tabwriter"
	"time"

	"latchkey/internal/admin"
)

type userShowCmd struct {
	hostInput

	User string `arg:"" placeholder:"USER" help:"Address or id."`
	JSON bool   `name:"json" help:"Print JSON."`
}

func (s *userShowCmd) Run(ctx context.Context, c *console) error {
	house, done, err := s.open(ctx)
	if err != nil {
		return err
	}
	defer done()
	u, err := named(ctx, house, s.User)
	if err != nil {
		return err
	}
	if s.JSON {
		return printJSON(c.out, asJSON(u))
	}
	return showUser(c.out, u)
}

func showUser(out io.Writer, u admin.User) error {
	w := tabwriter.NewWriter(out, 0, 0, 2, ' ', 0)
	verified := "verified"
	if !u.EmailVerified {
		verified = "not verified"
	}
	last := "never, as far as events go back"
	if u.LastSignInAt != nil {
		last = u.LastSignInAt.UTC().Format(time.RFC3339)
	}
	fmt.Fprintf(w, "Id\t%s\nEmail\t%s (%s)\nName\t%s\nRole\t%s\nStatus\t%s\n", u.ID, u.Email, verified, u.Name, u.Role, standing(u))
	if len(u.Methods) == 0 {
		fmt.Fprintln(w, "Two-factor\toff")
	}
	for _, m := range u.Methods {
		fmt.Fprintf(w, "Method\t%s, %s, on since %s\n", m.Kind, m.Name, m.EnabledAt.UTC().Format(time.RFC3339))
	}
	fmt.Fprintf(w, "Recovery keys\t%d of %d left\nRequired\t%s\nLast sign-in\t%s\n", u.KeysLeft, u.KeysTotal, requirement(u), last)
	return w.Flush()
}

// printLine is one value of a long --json answer.
func printLine(w io.Writer, v any) error { return json.NewEncoder(w).Encode(v) }
