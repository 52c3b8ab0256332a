//go:build linux

package main

import (
	"fmt"
	"math/rand/v2"
	"net/http"
	"os"
	"strconv"
	"strings"
	"sync"
	"syscall"
	"testing"
	"time"

	"latchkey/internal/devstack"
	"latchkey/internal/pg"
	"latchkey/internal/pg/pgtest"
)

// lasting is a cluster of the test's own whose commits outlive a crash, as in
// production; test clusters hurry otherwise.
func lasting(t *testing.T) (*devstack.Postgres, []string, *pg.DB) {
	t.Helper()
	server := pgtest.Server(t)
	env := append(production(t, server.URL), "IP_LIMITS=off")
	if code, out := says(t, env, "migrate", "up"); code != 0 {
		t.Fatal(out)
	}
	db, err := pg.Open(server.URL, pg.Options{MaxConns: 4, StatementTimeout: -1})
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { _ = db.Close() })
	if _, err := db.Exec(`ALTER DATABASE ` + databaseIn(t, db) + ` SET synchronous_commit = on`); err != nil {
		t.Fatal(err)
	}
	return server, env, db
}

func databaseIn(t *testing.T, db *pg.DB) (name string) {
	t.Helper()
	if err := db.Get(&name, `SELECT quote_ident(current_database())`); err != nil {
		t.Fatal(err)
	}
	return name
}

// TestWhatWasAnsweredOutlivesEveryCrash: people sign in with recovery keys,
// each key offered by two browsers at once, and others type wrong codes, while
// servers and Postgres are killed in turn. What was answered is there
// afterwards, and no key was good twice.
func TestWhatWasAnsweredOutlivesEveryCrash(t *testing.T) {
	t.Parallel()
	server, env, db := lasting(t)
	house := houseOn(t, db, setting(env, "KEYSET_FILE"))
	const people = 6
	var all []resident
	for i := range people {
		all = append(all, settles(t, house, fmt.Sprintf("person%d@example.org", i)))
	}
	f := newFleet(t, env)

	var mu sync.Mutex
	sessions := map[string][]string{} // key → tokens of the sessions it gave
	wrongs := map[string]int{}        // email → wrong codes that were answered as such
	stop := make(chan struct{})
	var wg sync.WaitGroup
	for i, r := range all[:people-2] {
		for browser := range 2 {
			wg.Go(func() {
				for n := 0; n < len(r.keys) && !ended(stop); {
					got, err := f.at(i+browser).signIn(r.email, testPassword, "recovery_key", r.keys[n])
					mu.Lock()
					if err == nil {
						sessions[r.keys[n]] = append(sessions[r.keys[n]], got.token)
					}
					mu.Unlock()
					if err == nil || strings.Contains(err.Error(), `code_used`) || strings.Contains(err.Error(), "too_many") {
						n++
					}
				}
			})
		}
	}
	for i, r := range all[people-2:] {
		wg.Go(func() {
			for !ended(stop) {
				_, err := f.at(i).signIn(r.email, testPassword, "app", "000000")
				mu.Lock()
				if err != nil && strings.Contains(err.Error(), "422") {
					wrongs[r.email]++
				}
				mu.Unlock()
				time.Sleep(20 * time.Millisecond)
			}
		})
	}
	for crash := range 6 {
		time.Sleep(time.Duration(200+rand.IntN(400)) * time.Millisecond)
		if crash%3 == 2 {
			server.Crash()
			if err := server.Start(t.Context()); err != nil {
				t.Fatal(err)
			}
			continue
		}
		f.procs[crash%2].signal(t, syscall.SIGKILL)
		f.begin(crash % 2)
	}
	time.Sleep(300 * time.Millisecond)
	close(stop)
	wg.Wait()

	waitFor(t, func() bool { code, _ := get(t, f.at(0).base+"/readyz"); return code == http.StatusOK })
	answered := 0
	for key, tokens := range sessions {
		if len(tokens) != 1 {
			t.Errorf("one recovery key gave %d sessions", len(tokens))
		}
		for _, token := range tokens {
			answered++
			if code, ans := (caller{f.at(0).base, token}).ask("GET", "/me", nil); code != http.StatusOK {
				t.Errorf("a session that was answered is gone: %d %v", code, ans)
			}
			// On the browser of its own session, so that no budget hides the verdict.
			_, err := db.Exec(`UPDATE guards SET code_failures = '{}', frozen_until = NULL`)
			if err != nil {
				t.Fatal(err)
			}
			if _, err := f.at(0).signIn(ownerOf(all, key), testPassword, "recovery_key", key); err == nil {
				t.Error("a key was good again after the crashes")
			}
		}
	}
	if answered == 0 || len(wrongs) == 0 {
		t.Fatalf("%d sessions, wrong codes of %d people: nothing was measured", answered, len(wrongs))
	}
	var spent, told int
	row := db.QueryRow(`SELECT (SELECT count(*) FROM recovery_keys WHERE used_at IS NOT NULL), (SELECT count(*) FROM events WHERE action = 'recovery_key_used')`)
	if err := row.Scan(&spent, &told); err != nil || spent != told || spent < answered {
		t.Errorf("%d keys spent, %d events, %d answered (%v)", spent, told, answered, err)
	}
	t.Logf("%d sessions answered, %d keys spent, wrong codes answered %v", answered, spent, wrongs)
}

func ownerOf(all []resident, key string) string {
	for _, r := range all {
		for _, k := range r.keys {
			if k == key {
				return r.email
			}
		}
	}
	return ""
}

