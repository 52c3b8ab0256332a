package config

import (
	"net"
	"net/netip"
	"regexp"
	"strconv"
	"strings"
)

// DefaultListen is where a server listens when nothing else is said.
const DefaultListen = ":8080"

var domain = regexp.MustCompile(`^([a-z0-9]([a-z0-9-]{0,61}[a-z0-9])?\.)+[a-z0-9]([a-z0-9-]{0,61}[a-z0-9])?$`)

func (l *loader) web(in WebInput) {
	c := l.cfg
	c.Listen = l.address("LISTEN", in.Listen, DefaultListen)
	c.TrustedProxies = l.prefixes("TRUSTED_PROXIES", in.TrustedProxies)
	for _, p := range c.TrustedProxies {
		if p.Bits() == 0 {
			l.faults.Add("TRUSTED_PROXIES", "holds %s, which lets every client say where it comes from: name the networks of your proxies only", p)
		}
	}
	c.CookieDomain = l.cookieDomain(in.CookieDomain)
	c.AppRules = l.appRules(in.ForwardAuth)
	l.sso(in)
	c.IPLimits = l.onOff("IP_LIMITS", in.IPLimits, true)
	c.IPLimitsExempt = l.prefixes("IP_LIMITS_EXEMPT", in.IPLimitsExempt)
}

func loopback(host string) bool {
	host = strings.ToLower(host)
	if host == "localhost" || strings.HasSuffix(host, ".localhost") {
		return true
	}
	ip, err := netip.ParseAddr(host)
	return err == nil && ip.IsLoopback()
}

func portInRange(p string) bool {
	n, err := strconv.Atoi(p)
	return p == "" || (err == nil && n > 0 && n < 65536)
}

// address reads host:port to listen on. Port 0, any free one, is for tests.
func (l *loader) address(setting, s, unset string) string {
	if s == "" {
		return unset
	}
	host, port, err := net.SplitHostPort(s)
	if err != nil {
		l.faults.Add(setting, "is %q: write it as host:port, such as :8080 or 127.0.0.1:8080", s)
		return unset
	}
	if port != "0" && (port == "" || !portInRange(port)) {
		l.faults.Add(setting, "is %q: the port must be a number from 1 to 65535", s)
		return unset
	}
	if _, err := netip.ParseAddr(host); err != nil && host != "" && host != "localhost" {
		l.faults.Add(setting, "is %q: before the port stands an IP address of this machine, or nothing for all of them", s)
		return unset
	}
	return s
}

// prefixes reads networks separated by commas or blanks; an address alone
// stands for itself. IPv4 inside IPv6 is unwrapped, as clients' addresses are
// before they are compared.
func (l *loader) prefixes(setting, s string) []netip.Prefix {
	var out []netip.Prefix
	for _, one := range words(s) {
		if p, err := netip.ParsePrefix(one); err == nil {
			if p.Addr().Is4In6() && p.Bits() >= 96 {
				p = netip.PrefixFrom(p.Addr().Unmap(), p.Bits()-96)
			}
			out = append(out, p.Masked())
		} else if a, err := netip.ParseAddr(one); err == nil && a.Zone() == "" {
			a = a.Unmap()
			out = append(out, netip.PrefixFrom(a, a.BitLen()))
		} else {
			l.faults.Add(setting, "holds %q, which is no network: write 10.0.0.0/8 or an IP address, separated by commas", one)
		}
	}
	return out
}

func (l *loader) cookieDomain(s string) string {
	if s == "" {
		return ""
	}
	d := strings.ToLower(strings.TrimPrefix(s, "."))
	if _, err := netip.ParseAddr(d); err == nil || !domain.MatchString(d) {
		l.faults.Add("COOKIE_DOMAIN", "is %q: give a domain of two parts or more, such as example.com", s)
		return ""
	}
	if l.cfg.BaseURL == nil {
		return d // that BASE_URL is missing or bad is said already
	}
	if host := l.cfg.BaseURL.Hostname(); host != d && !strings.HasSuffix(host, "."+d) {
		l.faults.Add("COOKIE_DOMAIN", "is %q, but BASE_URL's host %s is not below it, so browsers would drop the cookie: give a parent domain of that host", s, host)
	}
	return d
}
