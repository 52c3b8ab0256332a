package main

import (
	"context"
	"fmt"
	"io"
	"strings"
	"text/tabwriter"
	"time"

	"latchkey/internal/admin"
	"latchkey/internal/policy"
)

type policyCmd struct {
	Show policyShowCmd `cmd:"" help:"Show the security policy in force."`
	Set  policySetCmd  `cmd:"" help:"Change the security policy. It works at the next sign-in."`
}

type policyShowCmd struct {
	hostInput

	JSON bool `name:"json" help:"Print JSON, with the names of the API."`
}

func (s *policyShowCmd) Run(ctx context.Context, c *console) error {
	house, done, err := s.open(ctx)
	if err != nil {
		return err
	}
	defer done()
	p, err := house.Admin.Policy(ctx, host, nowhere)
	if err != nil {
		return inWords(err)
	}
	return showPolicy(c.out, p, s.JSON)
}

func showPolicy(out io.Writer, p policy.Policy, asJSON bool) error {
	if asJSON {
		all := map[string]any{"version": p.Version, "preset": p.Preset(), "saved_at": p.SavedAt, "saved_by": nil}
		if p.SavedBy != "" {
			all["saved_by"] = p.SavedBy
		}
		for _, f := range policy.Fields() {
			all[f.Name] = f.Value(p.Rules)
		}
		return printJSON(out, all)
	}
	by := "the host"
	if p.SavedBy != "" {
		by = p.SavedBy
	}
	fmt.Fprintf(out, "Version %d (%s), saved %s by %s\n", p.Version, p.Preset(), p.SavedAt.Format(time.RFC3339), by)
	w := tabwriter.NewWriter(out, 0, 0, 2, ' ', 0)
	for _, f := range policy.Fields() {
		v := f.Value(p.Rules)
		if v == nil {
			v = "null"
		}
		fmt.Fprintf(w, "%s\t%v\n", f.Name, v)
	}
	return w.Flush()
}

type policySetCmd struct {
	hostInput

	Preset string   `name:"preset" enum:"compatible,standard,strict," default:"" placeholder:"PRESET" help:"Take the figures that a preset fixes: compatible, standard or strict. What it leaves open stays."`
	DryRun bool     `name:"dry-run" help:"Say what it would do, and save nothing."`
	JSON   bool     `name:"json" help:"Print the policy as JSON."`
	Fields []string `arg:"" optional:"" placeholder:"FIELD=VALUE" help:"Rules by the names that policy show prints, such as require=everyone grace_days=7."`
}

func (s *policySetCmd) Run(ctx context.Context, c *console) error {
	house, done, err := s.open(ctx)
	if err != nil {
		return err
	}
	defer done()
	now, err := house.Admin.Policy(ctx, host, nowhere)
	if err != nil {
		return inWords(err)
	}
	rules, err := s.rules(now.Rules)
	if err != nil {
		return err
	}
	would, err := house.Admin.Rehearse(ctx, host, nowhere, rules)
	if err != nil {
		return inWords(err)
	}
	told := fmt.Sprintf("%s must turn a method on, %s only codes by email.",
		count(would.MustEnrol, "user", "users"), count(would.EmailOnly, "has", "have"))
	if s.DryRun {
		fmt.Fprintln(c.out, told)
		return nil
	}
	saved, err := house.Admin.SavePolicy(ctx, host, nowhere, admin.Saving{Rules: rules, Over: now.Version})
	if err != nil {
		return inWords(err)
	}
	// No server need be running: what follows a save is done here.
	if err := house.Admin.StoreDeadlines(ctx); err != nil {
		return fmt.Errorf("saved; deadlines will be stored by the next server that runs: %w", err)
	}
	fmt.Fprintln(c.err, told)
	return showPolicy(c.out, saved, s.JSON)
}

func (s *policySetCmd) rules(r policy.Rules) (policy.Rules, error) {
	if s.Preset == "" && len(s.Fields) == 0 {
		return r, usage("say what to change: --preset or FIELD=VALUE")
	}
	if s.Preset != "" {
		r = policy.Preset(s.Preset).Over(r)
	}
	for _, f := range s.Fields {
		name, value, ok := strings.Cut(f, "=")
		if !ok {
			return r, usage("%q is not of the form FIELD=VALUE", f)
		}
		if bad := policy.SetField(&r, name, value); bad != nil {
			return r, inWords(bad)
		}
	}
	return r, nil
}
