package main

import (
	"bufio"
	"context"
	"encoding/json"
	"fmt"
	"net/http"
	"os"
	"path/filepath"
	"strconv"
	"strings"
	"syscall"
	"testing"
	"time"

	"golang.org/x/crypto/bcrypt"

	"latchkey/internal/account"
	"latchkey/internal/factor"
	"latchkey/internal/intake"
	"latchkey/internal/pg/pgtest"
)

// importUsers is how many the long test takes in; LATCHKEY_TEST_IMPORT asks
// for more.
func importUsers(t *testing.T) int {
	if s := os.Getenv("LATCHKEY_TEST_IMPORT"); s != "" {
		n, err := strconv.Atoi(s)
		if err != nil {
			t.Fatal(err)
		}
		return n
	}
	return 20_000
}

// imported are the lines of a file: of n people every other one has an app.
func imported(t *testing.T, n int, hash string) string {
	t.Helper()
	path := filepath.Join(t.TempDir(), "users.jsonl")
	f, err := os.Create(path)
	if err != nil {
		t.Fatal(err)
	}
	w := bufio.NewWriter(f)
	for i := range n {
		otp := ""
		if i%2 == 0 {
			otp = fmt.Sprintf(`,"otpauth":%q`, factor.NewAppSecret())
		}
		fmt.Fprintf(w, `{"email":"user%d@example.org","name":"User %d","password_hash":%q,"verified":true%s}`+"\n", i, i, hash, otp)
	}
	if err := w.Flush(); err != nil {
		t.Fatal(err)
	}
	if err := f.Close(); err != nil {
		t.Fatal(err)
	}
	return path
}

func argonHash(t *testing.T) string {
	t.Helper()
	hash, err := account.NewPasswords().Hash(context.Background(), testPassword)
	if err != nil {
		t.Fatal(err)
	}
	return hash
}

func TestImportKilledInTheMiddleMakesNobodyTwice(t *testing.T) {
	t.Parallel()
	n, env := importUsers(t), production(t, pgtest.URL(t))
	path, db := imported(t, n, argonHash(t)), pgtest.Open(t, setting(env, "DATABASE_URL"))
	count := func(query string) (n int) {
		t.Helper()
		if err := db.GetContext(t.Context(), &n, query); err != nil {
			t.Fatal(err)
		}
		return n
	}
	p := start(t, self(t, env, "user", "import", path))
	for end := time.Now().Add(time.Minute * slack); count(`SELECT count(*) FROM users`) < n/4; {
		if time.Now().After(end) {
			t.Fatal("nobody is made")
		}
	}
	p.signal(t, syscall.SIGKILL)
	<-p.done
	before := count(`SELECT count(*) FROM users`)
	if before == n {
		t.Fatal("it was over before it was killed")
	}

	// Again, with little memory, which a batch fits in and a file does not.
	began := time.Now()
	cmd := self(t, append(env, "GOMEMLIMIT=48MiB"), "user", "import", "--json", path)
	out, err := cmd.Output()
	var tally intake.Tally
	if err != nil || json.Unmarshal(out, &tally) != nil {
		t.Fatalf("%v %s", err, out)
	}
	if tally.Lines != n || tally.Made != n-before || tally.Existing != before {
		t.Errorf("%+v, %d were there", tally, before)
	}
	used := cmd.ProcessState.SysUsage().(*syscall.Rusage).Maxrss >> 10
	t.Logf("%d made in %s, %d MiB at most", tally.Made, time.Since(began).Round(time.Millisecond), used)
	if used > 160*raceMemory {
		t.Errorf("%d MiB of memory", used)
	}
	for what, want := range map[string]int{
		`SELECT count(*) FROM users`:                                        n,
		`SELECT count(*) FROM guards`:                                       n,
		`SELECT count(*) FROM methods`:                                      (n + 1) / 2,
		`SELECT count(*) FROM recovery_sets WHERE saved_at IS NULL`:         (n + 1) / 2,
		`SELECT count(*) FROM recovery_keys`:                                (n + 1) / 2 * 10,
		`SELECT count(*) FROM events WHERE action = 'user_created'`:         n,
		`SELECT count(DISTINCT subject_id) FROM events`:                     n,
		`SELECT count(*) FROM users WHERE preferred_method = 'app'`:         (n + 1) / 2,
		`SELECT count(*) FROM mails`:                                        0,
		`SELECT count(*) FROM users WHERE password_hash NOT LIKE '$argon%'`: 0,
	} {
		if got := count(what); got != want {
			t.Errorf("%s: %d, want %d", what, got, want)
		}
	}
}

