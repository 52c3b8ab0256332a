package factor_test

import (
	"bytes"
	"context"
	"errors"
	"slices"
	"testing"
	"time"

	"github.com/google/uuid"

	"latchkey/internal/audit"
	"latchkey/internal/factor"
	"latchkey/internal/fault"
	"latchkey/internal/mail"
	"latchkey/internal/pg"
	"latchkey/internal/seal"
)

// turnOn proves one more app of the user.
func (b *bench) turnOn(user uuid.UUID, name string) (secret string) {
	b.t.Helper()
	b.must(func(ctx context.Context, tx *pg.Tx) error {
		e, err := b.store.BeginTx(ctx, tx, user, user, factor.App, name, uuid.Nil)
		if err != nil {
			return err
		}
		secret = e.Secret
		_, err = b.store.ProveAppTx(ctx, tx, user, e, b.code(secret), 1)
		return err
	})
	return secret
}

func (b *bench) mailed(user uuid.UUID, p factor.Purpose) {
	b.t.Helper()
	b.must(func(ctx context.Context, tx *pg.Tx) error {
		_, err := b.store.MailCodeTx(ctx, tx, audit.Actor{Kind: audit.User, ID: user}, factor.Request{
			User: user, Name: "Ada", Address: "ada@example.org", Purpose: p, Holder: user})
		return err
	})
}

func (b *bench) methods(user uuid.UUID) []factor.Method {
	b.t.Helper()
	all, err := factor.Methods(b.t.Context(), b.db, user)
	if err != nil {
		b.t.Fatal(err)
	}
	return all
}

// Three apps and one email: no more, but one may take another's place.
func TestThereIsRoomForThreeAppsAndOneEmail(t *testing.T) {
	t.Parallel()
	b := newBench(t)
	for _, name := range []string{"one", "two", "three"} {
		b.turnOn(b.user, name)
		b.clock.Advance(time.Minute)
	}
	begin := func(k factor.Kind, replaces uuid.UUID) error {
		return b.tx(func(ctx context.Context, tx *pg.Tx) error {
			_, err := b.store.BeginTx(ctx, tx, b.user, b.user, k, "next", replaces)
			return err
		})
	}
	apps := b.methods(b.user)
	if err := begin(factor.App, uuid.Nil); !errors.Is(err, fault.New(fault.Conflict, fault.AlreadyEnabled)) {
		t.Errorf("a fourth app: %v", err)
	}
	if err := begin(factor.App, apps[0].ID); err != nil {
		t.Errorf("in the place of one: %v", err)
	}
	if err := begin(factor.Email, uuid.Nil); err != nil {
		t.Errorf("email beside three apps: %v", err)
	}
	stranger := b.person("eve@example.org")
	b.turnOn(stranger, "Phone")
	if err := begin(factor.App, b.methods(stranger)[0].ID); !errors.Is(err, fault.New(fault.NotFound, fault.Absent)) {
		t.Errorf("in the place of a stranger's: %v", err)
	}
	b.must(func(ctx context.Context, tx *pg.Tx) error {
		e, err := b.store.OpenTx(ctx, tx, b.user, b.user, factor.Email)
		if err != nil {
			return err
		}
		return b.store.TurnOnEmailTx(ctx, tx, b.user, e)
	})
	if err := begin(factor.Email, uuid.Nil); !errors.Is(err, fault.New(fault.Conflict, fault.AlreadyEnabled)) {
		t.Errorf("a second email: %v", err)
	}
	if n := b.count(`SELECT count(*) FROM enrolments WHERE user_id = $1`, b.user); n != 0 {
		t.Errorf("%d enrolments outlive the one that was proved", n)
	}
}

// An enrolment is its user's: not even its holder's id opens it to another.
func TestAnEnrolmentIsItsUsers(t *testing.T) {
	t.Parallel()
	b := newBench(t)
	holder := uuid.New()
	b.begin(holder, "Phone", uuid.Nil)
	stranger := b.person("eve@example.org")
	open := func(user uuid.UUID) error {
		return b.tx(func(ctx context.Context, tx *pg.Tx) error {
			_, err := b.store.OpenTx(ctx, tx, user, holder, factor.App)
			return err
		})
	}
	if err := open(stranger); !errors.Is(err, fault.New(fault.Conflict, fault.StateConflict)) {
		t.Errorf("a stranger's: %v", err)
	}
	if err := open(b.user); err != nil {
		t.Errorf("its own: %v", err)
	}
}

