//go:build linux

package main

import (
	"encoding/json"
	"net/http"
	"net/url"
	"os"
	"os/exec"
	"path/filepath"
	"strconv"
	"strings"
	"syscall"
	"testing"
	"time"

	"latchkey/internal/config"
	"latchkey/internal/pg/pgtest"
)

// devReady is what `dev --json` prints.
type devReady struct {
	URL      string
	Mailbox  string
	Accounts []demoAccount
	ReadyMS  int64 `json:"ready_ms"`
}

func startDev(t *testing.T, env []string, args ...string) (*process, devReady) {
	t.Helper()
	p := start(t, self(t, env, append([]string{"dev", "--json", "--listen", "127.0.0.1:0"}, args...)...))
	line := p.firstLine(t)
	var r devReady
	if err := json.Unmarshal([]byte(line), &r); err != nil {
		t.Fatalf("dev printed %q: %v\n%s", line, err, p.errs)
	}
	return p, r
}

// stateFolder is one that the database's user can reach, and that outlives a
// killed process until the test ends.
func stateFolder(t *testing.T) string {
	t.Helper()
	dir, err := os.MkdirTemp("/tmp", "latchkey-dev-test-")
	if err != nil {
		t.Fatal(err)
	}
	if err := os.Chmod(dir, 0o755); err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { os.RemoveAll(dir) })
	return dir
}

func TestDevStartsEverythingAndCtrlCEndsIt(t *testing.T) {
	t.Parallel()
	p, r := startDev(t, nil, "--ephemeral")
	t.Logf("ready after %d ms", r.ReadyMS)
	if code, body := get(t, r.URL+"/readyz"); code != http.StatusOK {
		t.Errorf("/readyz: %d %s", code, body)
	}
	if code, body := get(t, r.Mailbox+".json"); code != http.StatusOK || strings.TrimSpace(body) != "[]" {
		t.Errorf("mailbox: %d %s", code, body)
	}
	if code, _ := getAs(t, r.Mailbox+".json", "evil.example"); code != http.StatusMisdirectedRequest {
		t.Errorf("the mailbox answers %d to another host", code)
	}
	if len(r.Accounts) != 2 || r.Accounts[0].Email != "admin@example.com" || r.Accounts[1].Password != "latchkey-demo" {
		t.Errorf("accounts %+v", r.Accounts)
	}
	servers := descendants(t, p.Process.Pid)
	if len(servers) == 0 {
		t.Fatal("no server was started")
	}
	p.signal(t, syscall.SIGINT)
	p.ends(t, 0, 20*time.Second)
	allEnd(t, servers, 5*time.Second)
}

// What stays is said as it is: a database of one's own is not thrown away.
func TestDevSaysWhatStays(t *testing.T) {
	t.Parallel()
	for env, want := range map[string]string{
		"": "Nothing is kept.", "DATABASE_URL=" + pgtest.URL(t): "stays in the database of DATABASE_URL",
	} {
		p := start(t, self(t, []string{env}, "dev", "--ephemeral", "--listen", "127.0.0.1:0"))
		said := p.firstLine(t)
		for !strings.Contains(said, "Ctrl-C") {
			said = p.firstLine(t)
		}
		if !strings.Contains(said, want) {
			t.Errorf("%s", said)
		}
		p.signal(t, syscall.SIGINT)
		p.ends(t, 0, time.Minute)
	}
}

func TestSecondDevSaysThatOneIsRunning(t *testing.T) {
	t.Parallel()
	dir := stateFolder(t)
	p, _ := startDev(t, nil, "--state-dir", dir)
	out, err := self(t, nil, "dev", "--state-dir", dir, "--listen", "127.0.0.1:0").CombinedOutput()
	if err == nil || !strings.Contains(string(out), "already running (pid "+strconv.Itoa(p.Process.Pid)+")") {
		t.Errorf("err %v, said %s", err, out)
	}
	p.signal(t, syscall.SIGTERM)
	p.ends(t, 0, 20*time.Second)

	// What was kept opens again with the keys that were kept.
	p, r := startDev(t, nil, "--state-dir", dir)
	if code, body := get(t, r.URL+"/readyz"); code != http.StatusOK {
		t.Errorf("second start: /readyz %d %s", code, body)
	}
	p.signal(t, syscall.SIGTERM)
	p.ends(t, 0, 20*time.Second)
}

