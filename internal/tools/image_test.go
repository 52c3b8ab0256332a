package tools

import (
	"bytes"
	"debug/elf"
	"errors"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"sync"
	"syscall"
	"testing"
)

// image is an empty root with the binary that the Dockerfile's own line
// builds: what a container would see, without the container.
var image = sync.OnceValues(func() (string, error) {
	dir, err := os.MkdirTemp("", "latchkey-image-")
	if err != nil {
		return "", err
	}
	// The dropped user must be able to enter.
	return dir, os.Chmod(dir, 0o755)
})

func TestMain(m *testing.M) {
	code := m.Run()
	if dir, err := image(); err == nil {
		os.RemoveAll(dir)
	}
	os.Exit(code)
}

var build sync.Once

func imageRoot(t *testing.T) string {
	t.Helper()
	dir, err := image()
	if err != nil {
		t.Fatal(err)
	}
	build.Do(func() {
		line := strings.ReplaceAll(buildLine(t), "/out/latchkey", filepath.Join(dir, "latchkey"))
		cmd := exec.Command("sh", "-ec", line)
		cmd.Dir = root
		cmd.Env = append(os.Environ(), "VERSION=v0-test")
		if out, err := cmd.CombinedOutput(); err != nil {
			t.Fatalf("%s: %v\n%s", line, err, out)
		}
	})
	if _, err := os.Stat(filepath.Join(dir, "latchkey")); err != nil {
		t.Fatal(err)
	}
	return dir
}

// inImage runs the binary as a container would: in an empty root, as the
// image's user, with the given environment and nothing else. Only root may
// change its root; others run it where it lies.
func inImage(t *testing.T, env []string, args ...string) (code int, out, errs string) {
	t.Helper()
	dir := imageRoot(t)
	cmd := &exec.Cmd{Path: filepath.Join(dir, "latchkey"), Args: append([]string{"/latchkey"}, args...), Env: env, Dir: dir}
	if cmd.Env == nil {
		cmd.Env = []string{} // nil would mean ours
	}
	if os.Geteuid() == 0 {
		cmd.Path, cmd.Dir = "/latchkey", "/"
		cmd.SysProcAttr = &syscall.SysProcAttr{Chroot: dir, Credential: &syscall.Credential{Uid: 65532, Gid: 65532}}
	}
	var o, e bytes.Buffer
	cmd.Stdout, cmd.Stderr = &o, &e
	err := cmd.Run()
	var exit *exec.ExitError
	if err != nil && !errors.As(err, &exit) {
		t.Fatalf("run %v: %v", args, err)
	}
	return cmd.ProcessState.ExitCode(), o.String(), e.String()
}

func TestBinaryIsStatic(t *testing.T) {
	path := filepath.Join(imageRoot(t), "latchkey")
	f, err := elf.Open(path)
	if err != nil {
		t.Fatal(err)
	}
	defer f.Close()
	for _, p := range f.Progs {
		if p.Type == elf.PT_INTERP {
			t.Error("the binary asks for a loader, and the image has none")
		}
	}
	st, err := os.Stat(path)
	if err != nil {
		t.Fatal(err)
	}
	t.Logf("the binary has %d MiB", st.Size()>>20)
}

func TestBinaryRunsInAnEmptyRoot(t *testing.T) {
	code, out, errs := inImage(t, nil, "version")
	if code != 0 || !strings.HasPrefix(out, "latchkey v0-test") {
		t.Errorf("version: code %d, out %q, err %q", code, out, errs)
	}
	code, out, errs = inImage(t, nil, "keys", "generate")
	if code != 0 || !strings.Contains(out, "app_secrets") {
		t.Errorf("keys generate: code %d, err %q", code, errs)
	}
	if code, _, errs = inImage(t, []string{"LISTEN=:1"}, "healthcheck"); code != 1 || !strings.Contains(errs, "refused") {
		t.Errorf("healthcheck of nothing: code %d, err %q", code, errs)
	}
}

func TestBadSettingsEndWithTwo(t *testing.T) {
	for command, named := range map[string][]string{
		"serve":  {"BASE_URL", "DATABASE_URL", "KEYSET_FILE", "SIGN_UP"},
		"worker": {"BASE_URL", "DATABASE_URL", "KEYSET_FILE", "REDIS_URL", "SMTP_URL", "MAIL_FROM"},
	} {
		code, _, errs := inImage(t, []string{"KEYSET_FILE=/run/secrets/keyset", "SIGN_UP=perhaps"}, command)
		if code != 2 {
			t.Errorf("%s: code %d, %q", command, code, errs)
		}
		for _, n := range named {
			if !strings.Contains(errs, "  "+n+" ") {
				t.Errorf("%s does not name %s: %q", command, n, errs)
			}
		}
	}
}
