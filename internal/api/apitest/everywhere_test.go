package apitest_test

import (
	"io/fs"
	"os"
	"path/filepath"
	"strings"
	"testing"
)

// TestEveryCallOfTheAPIIsHeldToItsDescription finds tests that speak to it by
// something else than this package.
func TestEveryCallOfTheAPIIsHeldToItsDescription(t *testing.T) {
	t.Parallel()
	const root = "../../.."
	free := map[string]string{
		"internal/edge":    "its own routes, which only have such names",
		"internal/metrics": "names of routes, no calls",
		"internal/tools":   "another module",
	}
	read := 0
	err := filepath.WalkDir(root, func(path string, d fs.DirEntry, err error) error {
		if err != nil || d.IsDir() || !strings.HasSuffix(path, "_test.go") {
			return err
		}
		rel, err := filepath.Rel(root, path)
		if err != nil {
			return err
		}
		for room := range free {
			if strings.HasPrefix(rel, filepath.FromSlash(room)+string(filepath.Separator)) {
				return nil
			}
		}
		raw, err := os.ReadFile(path)
		if err != nil {
			return err
		}
		read++
		// A path alone calls nothing: somewhere the package has a client.
		calls := strings.Contains(string(raw), `"/api/v1`) && strings.Contains(string(raw), "http.NewRequest")
		if calls && !strings.Contains(string(raw), "latchkey/internal/api/apitest") {
			t.Errorf("%s calls the API: send it by apitest.Client or over apitest.Transport", rel)
		}
		return nil
	})
	if err != nil || read < 100 {
		t.Fatalf("%d files read: %v", read, err)
	}
}
