package api_test

import (
	"flag"
	"fmt"
	"os"
	"testing"

	"latchkey/internal/api/apitest"
	"latchkey/internal/pg/pgtest"
)

func TestMain(m *testing.M) {
	code := apitest.Exit(pgtest.Main(m))
	if code == 0 && everything() {
		// A field that no answer ever had was held to nothing.
		for _, field := range apitest.Unseen() {
			fmt.Fprintf(os.Stderr, "%s is described in openapi.yaml, and no answer of these tests has it\n", field)
			code = 1
		}
	}
	os.Exit(code)
}

// everything reports whether no test was left out.
func everything() bool {
	for _, name := range []string{"test.run", "test.skip", "test.list", "test.fuzz"} {
		if f := flag.Lookup(name); f != nil && f.Value.String() != "" {
			return false
		}
	}
	return true
}
