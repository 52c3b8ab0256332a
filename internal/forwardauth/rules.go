package forwardauth

import (
	"net"
	"net/url"
	"slices"
	"strings"

	"latchkey/internal/config"
)

// rules say who gets where; the first that fits decides.
type rules []config.AppRule

// find gives the rule of an app's address; none means nobody.
//
// A path that apps read in different ways (dot segments, doubled slashes,
// escapes of what has a meaning) is judged only where one rule holds for the
// whole host: anywhere else it could slip under a milder rule than the one of
// the page that it reaches.
func (r rules) find(u *url.URL) (config.AppRule, bool) {
	clear := !ambiguous(u)
	for _, one := range r {
		if !hosts(one.Host, u.Host) {
			continue
		}
		if one.Path != "/" && !clear {
			return config.AppRule{}, false
		}
		if below(one.Path, u.Path) {
			return one, true
		}
	}
	return config.AppRule{}, false
}

// knows reports whether any rule is for this host: only to such a one do we
// send people back.
func (r rules) knows(host string) bool {
	return slices.ContainsFunc(r, func(one config.AppRule) bool { return hosts(one.Host, host) })
}

// hosts: a rule that names no port holds on all, since cookies do too.
func hosts(rule, host string) bool {
	host = strings.ToLower(host)
	if !strings.Contains(rule, ":") {
		if name, _, err := net.SplitHostPort(host); err == nil {
			host = name
		}
	}
	if parent, any := strings.CutPrefix(rule, "*"); any {
		return strings.HasSuffix(host, parent) && len(host) > len(parent)
	}
	return host == rule
}

// below: /admin holds for /admin and /admin/users, never for /administration.
func below(rule, path string) bool {
	rule = strings.TrimSuffix(rule, "/")
	return path == rule || strings.HasPrefix(path, rule+"/")
}

func ambiguous(u *url.URL) bool {
	raw := strings.ToLower(u.EscapedPath())
	for _, odd := range []string{"//", "\\", "%2f", "%5c", "%2e", "%25", "%00", "%3b"} {
		if strings.Contains(raw, odd) {
			return true
		}
	}
	for part := range strings.SplitSeq(u.Path, "/") {
		part, _, _ = strings.Cut(part, ";") // path parameters, as in Java: "/public/..;/admin"
		if part == "." || part == ".." {
			return true
		}
	}
	return strings.ContainsRune(u.Path, '\\')
}
