package main

import (
	"encoding/json"
	"fmt"
	"net/http"
	"os"
	"strings"
	"sync"
	"sync/atomic"
	"syscall"
	"testing"
	"time"

	"latchkey/internal/account"
	"latchkey/internal/audit"
	"latchkey/internal/pg"
	"latchkey/internal/pg/pgtest"
	"latchkey/internal/signin"
)

// fleet are two servers on one database, restarted one by one.
type fleet struct {
	t     *testing.T
	env   []string
	procs [2]*process
	addrs [2]atomic.Pointer[string]
}

func newFleet(t *testing.T, env []string) *fleet {
	f := &fleet{t: t, env: env}
	for i := range f.procs {
		f.begin(i)
	}
	return f
}

func (f *fleet) begin(i int) {
	f.t.Helper()
	f.procs[i] = start(f.t, self(f.t, f.env, "serve"))
	at := servedAt(f.t, f.procs[i])
	waitFor(f.t, func() bool { code, _ := get(f.t, at+"/readyz"); return code == http.StatusOK })
	f.addrs[i].Store(&at)
}

// restart begins the new process before the old one drains.
func (f *fleet) restart(i int) {
	f.t.Helper()
	before := f.procs[i]
	f.begin(i)
	before.signal(f.t, syscall.SIGTERM)
	before.ends(f.t, 0, 20*time.Second)
}

func (f *fleet) restartAll() {
	var wg sync.WaitGroup
	for i := range f.procs {
		wg.Go(func() { f.restart(i) })
	}
	wg.Wait()
}

func (f *fleet) at(i int) caller { return caller{base: *f.addrs[i%2].Load()} }

// TestKeysRotateUnderLoad goes through all steps with two servers, of which
// one is always restarted after the other, while people sign in by app and
// look at their recovery keys on both.
func TestKeysRotateUnderLoad(t *testing.T) {
	t.Parallel()
	env := append(production(t, pgtest.URL(t)), "IP_LIMITS=off")
	file, db := setting(env, "KEYSET_FILE"), pgtest.Open(t, setting(env, "DATABASE_URL"))
	house := houseOn(t, db, file)
	ada, eve, joe := settles(t, house, "ada@example.org"), settles(t, house, "eve@example.org"), settles(t, house, "joe@example.org")
	_, err := house.SignIn.CreateUser(t.Context(), audit.Actor{Kind: audit.Host},
		signin.Person{Email: "bob@example.org", Name: "Bob", Password: testPassword}, account.Member, false)
	if err != nil {
		t.Fatal(err)
	}
	f := newFleet(t, env)
	before, err := f.at(0).signIn(ada.email, testPassword, "recovery_key", ada.keys[0])
	if err != nil {
		t.Fatal(err)
	}

	var served atomic.Int64
	stop := make(chan struct{})
	var wg sync.WaitGroup
	for i := range 2 {
		wg.Go(func() { // digests of tokens, sealed recovery keys
			for ; !ended(stop); time.Sleep(5 * time.Millisecond) {
				for _, path := range []string{"/me/recovery-keys", "/me"} {
					switch code, ans := (caller{f.at(i).base, before.token}).ask("GET", path, nil); code {
					case http.StatusOK:
						served.Add(1)
					case http.StatusServiceUnavailable: // the machine is busy: no matter of keys
					default:
						t.Errorf("GET %s: %d %v", path, code, ans)
						return
					}
				}
			}
		})
	}
	wg.Go(func() { // app secrets, and mails of new devices
		for i := 0; !ended(stop); i++ {
			// The first step may take longer than a server that ends gives notice.
			_, err := signInAt(func() caller { return f.at(i) }, eve.email, testPassword, "app", eve.appCode(t, db))
			switch {
			case err == nil:
				served.Add(1)
			case !busy(err):
				t.Error(err)
				return
			}
		}
	})

	step := func(name, purpose string, code int, want string) {
		t.Helper()
		got, out := says(t, env, "keys", "rotate", name, "--purpose", purpose)
		if got != code || !strings.Contains(out, want) {
			t.Errorf("%s %s: code %d, %s", name, purpose, got, out)
		}
	}
	const sealing = "app_secrets,recovery_seal,recovery_keys,mail"
	step("add", "all", 0, "restart every server")
	step("promote", "all", exitFailed, "runs with other keys") // nobody was restarted
	f.restart(0)
	step("promote", "all", exitFailed, "runs with other keys") // one still has the older set
	f.restart(1)
	step("disable", "app_secrets", exitFailed, "no old key") // what was added waits, and is not old
	step("promote", "all", 0, "promoted key")
	f.restart(0) // this one seals with new keys now, and the other reads it
	if _, err := f.at(1).signIn(joe.email, testPassword, "app", joe.appCode(t, db)); err != nil {
		t.Error(err)
	}
	f.restart(1)
	step("disable", sealing, exitFailed, "run latchkey keys rotate reseal first")
	step("reseal", "all", 0, "Nothing is sealed by an old key")
	step("disable", "all", 0, "tokens: key") // which sessions still need
	f.restartAll()
	step("delete", sealing, 0, "deleted key")
	f.restartAll()
	close(stop)
	wg.Wait()
	if t.Logf("%d requests were served meanwhile", served.Load()); served.Load() < 100 {
		t.Error("that is no load")
	}

	t.Run("before is good after", func(t *testing.T) { whatWasMadeBefore(t, f, db, file, ada, before) })
	t.Run("status", func(t *testing.T) { statusAfter(t, env) })
	t.Run("swapped", func(t *testing.T) {
		_, err := db.ExecContext(t.Context(), `
			UPDATE methods SET secret = (SELECT secret FROM methods WHERE user_id = $2) WHERE user_id = $1`, ada.id, eve.id)
		if err != nil {
			t.Fatal(err)
		}
		if _, err := f.at(0).signIn(ada.email, testPassword, "app", eve.appCode(t, db)); err == nil {
			t.Error("eve's app opened ada's account")
		}
		if code, out := says(t, env, "keys", "rotate", "reseal", "--purpose", "app_secrets"); code != 0 {
			t.Errorf("what is current is nothing to reseal: %d %s", code, out)
		}
	})
	var told int
	if err := db.GetContext(t.Context(), &told, `SELECT count(*) FROM events WHERE action = 'keys_rotated' AND actor_kind = 'host'`); err != nil || told != 4 {
		t.Errorf("%d events of 4 changes (%v)", told, err)
	}
}

