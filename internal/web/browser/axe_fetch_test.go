package browser_test

import (
	"archive/tar"
	"bytes"
	"compress/gzip"
	"context"
	"crypto/sha512"
	"encoding/base64"
	"errors"
	"fmt"
	"io"
	"os"
	"os/exec"
	"path/filepath"
	"sync"
	"testing"
	"time"
)

// axe-core is MPL-2.0 and half a megabyte: it is fetched once by npm, which
// knows the registry and the proxies of this machine, and never kept here.
const (
	axeVersion = "4.14.1"
	axeSHA512  = "FHfa+lmNjQZfJz1q8wKqIDwC6DExcHt/pkjNQb09a3NPjCKg2rhu5qb2S4r76ASyFNNtuFooJpZe37OgudVGtQ=="
)

var errNoNPM = errors.New("no npm here to fetch axe-core")

var axeOnce = sync.OnceValues(axeSource)

// axe gives the checker's source.
func axe(t testing.TB) string {
	t.Helper()
	source, err := axeOnce()
	if err != nil {
		lacking(t, "fetch axe-core: %v", err)
	}
	return source
}

// axeSource reads the package from the user's cache folder. Its sum is checked
// at every reading, so a file that was changed there is never run.
func axeSource() (string, error) {
	cache, err := os.UserCacheDir()
	if err != nil {
		cache = os.TempDir()
	}
	kept := filepath.Join(cache, "latchkey", "axe-core-"+axeVersion+".tgz")
	if archive, err := os.ReadFile(kept); err == nil {
		if source, err := readAxe(archive); err == nil {
			return source, nil
		}
	}
	if err := os.MkdirAll(filepath.Dir(kept), 0o755); err != nil {
		return "", err
	}
	room, err := os.MkdirTemp(filepath.Dir(kept), "fetch-")
	if err != nil {
		return "", err
	}
	defer os.RemoveAll(room) //nolint:errcheck // what is worth keeping was moved away
	packed, err := packAxe(room)
	if err != nil {
		return "", err
	}
	archive, err := os.ReadFile(packed)
	if err != nil {
		return "", err
	}
	source, err := readAxe(archive)
	if err != nil {
		return "", err
	}
	return source, os.Rename(packed, kept) // whole or not at all, whoever else fetches
}

func packAxe(room string) (string, error) {
	npm, err := exec.LookPath("npm")
	if err != nil {
		return "", errNoNPM
	}
	ctx, cancel := context.WithTimeout(context.Background(), 5*time.Minute)
	defer cancel()
	cmd := exec.CommandContext(ctx, npm, "pack", "--ignore-scripts", "--loglevel=error", "axe-core@"+axeVersion)
	cmd.Dir = room
	if out, err := cmd.CombinedOutput(); err != nil {
		return "", fmt.Errorf("npm pack: %w: %s", err, bytes.TrimSpace(out))
	}
	found, err := filepath.Glob(filepath.Join(room, "*.tgz"))
	if err != nil || len(found) != 1 {
		return "", errors.New("npm pack left no archive")
	}
	return found[0], nil
}

func readAxe(archive []byte) (string, error) {
	sum := sha512.Sum512(archive)
	if got := base64.StdEncoding.EncodeToString(sum[:]); got != axeSHA512 {
		return "", fmt.Errorf("integrity is sha512-%s, not the pinned sha512-%s", got, axeSHA512)
	}
	zr, err := gzip.NewReader(bytes.NewReader(archive))
	if err != nil {
		return "", err
	}
	for tr := tar.NewReader(zr); ; {
		h, err := tr.Next()
		if err != nil {
			return "", fmt.Errorf("find axe.min.js: %w", err)
		}
		if h.Name == "package/axe.min.js" {
			source, err := io.ReadAll(tr)
			return string(source), err
		}
	}
}
