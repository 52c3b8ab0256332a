package factor_test

import (
	"context"
	"errors"
	"os"
	"testing"
	"time"

	"github.com/google/uuid"

	"latchkey/internal/factor"
	"latchkey/internal/fault"
	"latchkey/internal/mail"
	"latchkey/internal/pg"
	"latchkey/internal/pg/pgtest"
	"latchkey/internal/seal"
)

func TestMain(m *testing.M) { os.Exit(pgtest.Main(m)) }

// bench is a store on a database of the test's own, with one user.
type bench struct {
	t     *testing.T
	db    *pg.DB
	clock *pgtest.Clock
	store *factor.Store
	keys  *seal.Keys
	user  uuid.UUID
}

func newBench(t *testing.T, options ...pgtest.Option) *bench {
	t.Helper()
	raw, err := seal.Generate()
	if err != nil {
		t.Fatal(err)
	}
	keys, err := seal.Load(raw)
	if err != nil {
		t.Fatal(err)
	}
	db := pgtest.New(t, append(options, pgtest.At("2026-03-02 12:00:05"))...)
	b := &bench{t: t, db: db, clock: pgtest.ClockOf(db), store: factor.NewStore(keys, mail.NewOutbox(keys.Mail)), keys: keys}
	b.user = b.person("ada@example.org")
	return b
}

func (b *bench) person(email string) uuid.UUID {
	b.t.Helper()
	id, _ := uuid.NewV7()
	_, err := b.db.Exec(`INSERT INTO users (id, email, name, created_at) VALUES ($1, $2, 'Ada', $3)`, id, email, b.db.Now())
	if err != nil {
		b.t.Fatal(err)
	}
	return id
}

func (b *bench) tx(f func(context.Context, *pg.Tx) error) error {
	return b.db.InTx(b.t.Context(), func(tx *pg.Tx) error { return f(b.t.Context(), tx) })
}

func (b *bench) must(f func(context.Context, *pg.Tx) error) {
	b.t.Helper()
	if err := b.tx(f); err != nil {
		b.t.Fatal(err)
	}
}

func (b *bench) count(query string, args ...any) (n int) {
	b.t.Helper()
	if err := b.db.Get(&n, query, args...); err != nil {
		b.t.Fatal(err)
	}
	return n
}

// rows is what a table holds, a line for each row by its id.
func (b *bench) rows(table string) map[uuid.UUID]string {
	b.t.Helper()
	var all []struct {
		ID  uuid.UUID `db:"id"`
		Row string    `db:"row"`
	}
	if err := b.db.Select(&all, `SELECT id, to_jsonb(t)::text AS row FROM `+table+` t`); err != nil {
		b.t.Fatal(err)
	}
	out := map[uuid.UUID]string{}
	for _, r := range all {
		out[r.ID] = r.Row
	}
	return out
}

func (b *bench) begin(holder uuid.UUID, name string, replaces uuid.UUID) (e factor.Enrolment) {
	b.t.Helper()
	b.must(func(ctx context.Context, tx *pg.Tx) (err error) {
		e, err = b.store.BeginTx(ctx, tx, b.user, holder, factor.App, name, replaces)
		return err
	})
	return e
}

func (b *bench) code(secret string) string {
	b.t.Helper()
	code, err := factor.CodeAt(secret, factor.StepAt(b.clock.Now()))
	if err != nil {
		b.t.Fatal(err)
	}
	return code
}

// prove confirms whatever the holder has open.
func (b *bench) prove(holder uuid.UUID, code string) (o factor.Outcome, err error) {
	b.t.Helper()
	err = b.tx(func(ctx context.Context, tx *pg.Tx) error {
		open, err := b.store.OpenTx(ctx, tx, b.user, holder, factor.App)
		if err != nil {
			return err
		}
		o, err = b.store.ProveAppTx(ctx, tx, b.user, open, code, 1)
		return err
	})
	return o, err
}

func (b *bench) spend(code string) (o factor.Outcome) {
	b.t.Helper()
	b.must(func(ctx context.Context, tx *pg.Tx) (err error) {
		o, err = b.store.SpendAppTx(ctx, tx, b.user, code, 1)
		return err
	})
	return o
}

func TestAnEnrolmentBegunTwiceLeavesOne(t *testing.T) {
	t.Parallel()
	b, holder := newBench(t), uuid.New()
	first, second := b.begin(holder, "Phone", uuid.Nil), b.begin(holder, "Tablet", uuid.Nil)
	if n := b.count(`SELECT count(*) FROM enrolments`); n != 1 || first.Secret == second.Secret {
		t.Errorf("%d enrolments", n)
	}
	if o, err := b.prove(holder, b.code(first.Secret)); err != nil || o != factor.Wrong {
		t.Errorf("the first one's code: %v %v", o, err)
	}
	if o, err := b.prove(holder, b.code(second.Secret)); err != nil || o != factor.Right {
		t.Errorf("the second one's code: %v %v", o, err)
	}
	methods, err := factor.Methods(t.Context(), b.db, b.user)
	if err != nil || len(methods) != 1 || methods[0].Name != "Tablet" {
		t.Errorf("methods %+v %v", methods, err)
	}
}

