// Package internal_test holds the rules of the house that no single package
// can hold for itself.
package internal_test

import (
	"bytes"
	"encoding/json"
	"errors"
	"io"
	"io/fs"
	"os"
	"os/exec"
	"path/filepath"
	"slices"
	"strings"
	"testing"
)

const module = "latchkey/"

// Names of several packages, so that the table reads like the design.
var (
	flows        = []string{"signin", "settings", "admin"}
	capabilities = []string{"account", "factor", "session", "policy", "guard", "audit", "mail", "webhook", "sso"}
)

// arrows says who may import whom: package → what of ours it may import. A
// package that is not listed fails, and so does an arrow: adding either is a
// line that somebody reviews.
var arrows = map[string][]string{
	"fault":      {},
	"pg":         {},
	"seal":       {},
	"text":       {},
	"config":     {},
	"migrations": {},
	"templates":  {},
	"trace":      {}, // the id and the spans of a request

	// webhook: an event and what is told of it are one statement.
	"audit":  {"pg", "fault", "webhook"},
	"guard":  {"pg", "fault"},
	"policy": {"pg", "fault"},

	// The loop over sealed rows, whose tables their owners describe.
	"rotation": {"pg", "seal"},

	"webhook": {"fault", "pg", "rotation", "seal"},
	"mail":    {"pg", "rotation", "seal", "text", "templates", "trace"},
	"account": {"audit", "fault", "mail", "pg", "seal", "trace"},
	"factor":  {"audit", "fault", "guard", "mail", "pg", "rotation", "seal"},
	"session": {"audit", "fault", "pg", "seal"},
	// It speaks to providers and keeps whom they know a user as; who may sign in
	// is the flows' to say.
	"sso": {"fault", "pg", "seal"},

	// What judging a code sets off is the same in every flow.
	"proof":    with(capabilities, "fault", "pg"),
	"signin":   with(capabilities, "proof", "fault", "pg", "seal"),
	"settings": with(capabilities, "proof", "fault", "pg", "seal"),
	"admin":    with(capabilities, "proof", "fault", "pg", "seal"),

	// Counters fed by edge, and gauges read from Postgres when asked: no
	// capability knows of them.
	"metrics": {"edge", "pg"},

	// People of another system, straight into the capabilities' tables.
	"intake": {"account", "audit", "factor", "fault", "guard", "pg"},

	// text: a problem's message is a word of the catalogue.
	// pg: whether an error means "down" (503) or "broken" (500).
	"edge": {"audit", "fault", "pg", "session", "seal", "text", "trace"},
	// pg: the fronts hand the pool to session, to learn who calls.
	"api": with(append(flows, capabilities...), "pg", "edge", "fault", "seal", "text", "templates"),
	"web": with(append(flows, capabilities...), "pg", "edge", "fault", "seal", "text", "templates"),

	// The front for proxies: config is the shape of its rules.
	"forwardauth": {"session", "config", "edge", "fault", "pg"},

	// The worker sends mails and sweeps what the capabilities own.
	// edge: it keeps the table of Idempotency-Key.
	"worker": with(capabilities, "pg", "seal", "config", "text", "migrations", "edge", "trace"),
	"app": with(append(flows, capabilities...),
		"api", "web", "forwardauth", "proof", "edge", "config", "fault", "migrations", "pg", "rotation", "seal", "templates", "text", "trace"),
	// Commands call the flows on app.App, as the actor "host", in the flows' own
	// terms, and say faults in the catalogue's words.
	"cmd/latchkey": {"app", "worker", "devstack", "config", "intake", "metrics", "migrations", "rotation", "seal", "pg", "sso",
		"signin", "admin", "account", "audit", "fault", "policy", "session", "text", "trace"},

	// Help for tests, which nothing else may import.
	"pg/pgtest":           {"pg", "devstack", "migrations"},
	"api/apitest":         {"api"},
	"account/accounttest": {"account"},
	"api/client":          {}, // may be taken elsewhere: the standard library alone
	"web/browser":         {}, // tests only
	"attack":              {}, // tests only
	"sso/ssotest":         {},

	"devstack": {"config", "pg", "migrations"},
}