func TestImportedPeopleSignIn(t *testing.T) {
	t.Parallel()
	env := append(production(t, pgtest.URL(t)), "IP_LIMITS=off")
	db := pgtest.Open(t, setting(env, "DATABASE_URL"))
	old, err := bcrypt.GenerateFromPassword([]byte(testPassword), bcrypt.MinCost)
	if err != nil {
		t.Fatal(err)
	}
	secret, hash := factor.NewAppSecret(), argonHash(t)
	path := filepath.Join(t.TempDir(), "users.jsonl")
	lines := []string{
		fmt.Sprintf(`{"email":"Ada@Example.org","name":"Ada","password_hash":%q,"otpauth":"otpauth://totp/Old:ada?secret=%s&issuer=Old","verified":true}`, old, secret),
		``,
		fmt.Sprintf(`{"email":"bob@example.org","name":"Bob","password_hash":%q,"role":"admin"}`, hash),
		`{"email":"sesame","name":"","password_hash":"sesame"}`,
		`{"email":"eve@example.org","name":"Eve","password_hash":"$argon2id$v=19$m=4194304,t=2,p=1$c29tZXNhbHRzb21lc2E$Uo7GJwRLxGbKcVyJvFXNMTWtYXJWZLlkOBJXzZ5SGFE"}`,
		`{"email":"ADA@example.org","name":"Ada again"}`,
		strings.Repeat("x", 200<<10),
		`{"email":"carl@example.org","name":"Carl"}`,
	}
	if err := os.WriteFile(path, []byte(strings.Join(lines, "\n")), 0o600); err != nil {
		t.Fatal(err)
	}
	code, out := says(t, env, "user", "import", "--dry-run", path)
	if code != exitFailed || !strings.Contains(out, "7 lines: 3 would be made, 1 there already, 3 refused") {
		t.Errorf("dry run: %d %s", code, out)
	}
	var made int
	if err := db.GetContext(t.Context(), &made, `SELECT count(*) FROM users`); err != nil || made != 0 {
		t.Errorf("a dry run made %d (%v)", made, err)
	}
	code, out = says(t, env, "user", "import", path)
	for _, want := range []string{"line 4: email:", "name:", "password_hash is neither", "line 5: password_hash asks for more", "line 7: is longer than 64 KiB", "3 made, 1 there already, 3 refused"} {
		if code != exitFailed || !strings.Contains(out, want) {
			t.Errorf("code %d, %s\nlacks %s", code, out, want)
		}
	}
	if strings.Contains(out, "sesame") || strings.Contains(out, secret) {
		t.Errorf("a line is quoted: %s", out)
	}

	p := start(t, self(t, env, "serve"))
	at := caller{base: servedAt(t, p)}
	waitFor(t, func() bool { code, _ := get(t, at.base+"/readyz"); return code == http.StatusOK })
	appCode, err := factor.CodeAt(secret, factor.StepAt(time.Now()))
	if err != nil {
		t.Fatal(err)
	}
	ada, err := at.signIn("ada@example.org", testPassword, "app", appCode)
	if err != nil {
		t.Fatal(err)
	}
	if code, me := ada.ask("GET", "/me/two-factor", nil); code != http.StatusOK || fmt.Sprint(me["preferred"]) != "app" {
		t.Errorf("two-factor: %d %v", code, me)
	}
	var stored string
	if err := db.GetContext(t.Context(), &stored, `SELECT password_hash FROM users WHERE email = 'ada@example.org'`); err != nil || !strings.HasPrefix(stored, "$argon2id$") {
		t.Errorf("bcrypt was not re-hashed at sign-in (%v)", err)
	}
	if _, err := at.signIn("ada@example.org", testPassword, "app", appCode); err == nil {
		t.Error("an imported app's code worked twice")
	}
	if bob, err := at.signIn("bob@example.org", testPassword, "", ""); err != nil {
		t.Error(err)
	} else if _, me := bob.ask("GET", "/me", nil); me["role"] != "admin" || me["email_verified"] != false {
		t.Errorf("bob: %v", me)
	}
	for _, password := range []string{"", testPassword} {
		if status, _ := at.ask("POST", "/sign-ins", map[string]any{"email": "carl@example.org", "password": password}); status == http.StatusOK {
			t.Error("an account without a password was opened")
		}
	}
}

func TestImportNeedsAFile(t *testing.T) {
	t.Parallel()
	env := production(t, pgtest.URL(t))
	for _, path := range []string{"/nowhere.jsonl", t.TempDir()} {
		if code, out := says(t, env, "user", "import", path); code != exitUsage {
			t.Errorf("%s: %d %s", path, code, out)
		}
	}
}
