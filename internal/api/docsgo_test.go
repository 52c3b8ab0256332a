package api_test

import (
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"testing"
)

// TestTheDocumentedProgramsWork builds the program of docs/integrations.md in a
// module of its own with a copy of the client, runs it, and runs the command
// line beside it.
func TestTheDocumentedProgramsWork(t *testing.T) {
	t.Parallel()
	h := newHouse(t)
	p := h.person()
	token := p.token(p.confirmed(), "read")
	doc, err := os.ReadFile("../../docs/integrations.md")
	if err != nil {
		t.Fatal(err)
	}
	dir := t.TempDir()
	_, program, _ := strings.Cut(string(doc), "```go\n")
	program, _, found := strings.Cut(program, "```")
	if !found {
		t.Fatal("docs/integrations.md has no program")
	}
	for name, content := range map[string]string{"main.go": program, "go.mod": "module example.com/yours\n\ngo 1.24\n"} {
		if err := os.WriteFile(filepath.Join(dir, name), []byte(content), 0o600); err != nil {
			t.Fatal(err)
		}
	}
	if err := os.CopyFS(filepath.Join(dir, "client"), os.DirFS("client")); err != nil {
		t.Fatal(err)
	}
	run := func(name string, args ...string) string {
		cmd := exec.CommandContext(t.Context(), name, args...)
		cmd.Dir = dir
		cmd.Env = append(os.Environ(), "GOFLAGS=", "GOWORK=off", "GOPROXY=off", "LATCHKEY_URL="+h.base, "LATCHKEY_TOKEN="+token)
		out, err := cmd.CombinedOutput()
		if err != nil {
			t.Fatalf("%s %v: %v\n%s", name, args, err, out)
		}
		return string(out)
	}
	run("go", "build", "-o", "yours", ".")
	if said := run("./yours"); said != p.email+"\n" {
		t.Errorf("it says %q", said)
	}

	_, line, _ := strings.Cut(string(doc), "\n    curl ")
	line, _, _ = strings.Cut(line, "\n")
	if _, err := exec.LookPath("curl"); err == nil {
		line = strings.NewReplacer("lkp_…", token, "https://id.example.com", h.base).Replace(line)
		if said := run("sh", "-c", "curl -sS "+line); !strings.Contains(said, p.email) {
			t.Errorf("curl says %s", said)
		}
	}
}
