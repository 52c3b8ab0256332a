package main

import (
	"context"
	"fmt"
	"io"
	"log/slog"
	"os"
	"strings"
	"time"

	"latchkey/internal/app"
	"latchkey/internal/audit"
	"latchkey/internal/config"
	"latchkey/internal/fault"
	"latchkey/internal/intake"
	"latchkey/internal/pg"
	"latchkey/internal/text"
)

type userImportCmd struct {
	config.SiteInput
	config.PolicyInput
	config.DatabaseInput
	config.KeysInput

	File   string `arg:"" placeholder:"FILE.jsonl" help:"One JSON object a line: email, name, and optional password_hash, otpauth, verified, role. - reads standard input."`
	DryRun bool   `name:"dry-run" help:"Look at every line and write nothing."`
	JSON   bool   `name:"json" help:"Print the counts as JSON."`
}

// tellEvery is how often progress is said.
const tellEvery = time.Second

func (u *userImportCmd) Run(ctx context.Context, c *console) error {
	cfg, keys, err := load(config.Input{SiteInput: u.SiteInput, PolicyInput: u.PolicyInput, DatabaseInput: u.DatabaseInput, KeysInput: u.KeysInput}, config.Serve)
	if err != nil {
		return err
	}
	file, size, err := u.open(c)
	if err != nil {
		return err
	}
	defer file.Close() //nolint:errcheck // nothing is written
	if err := migrated(ctx, cfg); err != nil {
		return err
	}
	db, err := pg.Open(cfg.DatabaseURL.Reveal(), pg.Options{Name: "latchkey user import", MaxConns: 4, StatementTimeout: time.Minute})
	if err != nil {
		return err
	}
	defer db.Close() //nolint:errcheck // nothing is buffered
	house, err := app.New(ctx, app.Options{Config: cfg, DB: db, Keys: keys, Log: slog.New(slog.DiscardHandler)})
	if err != nil {
		return err
	}
	words, err := text.Load()
	if err != nil {
		return err
	}
	last := time.Now()
	in := intake.Intake{
		DB: db, Factors: house.SignIn.Factors, DryRun: u.DryRun,
		Wrong: func(line int, what []intake.Wrong) {
			fmt.Fprintf(c.err, "line %d: %s\n", line, wrongInWords(words, what))
		},
		Tell: func(t intake.Tally) {
			if time.Since(last) >= tellEvery {
				last = time.Now()
				fmt.Fprintln(c.err, progress(t, size))
			}
		},
	}
	t, err := in.Run(ctx, audit.Actor{Kind: audit.Host}, file)
	if err != nil {
		return fmt.Errorf("%w; %d were made and stay: run it again to go on", err, t.Made)
	}
	if err := u.sum(c, t); err != nil {
		return err
	}
	if t.Refused > 0 {
		return fmt.Errorf("%s refused, named above: mend them and run it again", count(t.Refused, "line was", "lines were"))
	}
	return nil
}

func (u *userImportCmd) open(c *console) (io.ReadCloser, int64, error) {
	if u.File == "-" {
		return io.NopCloser(c.in), 0, nil
	}
	f, err := os.Open(u.File)
	if err != nil {
		return nil, 0, usage("%w", err)
	}
	st, err := f.Stat()
	if err != nil || st.IsDir() {
		_ = f.Close()
		return nil, 0, usage("%s is no file", u.File)
	}
	return f, st.Size(), nil
}

func (u *userImportCmd) sum(c *console, t intake.Tally) error {
	if u.JSON {
		return printJSON(c.out, t)
	}
	made := "made"
	if u.DryRun {
		made = "would be made"
	}
	_, err := fmt.Fprintf(c.out, "%s: %d %s, %d there already, %d refused.\n", count(t.Lines, "line", "lines"), t.Made, made, t.Existing, t.Refused)
	return err
}

func progress(t intake.Tally, size int64) string {
	s := fmt.Sprintf("%d lines: %d made, %d there already, %d refused", t.Lines, t.Made, t.Existing, t.Refused)
	if size > 0 {
		s = fmt.Sprintf("%3d %%  %s", t.Bytes*100/size, s)
	}
	return s
}

// wrongInWords says faults of the catalogue in its words; the rest is plain.
func wrongInWords(words *text.Catalogue, what []intake.Wrong) string {
	var all []string
	for _, w := range what {
		f, ok := fault.As(w.Err)
		if !ok {
			all = append(all, strings.TrimSpace(w.Field+" "+w.Err.Error()))
			continue
		}
		for _, field := range f.Fields {
			all = append(all, field.Name+": "+words.T(field.Message, field.Args))
		}
	}
	return strings.Join(all, "; ")
}
