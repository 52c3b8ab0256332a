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
	if folder != "" {
		_ = os.RemoveAll(folder)
	}
	os.Exit(code)
}

var folder string // of the program, once a test asked for it

var program = sync.OnceValues(func() (string, error) {
	args := []string{"build", "-buildvcs=false", "-ldflags=-s -w"} // nobody debugs it
	if overlay := os.Getenv(overlayFile); overlay != "" {
		// Beside the overlay, for the next case that runs with it.
		built := filepath.Join(filepath.Dir(overlay), "latchkey")
		if _, err := os.Stat(built); err == nil {
			return built, nil
		}
		return built, build(append(args, "-overlay", overlay, "-o", built))
	}
	var err error
	if folder, err = os.MkdirTemp("", "latchkey-attack-"); err != nil {
		return "", err
	}
	built := filepath.Join(folder, "latchkey")
	return built, build(append(args, "-o", built))
})

func build(args []string) error {
	out, err := exec.Command("go", append(args, "latchkey/cmd/latchkey")...).CombinedOutput()
	if err != nil {
		return fmt.Errorf("build latchkey: %w\n%s", err, out)
	}
	return nil
}
