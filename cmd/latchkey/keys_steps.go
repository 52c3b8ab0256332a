package main

import (
	"context"
	"fmt"
	"slices"

	"latchkey/internal/app"
	"latchkey/internal/seal"
)

func (a *rotateAdd) Run(ctx context.Context, c *console) error {
	return a.step(ctx, c, "added", "Now restart every server and worker, then: latchkey keys rotate promote",
		func(r *rotating, purpose string) ([]uint32, error) {
			if id, ok := waiting(r.set.Of(purpose)); ok {
				return nil, fmt.Errorf("%s: key %d was added already and waits to be promoted", purpose, id)
			}
			id, err := r.set.Add(purpose)
			return []uint32{id}, err
		})
}

func (p *rotatePromote) Run(ctx context.Context, c *console) error {
	return p.step(ctx, c, "promoted", "Now restart every server and worker, then: latchkey keys rotate reseal",
		func(r *rotating, purpose string) ([]uint32, error) {
			id, ok := waiting(r.set.Of(purpose))
			if p.Key != 0 {
				id, ok = p.Key, true
			}
			if !ok {
				return nil, fmt.Errorf("%s: no key waits to be promoted: run latchkey keys rotate add first", purpose)
			}
			return []uint32{id}, r.set.Promote(purpose, id)
		})
}

func (d *rotateDisable) Run(ctx context.Context, c *console) error {
	return d.step(ctx, c, "disabled", "Now restart every server and worker. When all is well: latchkey keys rotate delete",
		func(r *rotating, purpose string) ([]uint32, error) {
			ids := d.chosen(r.set.Of(purpose), old)
			if len(ids) == 0 {
				return nil, fmt.Errorf("%s: there is no old key to disable", purpose)
			}
			if purpose == cookies && !r.anyway {
				return nil, fmt.Errorf("cookies can't be counted: they are in browsers for up to a year. Browsers with one of the old key will count as unknown; nobody is signed out. If that is meant, add --anyway")
			}
			for _, id := range ids {
				if err := r.free(purpose, id); err != nil {
					return nil, err
				}
			}
			for _, id := range ids {
				if err := r.set.Disable(purpose, id); err != nil {
					return nil, err
				}
			}
			return ids, nil
		})
}

func (e *rotateEnable) Run(ctx context.Context, c *console) error {
	return e.step(ctx, c, "enabled", "Now restart every server and worker.",
		func(r *rotating, purpose string) ([]uint32, error) {
			ids := e.chosen(r.set.Of(purpose), disabled)
			if len(ids) == 0 {
				return nil, fmt.Errorf("%s: no key is disabled", purpose)
			}
			for _, id := range ids {
				if err := r.set.Enable(purpose, id); err != nil {
					return nil, err
				}
			}
			return ids, nil
		})
}

func (d *rotateDelete) Run(ctx context.Context, c *console) error {
	return d.step(ctx, c, "deleted", "The set before lies beside the new one until the next step; delete that copy too when you need it no more.",
		func(r *rotating, purpose string) ([]uint32, error) {
			ids := d.chosen(r.set.Of(purpose), disabled)
			if len(ids) == 0 {
				return nil, fmt.Errorf("%s: no key is disabled, and only those can be deleted", purpose)
			}
			for _, id := range ids {
				if !slices.ContainsFunc(r.set.Of(purpose), func(k seal.Key) bool { return k.ID == id && !k.Enabled }) {
					return nil, fmt.Errorf("%s: key %d is not disabled", purpose, id)
				}
				if err := r.free(purpose, id); err != nil {
					return nil, err
				}
			}
			for _, id := range ids {
				if err := r.set.Delete(purpose, id); err != nil {
					return nil, err
				}
			}
			return ids, nil
		})
}

// Run changes no key, so there is nothing to restart after it.
func (in *rotateReseal) Run(ctx context.Context, c *console) error {
	r, err := in.begin(ctx, c)
	if err != nil {
		return err
	}
	defer r.db.Close() //nolint:errcheck // nothing is buffered
	closed, skipped := 0, int64(0)
	for _, purpose := range r.purposes {
		columns := app.Columns(r.keys, purpose)
		if len(columns) == 0 {
			fmt.Fprintf(c.err, "%s: only digests, which change as they are renewed\n", purpose)
		}
		for _, column := range columns {
			done, err := column.Reseal(ctx, r.db, func(n int64) {
				fmt.Fprintf(c.err, "%s: %s: %s sealed again\n", purpose, column, count(int(n), "row", "rows"))
			})
			if err != nil {
				return err
			}
			for _, id := range done.Closed {
				fmt.Fprintf(c.err, "%s: %s: row %s opens under no key and was left as it is\n", purpose, column, id)
			}
			closed, skipped = closed+len(done.Closed), skipped+done.Skipped
		}
	}
	switch {
	case closed > 0:
		return fmt.Errorf("%s under no key of this set: damaged, or of another set", count(closed, "row opens", "rows open"))
	case skipped > 0:
		return fmt.Errorf("%s busy all the time: run it again", count(int(skipped), "row was", "rows were"))
	}
	fmt.Fprintln(c.err, "Nothing is sealed by an old key any more. Then: latchkey keys rotate disable")
	return nil
}

// waiting finds the key that was added last and not promoted yet.
func waiting(keys []seal.Key) (id uint32, ok bool) {
	last := keys[len(keys)-1]
	return last.ID, last.Enabled && !last.Primary
}

// chosen is the key that was named, or all those that a step is about.
func (k rotateKey) chosen(keys []seal.Key, about func([]seal.Key) []uint32) []uint32 {
	if k.Key != 0 {
		return []uint32{k.Key}
	}
	return about(keys)
}

// old keys stand before the primary; one behind it waits to be promoted.
func old(keys []seal.Key) (ids []uint32) {
	for _, k := range keys {
		if k.Primary {
			break
		}
		if k.Enabled {
			ids = append(ids, k.ID)
		}
	}
	return ids
}

func disabled(keys []seal.Key) (ids []uint32) {
	for _, k := range keys {
		if !k.Enabled {
			ids = append(ids, k.ID)
		}
	}
	return ids
}

// free refuses to take a key away that live rows need.
func (r *rotating) free(purpose string, id uint32) error {
	list := countRows(keyStates(r.set), r.carried)
	for _, s := range list {
		if s.Purpose == purpose && s.Key == id && s.Rows != nil && *s.Rows > 0 {
			todo := "wait until they have ended, which latchkey keys status shows"
			switch {
			case s.Use == "seal":
				todo = "run latchkey keys rotate reseal first"
			case len(app.Columns(r.keys, purpose)) > 0:
				todo = "run latchkey keys rotate reseal first, and " + todo
			}
			return fmt.Errorf("%s: key %d is needed by %s: %s", purpose, id, s.rows(), todo)
		}
	}
	return nil
}
