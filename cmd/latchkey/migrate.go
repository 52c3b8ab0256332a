package main

import (
	"context"
	"fmt"
	"text/tabwriter"
	"time"

	"latchkey/internal/config"
	"latchkey/migrations"
)

type migrateCmd struct {
	Up     migrateUpCmd     `cmd:"" help:"Apply what is pending. Safe to run again, and from several machines at once."`
	Status migrateStatusCmd `cmd:"" help:"List the migrations and when each was applied."`
}

type migrateUpCmd struct {
	config.DatabaseInput
}

func (m *migrateUpCmd) Run(ctx context.Context, c *console) error {
	cfg, _, err := load(config.Input{DatabaseInput: m.DatabaseInput}, config.Database)
	if err != nil {
		return err
	}
	n, err := migrations.Up(ctx, cfg.DatabaseURL.Reveal())
	if err != nil {
		return err
	}
	if n == 0 {
		fmt.Fprintln(c.out, "The database is up to date.")
		return nil
	}
	fmt.Fprintf(c.out, "Applied %s.\n", count(n, "migration", "migrations"))
	return nil
}

type migrateStatusCmd struct {
	config.DatabaseInput
	JSON bool `name:"json" help:"Print JSON."`
}

// migrationState is one line of the answer; a pending one has no time.
type migrationState struct {
	Version   int64      `json:"version"`
	File      string     `json:"file"`
	AppliedAt *time.Time `json:"applied_at"`
}

func (m *migrateStatusCmd) Run(ctx context.Context, c *console) error {
	cfg, _, err := load(config.Input{DatabaseInput: m.DatabaseInput}, config.Database)
	if err != nil {
		return err
	}
	states, err := migrations.Status(ctx, cfg.DatabaseURL.Reveal())
	if err != nil {
		return err
	}
	list := make([]migrationState, 0, len(states))
	for _, s := range states {
		one := migrationState{Version: s.Version, File: s.File}
		if !s.AppliedAt.IsZero() {
			at := s.AppliedAt.UTC()
			one.AppliedAt = &at
		}
		list = append(list, one)
	}
	if m.JSON {
		return printJSON(c.out, list)
	}
	w := tabwriter.NewWriter(c.out, 0, 0, 2, ' ', 0)
	for _, s := range list {
		state := "pending"
		if s.AppliedAt != nil {
			state = "applied " + s.AppliedAt.Format(time.RFC3339)
		}
		fmt.Fprintf(w, "%s\t%s\n", s.File, state)
	}
	return w.Flush()
}
