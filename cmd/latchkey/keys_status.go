package main

import (
	"context"
	"fmt"
	"slices"
	"strconv"
	"strings"
	"text/tabwriter"

	"latchkey/internal/app"
	"latchkey/internal/config"
	"latchkey/internal/pg"
	"latchkey/internal/rotation"
	"latchkey/internal/seal"
)

type keysStatusCmd struct {
	config.DatabaseInput
	config.KeysInput
	JSON bool `name:"json" help:"Print JSON."`
}

// keyState is one key of one purpose. Rows are live ones that need the key;
// null where they were not counted.
type keyState struct {
	Purpose string           `json:"purpose"`
	Use     string           `json:"use"` // seal: can be opened again; digest: can only be recognised
	Key     uint32           `json:"key"`
	Primary bool             `json:"primary"`
	Status  string           `json:"status"` // enabled, disabled, or missing: rows need it and it is not in the set
	Rows    *int64           `json:"rows"`
	Tables  map[string]int64 `json:"tables,omitempty"`
}

// Run shows the keys alone where no database is given: with a broken one that
// is what somebody needs to see.
func (k *keysStatusCmd) Run(ctx context.Context, c *console) error {
	need := config.Keys
	if k.DatabaseURL != "" || k.DatabaseURLFile != "" {
		need |= config.Database
	}
	cfg, keys, err := load(config.Input{DatabaseInput: k.DatabaseInput, KeysInput: k.KeysInput}, need)
	if err != nil {
		return err
	}
	set, err := seal.ReadSet([]byte(cfg.Keyset.Reveal()))
	if err != nil {
		return err
	}
	var running []rotation.Process
	list := keyStates(set)
	if need&config.Database != 0 {
		db, err := openForKeys(ctx, cfg)
		if err != nil {
			return err
		}
		defer db.Close() //nolint:errcheck // nothing is buffered
		carried, err := app.KeyRows(ctx, db)
		if err != nil {
			return err
		}
		list = countRows(list, carried)
		if running, err = rotation.Running(ctx, db); err != nil {
			return err
		}
	}
	if k.JSON {
		return printJSON(c.out, list)
	}
	if err := tabulate(c, list); err != nil {
		return err
	}
	for _, p := range running {
		says := "runs with these keys"
		if p.Fingerprint != keys.Fingerprint() {
			says = "runs with other keys than these: restart it"
		}
		fmt.Fprintf(c.out, "%s (%s) %s\n", p.Name, count(p.Connections, "connection", "connections"), says)
	}
	return nil
}

func openForKeys(ctx context.Context, cfg *config.Config) (*pg.DB, error) {
	if err := migrated(ctx, cfg); err != nil {
		return nil, err
	}
	// Counting and sealing go over whole tables.
	return pg.Open(cfg.DatabaseURL.Reveal(), pg.Options{Name: "latchkey keys", MaxConns: 2, StatementTimeout: -1})
}

func keyStates(set *seal.Set) []keyState {
	list := []keyState{}
	for _, k := range set.Keys() {
		s := keyState{Purpose: k.Purpose, Use: "digest", Key: k.ID, Primary: k.Primary, Status: "disabled"}
		if k.Seals {
			s.Use = "seal"
		}
		if k.Enabled {
			s.Status = "enabled"
		}
		list = append(list, s)
	}
	return list
}

// countRows adds what rows need to each key. A key that rows need and the set
// lacks is listed as missing: those rows can't be read.
func countRows(list []keyState, carried []seal.Carried) []keyState {
	for i := range list {
		if list[i].Purpose != cookies { // those are in people's browsers
			list[i].Rows = new(int64)
		}
	}
	for _, row := range carried {
		id, _ := seal.KeyOf(row.Prefix)
		at := slices.IndexFunc(list, func(s keyState) bool { return s.Purpose == row.Purpose && s.Key == id })
		if at < 0 {
			at = len(list)
			list = append(list, keyState{Purpose: row.Purpose, Use: "missing", Key: id, Status: "missing", Rows: new(int64)})
		}
		if list[at].Tables == nil {
			list[at].Tables = map[string]int64{}
		}
		list[at].Tables[row.Table] += row.Rows
		*list[at].Rows += row.Rows
	}
	return list
}

func tabulate(c *console, list []keyState) error {
	w := tabwriter.NewWriter(c.out, 0, 0, 2, ' ', 0)
	fmt.Fprintln(w, "PURPOSE\tUSE\tKEY\tSTATUS\tLIVE ROWS")
	for _, s := range list {
		status := s.Status
		if s.Primary {
			status += ", primary"
		}
		fmt.Fprintf(w, "%s\t%s\t%d\t%s\t%s\n", s.Purpose, s.Use, s.Key, status, s.rows())
	}
	return w.Flush()
}

// rows in words: how many, and in which tables.
func (s keyState) rows() string {
	switch {
	case s.Rows == nil && s.Purpose == cookies:
		return "in browsers"
	case s.Rows == nil:
		return "-"
	case *s.Rows == 0:
		return "0"
	}
	var in []string
	for table, n := range s.Tables {
		in = append(in, fmt.Sprintf("%s %d", table, n))
	}
	slices.Sort(in)
	return strconv.FormatInt(*s.Rows, 10) + " (" + strings.Join(in, ", ") + ")"
}
