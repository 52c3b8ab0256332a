package account

import (
	"context"
	"errors"
	"runtime"
	"strings"
	"testing"
	"testing/synctest"
	"time"

	"github.com/alexedwards/argon2id"
	"golang.org/x/crypto/bcrypt"

	"latchkey/internal/fault"
)

func TestPasswordFitsItsOwnHashOnly(t *testing.T) {
	t.Parallel()
	p := NewPasswords()
	hash, err := p.Hash(t.Context(), "tin roof Ångström")
	if err != nil {
		t.Fatal(err)
	}
	if !strings.HasPrefix(hash, "$argon2id$v=19$m=19456,t=2,p=1$") {
		t.Errorf("hash has other parameters: %s", hash)
	}
	for _, c := range []struct {
		name, password string
		want           bool
	}{
		{"same", "tin roof Ångström", true},
		{"decomposed", "tin roof A\u030angstro\u0308m", true},
		{"full-width", "ｔｉｎ roof Ångström", true},
		{"other case", "Tin roof Ångström", false},
		{"empty", "", false},
		{"cut", "tin roof Ångströ", false},
		{"blank added", "tin roof Ångström ", false},
		{"the hash itself", hash, false},
	} {
		ok, stale, err := p.Verify(t.Context(), hash, c.password)
		if err != nil || ok != c.want || stale {
			t.Errorf("%s: got %v, stale %v, %v; want %v, fresh", c.name, ok, stale, err, c.want)
		}
	}
}

func TestHashesFromElsewhereAreVerifiedAndStale(t *testing.T) {
	t.Parallel()
	const password = "zum Bäcker ﬁnden" // with a ligature, which NFKC takes apart
	weak, err := argon2id.CreateHash(password, &argon2id.Params{Memory: 8192, Iterations: 1, Parallelism: 1, SaltLength: 16, KeyLength: 32})
	if err != nil {
		t.Fatal(err)
	}
	b, err := bcrypt.GenerateFromPassword([]byte(password), bcrypt.MinCost)
	if err != nil {
		t.Fatal(err)
	}
	p := NewPasswords()
	for name, hash := range map[string]string{
		"weaker argon2id": weak,
		"bcrypt 2a":       string(b),
		"bcrypt 2b":       "$2b$" + string(b[4:]),
		"bcrypt 2y":       "$2y$" + string(b[4:]),
	} {
		if ok, stale, err := p.Verify(t.Context(), hash, password); !ok || !stale || err != nil {
			t.Errorf("%s: got %v, stale %v, %v", name, ok, stale, err)
		}
		if ok, _, err := p.Verify(t.Context(), hash, password+"!"); ok || err != nil {
			t.Errorf("%s, wrong password: got %v, %v", name, ok, err)
		}
	}
}

func TestNothingFitsAnAbsentHash(t *testing.T) {
	t.Parallel()
	p := NewPasswords()
	for _, password := range []string{"", "x", p.dummy(), strings.Repeat("a", 300)} {
		if ok, stale, err := p.Verify(t.Context(), "", password); ok || stale || err != nil {
			t.Errorf("Verify with no hash: %v, stale %v, %v", ok, stale, err)
		}
	}
	params, _, _, err := argon2id.DecodeHash(p.dummy())
	if err != nil || *params != passwordCost {
		t.Errorf("the dummy costs %+v (%v), a real one %+v", params, err, passwordCost)
	}
}

// An answer without hashing would come at least ten times sooner.
func TestEveryVerdictCostsTheSame(t *testing.T) {
	p := NewPasswords()
	hash, err := p.Hash(t.Context(), "tin roof rusted")
	if err != nil {
		t.Fatal(err)
	}
	kinds := map[string]struct{ hash, password string }{
		"wrong":                {hash, "wrong"},
		"right":                {hash, "tin roof rusted"},
		"no hash":              {"", "wrong"},
		"too long":             {hash, strings.Repeat("a", 257)},
		"10 MB":                {hash, strings.Repeat("a", 10<<20)},
		"too long and no hash": {"", strings.Repeat("a", 257)},
		"not UTF-8":            {hash, "\xff"},
	}
	// Machines stall: the kinds take turns, only the fastest of each counts, and
	// what is slow must be slow by far.
	best := map[string]time.Duration{}
	for range 7 {
		for name, k := range kinds {
			start := time.Now()
			_, _, _ = p.Verify(t.Context(), k.hash, k.password)
			if took := time.Since(start); best[name] == 0 || took < best[name] {
				best[name] = took
			}
		}
	}
	for name, got := range best {
		if wrong := best["wrong"]; got < wrong/3 || got > wrong*10 {
			t.Errorf("%s takes %v, a wrong password %v", name, got, wrong)
		}
	}
}

