package config_test

import (
	"net/url"
	"os"
	"path"
	"path/filepath"
	"reflect"
	"strings"
	"testing"
	"unicode"

	"latchkey/internal/config"
)

// FuzzBaseURL: what is accepted is an origin as browsers write it, for it is
// compared with Host and Origin, and reads the same when it is set again.
func FuzzBaseURL(f *testing.F) {
	for _, s := range []string{
		"https://id.example.com", "https://ID.Example.com:443/", "http://localhost:8080", "http://[::1]:80", "https://id.example.com:08443", "https://bücher.example",
		"https://127.1", "https://[fe80::1%25eth0]", "https://a b", "https://id.example.com?", "https://u@h", "https://0x7f.1", "https://[::ffff:1.2.3.4]", "https://id.example.com.", "https://%41.example.com",
	} {
		f.Add(s)
	}
	f.Fuzz(func(t *testing.T, s string) {
		c, err := config.Load(config.Input{SiteInput: config.SiteInput{BaseURL: s}}, 0)
		if err != nil || c.BaseURL == nil {
			return
		}
		got := c.BaseURL.String()
		again, err := config.Load(config.Input{SiteInput: config.SiteInput{BaseURL: got}}, 0)
		if err != nil || again.BaseURL.String() != got {
			t.Fatalf("%q became %q, which became %v, %v", s, got, again.BaseURL, err)
		}
		host, port := c.BaseURL.Hostname(), c.BaseURL.Port()
		if strings.Trim(host, "abcdefghijklmnopqrstuvwxyz0123456789.-_:") != "" || strings.HasPrefix(port, "0") || len(port) > 5 {
			t.Errorf("%q became %q, which no browser writes", s, got)
		}
		last := host[strings.LastIndexByte(strings.TrimSuffix(host, "."), '.')+1:]
		if !strings.Contains(host, ":") && strings.Trim(last, "0123456789.") == "" && strings.Count(host, ".") != 3 {
			t.Errorf("%q became %q, which browsers write as an address", s, got)
		}
		if c.BaseURL.Scheme == "http" && host != "localhost" && !strings.HasSuffix(host, ".localhost") && !strings.HasPrefix(host, "127.") && host != "::1" {
			t.Errorf("%q is http for everyone", got)
		}
	})
}

// FuzzTrustedProxies: every network that is listed holds the addresses that it
// names, as they are compared; none is everyone.
func FuzzTrustedProxies(f *testing.F) {
	for _, s := range []string{"10.0.0.0/8, fd00::/8", "10.1.2.3", "::ffff:10.0.0.1", "::ffff:0.0.0.0/96", "0.0.0.0/0", "fe80::1%eth0", "10.1.2.3/8 ::1", "::/0", "1.2.3.4/33", ",,"} {
		f.Add(s)
	}
	f.Fuzz(func(t *testing.T, s string) {
		c, err := config.Load(config.Input{WebInput: config.WebInput{TrustedProxies: s}}, 0)
		if err != nil {
			return
		}
		var written []string
		for _, p := range c.TrustedProxies {
			written = append(written, p.String())
			if p.Bits() == 0 || p != p.Masked() || !p.Contains(p.Addr().Unmap()) {
				t.Errorf("%q lists %v", s, p)
			}
		}
		again, err := config.Load(config.Input{WebInput: config.WebInput{TrustedProxies: strings.Join(written, ",")}}, 0)
		if err != nil || !reflect.DeepEqual(again.TrustedProxies, c.TrustedProxies) {
			t.Errorf("%q became %q, and that %v, %v", s, written, again.TrustedProxies, err)
		}
	})
}