// libraries says who may import a library of others, by path prefix. What is
// not listed is free.
var libraries = map[string][]string{
	"github.com/gin-gonic/":         {"edge", "api", "web", "forwardauth", "app"},
	"github.com/hibiken/asynq":      {"worker", "cmd/latchkey"},
	"github.com/redis/":             {"worker", "devstack"},
	"github.com/jmoiron/sqlx":       {"pg"},
	"github.com/lib/pq":             {"pg", "migrations", "devstack", "pg/pgtest"}, // migrations: goose asks for database/sql
	"github.com/pressly/goose":      {"migrations"},
	"github.com/pquerna/otp":        {"factor"},
	"github.com/boombuler/barcode":  {"factor", "web", "api"},
	"github.com/tink-crypto/":       {"seal"},
	"github.com/alecthomas/kong":    {"cmd/latchkey"},
	"github.com/prometheus/":        {"metrics"},
	"github.com/wneessen/go-mail":   {"mail", "worker"},
	"github.com/emersion/go-smtp":   {"devstack"},
	"code.dny.dev/ssrf":             {"webhook"},
	"github.com/alicebob/miniredis": {"devstack"},
	"github.com/jhillyerd/enmime":   {"devstack"},

	// Libraries and packages of tests stay in tests.
	"testing":                         {"pg/pgtest", "api/apitest", "sso/ssotest"},
	"net/http/httptest":               {"sso/ssotest"},
	"github.com/PuerkitoBio/goquery":  {},
	"github.com/chromedp/":            {},
	"github.com/emersion/go-msgauth":  {"mail", "worker"}, // DKIM
	"github.com/getkin/kin-openapi":   {"api/apitest"},
	"github.com/google/go-cmp":        {},
	"github.com/makiuchi-d/gozxing":   {},
	"github.com/stretchr/testify":     {},
	"github.com/zitadel/oidc":         {"sso/ssotest"},
	"github.com/coreos/go-oidc":       {"sso"},
	"golang.org/x/oauth2":             {"sso"},
	"go.uber.org/goleak":              {},
	"pgregory.net/rapid":              {},
	"database/sql/driver":             {"pg", "trace"},
	"go.opentelemetry.io/":            {"trace"},
	"github.com/XSAM/otelsql":         {"trace"},
	"math/rand":                       {}, // chance is crypto/rand
	"github.com/caarlos0/env":         {}, // settings are read in one place
	"github.com/golang-jwt/":          {},
	"crypto/md5":                      {},
	"github.com/go-playground/":       {},
	"github.com/ccojocar/zxcvbn-go":   {"account"},
	"github.com/alexedwards/argon2id": {"account", "account/accounttest"},
}

func with(list []string, more ...string) []string {
	return append(slices.Clone(list), more...)
}

// TestArrows reads what each package imports outside of its tests.
func TestArrows(t *testing.T) {
	packages := list(t)
	if len(packages) < 5 {
		t.Fatalf("go list knows only %d packages", len(packages))
	}
	for _, p := range packages {
		for _, wrong := range judge(p) {
			t.Error(wrong)
		}
	}
}

