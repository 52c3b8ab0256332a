package main

import (
	"context"
	"errors"
	"fmt"
	"slices"
	"strings"

	"latchkey/internal/app"
	"latchkey/internal/audit"
	"latchkey/internal/config"
	"latchkey/internal/pg"
	"latchkey/internal/rotation"
	"latchkey/internal/seal"
)

// keysRotateCmd is one step after the other, with a restart of all processes
// after each that changes the set: no process may meet what was made by a key
// it does not know. Every step sees for itself whether they were restarted.
type keysRotateCmd struct {
	Add     rotateAdd     `cmd:"" help:"1. Make a new key that opens, and seals nothing yet. Then restart every process."`
	Promote rotatePromote `cmd:"" help:"2. Seal and digest with the new key from now on. Then restart every process."`
	Reseal  rotateReseal  `cmd:"" help:"3. Seal again what older keys have sealed, while everything runs."`
	Disable rotateDisable `cmd:"" help:"4. Take old keys that no live row needs out of use. Then restart every process."`
	Enable  rotateEnable  `cmd:"" help:"The way back from disable: open with an old key again. Then restart every process."`
	Delete  rotateDelete  `cmd:"" help:"5. Forget disabled keys for good."`
}

type (
	rotateAdd     struct{ rotateInput }
	rotatePromote struct {
		rotateInput
		rotateKey
	}
	rotateReseal  struct{ rotateInput }
	rotateDisable struct {
		rotateInput
		rotateKey
	}
	rotateEnable struct {
		rotateInput
		rotateKey
	}
	rotateDelete struct {
		rotateInput
		rotateKey
	}
)

type rotateInput struct {
	config.DatabaseInput
	config.KeysInput
	Purpose []string `name:"purpose" required:"" placeholder:"PURPOSE" help:"app_secrets, recovery_seal, mail, codes, recovery_keys, tokens, cookies (several with commas), or all."`
	Out     string   `name:"out" short:"o" placeholder:"FILE" help:"Write the changed set to this new file, and leave KEYSET_FILE as it is."`
	Anyway  bool     `name:"anyway" help:"You know that every process was restarted, although one seems to run with other keys."`
}

type rotateKey struct {
	Key uint32 `name:"key" placeholder:"ID" help:"This key, where it is not the obvious one."`
}

// cookies are recognised in people's browsers, where nobody can count them.
const cookies = "cookies"

// rotating is one step on its way.
type rotating struct {
	db       *pg.DB
	set      *seal.Set
	keys     *seal.Keys
	place    keysPlace
	purposes []string
	anyway   bool
	all      bool // purposes were not named one by one
	carried  []seal.Carried
}

// step reads the set, makes sure that all processes run with it, lets f change
// it, and puts it back. f names the keys that it changed.
func (in rotateInput) step(ctx context.Context, c *console, name, next string, f func(*rotating, string) ([]uint32, error)) error {
	r, err := in.begin(ctx, c)
	if err != nil {
		return err
	}
	defer r.db.Close() //nolint:errcheck // nothing is buffered
	changed, refused := map[string][]uint32{}, []error(nil)
	for _, p := range r.purposes {
		ids, err := f(r, p)
		if err != nil {
			refused = append(refused, err)
			continue
		}
		changed[p] = ids
	}
	// Of a list nothing is done unless all can be; of all, what can be.
	if err := errors.Join(refused...); err != nil && (!r.all || len(changed) == 0) {
		return err
	}
	for _, err := range refused {
		fmt.Fprintln(c.err, "left as it is:", err)
	}
	if err := r.place.write(c, r.set); err != nil {
		return err
	}
	for _, p := range r.purposes {
		for _, id := range changed[p] {
			fmt.Fprintf(c.err, "%s: %s key %d\n", p, name, id)
		}
	}
	fmt.Fprintln(c.err, next)
	return r.record(ctx, name, changed)
}

func (in rotateInput) begin(ctx context.Context, c *console) (*rotating, error) {
	cfg, keys, err := load(config.Input{DatabaseInput: in.DatabaseInput, KeysInput: in.KeysInput}, config.Database|config.Keys)
	if err != nil {
		return nil, err
	}
	r := &rotating{keys: keys, anyway: in.Anyway, all: slices.Equal(in.Purpose, []string{"all"})}
	if r.purposes, err = purposesOf(in.Purpose); err != nil {
		return nil, err
	}
	raw := []byte(cfg.Keyset.Reveal())
	r.place = keysPlace{file: in.KeysetFile, out: in.Out, was: raw}
	if r.set, err = seal.ReadSet(raw); err != nil {
		return nil, err
	}
	if r.db, err = openForKeys(ctx, cfg); err != nil {
		return nil, err
	}
	err = r.check(ctx)
	if err == nil {
		r.carried, err = app.KeyRows(ctx, r.db)
	}
	if err != nil {
		return nil, errors.Join(err, r.db.Close())
	}
	return r, nil
}

// check refuses while a process runs with other keys than the set says.
func (r *rotating) check(ctx context.Context) error {
	running, err := rotation.Running(ctx, r.db)
	if err != nil || r.anyway {
		return err
	}
	behind := rotation.Behind(running, r.set.Fingerprint())
	if len(behind) == 0 {
		return nil
	}
	var names []string
	for _, p := range behind {
		names = append(names, p.Name)
	}
	return fmt.Errorf("%s runs with other keys than this set: restart every server and worker with it, then try again", strings.Join(slices.Compact(names), ", and "))
}

// record writes down what was done; the keys themselves are in no database.
func (r *rotating) record(ctx context.Context, step string, changed map[string][]uint32) error {
	err := r.db.InTx(ctx, func(tx *pg.Tx) error {
		return audit.RecordTx(ctx, tx, audit.Actor{Kind: audit.Host},
			audit.Event{Action: "keys_rotated", Data: map[string]any{"step": step, "keys": changed}})
	})
	if err != nil {
		return fmt.Errorf("the keys are changed, but that could not be written down: %w", err)
	}
	return nil
}

func purposesOf(asked []string) ([]string, error) {
	known := seal.Purposes()
	if slices.Equal(asked, []string{"all"}) {
		return known, nil
	}
	for _, p := range asked {
		if !slices.Contains(known, p) {
			return nil, usage("--purpose %s: there are %s, or all", p, strings.Join(known, ", "))
		}
	}
	slices.Sort(asked)
	return slices.Compact(asked), nil
}