// Whoever asked for a pass is named until it is made, ends or is spent.
func TestAPassThatWaitsForApproval(t *testing.T) {
	t.Parallel()
	b := newBench(t)
	admin := b.person("admin@example.org")
	asked := func(user uuid.UUID) (by uuid.UUID, waits bool) {
		b.must(func(ctx context.Context, tx *pg.Tx) (err error) {
			by, waits, err = factor.PassAsked(ctx, tx, user, tx.Now)
			return err
		})
		return by, waits
	}
	ask := func(ctx context.Context, tx *pg.Tx) error { return factor.AskPassTx(ctx, tx, b.user, admin) }
	b.must(ask)
	if by, waits := asked(b.user); !waits || by != admin {
		t.Errorf("asked by %v, %v", by, waits)
	}
	if _, waits := asked(admin); waits {
		t.Error("somebody else waits for it")
	}
	b.clock.Advance(time.Hour - time.Microsecond)
	if _, waits := asked(b.user); !waits {
		t.Error("over before its hour")
	}
	b.clock.Advance(time.Microsecond)
	if _, waits := asked(b.user); waits {
		t.Error("it waits beyond its hour")
	}
	b.must(ask)
	b.must(func(ctx context.Context, tx *pg.Tx) error {
		_, _, err := b.store.MakePassTx(ctx, tx, b.user, admin)
		return err
	})
	if _, waits := asked(b.user); waits {
		t.Error("one that was made waits for approval")
	}
}

// What is over goes at its instant; keys are counted for what lives.
func TestSweepTakesWhatIsOver(t *testing.T) {
	t.Parallel()
	b := newBench(t)
	stranger := b.person("eve@example.org")
	b.begin(uuid.New(), "Phone", uuid.Nil)
	b.mailed(b.user, factor.SignInCode)
	b.must(func(ctx context.Context, tx *pg.Tx) error {
		if _, _, err := b.store.MakePassTx(ctx, tx, b.user, stranger); err != nil {
			return err
		}
		return b.store.HoldForeignTx(ctx, tx, "nobody@example.org")
	})
	start := b.clock.Now()
	swept := func() int64 {
		n, err := factor.Sweep(t.Context(), b.db)
		if err != nil {
			t.Fatal(err)
		}
		return n
	}
	rows := func(what string) (n int64) {
		all, err := factor.KeyRows(t.Context(), b.db)
		if err != nil {
			t.Fatal(err)
		}
		for _, r := range all {
			if r.Purpose+" "+r.Table == what {
				n += r.Rows
			}
		}
		return n
	}
	for what, over := range map[string]time.Duration{
		"app_secrets enrolments": 10 * time.Minute, "mail codes": 10 * time.Minute, "codes codes": 10 * time.Minute, "recovery_keys recovery_passes": time.Hour,
	} {
		for late, want := range map[time.Duration]int64{-time.Microsecond: 1, 0: 0} {
			b.clock.Set(start.Add(over + late))
			if n := rows(what); n != want {
				t.Errorf("%s: %d counted after %s, want %d", what, n, over+late, want)
			}
		}
	}
	for _, c := range []struct {
		what string
		gone time.Duration
		rows int64
	}{
		{"enrolment and sealed code", 10 * time.Minute, 2},
		{"code and meter", 48 * time.Hour, 2},
		{"pass", 49 * time.Hour, 1},
	} {
		b.clock.Set(start.Add(c.gone - time.Microsecond))
		if n := swept(); n != 0 {
			t.Errorf("%s: %d rows swept a moment early", c.what, n)
		}
		b.clock.Set(start.Add(c.gone))
		if n := swept(); n != c.rows {
			t.Errorf("%s: %d rows swept, want %d", c.what, n, c.rows)
		}
	}
}