// TestArrowsAreSeen proves that the judge finds what it is there to find.
func TestArrowsAreSeen(t *testing.T) {
	for _, c := range []struct {
		name, wrong string
		p           pkg
	}{
		{"arrow", "policy may not import latchkey/internal/mail", pkg{"latchkey/internal/policy", []string{"latchkey/internal/mail"}}},
		{"back arrow", "fault may not import latchkey/internal/edge", pkg{"latchkey/internal/fault", []string{"latchkey/internal/edge"}}},
		{"new room", "cache is not in the table", pkg{"latchkey/internal/cache", nil}},
		{"gin", "signin may not import github.com/gin-gonic/gin", pkg{"latchkey/internal/signin", []string{"github.com/gin-gonic/gin"}}},
		{"asynq", "app may not import github.com/hibiken/asynq", pkg{"latchkey/internal/app", []string{"github.com/hibiken/asynq"}}},
		{"sqlx", "account may not import github.com/jmoiron/sqlx", pkg{"latchkey/internal/account", []string{"github.com/jmoiron/sqlx"}}},
		{"otp", "signin may not import github.com/pquerna/otp/totp", pkg{"latchkey/internal/signin", []string{"github.com/pquerna/otp/totp"}}},
		{"test library", "edge may not import net/http/httptest", pkg{"latchkey/internal/edge", []string{"net/http/httptest"}}},
		{"prefix is whole", "edge may not import testing", pkg{"latchkey/internal/edge", []string{"testing"}}},
	} {
		t.Run(c.name, func(t *testing.T) {
			if got := judge(c.p); len(got) != 1 || !strings.HasPrefix(got[0], c.wrong) {
				t.Errorf("judge = %q, want %q", got, c.wrong)
			}
		})
	}
	if got := judge(pkg{"latchkey/internal/mail", []string{"latchkey/internal/pg", "fmt"}}); got != nil {
		t.Errorf("a good package is refused: %q", got)
	}
}

type pkg struct {
	ImportPath string
	Imports    []string
}

func list(t *testing.T) []pkg {
	t.Helper()
	touchSources(t)
	// -e: a package that does not compile is somebody else's failing test.
	cmd := exec.Command("go", "list", "-e", "-json=ImportPath,Imports", "./...")
	cmd.Dir = ".."
	var errs bytes.Buffer
	cmd.Stderr = &errs
	out, err := cmd.Output()
	if err != nil {
		t.Fatalf("go list: %v\n%s", err, errs.String())
	}
	var all []pkg
	for d := json.NewDecoder(bytes.NewReader(out)); ; {
		var p pkg
		if err := d.Decode(&p); errors.Is(err, io.EOF) {
			return all
		} else if err != nil {
			t.Fatalf("read go list: %v", err)
		}
		if p.ImportPath != "latchkey/internal" { // this folder holds tests only
			all = append(all, p)
		}
	}
}

// touchSources looks at every source file: go test keeps a passed result until
// a file that the test itself looked at changes, and go list's don't count.
func touchSources(t *testing.T) {
	t.Helper()
	err := filepath.WalkDir("..", func(path string, d fs.DirEntry, err error) error {
		switch {
		case err != nil:
			return err
		case d.IsDir() && path != ".." && strings.HasPrefix(d.Name(), "."):
			return filepath.SkipDir
		case strings.HasSuffix(path, ".go"):
			_, err = os.Stat(path)
		}
		return err
	})
	if err != nil && !errors.Is(err, fs.ErrNotExist) { // a file that went meanwhile
		t.Fatal(err)
	}
}

// judge returns what is wrong with one package.
func judge(p pkg) (wrong []string) {
	name := short(p.ImportPath)
	ours, known := arrows[name]
	if !known {
		return []string{name + " is not in the table of arrows: say there what it may import"}
	}
	for _, to := range p.Imports {
		allowed := !strings.HasPrefix(to, module) || slices.Contains(ours, short(to))
		for prefix, who := range libraries {
			if below(to, prefix) && !slices.Contains(who, name) {
				allowed = false
			}
		}
		if !allowed {
			wrong = append(wrong, name+" may not import "+to)
		}
	}
	return wrong
}

func short(path string) string {
	return strings.TrimPrefix(strings.TrimPrefix(path, module), "internal/")
}

// below reports whether path is prefix, or lies under it.
func below(path, prefix string) bool {
	return path == prefix || strings.HasPrefix(path, strings.TrimSuffix(prefix, "/")+"/")
}
