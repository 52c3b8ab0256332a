package main

import (
	"bytes"
	"context"
	"encoding/json"
	"os"
	"path/filepath"
	"strings"
	"testing"
)

// call runs a command in this process, as a shell would.
func call(t *testing.T, args ...string) (code int, out, errs string) {
	t.Helper()
	var o, e bytes.Buffer
	code = run(t.Context(), args, console{strings.NewReader(""), &o, &e})
	return code, o.String(), e.String()
}

// noSettings clears what the machine's own environment says.
func noSettings(t *testing.T) {
	for _, name := range []string{"BASE_URL", "LISTEN", "DATABASE_URL", "DATABASE_URL_FILE", "REDIS_URL", "SMTP_URL", "KEYSET", "KEYSET_FILE"} {
		t.Setenv(name, "")
	}
}

func TestHelpIsThereForEveryCommand(t *testing.T) {
	parser, err := newParser(console{})
	if err != nil {
		t.Fatal(err)
	}
	if code, out, _ := call(t); code != 0 || !strings.Contains(out, "latchkey dev") {
		t.Errorf("no arguments: code %d, %q", code, out)
	}
	for _, leaf := range parser.Model.Leaves(true) {
		args := append(strings.Fields(leaf.Path()), "--help")
		code, out, errs := call(t, args...)
		if code != 0 || errs != "" || !strings.HasPrefix(out, "Usage: latchkey "+leaf.Path()) {
			t.Errorf("%v: code %d, out %q, err %q", args, code, out, errs)
		}
		if leaf.Help == "" {
			t.Errorf("%v has no help", args)
		}
		for _, f := range leaf.Flags {
			if f.Help == "" {
				t.Errorf("%v: flag --%s has no help", args, f.Name)
			}
		}
	}
}

func TestUsageFaultsExitWithTwo(t *testing.T) {
	noSettings(t)
	for _, args := range [][]string{{"sign-in"}, {"version", "--loud"}, {"migrate"}, {"migrate", "up"}, {"keys", "status"}, {"healthcheck", "--listen", "x"}} {
		if code, _, errs := call(t, args...); code != exitUsage || errs == "" {
			t.Errorf("%v: code %d, %q", args, code, errs)
		}
	}
}

func TestFailureExitsWithOne(t *testing.T) {
	noSettings(t)
	code, _, errs := call(t, "migrate", "up", "--database-url", "postgres://u:sesame@127.0.0.1:1/d?sslmode=disable")
	if code != exitFailed || !strings.Contains(errs, "refused") || strings.Contains(errs, "sesame") {
		t.Errorf("code %d, %q", code, errs)
	}
}

func TestKeysAreMadeOnceAndNeverOverwritten(t *testing.T) {
	noSettings(t)
	path := filepath.Join(t.TempDir(), "keyset.json")
	if code, out, errs := call(t, "keys", "generate", "--out", path); code != 0 || out != "" || !strings.Contains(errs, path) {
		t.Fatalf("code %d, out %q, err %q", code, out, errs)
	}
	st, err := os.Stat(path)
	if err != nil || st.Mode().Perm() != 0o600 {
		t.Fatalf("mode %v, err %v", st.Mode(), err)
	}
	before, err := os.ReadFile(path)
	if err != nil {
		t.Fatal(err)
	}
	if code, _, errs := call(t, "keys", "generate", "--out", path); code != exitFailed || !strings.Contains(errs, "exists already") {
		t.Errorf("code %d, %q", code, errs)
	}
	if after, _ := os.ReadFile(path); !bytes.Equal(before, after) {
		t.Error("the keys were overwritten")
	}

	code, out, _ := call(t, "keys", "status", "--keyset-file", path, "--json")
	var list []keyState
	if err := json.Unmarshal([]byte(out), &list); err != nil || code != 0 || len(list) != 7 {
		t.Fatalf("code %d, err %v, %s", code, err, out)
	}
	for _, s := range list {
		if !s.Primary || s.Status != "enabled" || s.Key == 0 {
			t.Errorf("fresh key: %+v", s)
		}
	}
}

func TestBrokenKeysetNamesEachPurpose(t *testing.T) {
	noSettings(t)
	code, _, errs := call(t, "keys", "status", "--keyset", `{"codes":{"sesame":1},"doors":{}}`)
	for _, want := range []string{`"app_secrets" is missing`, `"codes" can't be read`, `"doors" has no known purpose`} {
		if !strings.Contains(errs, want) {
			t.Errorf("%q lacks %s", errs, want)
		}
	}
	if code != exitUsage || strings.Contains(errs, "sesame") {
		t.Errorf("code %d, %q", code, errs)
	}
}

func TestVersionNamesTheBuild(t *testing.T) {
	code, out, _ := call(t, "version", "--json")
	var b build
	if err := json.Unmarshal([]byte(out), &b); err != nil || code != 0 || b.Go == "" || b.Version == "" {
		t.Errorf("code %d, err %v, %s", code, err, out)
	}
}

func TestEndedContextStopsACommand(t *testing.T) {
	noSettings(t)
	ctx, cancel := context.WithCancel(t.Context())
	cancel()
	var o, e bytes.Buffer
	if code := run(ctx, []string{"healthcheck"}, console{nil, &o, &e}); code != exitFailed {
		t.Errorf("code %d, %q", code, e.String())
	}
}
