package webhook

import (
	"errors"
	"fmt"
	"net/netip"
	"net/url"
	"slices"
	"strings"
	"syscall"

	"code.dny.dev/ssrf"

	"latchkey/internal/fault"
)

// Reach says which addresses may be connected to: public ones, and of the rest
// those that WEBHOOK_ALLOW_PRIVATE names. Whoever may add an endpoint could
// otherwise have this machine ask whatever trusts its network.
type Reach struct {
	judge   *ssrf.Guardian
	allowed []netip.Prefix
}

// metadata is a service for the machine itself at an address that looks public.
var metadata = netip.MustParsePrefix("168.63.129.16/32") // Azure

// NewReach makes a reach that goes beyond public addresses to those of allowed.
func NewReach(allowed []netip.Prefix) *Reach {
	var four, six []netip.Prefix
	for _, p := range allowed {
		if p.Addr().Is4() {
			four = append(four, p)
		} else {
			six = append(six, p)
		}
	}
	return &Reach{ssrf.New(ssrf.WithAnyPort(), ssrf.WithAllowedV4Prefixes(four...), ssrf.WithAllowedV6Prefixes(six...),
		ssrf.WithDeniedV4Prefixes(metadata)), allowed}
}

var errNotTLS = errors.New("address may not be reached without TLS")

// open is the control of connections without TLS: to the networks that were
// named, and no others.
func (r *Reach) open(_, address string, _ syscall.RawConn) error {
	to, err := netip.ParseAddrPort(address)
	if err != nil {
		return fmt.Errorf("%w: %w", errNotTLS, err)
	}
	if !r.named(to.Addr()) {
		return errNotTLS
	}
	return nil
}

func (r *Reach) named(a netip.Addr) bool {
	return slices.ContainsFunc(r.allowed, func(p netip.Prefix) bool { return p.Contains(a) })
}

const urlLength = 500 // characters

// Judge reads the URL of an endpoint. Where it names an address, that is judged
// at once, for a plain answer; what a name points to is judged at each
// connection.
func (r *Reach) Judge(typed string) (string, *fault.Fault) {
	no := func(message string) (string, *fault.Fault) { return "", fault.InField("url", message, nil) }
	typed = strings.TrimSpace(typed)
	u, err := url.Parse(typed)
	switch {
	case typed == "":
		return no("webhook.url_missing")
	case len(typed) > urlLength:
		return no("webhook.url_long")
	case err != nil || u.Hostname() == "" || u.Opaque != "" || strings.ContainsAny(typed, " \\"):
		return no("webhook.url_unreadable")
	case u.User != nil:
		return no("webhook.url_userinfo")
	case u.Scheme != "https" && (u.Scheme != "http" || len(r.allowed) == 0):
		return no("webhook.url_not_https")
	}
	u.Fragment = ""
	if a, err := netip.ParseAddr(u.Hostname()); err == nil {
		if r.judge.SafeAddr(a) != nil {
			return no("webhook.url_private")
		}
		if u.Scheme == "http" && !r.named(a) {
			return no("webhook.url_not_https")
		}
	}
	return u.String(), nil
}
