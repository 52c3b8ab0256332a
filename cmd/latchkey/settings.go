package main

import (
	"encoding/json"
	"errors"
	"io"
	"log/slog"
	"strings"

	"latchkey/internal/config"
	"latchkey/internal/seal"
)

// load reads the settings and, where the command needs them, the keys. Faults
// of both are named together.
func load(in config.Input, need config.Need) (*config.Config, *seal.Keys, error) {
	cfg, err := config.Load(in, need)
	var faults config.Faults
	if err != nil && !errors.As(err, &faults) {
		return nil, nil, err
	}
	var keys *seal.Keys
	if need&config.Keys != 0 && cfg.Keyset.IsSet() {
		if keys, err = seal.Load([]byte(cfg.Keyset.Reveal())); err != nil {
			for line := range strings.Lines(err.Error()) {
				faults.Add("KEYSET", "can't be used, %s: restore it from your backup", strings.TrimSpace(line))
			}
		}
	}
	return cfg, keys, faults.Or()
}

// logger writes to w in the format and from the level that were asked for.
func logger(w io.Writer, l config.Log) *slog.Logger {
	o := &slog.HandlerOptions{Level: l.Level}
	if l.JSON {
		return slog.New(slog.NewJSONHandler(w, o))
	}
	return slog.New(slog.NewTextHandler(w, o))
}

// printJSON is the --json answer of a command: one indented value.
func printJSON(w io.Writer, v any) error {
	e := json.NewEncoder(w)
	e.SetIndent("", "  ")
	return e.Encode(v)
}