// FuzzSMTPURL: user and password arrive as they were meant, the password never
// in a fault, nor on the network in the clear.
func FuzzSMTPURL(f *testing.F) {
	for _, s := range [][3]string{
		{"ada", "p@ss:w/rd#%20", "mail.example.com:587"}, {"", "", "localhost:25?tls=none"}, {"ada", "sesame open", "mail.example.com?tls=none"}, {"a", "sesame!!", "h:465?tls=implicit&tls=none"},
		{"a", "sesame!!", "h:0"}, {"a", "sesame!!", "[::1]:70000"}, {"a", "sesame!!", "h/path#x"}, {"a", "sesame!!", "h?x=y"}, {"a", "sesame!!", ""}, {"a", "sesame!!", "b@c"},
	} {
		f.Add(s[0], s[1], s[2])
	}
	f.Fuzz(func(t *testing.T, user, password, rest string) {
		raw := "smtp://" + url.UserPassword(user, password).String() + "@" + rest
		c, err := config.Load(config.Input{MailInput: config.MailInput{SMTPURL: raw}}, 0)
		if err != nil {
			if len(password) >= 8 && !strings.Contains(rest+user, password) && strings.Contains(err.Error(), password) {
				t.Errorf("the password %q stands in %q", password, err)
			}
			return
		}
		m := c.SMTP
		if strings.Contains(rest, "@") { // the user then ends elsewhere
			return
		}
		if m.User != user || m.Password.Reveal() != password {
			t.Errorf("%q reads as %q and %q", raw, m.User, m.Password.Reveal())
		}
		if m.Host == "" || m.Port < 1 || m.Port > 65535 || strings.ContainsFunc(m.Host, unicode.IsControl) {
			t.Errorf("%q goes to %q, port %d", raw, m.Host, m.Port)
		}
		switch m.TLS {
		case config.StartTLS, config.ImplicitTLS:
		case config.NoTLS:
			if password != "" && !strings.HasSuffix(strings.ToLower(m.Host), "localhost") && !strings.HasPrefix(m.Host, "127.") && !strings.Contains(m.Host, ":") {
				t.Errorf("%q sends its password in the clear", raw)
			}
		default:
			t.Errorf("%q has tls=%s", raw, m.TLS)
		}
	})
}

// FuzzMailFrom: the sender is one plain address, and its name writes no header
// of its own.
func FuzzMailFrom(f *testing.F) {
	for _, s := range []string{
		"Example <no-reply@example.com>", "no-reply@example.com", "=?utf-8?q?a=0D=0ABcc:_x?= <a@example.com>", "\"a\\\"b\" <a@example.com>", "Söhne <a@example.com>",
		"a@example.com, b@example.com", "<a@[1.2.3.4]>", "\"a b\"@example.com", "a@example.com\r\nBcc: x", "(c) a@example.com (d)",
	} {
		f.Add(s)
	}
	f.Fuzz(func(t *testing.T, s string) {
		c, err := config.Load(config.Input{MailInput: config.MailInput{MailFrom: s}}, 0)
		if err != nil || c.MailFrom.Address == "" {
			return
		}
		a := c.MailFrom
		if strings.ContainsFunc(a.Name, unicode.IsControl) || strings.ContainsAny(a.Address, " \r\n\t<>\"(),;:\\[]") || strings.Count(a.Address, "@") != 1 {
			t.Errorf("%q reads as %q at %q", s, a.Name, a.Address)
		}
		again, err := config.Load(config.Input{MailInput: config.MailInput{MailFrom: a.String()}}, 0)
		if err != nil || again.MailFrom != a {
			t.Errorf("%q is written as %q, which reads as %q, %v", s, a.String(), again.MailFrom, err)
		}
	})
}

// FuzzAppRules: a rule that is accepted guards a host that its cookie reaches
// and a path that can be read in one way only.
func FuzzAppRules(f *testing.F) {
	for _, s := range []string{
		"rules:\n  - host: a.example.com\n    allow: signed_in\n", "rules: [{host: '*.a.example.com', path: /x/, allow: two_factor, roles: [admin]}]",
		"rules: [{host: a.example.org, allow: bypass, path: /a/../b}]", "rules: [{host: A.example.com:80, allow: bypass}]", "rules: &a [*a]", "rules: {}", "x: 1", "", "rules: [{host: a.example.com, allow: signed_in, allow: bypass}]",
	} {
		f.Add([]byte(s))
	}
	f.Fuzz(func(t *testing.T, raw []byte) {
		in := good()
		in.CookieDomain, in.TrustedProxies = "example.com", "10.0.0.0/8"
		in.ForwardAuth = filepath.Join(t.TempDir(), "apps.yaml")
		if err := os.WriteFile(in.ForwardAuth, raw, 0o600); err != nil {
			t.Fatal(err)
		}
		c, err := config.Load(in, config.Serve)
		if err != nil {
			return
		}
		if len(c.AppRules) == 0 {
			t.Errorf("%q says nothing, and nothing is said of it", raw)
		}
		for _, r := range c.AppRules {
			u, err := url.Parse("https://" + strings.TrimPrefix(r.Host, "*.") + r.Path)
			if err != nil || u.Host != strings.ToLower(strings.TrimPrefix(r.Host, "*.")) || u.Path != r.Path || u.EscapedPath() != r.Path {
				t.Fatalf("%q: %+v reads as %v, %v", raw, r, u, err)
			}
			if clean := path.Clean(r.Path); clean != r.Path && clean+"/" != r.Path {
				t.Errorf("%q: the path %q is %q", raw, r.Path, clean)
			}
			if name := u.Hostname(); r.Allow != config.AllowAll && name != "example.com" && !strings.HasSuffix(name, ".example.com") {
				t.Errorf("%q: the cookie does not reach %q", raw, r.Host)
			}
		}
	})
}
