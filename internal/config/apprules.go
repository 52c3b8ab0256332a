package config

import (
	"fmt"
	"net/netip"
	"regexp"
	"slices"
	"strings"

	"github.com/goccy/go-yaml"
)

// AppRule says who gets to an app behind forward-auth. Rules are read from the
// top, and the first that fits decides; what none fits is refused.
type AppRule struct {
	Host  string   // lower case, with a port only where one was written; "*." in front: every name below
	Path  string   // itself and everything below it; "/": the whole host
	Allow string   // AllowAll, AllowSignedIn or AllowTwoFactor
	Roles []string // empty: every role
}

// What a rule allows.
const (
	AllowAll       = "bypass" // nobody is asked, and the app learns nothing
	AllowSignedIn  = "signed_in"
	AllowTwoFactor = "two_factor" // signed in, with an app code or a recovery key
)

// appRuleFile is FORWARD_AUTH_RULES as it is written.
type appRuleFile struct {
	Rules []struct {
		Host  string   `yaml:"host"`
		Path  string   `yaml:"path"`
		Allow string   `yaml:"allow"`
		Roles []string `yaml:"roles"`
	} `yaml:"rules"`
}

var (
	appHost = regexp.MustCompile(`^(\*\.)?([a-z0-9]([a-z0-9-]*[a-z0-9])?)(\.[a-z0-9]([a-z0-9-]*[a-z0-9])?)*(:[0-9]{1,5})?$`)
	appPath = regexp.MustCompile(`^/([A-Za-z0-9._~!$&'()*+,=:@-]+/?)*$`)
)

func (l *loader) appRules(file string) []AppRule {
	const setting = "FORWARD_AUTH_RULES"
	if file == "" {
		return nil
	}
	raw, err := readSmall(file)
	if err != nil {
		l.faults.Add(setting, "names %s, which can't be read (%s): give a file that the user running Latchkey may read", file, reason(err))
		return nil
	}
	var doc appRuleFile
	if err := yaml.UnmarshalWithOptions(raw, &doc, yaml.Strict()); err != nil {
		first, _, _ := strings.Cut(err.Error(), "\n")
		l.faults.Add(setting, "names %s, which can't be understood, %s: write rules: and below it entries with host, path, allow and roles", file, first)
		return nil
	}
	if len(doc.Rules) == 0 {
		l.faults.Add(setting, "names %s, which has no rules: write at least one, or leave the setting out", file)
	}
	if len(l.cfg.TrustedProxies) == 0 {
		l.faults.Add(setting, "is set, but TRUSTED_PROXIES is not, so that no proxy could ask: name the networks of your proxies")
	}
	var out []AppRule
	for i, one := range doc.Rules {
		r := AppRule{Host: strings.ToLower(one.Host), Path: one.Path, Allow: one.Allow, Roles: one.Roles}
		if r.Path == "" {
			r.Path = "/"
		}
		for _, wrong := range l.judgeAppRule(r) {
			l.faults.Add(setting, "names %s, where rule %d %s", file, i+1, wrong)
		}
		if j := slices.IndexFunc(out, func(before AppRule) bool { return before.covers(r) }); j >= 0 {
			l.faults.Add(setting, "names %s, where rule %d is never reached: rule %d holds for all of it, so put %d before %d", file, i+1, j+1, i+1, j+1)
		}
		out = append(out, r)
	}
	return out
}

// covers: whatever a later rule is for, this one has decided already.
func (r AppRule) covers(later AppRule) bool {
	host := later.Host
	if !strings.Contains(r.Host, ":") {
		host, _, _ = strings.Cut(host, ":")
	}
	parent, below := strings.CutPrefix(r.Host, "*")
	return (host == r.Host || below && strings.HasSuffix(host, parent)) &&
		strings.HasPrefix(strings.TrimSuffix(later.Path, "/")+"/", strings.TrimSuffix(r.Path, "/")+"/")
}

func (l *loader) judgeAppRule(r AppRule) (wrong []string) {
	say := func(format string, args ...any) { wrong = append(wrong, fmt.Sprintf(format, args...)) }
	if !appHost.MatchString(r.Host) {
		say("has the host %q: write a name such as app.example.com, or *.example.com", r.Host)
	} else if !l.cookieReaches(r) {
		say("is for %s, which the cookie does not reach: set COOKIE_DOMAIN to a parent domain of it and of BASE_URL's host", r.Host)
	}
	if !appPath.MatchString(r.Path) || slices.ContainsFunc(strings.Split(r.Path, "/"), func(s string) bool { return s == "." || s == ".." }) {
		say("has the path %q: write the beginning of a path such as /admin, without a pattern, a query or an escape", r.Path)
	}
	switch r.Allow {
	case AllowAll:
		if len(r.Roles) > 0 {
			say("lets everyone by and names roles: take the roles away, or write allow: signed_in")
		}
	case AllowSignedIn, AllowTwoFactor:
	default:
		say("has allow: %q: choose bypass, signed_in or two_factor", r.Allow)
	}
	for _, role := range r.Roles {
		if role != "user" && role != "support" && role != "admin" {
			say("names the role %q: choose from user, support and admin", role)
		}
	}
	return wrong
}

// cookieReaches: a browser sends the cookie to COOKIE_DOMAIN and below, or,
// where that is not set, to the host of BASE_URL alone, on any port.
func (l *loader) cookieReaches(r AppRule) bool {
	if r.Allow == AllowAll || l.cfg.BaseURL == nil {
		return true
	}
	name, _, _ := strings.Cut(strings.TrimPrefix(r.Host, "*."), ":")
	if d := l.cfg.CookieDomain; d != "" {
		return name == d || strings.HasSuffix(name, "."+d)
	}
	if _, err := netip.ParseAddr(name); err == nil {
		return name == l.cfg.BaseURL.Hostname()
	}
	return name == l.cfg.BaseURL.Hostname() && !strings.HasPrefix(r.Host, "*.")
}