// Where keys may not be viewed their sealed copies go once they are kept, or
// half an hour after they were shown.
func TestSweepKeysWipesCopiesAlone(t *testing.T) {
	t.Parallel()
	b := newBench(t)
	stranger := b.person("eve@example.org")
	set := func(user uuid.UUID) (keys []string) {
		b.must(func(ctx context.Context, tx *pg.Tx) error {
			s, err := b.store.NewSetTx(ctx, tx, user)
			keys = s.Shown()
			return err
		})
		return keys
	}
	keys := set(b.user)
	set(stranger)
	b.must(func(ctx context.Context, tx *pg.Tx) error { return factor.SavedTx(ctx, tx, b.user, true) })
	sweep := func() int64 {
		n, err := factor.SweepKeys(t.Context(), b.db)
		if err != nil {
			t.Fatal(err)
		}
		return n
	}
	if n := sweep(); n != 10 || b.count(`SELECT count(*) FROM recovery_keys WHERE user_id = $1 AND sealed IS NOT NULL`, b.user) != 0 {
		t.Errorf("%d copies of a saved set went", n)
	}
	b.clock.Advance(30*time.Minute - time.Microsecond)
	if n := sweep(); n != 0 {
		t.Errorf("%d copies went within the half hour", n)
	}
	b.clock.Advance(time.Microsecond)
	if n := sweep(); n != 10 || sweep() != 0 {
		t.Errorf("%d copies went after it", n)
	}
	b.must(func(ctx context.Context, tx *pg.Tx) error {
		o, left, err := b.store.SpendKeyTx(ctx, tx, b.user, keys[0], "Firefox")
		if o != factor.Right || left != 9 {
			t.Errorf("a key without its copy: %v, %d left", o, left)
		}
		return err
	})
}

// Imported apps work, and their users' keys are all there, each once and in
// order.
func TestImportedAppsWork(t *testing.T) {
	t.Parallel()
	b := newBench(t)
	other := b.person("eve@example.org")
	secrets := []string{factor.NewAppSecret(), factor.NewAppSecret(), factor.NewAppSecret()}
	b.must(func(ctx context.Context, tx *pg.Tx) error {
		return b.store.ImportTx(ctx, tx, []factor.Imported{
			{User: b.user, Name: "Phone", Secret: secrets[0]}, {User: other, Name: "Tablet", Secret: secrets[1]}, {User: b.user, Name: "Watch", Secret: secrets[2]},
		})
	})
	if n := b.count(`SELECT count(*) FROM recovery_sets`); n != 2 {
		t.Errorf("%d sets of two people", n)
	}
	if n := b.count(`SELECT count(DISTINCT (user_id, position)) FROM recovery_keys WHERE position BETWEEN 1 AND 10`); n != 20 {
		t.Errorf("%d keys are numbered from one to ten", n)
	}
	alone := b.person("bob@example.org")
	b.must(func(ctx context.Context, tx *pg.Tx) error {
		if err := b.store.ImportTx(ctx, tx, nil); err != nil {
			return err
		}
		return b.store.ImportTx(ctx, tx, []factor.Imported{{User: alone, Name: "Phone", Secret: secrets[0]}})
	})
	if all := b.methods(alone); len(all) != 1 || all[0].Name != "Phone" {
		t.Errorf("one app alone: %+v", all)
	}
	for user, want := range map[uuid.UUID][]string{b.user: {secrets[0], secrets[2]}, other: {secrets[1]}} {
		if all := b.methods(user); len(all) != len(want) || !factor.Has(all, factor.App) {
			t.Errorf("%d methods, want %d", len(all), len(want))
		}
		b.must(func(ctx context.Context, tx *pg.Tx) error {
			for _, secret := range want {
				if o, err := b.store.SpendAppTx(ctx, tx, user, b.code(secret), 1); o != factor.Right || err != nil {
					t.Errorf("its code is %v, %v", o, err)
				}
			}
			set, ok, err := b.store.KeysTx(ctx, tx, user, false)
			keys := set.Shown()
			if !ok || len(keys) != 10 || set.Left != 10 || set.SavedAt != nil || len(set.Label) != 4 || slices.Contains(keys[1:], keys[0]) {
				t.Errorf("%+v", set)
			}
			for _, key := range keys {
				if o, _, err := b.store.SpendKeyTx(ctx, tx, user, key, ""); o != factor.Right || err != nil {
					t.Errorf("a key is %v, %v", o, err)
				}
			}
			return err
		})
	}
}