func TestAnAbandonedEnrolmentChangesNothing(t *testing.T) {
	t.Parallel()
	b, holder := newBench(t), uuid.New()
	e := b.begin(holder, "Phone", uuid.Nil)
	if o := b.spend(b.code(e.Secret)); o != factor.Wrong {
		t.Errorf("an unproved app's code is %v", o)
	}
	b.clock.Advance(10 * time.Minute)
	if _, err := b.prove(holder, b.code(e.Secret)); !errors.Is(err, fault.New(fault.Refused, fault.CodeExpired)) {
		t.Errorf("ten minutes later: %v", err)
	}
	if n := b.count(`SELECT count(*) FROM methods`); n != 0 {
		t.Errorf("%d methods", n)
	}
	// Another holder, or another user, has nothing to confirm.
	e = b.begin(holder, "Phone", uuid.Nil)
	if _, err := b.prove(uuid.New(), b.code(e.Secret)); err == nil {
		t.Error("somebody else's session confirmed it")
	}
}

func TestAReplacedAppWorksUntilTheNewOneIsProved(t *testing.T) {
	t.Parallel()
	b, holder := newBench(t), uuid.New()
	old := b.begin(holder, "Old", uuid.Nil)
	if _, err := b.prove(holder, b.code(old.Secret)); err != nil {
		t.Fatal(err)
	}
	fresh := b.begin(holder, "New", old.ID)
	b.clock.Advance(30 * time.Second)
	if o := b.spend(b.code(old.Secret)); o != factor.Right {
		t.Errorf("the old one's code is %v", o)
	}
	if o, err := b.prove(holder, b.code(fresh.Secret)); err != nil || o != factor.Right {
		t.Fatal(o, err)
	}
	b.clock.Advance(30 * time.Second)
	if o := b.spend(b.code(old.Secret)); o != factor.Wrong {
		t.Errorf("after it was replaced its code is %v", o)
	}
	if o := b.spend(b.code(fresh.Secret)); o != factor.Right {
		t.Errorf("the new one's code is %v", o)
	}
	err := b.tx(func(ctx context.Context, tx *pg.Tx) error {
		_, err := b.store.BeginTx(ctx, tx, b.person("eve@example.org"), holder, factor.App, "Mine", fresh.ID)
		return err
	})
	if !errors.Is(err, fault.New(fault.NotFound, fault.Absent)) {
		t.Errorf("replacing somebody else's app: %v", err)
	}
}

// The code that proves an app is spent with it, and so is every older one.
func TestTheHighWaterMarkOnlyGrows(t *testing.T) {
	t.Parallel()
	b, holder := newBench(t), uuid.New()
	e := b.begin(holder, "Phone", uuid.Nil)
	code := b.code(e.Secret)
	if _, err := b.prove(holder, code); err != nil {
		t.Fatal(err)
	}
	if o := b.spend(code); o != factor.Used {
		t.Errorf("the enrolment's code is %v", o)
	}
	b.clock.Advance(60 * time.Second)
	newest := b.code(e.Secret)
	b.clock.Advance(-30 * time.Second) // a phone whose clock is ahead
	if o := b.spend(newest); o != factor.Right {
		t.Fatalf("a step ahead: %v", o)
	}
	if o := b.spend(b.code(e.Secret)); o != factor.Used {
		t.Errorf("an older step after a newer one: %v", o)
	}
	b.clock.Advance(60 * time.Second)
	if o := b.spend(newest); o != factor.Used {
		t.Errorf("in its trailing step: %v", o)
	}
}

// A swapped row fails closed: a secret copied to another user opens nothing.
func TestASecretCopiedToAnotherRowOpensNothing(t *testing.T) {
	t.Parallel()
	b, holder := newBench(t), uuid.New()
	e := b.begin(holder, "Phone", uuid.Nil)
	if _, err := b.prove(holder, b.code(e.Secret)); err != nil {
		t.Fatal(err)
	}
	victim := b.person("eve@example.org")
	if _, err := b.db.Exec(`UPDATE methods SET user_id = $1`, victim); err != nil {
		t.Fatal(err)
	}
	b.clock.Advance(30 * time.Second)
	err := b.tx(func(ctx context.Context, tx *pg.Tx) error {
		o, err := b.store.SpendAppTx(ctx, tx, victim, b.code(e.Secret), 1)
		if o != factor.Wrong {
			t.Errorf("its code is %v", o)
		}
		return err
	})
	if !ours(err) {
		t.Errorf("a moved secret is taken: %v", err)
	}
}

func TestKeysOfAReplacedSetOpenNothing(t *testing.T) {
	t.Parallel()
	b := newBench(t)
	var old, fresh factor.Set
	b.must(func(ctx context.Context, tx *pg.Tx) (err error) {
		if old, err = b.store.NewSetTx(ctx, tx, b.user); err != nil {
			return err
		}
		fresh, err = b.store.NewSetTx(ctx, tx, b.user)
		return err
	})
	spend := func(user uuid.UUID, key string) (o factor.Outcome, left int) {
		b.must(func(ctx context.Context, tx *pg.Tx) (err error) {
			o, left, err = b.store.SpendKeyTx(ctx, tx, user, key, "Firefox")
			return err
		})
		return o, left
	}
	if o, _ := spend(b.user, old.Keys[0].Key); o != factor.Wrong {
		t.Errorf("a replaced key is %v", o)
	}
	if o, _ := spend(b.person("eve@example.org"), fresh.Keys[0].Key); o != factor.Wrong {
		t.Errorf("somebody else's key is %v", o)
	}
	if o, left := spend(b.user, fresh.Keys[0].Key); o != factor.Right || left != 9 {
		t.Errorf("a good key is %v, %d left", o, left)
	}
	if o, _ := spend(b.user, fresh.Keys[0].Key); o != factor.Used {
		t.Errorf("a spent key is %v", o)
	}
	if n := b.count(`SELECT count(*) FROM recovery_keys WHERE sealed IS NOT NULL`); n != 10 {
		t.Errorf("%d keys can be opened", n)
	}
}
