package config

import (
	"net/netip"
	"net/url"
	"os"
	"path/filepath"
	"regexp"
	"strings"
	"unicode"
	"unicode/utf8"
)

const maxLogo = 256 << 10

var (
	colour    = regexp.MustCompile(`^#[0-9a-fA-F]{6}$`)
	plainName = regexp.MustCompile(`^[A-Za-z0-9_-]+(\.[A-Za-z0-9_-]+)*\.?$`)
)

func (l *loader) site(in SiteInput) {
	l.cfg.BaseURL = l.baseURL(in.BaseURL)
	l.cfg.MetricsListen = l.address("METRICS_LISTEN", in.MetricsListen, "")
	l.cfg.WebhookAllowPrivate = l.prefixes("WEBHOOK_ALLOW_PRIVATE", in.WebhookAllow)
	for _, p := range l.cfg.WebhookAllowPrivate {
		if p.Bits() == 0 {
			l.faults.Add("WEBHOOK_ALLOW_PRIVATE", "holds %s, which is every address: name the networks of your receivers only", p)
		}
	}
	l.brand(in)
}

func (l *loader) baseURL(s string) *url.URL {
	if s == "" {
		if l.needs(Web) {
			l.faults.Add("BASE_URL", "is not set: give the address that people open, such as https://id.example.com")
		}
		return nil
	}
	u, err := url.Parse(s)
	switch {
	case err != nil || u.Host == "" || u.Hostname() == "" || (u.Scheme != "https" && u.Scheme != "http"):
		l.faults.Add("BASE_URL", "is no web address: write it like https://id.example.com")
	case !portInRange(u.Port()):
		l.faults.Add("BASE_URL", "has port %s: use one from 1 to 65535, or leave it out", u.Port())
	case !writtenHost(u.Hostname()):
		l.faults.Add("BASE_URL", "has the host %q, which browsers write in another way: give it as they do, such as xn--bcher-kva.example for bücher.example", u.Hostname())
	case u.User != nil || u.RawQuery != "" || u.ForceQuery || u.Fragment != "" || strings.Trim(u.Path, "/") != "":
		l.faults.Add("BASE_URL", "must be a host alone, such as https://id.example.com: take away the user, path, query and fragment")
	case u.Scheme == "http" && !loopback(u.Hostname()):
		l.faults.Add("BASE_URL", "is http, and codes and passwords would cross the network in the clear: use https://%s (http is for localhost only)", u.Host)
	default:
		return canonical(u)
	}
	return nil
}

// writtenHost reports whether browsers leave a host as it is but for capitals:
// a name in ASCII, or an address in full (URL Standard section 3.5).
func writtenHost(host string) bool {
	if ip, err := netip.ParseAddr(host); err == nil {
		return ip.Zone() == "" && !ip.Is4In6() && ip.String() == strings.ToLower(host)
	}
	last := host[strings.LastIndexByte(strings.TrimSuffix(host, "."), '.')+1:]
	return plainName.MatchString(host) && (last[0] < '0' || last[0] > '9') // a number ends an address: 127.1, 0x7f.1
}

// canonical writes an origin the way browsers do, since Host and Origin
// headers are compared with it.
func canonical(u *url.URL) *url.URL {
	host, port := strings.ToLower(u.Hostname()), strings.TrimLeft(u.Port(), "0")
	if (u.Scheme == "https" && port == "443") || (u.Scheme == "http" && port == "80") {
		port = ""
	}
	if strings.Contains(host, ":") {
		host = "[" + host + "]"
	}
	if port != "" {
		host += ":" + port
	}
	return &url.URL{Scheme: u.Scheme, Host: host}
}

// Hosts are the values of the Host header that are ours: the one of BASE_URL
// and, where that is this very machine, its other names.
func (c *Config) Hosts() []string {
	hosts := []string{c.BaseURL.Host}
	if !loopback(c.BaseURL.Hostname()) {
		return hosts
	}
	for _, h := range []string{"localhost", "127.0.0.1", "[::1]"} {
		if p := c.BaseURL.Port(); p != "" {
			h += ":" + p
		}
		if h != hosts[0] {
			hosts = append(hosts, h)
		}
	}
	return hosts
}

// Secure reports whether people reach us by https, so that cookies can say so.
func (c *Config) Secure() bool { return c.BaseURL.Scheme == "https" }

func (l *loader) brand(in SiteInput) {
	b := Brand{Name: in.BrandName, LogoFile: in.BrandLogoFile, Color: strings.ToLower(in.BrandColor), SupportEmail: in.SupportEmail}
	if b.Name == "" {
		b.Name = "Latchkey"
	}
	// The name is the issuer in authenticator apps, where ":" ends it.
	if utf8.RuneCountInString(b.Name) > 40 || strings.ContainsFunc(b.Name, func(r rune) bool { return !unicode.IsPrint(r) || r == ':' }) {
		l.faults.Add("BRAND_NAME", "must be at most 40 printable characters without a colon, since authenticator apps show it")
	}
	if b.Color != "" && !colour.MatchString(b.Color) {
		l.faults.Add("BRAND_COLOR", "is %q: write it as six hexadecimal digits, such as #1a56db", in.BrandColor)
	}
	if b.SupportEmail != "" && !plainAddress(b.SupportEmail) {
		l.faults.Add("SUPPORT_EMAIL", "is %q: give one plain address, such as help@example.com", b.SupportEmail)
	}
	if b.LogoFile != "" {
		l.logo(b.LogoFile)
	}
	l.cfg.Brand = b
}

func (l *loader) logo(path string) {
	switch strings.ToLower(filepath.Ext(path)) {
	case ".svg", ".png", ".webp":
	default:
		l.faults.Add("BRAND_LOGO_FILE", "is %q: use an .svg, .png or .webp file", path)
		return
	}
	f, err := os.Open(path)
	if err != nil {
		l.faults.Add("BRAND_LOGO_FILE", "can't be read (%s): give a file that the user running Latchkey may read", reason(err))
		return
	}
	defer f.Close()
	if st, err := f.Stat(); err != nil || !st.Mode().IsRegular() || st.Size() > maxLogo {
		l.faults.Add("BRAND_LOGO_FILE", "must be a file of at most 256 KiB")
	}
}