// whatWasMadeBefore: app secrets, recovery keys, sessions and mailed codes.
func whatWasMadeBefore(t *testing.T, f *fleet, db *pg.DB, file string, ada resident, before caller) {
	if _, err := f.at(0).signIn(ada.email, testPassword, "app", ada.appCode(t, db)); err != nil {
		t.Error(err)
	}
	if _, err := f.at(1).signIn(ada.email, testPassword, "recovery_key", ada.keys[1]); err != nil {
		t.Error(err)
	}
	if code, ans := (caller{f.at(1).base, before.token}).ask("GET", "/me", nil); code != http.StatusOK {
		t.Errorf("session: %d %v", code, ans)
	}
	var m struct {
		ID     string `db:"id"`
		Sealed []byte `db:"sealed"`
	}
	if err := db.GetContext(t.Context(), &m, `SELECT id, sealed FROM mails WHERE kind = 'verify_email'`); err != nil {
		t.Fatal(err)
	}
	plain, err := keysIn(t, file).Mail.Open(m.Sealed, "mail", m.ID, "verify_email", "bob@example.org")
	if err != nil {
		t.Fatal(err)
	}
	var content struct{ Mail struct{ Code string } }
	if err := json.Unmarshal(plain, &content); err != nil {
		t.Fatal(err)
	}
	bob, err := f.at(0).signIn("bob@example.org", testPassword, "", "")
	if err != nil {
		t.Fatal(err)
	}
	if code, ans := bob.ask("POST", "/me/email-verification/confirm", map[string]any{"code": content.Mail.Code}); code != http.StatusOK {
		t.Errorf("code from before: %d %v", code, ans)
	}
}

