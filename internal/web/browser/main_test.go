// Package browser_test walks the pages in a real Chromium, as people do: with
// a mouse, by keyboard alone, and with JavaScript switched off.
//
// Where there is no browser, or no npm to fetch the accessibility checker,
// tests are skipped and say why; under CI=true or REQUIRE_BROWSER=1 they fail.
// BROWSER_TEST_SHOTS names a folder that keeps a picture of each failure.
package browser_test

import (
	"os"
	"testing"

	"latchkey/internal/pg/pgtest"
)

func TestMain(m *testing.M) {
	code := pgtest.Main(m)
	chromium.stop()
	os.Exit(code)
}

// lacking ends a test that can't be done here: quietly on somebody's own
// machine, loudly where everything is to be tested.
func lacking(t testing.TB, why string, args ...any) {
	t.Helper()
	if os.Getenv("CI") == "true" || os.Getenv("REQUIRE_BROWSER") == "1" {
		t.Fatalf(why, args...)
	}
	t.Skipf(why, args...)
}