// TestWrongCodesOutliveEveryCrash: the counter only goes up.
func TestWrongCodesOutliveEveryCrash(t *testing.T) {
	t.Parallel()
	server, env, db := lasting(t)
	r := settles(t, houseOn(t, db, setting(env, "KEYSET_FILE")), "ada@example.org")
	f := newFleet(t, env)
	counted := func() (n int) {
		t.Helper()
		if err := db.Get(&n, `SELECT cardinality(code_failures) FROM guards WHERE user_id = $1`, r.id); err != nil {
			t.Fatal(err)
		}
		return n
	}
	var judged int
	for crash := range 4 {
		_, err := f.at(0).signIn(r.email, testPassword, "app", "000000")
		for tries := 0; busy(err) && tries < 10; tries++ { // which says not whether it was judged
			judged = counted()
			_, err = f.at(0).signIn(r.email, testPassword, "app", "000000")
		}
		if err == nil || !strings.Contains(err.Error(), "422") {
			t.Fatalf("a wrong code: %v", err)
		}
		judged++
		if crash%2 == 0 {
			f.procs[0].signal(t, syscall.SIGKILL)
			f.begin(0)
		} else {
			server.Crash()
			if err := server.Start(t.Context()); err != nil {
				t.Fatal(err)
			}
			waitFor(t, func() bool { code, _ := get(t, f.at(0).base+"/readyz"); return code == http.StatusOK })
		}
		if n := counted(); n != judged {
			t.Fatalf("after crash %d: %d of %d wrong codes are counted", crash, n, judged)
		}
	}
}

// TestAFrozenDatabaseSignsNobodyIn: a server that neither answers nor ends is
// the fault that a refused connection is not. Each answer is a 503 in time,
// and all is well by itself once it answers again.
func TestAFrozenDatabaseSignsNobodyIn(t *testing.T) {
	t.Parallel()
	_, env, db := lasting(t)
	r := settles(t, houseOn(t, db, setting(env, "KEYSET_FILE")), "ada@example.org")
	p := start(t, self(t, env, "serve"))
	at := caller{base: servedAt(t, p)}
	waitFor(t, func() bool { code, _ := get(t, at.base+"/readyz"); return code == http.StatusOK })
	session, err := at.signIn(r.email, testPassword, "recovery_key", r.keys[0])
	if err != nil {
		t.Fatal(err)
	}
	_, ans := at.ask("POST", "/sign-ins", map[string]any{"email": r.email, "password": testPassword})
	token, _ := ans["sign_in_token"].(string)
	half := caller{at.base, token}

	freeze(t, db, syscall.SIGSTOP)
	thaw := sync.OnceFunc(func() { freeze(t, nil, syscall.SIGCONT) })
	t.Cleanup(thaw)
	var wg sync.WaitGroup
	for range 3 { // more than the pool has connections would do the same
		for name, ask := range map[string]func() (*http.Response, error){
			"me": func() (*http.Response, error) { return session.send("GET", "/me", nil) },
			"sign in": func() (*http.Response, error) {
				return at.send("POST", "/sign-ins", map[string]any{"email": r.email, "password": testPassword})
			},
			"verify": func() (*http.Response, error) {
				return half.send("POST", "/sign-ins/current/verify", map[string]any{"method": "recovery_key", "code": r.keys[1]})
			},
		} {
			wg.Go(func() {
				began := time.Now()
				res, err := ask()
				if err != nil {
					t.Errorf("%s: %v", name, err)
					return
				}
				defer res.Body.Close() //nolint:errcheck // only the head counts
				took := time.Since(began)
				if res.StatusCode != http.StatusServiceUnavailable || res.Header.Get("Retry-After") == "" {
					t.Errorf("%s: %d, Retry-After %q", name, res.StatusCode, res.Header.Get("Retry-After"))
				}
				if took > 2500*time.Millisecond*slack {
					t.Errorf("%s took %s", name, took)
				}
				t.Logf("%-8s %d after %s", name, res.StatusCode, took.Round(10*time.Millisecond))
			})
		}
	}
	wg.Wait()
	thaw()
	back := time.Now()
	waitFor(t, func() bool { code, _ := session.ask("GET", "/me", nil); return code == http.StatusOK })
	t.Logf("well again %s after the return", time.Since(back).Round(10*time.Millisecond))
	// Nothing was half done: the key that met the frozen server is good once.
	if _, err := at.signIn(r.email, testPassword, "recovery_key", r.keys[1]); err != nil {
		t.Error(err)
	}
}

// stopped are the processes that the one frozen cluster has.
var stopped []int

// freeze sends a signal to a cluster's server and all its backends.
func freeze(t *testing.T, db *pg.DB, s syscall.Signal) {
	t.Helper()
	if db != nil {
		var backend int
		if err := db.Get(&backend, `SELECT pg_backend_pid()`); err != nil {
			t.Fatal(err)
		}
		postmaster := parentOf(t, backend)
		stopped = append([]int{postmaster}, descendants(t, postmaster)...)
	}
	for _, pid := range stopped {
		_ = syscall.Kill(pid, s)
	}
}

func parentOf(t *testing.T, pid int) int {
	t.Helper()
	raw, err := os.ReadFile("/proc/" + strconv.Itoa(pid) + "/status")
	if err != nil {
		t.Fatal(err)
	}
	for line := range strings.Lines(string(raw)) {
		if parent, ok := strings.CutPrefix(line, "PPid:"); ok {
			n, _ := strconv.Atoi(strings.TrimSpace(parent))
			return n
		}
	}
	t.Fatal("no parent")
	return 0
}