// statusAfter: one key that seals, and an old key of tokens that sessions need.
func statusAfter(t *testing.T, env []string) {
	cmd := self(t, env, "keys", "status", "--json")
	out, err := cmd.Output()
	if err != nil {
		t.Fatal(err)
	}
	var list []keyState
	if err := json.Unmarshal(out, &list); err != nil {
		t.Fatal(err)
	}
	n := map[string]int{}
	for _, k := range list {
		n[k.Purpose+" "+k.Status]++
		if k.Status == "missing" {
			t.Errorf("rows need a key that is gone: %+v", k)
		}
		if k.Purpose == "tokens" && !k.Primary && k.Tables["sessions"] == 0 {
			t.Errorf("the old key of tokens is needed by no session: %+v", k)
		}
	}
	for what, want := range map[string]int{"app_secrets enabled": 1, "recovery_seal enabled": 1, "mail enabled": 1, "tokens enabled": 2, "cookies enabled": 2, "app_secrets disabled": 0, "recovery_keys enabled": 1} {
		if n[what] != want {
			t.Errorf("%s: %d, want %d\n%s", what, n[what], want, out)
		}
	}
	if code, text := says(t, env, "keys", "status"); code != 0 || strings.Count(text, "runs with these keys") != 1 || !strings.Contains(text, "in browsers") {
		t.Errorf("code %d\n%s", code, text)
	}
}

func ended(stop chan struct{}) bool {
	select {
	case <-stop:
		return true
	default:
		return false
	}
}

func TestChangedSetsAreWrittenWholeOrNotAtAll(t *testing.T) {
	t.Parallel()
	env := production(t, pgtest.URL(t))
	file := setting(env, "KEYSET_FILE")
	was, err := os.ReadFile(file)
	if err != nil {
		t.Fatal(err)
	}
	if code, out := says(t, env, "keys", "rotate", "add", "--purpose", "doors"); code != exitUsage {
		t.Errorf("unknown purpose: %d %s", code, out)
	}
	if now, _ := os.ReadFile(file); string(now) != string(was) {
		t.Error("a refused step changed the file")
	}
	if code, out := says(t, env, "keys", "rotate", "add", "--purpose", "mail", "--out", file+".new"); code != 0 {
		t.Errorf("--out: %d %s", code, out)
	}
	if now, _ := os.ReadFile(file); string(now) != string(was) {
		t.Error("--out changed the file")
	}
	if code, out := says(t, env, "keys", "rotate", "add", "--purpose", "mail"); code != 0 {
		t.Errorf("%d %s", code, out)
	}
	for _, name := range []string{file, file + ".before", file + ".new"} {
		if st, err := os.Stat(name); err != nil || st.Mode().Perm() != 0o600 {
			t.Errorf("%s: %v %v", name, st, err)
		}
	}
	if kept, _ := os.ReadFile(file + ".before"); string(kept) != string(was) {
		t.Error("the set before is not kept")
	}
	if code, out := says(t, env, "keys", "rotate", "add", "--purpose", "mail"); code != exitFailed || !strings.Contains(out, "waits to be promoted") {
		t.Errorf("twice: %d %s", code, out)
	}
	for name, content := range map[string]string{"cut": string(was[:len(was)/2]), "empty": "", "no keys": "{}"} {
		if err := os.WriteFile(file, []byte(content), 0o600); err != nil {
			t.Fatal(err)
		}
		if code, out := says(t, env, "keys", "rotate", "add", "--purpose", "mail"); code != exitUsage || !strings.Contains(out, "KEYSET") {
			t.Errorf("%s: %d %s", name, code, out)
		}
	}
	if err := os.Remove(file); err != nil {
		t.Fatal(err)
	}
	if code, out := says(t, env, "keys", "rotate", "promote", "--purpose", "mail"); code != exitUsage || !strings.Contains(out, "can't be read") {
		t.Errorf("missing: %d %s", code, out)
	}
	if entries, _ := os.ReadDir(strings.TrimSuffix(file, "/keyset.json")); len(entries) != 2 {
		t.Errorf("left behind: %v", entries)
	}
}

func TestRowsOfAnotherSetAreNamed(t *testing.T) {
	t.Parallel()
	url := pgtest.URL(t)
	env, other := production(t, url), production(t, url)
	ada := settles(t, houseOn(t, pgtest.Open(t, url), setting(env, "KEYSET_FILE")), "ada@example.org")
	code, out := says(t, other, "keys", "status")
	if code != 0 || !strings.Contains(out, "missing") {
		t.Errorf("status: %d %s", code, out)
	}
	code, out = says(t, other, "keys", "rotate", "reseal", "--purpose", "app_secrets,recovery_seal")
	if code != exitFailed || !strings.Contains(out, "11 rows open under no key") || !strings.Contains(out, "opens under no key and was left") {
		t.Errorf("reseal: %d %s", code, out)
	}
	if strings.Contains(out, ada.secret) || strings.Contains(out, fmt.Sprint(ada.keys[0])) {
		t.Error("a secret was printed")
	}
}
