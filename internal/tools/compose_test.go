package tools

import (
	"os"
	"path/filepath"
	"slices"
	"strings"
	"testing"

	"github.com/compose-spec/compose-go/v2/cli"
	"github.com/compose-spec/compose-go/v2/types"
)

// compose loads compose.yaml as `docker compose` does: schema, merges,
// interpolation. env stands in for the shell's.
func compose(t *testing.T, env ...string) *types.Project {
	t.Helper()
	o, err := cli.NewProjectOptions([]string{filepath.Join(root, "compose.yaml")},
		cli.WithWorkingDirectory(root), cli.WithEnv(env), cli.WithInterpolation(true))
	if err != nil {
		t.Fatal(err)
	}
	p, err := o.LoadProject(t.Context())
	if err != nil {
		t.Fatal(err)
	}
	return p
}

func TestEveryServiceStartsAfterWhatItNeeds(t *testing.T) {
	p := compose(t)
	for service, needs := range map[string]map[string]string{
		"migrate": {"postgres": types.ServiceConditionHealthy},
		"server":  {"postgres": types.ServiceConditionHealthy, "migrate": types.ServiceConditionCompletedSuccessfully},
		"worker": {"postgres": types.ServiceConditionHealthy, "redis": types.ServiceConditionHealthy,
			"mail": types.ServiceConditionHealthy, "migrate": types.ServiceConditionCompletedSuccessfully},
	} {
		for on, condition := range needs {
			if got := p.Services[service].DependsOn[on].Condition; got != condition {
				t.Errorf("%s waits for %s: %q, want %q", service, on, got, condition)
			}
		}
	}
	for name, s := range p.Services {
		for on, d := range s.DependsOn {
			if d.Condition == types.ServiceConditionHealthy && (p.Services[on].HealthCheck == nil || p.Services[on].HealthCheck.Disable) {
				t.Errorf("%s waits for the health of %s, which has no check", name, on)
			}
		}
	}
}

func TestOurServicesMayDoLittle(t *testing.T) {
	for name, s := range compose(t).Services {
		if s.Build == nil {
			continue
		}
		if !s.ReadOnly || s.Privileged || s.User != "" || !slices.Equal(s.CapDrop, []string{"ALL"}) || !slices.Contains(s.SecurityOpt, "no-new-privileges:true") {
			t.Errorf("%s: read-only %v, drops %v, %v, user %q", name, s.ReadOnly, s.CapDrop, s.SecurityOpt, s.User)
		}
	}
}

func TestPortsAreOpenOnThisMachineOnly(t *testing.T) {
	for name, s := range compose(t).Services {
		for _, port := range s.Ports {
			if port.HostIP != "127.0.0.1" {
				t.Errorf("%s publishes %s on %q", name, port.Published, port.HostIP)
			}
		}
	}
}

// Secrets come by file: an environment shows in `docker inspect`.
func TestSecretsComeByFile(t *testing.T) {
	p := compose(t)
	for name, s := range p.Services {
		for key, value := range s.Environment {
			if slices.Contains([]string{"DATABASE_URL", "KEYSET", "POSTGRES_PASSWORD", "DKIM_KEY"}, key) {
				t.Errorf("%s has %s in its environment", name, key)
			}
			if !strings.HasSuffix(key, "_FILE") {
				continue
			}
			secret := strings.TrimPrefix(*value, "/run/secrets/")
			if !slices.ContainsFunc(s.Secrets, func(c types.ServiceSecretConfig) bool { return c.Source == secret }) {
				t.Errorf("%s reads %s, but is given no secret %q", name, *value, secret)
			}
		}
	}
	text := string(readRoot(t, "compose.yaml"))
	for name, secret := range p.Secrets {
		made := "> secrets/" + filepath.Base(secret.File)
		if !strings.Contains(text, made) {
			t.Errorf("nothing says how to make the secret %s (%s)", name, made)
		}
	}
}

// The settings are judged by the binary itself: with the file's values, and
// the secrets that its head says to make, nothing may be found wrong but that
// no database answers.
func TestSettingsAreKnownAndGood(t *testing.T) {
	secrets := t.TempDir()
	_, keys, _ := inImage(t, nil, "keys", "generate")
	for name, value := range map[string]string{"database_url": "postgres://latchkey:x@127.0.0.1:1/latchkey?sslmode=disable", "keyset": keys} {
		if err := os.WriteFile(filepath.Join(secrets, name), []byte(value+"\n"), 0o644); err != nil {
			t.Fatal(err)
		}
	}
	for name, s := range compose(t).Services {
		if s.Build == nil {
			continue
		}
		_, help, _ := inImage(t, nil, append(slices.Clone(s.Command), "--help")...)
		var env []string
		for key, value := range s.Environment {
			if !strings.Contains(strings.Join(strings.Fields(help), " "), "($"+key+")") {
				t.Errorf("%s: latchkey %s knows no setting %s", name, s.Command, key)
			}
			if file, ok := strings.CutPrefix(*value, "/run/secrets/"); ok {
				// Where the binary sees an empty root, by value.
				b, err := os.ReadFile(filepath.Join(secrets, file))
				if err != nil {
					t.Fatal(err)
				}
				env = append(env, strings.TrimSuffix(key, "_FILE")+"="+strings.TrimSpace(string(b)))
				continue
			}
			env = append(env, key+"="+*value)
		}
		if name != "migrate" {
			env = append(env, "LOG_LEVEL=loud") // so that it ends before it begins
		}
		_, _, errs := inImage(t, env, s.Command...)
		for line := range strings.Lines(errs) {
			if strings.HasPrefix(line, "  ") && !strings.Contains(line, "LOG_LEVEL") {
				t.Errorf("%s: %s", name, strings.TrimSpace(line))
			}
		}
		if name != "migrate" && !strings.Contains(errs, "1 setting needs a change") {
			t.Errorf("%s says %q", name, errs)
		}
	}
}

func TestAddressAndMailServerCanBeSet(t *testing.T) {
	p := compose(t, "BASE_URL=https://id.example.com", "SMTP_URL=smtp://u:p@mail.example.com:587", "MAIL_FROM=id@example.com")
	for service, want := range map[string]map[string]string{
		"server": {"BASE_URL": "https://id.example.com"},
		"worker": {"BASE_URL": "https://id.example.com", "SMTP_URL": "smtp://u:p@mail.example.com:587", "MAIL_FROM": "id@example.com"},
	} {
		for key, value := range want {
			if got := p.Services[service].Environment[key]; got == nil || *got != value {
				t.Errorf("%s: %s is not %s", service, key, value)
			}
		}
	}
}
