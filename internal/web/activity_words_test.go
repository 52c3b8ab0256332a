package web

import (
	"os"
	"path/filepath"
	"regexp"
	"strings"
	"testing"
)

// What the flows write down about a user, the user reads in words. An action
// that is new fails here until somebody finds them.
func TestEveryActionHasWordsForItsUser(t *testing.T) {
	t.Parallel()
	noUsers := map[string]bool{ // about nobody, or about an account that is gone
		"account_deleted": true, "policy_saved": true, "events_exported": true, "users_exported": true, "mail_retried": true, "webhook_sent_again": true,
	}
	written := regexp.MustCompile(`(?:Action: *|\bevent\(ctx, )"([a-z_]+)"`)
	found := 0
	for _, dir := range []string{"signin", "settings", "admin", "proof"} {
		files, err := filepath.Glob("../" + dir + "/*.go")
		if err != nil {
			t.Fatal(err)
		}
		for _, file := range files {
			if strings.HasSuffix(file, "_test.go") {
				continue
			}
			source, err := os.ReadFile(file)
			if err != nil {
				t.Fatal(err)
			}
			for _, m := range written.FindAllStringSubmatch(string(source), -1) {
				found++
				if action := m[1]; actions[action] == "" && byOthers[action] == "" && !noUsers[action] {
					t.Errorf("%s (%s) is shown by its name", action, file)
				}
			}
		}
	}
	if found < 40 {
		t.Errorf("found only %d", found)
	}
}