func TestDamagedOrRuinousHashIsAnErrorNotAVerdict(t *testing.T) {
	t.Parallel()
	p := NewPasswords()
	const tail = "$AAAAAAAAAAAAAAAAAAAAAA$AAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAA"
	for name, hash := range map[string]string{
		"plain text":       "hunter2",
		"argon2i":          "$argon2i$v=19$m=19456,t=2,p=1" + tail,
		"no lanes":         "$argon2id$v=19$m=19456,t=2,p=0" + tail,
		"no passes":        "$argon2id$v=19$m=19456,t=0,p=1" + tail,
		"4 TiB":            "$argon2id$v=19$m=4294967295,t=2,p=1" + tail,
		"a billion passes": "$argon2id$v=19$m=19456,t=1000000000,p=1" + tail,
		"no key":           "$argon2id$v=19$m=19456,t=2,p=1$AAAAAAAAAAAAAAAAAAAAAA$",
		"bcrypt for days":  "$2a$31$" + strings.Repeat("a", 53),
		"bcrypt cut":       "$2a$10$abc",
	} {
		ok, stale, err := p.Verify(t.Context(), hash, "hunter2")
		if ok || stale || err == nil {
			t.Errorf("%s: got %v, stale %v, %v", name, ok, stale, err)
		}
		if err != nil && strings.Contains(err.Error(), hash) {
			t.Errorf("%s: the error quotes the hash", name)
		}
	}
}

func TestHashRefusesWhatCouldNeverMatch(t *testing.T) {
	t.Parallel()
	p := NewPasswords()
	for _, password := range []string{strings.Repeat("ö", 257), strings.Repeat("ﷺ", 15), "\xff"} {
		_, err := p.Hash(t.Context(), password)
		if f, ok := fault.As(err); !ok || f.Kind != fault.Invalid {
			t.Errorf("Hash of %d bytes: %v", len(password), err)
		}
	}
	if _, err := p.Hash(t.Context(), strings.Repeat("ö", 256)); err != nil {
		t.Errorf("256 code points: %v", err)
	}
}

func TestQueueForACoreIsBounded(t *testing.T) {
	t.Parallel()
	synctest.Test(t, func(t *testing.T) {
		p := NewPasswords()
		if cap(p.slots) != runtime.GOMAXPROCS(0) {
			t.Errorf("%d slots for %d cores", cap(p.slots), runtime.GOMAXPROCS(0))
		}
		for range cap(p.slots) {
			if err := p.acquire(t.Context()); err != nil {
				t.Fatal(err)
			}
		}
		start, refused := time.Now(), make(chan time.Duration, hashWaiters)
		for range hashWaiters {
			go func() {
				requireBusy(t, p.acquire(t.Context()))
				refused <- time.Since(start)
			}()
		}
		synctest.Wait()

		requireBusy(t, p.acquire(t.Context()))
		if waited := time.Since(start); waited != 0 {
			t.Errorf("the 33rd waited %v", waited)
		}
		for range hashWaiters {
			if waited := <-refused; waited != 2*time.Second {
				t.Errorf("a waiter was refused after %v", waited)
			}
		}

		// The queue is empty again: the next one waits and is served.
		served := make(chan error, 1)
		go func() { served <- p.acquire(t.Context()) }()
		synctest.Wait()
		p.release()
		if err := <-served; err != nil {
			t.Errorf("after a release: %v", err)
		}
		if n := p.waiting.Load(); n != 0 {
			t.Errorf("%d are still counted as waiting", n)
		}
	})
}

func requireBusy(t *testing.T, err error) {
	t.Helper()
	f, ok := fault.As(err)
	if !ok || f.Kind != fault.Unavailable || f.Code != fault.ServiceUnavailable || f.RetryAfter != time.Second {
		t.Errorf("got %v, want unavailable, again in 1 s", err)
	}
}

func TestWaitingForACoreEndsWithTheRequest(t *testing.T) {
	t.Parallel()
	p := NewPasswords()
	ctx, cancel := context.WithCancel(t.Context())
	cancel()
	if _, _, err := p.Verify(ctx, "", "x"); !errors.Is(err, context.Canceled) {
		t.Errorf("cancelled before: %v", err)
	}
	for range cap(p.slots) {
		p.slots <- struct{}{}
	}
	ctx, cancel = context.WithCancel(t.Context())
	done := make(chan error, 1)
	go func() { done <- p.acquire(ctx) }()
	cancel()
	if err := <-done; !errors.Is(err, context.Canceled) {
		t.Errorf("cancelled while waiting: %v", err)
	}
}
