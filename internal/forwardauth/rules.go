package forwardauth

import (
	"net"
	"net/url"
	"slices"
	"strings"

	"latchkey/internal/config"
	"latchkey/internal/session"
)

// rules say who gets where; the first that fits decides.
type rules []config.AppRule

// find gives what an app's address asks for; nothing means nobody.
//
// Where a rule before the one that fits might hold as well, in the eyes of an
// app that reads paths in another way, both must be met: no spelling of a page
// slips under a milder rule than the page's own. A path that can't be judged
// passes only where one rule holds for the whole host.
func (r rules) find(u *url.URL) demands {
	var must demands
	for _, one := range r {
		switch {
		case !hosts(one.Host, u.Host):
		case one.Path == "/":
			return append(must, one)
		case ambiguous(u):
			return nil
		case below(one.Path, u.Path) && below(one.Path, u.EscapedPath()):
			return append(must, one)
		case mayBeBelow(one.Path, u.Path):
			must = append(must, one)
		}
	}
	return nil
}

// demands are rules that must be met, each of them; none can't be.
type demands []config.AppRule

// open: nobody is asked for anything.
func (d demands) open() bool {
	return len(d) > 0 && !slices.ContainsFunc(d, func(one config.AppRule) bool { return one.Allow != config.AllowAll })
}

// verdict says what keeps a signed-in user from an app.
type verdict int

const (
	passes verdict = iota
	lacksFactor
	lacksAddress
	lacksRight
)

// judge gives the worst that any rule says.
func (d demands) judge(who session.Forward) (worst verdict) {
	for _, one := range d {
		v := passes
		switch {
		case one.Allow == config.AllowAll:
		case len(one.Roles) > 0 && !slices.Contains(one.Roles, who.Role):
			v = lacksRight
		case !who.Verified: // apps take Remote-User for a proved address
			v = lacksAddress
		case one.Allow == config.AllowTwoFactor && who.Session.Assurance.Rank() < session.TwoFactor.Rank():
			v = lacksFactor
		}
		worst = max(worst, v)
	}
	return worst
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
