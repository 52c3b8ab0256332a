// Package attack_test tries every way in that stood open elsewhere: from
// outside, over HTTP, against the program as it is built and deployed, on a
// real Postgres, Redis and mail server.
//
// A case is a line of the tables beside its group (replay_test.go and so on).
// Each was seen to fail: testdata/guards holds the patch that takes its guard
// away, and
//
//	RED_GUARDS=all go test ./internal/attack -run 'TestGuards|TestSeededBugs' -v -timeout 60m
//
// builds each variant and demands that its case goes red there.
package attack_test

import (
	"fmt"
	"os"
	"os/exec"
	"path/filepath"
	"sync"
	"testing"

	"latchkey/internal/pg/pgtest"
)

// overlayFile names a file as `go build -overlay` takes it: the program is
// built with those sources in the place of ours.
const overlayFile = "ATTACK_OVERLAY"

func TestMain(m *testing.M) {
	code := pgtest.Main(m)
	if built != "" {
		_ = os.RemoveAll(filepath.Dir(built))
	}
	os.Exit(code)
}

var built string // the program, once a test asked for it

var program = sync.OnceValues(func() (string, error) {
	dir, err := os.MkdirTemp("", "latchkey-attack-")
	if err != nil {
		return "", err
	}
	built = filepath.Join(dir, "latchkey")
	args := []string{"build", "-buildvcs=false", "-o", built}
	if overlay := os.Getenv(overlayFile); overlay != "" {
		args = append(args, "-overlay", overlay)
	}
	out, err := exec.Command("go", append(args, "latchkey/cmd/latchkey")...).CombinedOutput()
	if err != nil {
		return "", fmt.Errorf("build latchkey: %w\n%s", err, out)
	}
	return built, nil
})