// After a rotation everything is under the new keys, and works.
func TestResealedRowsWork(t *testing.T) {
	t.Parallel()
	b := newBench(t)
	raw, err := seal.Generate()
	if err != nil {
		t.Fatal(err)
	}
	set, err := seal.ReadSet(raw)
	if err != nil {
		t.Fatal(err)
	}
	load := func() *seal.Keys {
		raw, err := set.JSON()
		if err != nil {
			t.Fatal(err)
		}
		keys, err := seal.Load(raw)
		if err != nil {
			t.Fatal(err)
		}
		b.store = factor.NewStore(keys, mail.NewOutbox(keys.Mail))
		return keys
	}
	load()
	var keys []string
	people := []uuid.UUID{b.user, b.person("eve@example.org")}
	secrets := map[uuid.UUID]string{}
	for _, p := range people {
		secrets[p] = b.turnOn(p, "Phone")
		b.must(func(ctx context.Context, tx *pg.Tx) error {
			s, err := b.store.NewSetTx(ctx, tx, p)
			keys = s.Shown() // of the last one
			return err
		})
		b.mailed(p, factor.SignInCode)
	}
	holder := uuid.New()
	e := b.begin(holder, "Tablet", uuid.Nil)
	for _, purpose := range []string{"app_secrets", "recovery_seal", "mail", "recovery_keys"} {
		id, err := set.Add(purpose)
		if err == nil {
			err = set.Promote(purpose, id)
		}
		if err != nil {
			t.Fatal(err)
		}
	}
	now := load()
	want := map[string]int64{"app_secrets methods": 2, "app_secrets enrolments": 1, "recovery_seal recovery_keys": 20, "mail codes": 2, "recovery_keys recovery_keys": 20}
	for _, c := range factor.Columns(now) {
		for _, n := range []int64{want[c.Purpose+" "+c.Table], 0} { // a second run finds nothing
			if done, err := c.Reseal(t.Context(), b.db, func(int64) {}); err != nil || done.Sealed != n || len(done.Closed) != 0 || done.Skipped != 0 {
				t.Errorf("%s %s: %+v, want %d, %v", c.Purpose, c.Table, done, n, err)
			}
		}
	}
	current := map[string][]byte{"app_secrets": now.AppSecrets.Current(), "recovery_seal": now.RecoverySeal.Current(), "mail": now.Mail.Current(),
		"codes": now.Codes.Current(), "recovery_keys": now.RecoveryKeys.Current()}
	rows, err := factor.KeyRows(t.Context(), b.db)
	if err != nil || len(rows) != len(want)+1 {
		t.Errorf("%+v, %v", rows, err)
	}
	for _, r := range rows {
		if n, resealed := want[r.Purpose+" "+r.Table]; !bytes.Equal(r.Prefix, current[r.Purpose]) || resealed && r.Rows != n {
			t.Errorf("%s %s: %d rows under %x", r.Purpose, r.Table, r.Rows, r.Prefix)
		}
	}
	b.clock.Advance(30 * time.Second)
	for _, p := range people {
		b.must(func(ctx context.Context, tx *pg.Tx) error {
			if o, err := b.store.SpendAppTx(ctx, tx, p, b.code(secrets[p]), 1); o != factor.Right || err != nil {
				t.Errorf("an app's code is %v, %v", o, err)
			}
			return nil
		})
	}
	b.must(func(ctx context.Context, tx *pg.Tx) error {
		if shown, _, err := b.store.KeysTx(ctx, tx, people[1], true); err != nil || !slices.Equal(shown.Shown(), keys) {
			t.Errorf("the keys are not what they were: %v", err)
		}
		o, _, err := b.store.SpendKeyTx(ctx, tx, people[1], keys[3], "")
		if o != factor.Right {
			t.Errorf("a key is %v", o)
		}
		return err
	})
	if o, err := b.prove(holder, b.code(e.Secret)); o != factor.Right || err != nil {
		t.Errorf("the enrolment: %v, %v", o, err)
	}
}
