package factor_test

import (
	"context"
	"reflect"
	"testing"
	"time"

	"github.com/google/uuid"

	"latchkey/internal/factor"
	"latchkey/internal/pg"
)

func (b *bench) newSet(user uuid.UUID) (set factor.Set) {
	b.t.Helper()
	b.must(func(ctx context.Context, tx *pg.Tx) (err error) {
		set, err = b.store.NewSetTx(ctx, tx, user)
		return err
	})
	return set
}

func (b *bench) spendKey(user uuid.UUID, key string) (o factor.Outcome, left int) {
	b.t.Helper()
	b.must(func(ctx context.Context, tx *pg.Tx) (err error) {
		o, left, err = b.store.SpendKeyTx(ctx, tx, user, key, "Firefox")
		return err
	})
	return o, left
}

// A set reads as it was handed out: ten keys, all of them left.
func TestANewSetHasTenKeys(t *testing.T) {
	t.Parallel()
	b := newBench(t)
	made := b.newSet(b.user)
	b.must(func(ctx context.Context, tx *pg.Tx) error {
		read, ok, err := b.store.KeysTx(ctx, tx, b.user, true)
		if !ok || read.Total != 10 || read.Left != 10 || !reflect.DeepEqual(read, made) {
			t.Errorf("handed out %+v, read %+v", made, read)
		}
		return err
	})
}

// What is said of a typed key, and what becomes of it: a key of an older set
// is never called used, and only a good one is told apart by how many are left.
func TestWhatATypedKeyIs(t *testing.T) {
	t.Parallel()
	b := newBench(t)
	other := b.person("eve@example.org")
	theirs := b.newSet(other).Shown()
	old := b.newSet(b.user).Shown()
	b.spendKey(b.user, old[1])
	keys := b.newSet(b.user).Shown()
	b.spendKey(b.user, keys[1])
	for _, c := range []struct {
		name, key string
		state     factor.KeyState
		o         factor.Outcome
		left      int
	}{
		{"used", keys[1], factor.KeyUsed, factor.Used, 0},
		{"replaced", old[0], factor.KeyReplaced, factor.Wrong, 0},
		{"used and replaced", old[1], factor.KeyReplaced, factor.Wrong, 0},
		{"somebody else's", theirs[0], factor.KeyUnknown, factor.Wrong, 0},
		{"nobody's", "0123-4567-89AB-CDHZ", factor.KeyUnknown, factor.Wrong, 0},
		{"a slip of the pen", "0123-4567-89AB-CDHY", factor.KeyUnknown, factor.Typo, 0},
		{"good", keys[0], factor.KeyUnused, factor.Right, 8},
		{"the last but seven", keys[2], factor.KeyUnused, factor.Right, 7},
	} {
		if state, err := b.store.CheckKey(t.Context(), b.db, b.user, c.key); err != nil || state != c.state {
			t.Errorf("%s: it is %s, want %s, %v", c.name, state, c.state, err)
		}
		if o, left := b.spendKey(b.user, c.key); o != c.o || left != c.left {
			t.Errorf("%s: spent it is %v with %d left, want %v with %d", c.name, o, left, c.o, c.left)
		}
	}
	if set, ok, err := factor.CurrentSet(t.Context(), b.db, b.user); !ok || err != nil || set.Total != 10 || set.Left != 7 {
		t.Errorf("the set: %+v, %v, %v", set, ok, err)
	}
	if set, _, _ := factor.CurrentSet(t.Context(), b.db, other); set.Left != 10 {
		t.Errorf("somebody else has %d keys left", set.Left)
	}
}

// Keys may be viewed where the policy says so, and else for half an hour until
// "saved" is said. What can't be viewed is still listed.
func TestWhenKeysAreShown(t *testing.T) {
	t.Parallel()
	b := newBench(t)
	b.must(func(ctx context.Context, tx *pg.Tx) error {
		if set, ok, err := b.store.KeysTx(ctx, tx, b.user, true); ok || len(set.Keys) != 0 || err != nil {
			t.Errorf("without a set: %+v, %v", set, err)
		}
		return nil
	})
	for _, c := range []struct {
		name                  string
		after                 time.Duration
		saved, wiped, viewing bool
		shown                 int
	}{
		{"new", 0, false, false, false, 10},
		{"new, to be viewed", 0, false, false, true, 10},
		{"a moment before half an hour", 30*time.Minute - time.Microsecond, false, false, false, 10},
		{"half an hour", 30 * time.Minute, false, false, false, 0},
		{"half an hour, to be viewed", 30 * time.Minute, false, false, true, 10},
		{"saved", 0, true, false, false, 0},
		{"saved, to be viewed", 0, true, false, true, 10},
		{"wiped, to be viewed", 0, true, true, true, 0},
	} {
		b.newSet(b.user)
		at := b.clock.Now()
		b.must(func(ctx context.Context, tx *pg.Tx) error {
			if !c.saved {
				return nil
			}
			return factor.SavedTx(ctx, tx, b.user, !c.wiped)
		})
		b.clock.Advance(c.after)
		b.must(func(ctx context.Context, tx *pg.Tx) error {
			set, ok, err := b.store.KeysTx(ctx, tx, b.user, c.viewing)
			if !ok || err != nil || len(set.Keys) != 10 || len(set.Shown()) != c.shown || (set.SavedAt != nil) != c.saved || !set.GeneratedAt.Equal(at) {
				t.Errorf("%s: %d of %d shown, want %d: %+v, %v", c.name, len(set.Shown()), len(set.Keys), c.shown, set, err)
			}
			return nil
		})
	}
}