func TestKilledDevLeavesNothingBehind(t *testing.T) {
	t.Parallel()
	p, _ := startDev(t, nil, "--ephemeral")
	servers := descendants(t, p.Process.Pid)
	p.signal(t, syscall.SIGKILL)
	p.ends(t, -1, 20*time.Second)
	allEnd(t, servers, 15*time.Second)
}

// `go run` is such a parent.
func TestDevEndsWithItsParent(t *testing.T) {
	t.Parallel()
	child := self(t, nil, "dev", "--json", "--listen", "127.0.0.1:0", "--ephemeral")
	shell := exec.Command("sh", append([]string{"-c", `"$@" & wait`, "sh"}, child.Args...)...)
	shell.Env = child.Env
	p := start(t, shell)
	p.firstLine(t)
	all := descendants(t, p.Process.Pid)
	if len(all) < 2 {
		t.Fatalf("only %d processes were started", len(all))
	}
	p.signal(t, syscall.SIGKILL)
	allEnd(t, all, 20*time.Second)
}

func TestDevJudgesSettingsBeforeItStarts(t *testing.T) {
	t.Parallel()
	dir := filepath.Join(t.TempDir(), "state")
	cmd := self(t, []string{"LISTEN=0.0.0.0:8080", "SIGN_UP=perhaps", "BASE_URL=http://id.example.com"}, "dev", "--state-dir", dir)
	out, _ := cmd.CombinedOutput()
	if code := cmd.ProcessState.ExitCode(); code != exitUsage {
		t.Errorf("code %d, %s", code, out)
	}
	for _, want := range []string{"LISTEN", "this machine only", "SIGN_UP", "BASE_URL"} {
		if !strings.Contains(string(out), want) {
			t.Errorf("%s does not name %s", out, want)
		}
	}
	if _, err := os.Stat(dir); err == nil {
		t.Error("it made its folder all the same")
	}
}

func TestDevDecidesOnlyWhatItIsNotTold(t *testing.T) {
	t.Parallel()
	var d devCmd
	cfg, err := d.preset()
	if err != nil {
		t.Fatal(err)
	}
	if cfg.Listen != "127.0.0.1:8080" || !cfg.SignUpOpen || len(cfg.IPLimitsExempt) != 2 || !cfg.IPLimits {
		t.Errorf("preset %+v", cfg)
	}
	d = devCmd{}
	d.Listen, d.SignUp, d.IPLimits, d.IPLimitsExempt = ":9090", "closed", "on", "192.0.2.0/24"
	cfg, err = d.preset()
	if err != nil {
		t.Fatal(err)
	}
	if cfg.Listen != "127.0.0.1:9090" || cfg.SignUpOpen || len(cfg.IPLimitsExempt) != 1 {
		t.Errorf("told %+v", cfg)
	}
}

func getAs(t *testing.T, url, host string) (int, string) {
	t.Helper()
	req, err := http.NewRequestWithContext(t.Context(), http.MethodGet, url, nil)
	if err != nil {
		t.Fatal(err)
	}
	req.Host = host
	res, err := http.DefaultClient.Do(req)
	if err != nil {
		t.Fatal(err)
	}
	res.Body.Close()
	return res.StatusCode, res.Status
}

// The gallery is a page like others: it answers to the name in BASE_URL. The
// mailbox answers to this machine's.
func TestDevNamesAddressesThatAnswer(t *testing.T) {
	t.Parallel()
	var out strings.Builder
	c := &console{out: &out}
	base := &url.URL{Scheme: "http", Host: "id.example.test:8080"}
	if err := (&devCmd{}).ready(c, readiness{cfg: &config.Config{BaseURL: base}, local: "http://localhost:8080", mailbox: true}); err != nil {
		t.Fatal(err)
	}
	for _, want := range []string{"http://id.example.test:8080/dev/gallery\n", "http://localhost:8080/dev/mailbox\n"} {
		if !strings.Contains(out.String(), want) {
			t.Errorf("%s\ndoes not say %s", &out, want)
		}
	}
}
