package config_test

import (
	"os"
	"path/filepath"
	"reflect"
	"strings"
	"testing"

	"latchkey/internal/config"
)

func rulesFile(t *testing.T, content string) config.Input {
	t.Helper()
	in := good()
	in.CookieDomain, in.TrustedProxies = "example.com", "10.0.0.0/8"
	in.ForwardAuth = filepath.Join(t.TempDir(), "apps.yaml")
	if err := os.WriteFile(in.ForwardAuth, []byte(content), 0o600); err != nil {
		t.Fatal(err)
	}
	return in
}

func TestAppRulesAreRead(t *testing.T) {
	c, err := config.Load(rulesFile(t, `
# who gets where
rules:
  - host: wiki.example.com
    path: /public
    allow: bypass
  - host: WIKI.example.com
    allow: signed_in
  - host: "*.ops.example.com"
    allow: two_factor
    roles: [support, admin]
`), config.Serve)
	if err != nil {
		t.Fatal(err)
	}
	want := []config.AppRule{
		{Host: "wiki.example.com", Path: "/public", Allow: "bypass"},
		{Host: "wiki.example.com", Path: "/", Allow: "signed_in"},
		{Host: "*.ops.example.com", Path: "/", Allow: "two_factor", Roles: []string{"support", "admin"}},
	}
	if !reflect.DeepEqual(c.AppRules, want) {
		t.Errorf("%+v", c.AppRules)
	}
}

func TestBadAppRulesAreNamed(t *testing.T) {
	for name, c := range map[string]struct{ content, want string }{
		"no rules":     {"rules: []", "no rules"},
		"not YAML":     {"rules: [", "can't be understood"},
		"unknown word": {"rules:\n  - host: a.example.com\n    allow: signed_in\n    rolls: [admin]", "can't be understood"},
		"allow":        {"rules:\n  - host: a.example.com\n    allow: everyone", "choose bypass"},
		"no allow":     {"rules:\n  - host: a.example.com", "choose bypass"},
		"host":         {"rules:\n  - host: https://a.example.com\n    allow: signed_in", "write a name"},
		"no host":      {"rules:\n  - allow: signed_in", "write a name"},
		"foreign host": {"rules:\n  - host: a.example.org\n    allow: signed_in", "does not reach"},
		"not reached":  {"rules:\n  - host: a.example.com\n    allow: signed_in\n  - host: a.example.com\n    path: /vault\n    allow: two_factor", "rule 2 is never reached: rule 1"},
		"below a star": {"rules:\n  - host: '*.example.com'\n    allow: signed_in\n  - host: a.example.com:8443\n    allow: two_factor", "rule 2 is never reached"},
		"the same":     {"rules:\n  - host: a.example.com\n    path: /a/\n    allow: signed_in\n  - host: a.example.com\n    path: /a\n    allow: two_factor", "rule 2 is never reached"},
		"path":         {"rules:\n  - host: a.example.com\n    path: admin\n    allow: signed_in", "beginning of a path"},
		"dots":         {"rules:\n  - host: a.example.com\n    path: /a/../b\n    allow: signed_in", "beginning of a path"},
		"pattern":      {"rules:\n  - host: a.example.com\n    path: ^/a\n    allow: signed_in", "beginning of a path"},
		"role":         {"rules:\n  - host: a.example.com\n    allow: signed_in\n    roles: [root]", "names the role"},
		"bypass roles": {"rules:\n  - host: a.example.com\n    allow: bypass\n    roles: [admin]", "take the roles away"},
		"which one":    {"rules:\n  - host: a.example.com\n    allow: signed_in\n  - host: b.example.com", "rule 2"},
	} {
		_, err := config.Load(rulesFile(t, c.content), config.Serve)
		if err == nil || !strings.Contains(err.Error(), "FORWARD_AUTH_RULES") || !strings.Contains(err.Error(), c.want) {
			t.Errorf("%s: %v", name, err)
		}
	}
}

func TestAppRulesNeedTheirSurroundings(t *testing.T) {
	rules := "rules:\n  - host: a.example.com\n    allow: signed_in"
	in := rulesFile(t, rules)
	in.TrustedProxies = ""
	if _, err := config.Load(in, config.Serve); err == nil || !strings.Contains(err.Error(), "TRUSTED_PROXIES") {
		t.Errorf("no proxy: %v", err)
	}
	in = rulesFile(t, rules)
	in.CookieDomain = ""
	if _, err := config.Load(in, config.Serve); err == nil || !strings.Contains(err.Error(), "COOKIE_DOMAIN") {
		t.Errorf("no cookie domain: %v", err)
	}
	in = rulesFile(t, rules)
	in.ForwardAuth += ".gone"
	if _, err := config.Load(in, config.Serve); err == nil || !strings.Contains(err.Error(), "can't be read") {
		t.Errorf("no file: %v", err)
	}
}