// A sealed copy that was put into another row opens nothing: no key is shown,
// and no code is mailed.
func TestACopyInAnotherRowIsNotShown(t *testing.T) {
	t.Parallel()
	b := newBench(t)
	b.newSet(b.user)
	l := b.lock()
	b.mailTo(l)
	b.clock.Advance(30 * time.Second)
	for _, swapped := range []string{
		`UPDATE recovery_keys k SET sealed = other.sealed FROM recovery_keys other WHERE k.position = 1 AND other.position = 2`,
		`UPDATE codes SET sealed = (SELECT sealed FROM recovery_keys WHERE position = 1)`,
	} {
		if _, err := b.db.Exec(swapped); err != nil {
			t.Fatal(err)
		}
	}
	err := b.tx(func(ctx context.Context, tx *pg.Tx) error {
		set, ok, err := b.store.KeysTx(ctx, tx, b.user, true)
		if ok || len(set.Keys) != 0 {
			t.Errorf("%+v", set)
		}
		return err
	})
	if !ours(err) {
		t.Errorf("a key in another's place: %v", err)
	}
	if d, err := b.mailCode(l); !ours(err) || d != (factor.Delivery{}) || b.count(`SELECT count(*) FROM mails`) != 1 {
		t.Errorf("a code that is none: %+v, %v", d, err)
	}
}

// What a user does with the keys is done to the current set alone: sets that
// were replaced stay as they were, and so do somebody else's.
func TestOneSetIsTouched(t *testing.T) {
	t.Parallel()
	b := newBench(t)
	other := b.person("eve@example.org")
	b.newSet(other)
	b.newSet(b.user)
	b.clock.Advance(time.Minute)
	current := b.newSet(b.user)
	b.clock.Advance(time.Minute)
	for name, do := range map[string]func(context.Context, *pg.Tx) error{
		"saved":           func(ctx context.Context, tx *pg.Tx) error { return factor.SavedTx(ctx, tx, b.user, true) },
		"saved and wiped": func(ctx context.Context, tx *pg.Tx) error { return factor.SavedTx(ctx, tx, b.user, false) },
		"ended":           func(ctx context.Context, tx *pg.Tx) error { return factor.EndKeysTx(ctx, tx, b.user) },
	} {
		sets, keys := b.rows("recovery_sets"), b.rows("recovery_keys")
		b.must(do)
		for id, row := range b.rows("recovery_sets") {
			if id != current.ID && row != sets[id] {
				t.Errorf("%s: another set is %s, and was %s", name, row, sets[id])
			}
		}
		if n := b.count(`SELECT count(*) FROM recovery_keys WHERE user_id = $1 AND sealed IS NOT NULL`, other); n != 10 {
			t.Errorf("%s: somebody else can view %d of ten keys", name, n)
		}
		if len(b.rows("recovery_keys")) != len(keys) {
			t.Errorf("%s: keys are gone", name)
		}
	}
	if _, ok, err := factor.CurrentSet(t.Context(), b.db, b.user); ok || err != nil {
		t.Errorf("after its end there is a set, %v", err)
	}
}

// A pass opens for an hour, once, for whom it was made; the next one ends it.
func TestWhatATypedPassIs(t *testing.T) {
	t.Parallel()
	b := newBench(t)
	other := b.person("eve@example.org")
	made := func(user uuid.UUID) (pass string) {
		b.must(func(ctx context.Context, tx *pg.Tx) (err error) {
			var until time.Time
			pass, until, err = b.store.MakePassTx(ctx, tx, user, uuid.Nil)
			if !until.Equal(tx.Now.Add(time.Hour)) {
				t.Errorf("good until %s", until)
			}
			return err
		})
		return pass
	}
	spend := func(pass string, want factor.Outcome) {
		t.Helper()
		b.must(func(ctx context.Context, tx *pg.Tx) error {
			o, err := b.store.SpendPassTx(ctx, tx, b.user, pass)
			if o != want {
				t.Errorf("it is %v, want %v", o, want)
			}
			return err
		})
	}
	theirs := made(other)
	ended, pass := made(b.user), made(b.user)
	spend("0123-4567-89AB-CDHY", factor.Typo)
	spend("0123-4567-89AB-CDHZ", factor.Wrong)
	spend(theirs, factor.Wrong)
	spend(ended, factor.Used)
	b.clock.Advance(time.Hour - time.Microsecond)
	spend(pass, factor.Right)
	spend(pass, factor.Used)
	late := made(b.user)
	b.clock.Advance(time.Hour)
	spend(late, factor.Expired)
	before := b.rows("recovery_passes")
	made(b.user)
	changed := 0
	for id, row := range b.rows("recovery_passes") {
		if was, there := before[id]; there && was != row {
			changed++
		}
	}
	if changed != 1 { // the late one: those that were spent keep their instant, and theirs is not touched
		t.Errorf("a new pass ends %d", changed)
	}
	spend(b.newSet(b.user).Shown()[0], factor.Wrong)
	if o, _ := b.spendKey(b.user, made(b.user)); o != factor.Wrong {
		t.Errorf("as a recovery key a pass is %v", o)
	}
}
