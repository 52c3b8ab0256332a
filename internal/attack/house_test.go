package attack_test

import (
	"bytes"
	"encoding/json"
	"errors"
	"log/slog"
	"net/url"
	"os"
	"os/exec"
	"path/filepath"
	"regexp"
	"slices"
	"strings"
	"sync"
	"testing"
	"time"

	"latchkey/internal/app"
	"latchkey/internal/config"
	"latchkey/internal/devstack"
	"latchkey/internal/pg"
	"latchkey/internal/pg/pgtest"
	"latchkey/internal/seal"
)

// site is what people open; the servers behind it listen on loopback.
const site = "https://id.example.org"

// house is Latchkey as it is deployed: `serve` and `worker` as processes of
// their own, on a database, a Redis and a mail server of a group's own.
type house struct {
	base string   // where `serve` listens
	env  []string // its settings
	keys []byte   // KEYSET
	db   *pg.DB   // to age rows and to count them
	mail *devstack.Mailbox

	worker *said // what the worker logs

	// inside is the same service in this process, to prepare people before an
	// attack begins. It has our own sources, whatever the program was built of.
	inside *app.App
}

// open starts one. set are further settings.
func open(t *testing.T, set ...string) *house {
	t.Helper()
	keys, err := seal.Generate()
	if err != nil {
		t.Fatal(err)
	}
	database := pgtest.URL(t)
	h := &house{keys: keys, db: pgtest.Open(t, database), mail: pgtest.Mailbox(t)}
	h.env = append([]string{
		"BASE_URL=" + site, "DATABASE_URL=" + database, "KEYSET_FILE=" + keep(t, keys), "LISTEN=127.0.0.1:0",
		"TRUSTED_PROXIES=127.0.0.0/8", "LOG_FORMAT=json", "SIGN_UP=open",
	}, set...)
	h.base = h.serve(t)
	h.worker = run(t, append(h.env, "REDIS_URL="+pgtest.Redis(t), "SMTP_URL="+h.mail.URL(), "MAIL_FROM=no-reply@example.org"), "worker")

	at, _ := url.Parse(site)
	loaded, err := seal.Load(keys)
	if err != nil {
		t.Fatal(err)
	}
	h.inside, err = app.New(t.Context(), app.Options{
		Config: &config.Config{BaseURL: at, SignUpOpen: true, Brand: config.Brand{Name: "Latchkey"}},
		DB:     h.db, Keys: loaded, Log: slog.New(slog.DiscardHandler),
	})
	if err != nil {
		t.Fatal(err)
	}
	return h
}

func keep(t *testing.T, keys []byte) string {
	t.Helper()
	file := filepath.Join(t.TempDir(), "keyset.json")
	if err := os.WriteFile(file, keys, 0o600); err != nil {
		t.Fatal(err)
	}
	return file
}

// otherKeys is the house's keyset with fresh keys for some purposes.
func (h *house) otherKeys(t *testing.T, purposes ...string) []byte {
	t.Helper()
	var ours, fresh map[string]json.RawMessage
	other, err := seal.Generate()
	if err == nil {
		err = errors.Join(json.Unmarshal(h.keys, &ours), json.Unmarshal(other, &fresh))
	}
	for _, p := range purposes {
		ours[p] = fresh[p]
	}
	merged, bad := json.Marshal(ours)
	if err := errors.Join(err, bad); err != nil {
		t.Fatal(err)
	}
	return merged
}

// serve starts one more server on the same database, with some settings of its
// own, and gives where it listens.
func (h *house) serve(t *testing.T, set ...string) string {
	t.Helper()
	base, _ := h.serveAloud(t, set...)
	return base
}

// serveAloud gives what it logs, too.
func (h *house) serveAloud(t *testing.T, set ...string) (base string, said *said) {
	t.Helper()
	said = run(t, slices.Concat(h.env, set), "serve")
	for end := time.Now().Add(time.Minute); time.Now().Before(end); time.Sleep(10 * time.Millisecond) {
		for line := range strings.Lines(said.String()) {
			if at := serving.FindStringSubmatch(line); at != nil {
				return "http://" + at[1], said
			}
		}
	}
	t.Fatalf("it never served:\n%s", said)
	return "", nil
}

// serving is a line of the log, in each of its formats.
var serving = regexp.MustCompile(`\bmsg["=:]+serving\b.*\blisten["=:]+([0-9.]+:[0-9]+)["\s]`)

// run starts the program; it ends with the test.
func run(t *testing.T, env []string, command string) *said {
	t.Helper()
	latchkey, err := program()
	if err != nil {
		t.Fatal(err)
	}
	cmd := exec.Command(latchkey, command)
	out := &said{}
	cmd.Env, cmd.Stdout, cmd.Stderr = env, out, out
	cmd.SysProcAttr = likeUs()
	if err := cmd.Start(); err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() {
		_ = cmd.Process.Kill()
		_ = cmd.Wait()
		if t.Failed() && os.Getenv("ATTACK_LOGS") != "" {
			t.Logf("%s said:\n%s", command, out)
		}
	})
	return out
}

// said is written by a process and read by a test.
type said struct {
	mu sync.Mutex
	b  bytes.Buffer
}

func (s *said) Write(p []byte) (int, error) {
	s.mu.Lock()
	defer s.mu.Unlock()
	return s.b.Write(p)
}

func (s *said) String() string {
	s.mu.Lock()
	defer s.mu.Unlock()
	return s.b.String()
}
