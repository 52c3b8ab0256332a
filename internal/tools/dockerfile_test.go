package tools

import (
	"bytes"
	"os"
	"path/filepath"
	"regexp"
	"strings"
	"testing"

	"github.com/moby/buildkit/frontend/dockerfile/instructions"
	"github.com/moby/buildkit/frontend/dockerfile/linter"
	"github.com/moby/buildkit/frontend/dockerfile/parser"
	"github.com/moby/patternmatcher"
	"github.com/moby/patternmatcher/ignorefile"
)

const root = "../.."

func readRoot(t *testing.T, name string) []byte {
	t.Helper()
	b, err := os.ReadFile(filepath.Join(root, name))
	if err != nil {
		t.Fatal(err)
	}
	return b
}

// stages reads the Dockerfile as BuildKit does, and fails on its warnings.
func stages(t *testing.T) []instructions.Stage {
	t.Helper()
	ast, err := parser.Parse(bytes.NewReader(readRoot(t, "Dockerfile")))
	if err != nil {
		t.Fatal(err)
	}
	for _, w := range ast.Warnings {
		t.Errorf("Dockerfile: %s", w.Short)
	}
	lint := linter.New(&linter.Config{Warn: func(rule, _, _, msg string, at []parser.Range) {
		t.Errorf("Dockerfile %v: %s: %s", at, rule, msg)
	}})
	all, _, err := instructions.Parse(ast.AST, lint)
	if err != nil {
		t.Fatal(err)
	}
	return all
}

// buildLine is the command that makes the binary of the image.
func buildLine(t *testing.T) string {
	t.Helper()
	for _, c := range stages(t)[0].Commands {
		if run, ok := c.(*instructions.RunCommand); ok && strings.Contains(strings.Join(run.CmdLine, " "), "go build") {
			return strings.Join(run.CmdLine, " ")
		}
	}
	t.Fatal("the Dockerfile has no go build line")
	return ""
}

func TestImageIsEmptyButForTheBinary(t *testing.T) {
	all := stages(t)
	last := all[len(all)-1]
	if last.BaseName != "scratch" {
		t.Errorf("the image is made from %s", last.BaseName)
	}
	var user, health, entry string
	for _, c := range last.Commands {
		switch c := c.(type) {
		case *instructions.UserCommand:
			user = c.User
		case *instructions.HealthCheckCommand:
			health = strings.Join(c.Health.Test, " ")
		case *instructions.EntrypointCommand:
			entry = strings.Join(c.CmdLine, " ")
			if c.PrependShell {
				t.Error("the entry point asks for a shell, and there is none")
			}
		case *instructions.RunCommand:
			t.Error("RUN asks for a shell, and there is none")
		}
	}
	// A number: nobody in an empty image knows names, and Kubernetes'
	// runAsNonRoot wants to see that it is not 0.
	if !regexp.MustCompile(`^[1-9]\d*:[1-9]\d*$`).MatchString(user) {
		t.Errorf("user %q", user)
	}
	if health != "CMD /latchkey healthcheck" || entry != "/latchkey" {
		t.Errorf("health %q, entry point %q", health, entry)
	}
}

func TestImageIsBuiltByTheGoOfTheModule(t *testing.T) {
	version := regexp.MustCompile(`(?m)^go (\S+)$`).FindSubmatch(readRoot(t, "go.mod"))
	if version == nil {
		t.Fatal("go.mod names no version of Go")
	}
	if base := stages(t)[0].BaseName; !strings.HasPrefix(base, "golang:"+string(version[1])+"-") {
		t.Errorf("the Dockerfile builds with %s, go.mod wants %s", base, version[1])
	}
	for _, part := range []string{"CGO_ENABLED=0", "-trimpath", "-tags nomsgpack"} {
		if !strings.Contains(buildLine(t), part) {
			t.Errorf("the build line lacks %s", part)
		}
	}
}

// BuildKit's parser does not look at the files: a COPY of what is absent or
// ignored fails only at the build.
func TestWhatIsCopiedIsThere(t *testing.T) {
	patterns, err := ignorefile.ReadAll(bytes.NewReader(readRoot(t, ".dockerignore")))
	if err != nil {
		t.Fatal(err)
	}
	ignored, err := patternmatcher.New(patterns)
	if err != nil {
		t.Fatal(err)
	}
	is := func(path string) bool {
		match, err := ignored.MatchesOrParentMatches(path)
		if err != nil {
			t.Fatal(err)
		}
		return match
	}
	for _, stage := range stages(t) {
		for _, c := range stage.Commands {
			copied, ok := c.(*instructions.CopyCommand)
			if !ok || copied.From != "" {
				continue
			}
			for _, source := range copied.SourcePaths {
				found, err := filepath.Glob(filepath.Join(root, source))
				if err != nil || len(found) == 0 {
					t.Errorf("COPY %s: nothing there (%v)", source, err)
				}
				if source != "." && is(source) {
					t.Errorf("COPY %s: .dockerignore leaves it out", source)
				}
			}
		}
	}
	for _, secret := range []string{".git/config", ".latchkey/keys.json", "secrets/keyset.json"} {
		if !is(secret) {
			t.Errorf("%s would reach the build", secret)
		}
	}
	for _, needed := range []string{"go.mod", "go.sum", "cmd/latchkey/main.go", "internal/config/config.go", "migrations/0001_accounts.sql", "templates/web/layout.html"} {
		if is(needed) {
			t.Errorf("%s would not reach the build", needed)
		}
	}
}
