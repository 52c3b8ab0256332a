package rotation

import (
	"context"
	"fmt"
	"strings"

	"latchkey/internal/pg"
	"latchkey/internal/seal"
)

const mark = " keys="

// Name is what a process calls itself to Postgres, so that a rotation can see
// which keys it runs with: each step is safe once every process knows the one
// before. What follows the name is a hash over random ids and no secret.
func Name(process string, keys *seal.Keys) string { return process + mark + keys.Fingerprint() }

// Process is one kind of process on this database that holds one set of keys.
type Process struct {
	Name        string // latchkey serve, latchkey worker
	Fingerprint string // empty: of a release that does not say
	Connections int
}

// Running lists the servers and workers that are connected to the database.
// Each of them asks something every second, so none that runs is missing.
func Running(ctx context.Context, db *pg.DB) ([]Process, error) {
	var rows []struct {
		Name string `db:"application_name"`
		N    int    `db:"n"`
	}
	err := db.SelectContext(ctx, &rows, `
		SELECT application_name, count(*) AS n FROM pg_stat_activity
		WHERE datname = current_database() AND application_name ~ '^latchkey (serve|worker)'
		GROUP BY application_name ORDER BY application_name`)
	if err != nil {
		return nil, fmt.Errorf("list running processes: %w", err)
	}
	out := make([]Process, len(rows))
	for i, r := range rows {
		name, print, _ := strings.Cut(r.Name, mark)
		out[i] = Process{Name: name, Fingerprint: print, Connections: r.N}
	}
	return out, nil
}

// Behind keeps those that run with other keys than these.
func Behind(all []Process, fingerprint string) []Process {
	var out []Process
	for _, p := range all {
		if p.Fingerprint != fingerprint {
			out = append(out, p)
		}
	}
	return out
}
