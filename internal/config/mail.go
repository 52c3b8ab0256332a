package config

import (
	"crypto"
	"crypto/ed25519"
	"crypto/rsa"
	"crypto/x509"
	"encoding/pem"
	"errors"
	"math"
	"net/mail"
	"net/url"
	"regexp"
	"strconv"
	"strings"
)

// TLSMode says how a connection to the mail server is secured.
type TLSMode string

const (
	StartTLS    TLSMode = "starttls" // demanded, never merely tried
	ImplicitTLS TLSMode = "implicit"
	NoTLS       TLSMode = "none" // on this machine or a trusted network only
)

// SMTP is the mail server.
type SMTP struct {
	Host     string
	Port     int
	User     string // empty: no login
	Password Secret
	TLS      TLSMode
}

// DKIM is what mails are signed with.
type DKIM struct {
	Domain   string
	Selector string
	Key      Secret // PEM
}

var (
	local    = regexp.MustCompile("^[A-Za-z0-9!#$%&'*+/=?^_`{|}~-]+(\\.[A-Za-z0-9!#$%&'*+/=?^_`{|}~-]+)*$")
	selector = regexp.MustCompile(`^[a-zA-Z0-9]([a-zA-Z0-9._-]{0,61}[a-zA-Z0-9])?$`)
)

func (l *loader) mail(in MailInput) {
	c := l.cfg
	if s := l.secret("SMTP_URL", in.SMTPURL, in.SMTPURLFile); s != "" {
		c.SMTP = l.smtp(s)
	} else if l.needs(SMTPMail) {
		l.missing("SMTP_URL", "give your mail server, such as smtp://user:password@mail.example.com:587")
	}
	c.MailFrom = l.mailFrom(in.MailFrom)
	if in.MailRate != "" {
		rate, err := strconv.ParseFloat(in.MailRate, 64)
		if err != nil || !(rate > 0) || math.IsInf(rate, 0) {
			l.faults.Add("MAIL_RATE", "is %q: give a number of mails per second above 0, or leave it out for no limit", in.MailRate)
		}
		c.MailRate = rate
	}
	c.MailOTPToken = l.onOff("MAIL_OTP_TOKEN", in.MailOTPToken, false)
	c.DKIM = l.dkim(in)
}

func (l *loader) smtp(s string) SMTP {
	u, err := url.Parse(s)
	if err != nil {
		l.faults.Add("SMTP_URL", "is no URL: write smtp://user:password@host:587, with %%-escapes for special characters in user and password")
		return SMTP{}
	}
	if u.Scheme != "smtp" {
		l.faults.Add("SMTP_URL", "begins with %q: write smtp://… (for TLS from the first byte, smtp://host:465?tls=implicit)", u.Scheme+":")
		return SMTP{}
	}
	m := SMTP{Host: u.Hostname(), User: u.User.Username(), TLS: StartTLS, Port: 587}
	password, _ := u.User.Password()
	m.Password = NewSecret(password)
	if m.Host == "" {
		l.faults.Add("SMTP_URL", "names no host: write smtp://user:password@host:587")
	}
	if strings.Trim(u.Path, "/") != "" {
		l.faults.Add("SMTP_URL", "has a path: take away what stands after host and port")
	}
	l.smtpQuery(&m, u.Query())
	switch {
	case u.Port() == "":
		if m.TLS == ImplicitTLS {
			m.Port = 465
		}
	case !portInRange(u.Port()):
		l.faults.Add("SMTP_URL", "has port %s: use one from 1 to 65535", u.Port())
	default:
		m.Port, _ = strconv.Atoi(u.Port())
	}
	if m.Password.IsSet() && m.TLS == NoTLS && !loopback(m.Host) {
		l.faults.Add("SMTP_URL", "would send its password in the clear: use tls=starttls or tls=implicit (tls=none with a password is for localhost only)")
	}
	return m
}

func (l *loader) smtpQuery(m *SMTP, query url.Values) {
	for name, values := range query {
		if name != "tls" || len(values) != 1 {
			l.faults.Add("SMTP_URL", "has the option %q: the only one is tls, given once", name)
			continue
		}
		switch mode := TLSMode(values[0]); mode {
		case StartTLS, ImplicitTLS, NoTLS:
			m.TLS = mode
		default:
			l.faults.Add("SMTP_URL", "has tls=%s: choose starttls, implicit or none", values[0])
		}
	}
}

func (l *loader) mailFrom(s string) mail.Address {
	if s == "" {
		if l.needs(SMTPMail) {
			l.faults.Add("MAIL_FROM", "is not set: give the sender of all mails, such as Example <no-reply@example.com>")
		}
		return mail.Address{}
	}
	a, err := mail.ParseAddress(s)
	if err != nil || !plainAddress(a.Address) || strings.ContainsAny(s, "\r\n") {
		l.faults.Add("MAIL_FROM", "is %q: give one address, such as Example <no-reply@example.com>", s)
		return mail.Address{}
	}
	return *a
}

// plainAddress is stricter than the standard: no quoted local parts, no
// address literals, nothing that a mail server might read in two ways.
func plainAddress(s string) bool {
	at := strings.LastIndexByte(s, '@')
	if at < 1 || len(s) > 254 || at > 64 {
		return false
	}
	host := strings.ToLower(s[at+1:])
	return local.MatchString(s[:at]) && (domain.MatchString(host) || host == "localhost")
}

func (l *loader) dkim(in MailInput) *DKIM {
	key := l.secret("DKIM_KEY", in.DKIMKey, in.DKIMKeyFile)
	if in.DKIMDomain == "" && in.DKIMSelector == "" && key == "" {
		return nil
	}
	d := &DKIM{Domain: strings.ToLower(in.DKIMDomain), Selector: in.DKIMSelector, Key: NewSecret(key)}
	switch {
	case d.Domain == "":
		l.missing("DKIM_DOMAIN", "signing needs DKIM_DOMAIN, DKIM_SELECTOR and DKIM_KEY together")
	case !domain.MatchString(d.Domain):
		l.faults.Add("DKIM_DOMAIN", "is %q: give a domain, such as example.com", in.DKIMDomain)
	}
	switch {
	case d.Selector == "":
		l.missing("DKIM_SELECTOR", "signing needs DKIM_DOMAIN, DKIM_SELECTOR and DKIM_KEY together")
	case !selector.MatchString(d.Selector):
		l.faults.Add("DKIM_SELECTOR", "is %q: give the name that stands before ._domainkey in DNS", in.DKIMSelector)
	}
	if key == "" {
		l.missing("DKIM_KEY", "signing needs DKIM_DOMAIN, DKIM_SELECTOR and DKIM_KEY together")
	} else if _, err := d.Signer(); err != nil {
		l.faults.Add("DKIM_KEY", "can't be used: %s", err)
	}
	return d
}

// Signer reads the private key. Its errors never quote the key.
func (d *DKIM) Signer() (crypto.Signer, error) {
	block, _ := pem.Decode([]byte(d.Key.Reveal()))
	if block == nil {
		return nil, errors.New("give a private key in PEM form (-----BEGIN PRIVATE KEY-----)")
	}
	key, err := x509.ParsePKCS8PrivateKey(block.Bytes)
	if err != nil {
		if key, err = x509.ParsePKCS1PrivateKey(block.Bytes); err != nil {
			return nil, errors.New("give an unencrypted private key, PKCS #8 or PKCS #1")
		}
	}
	switch k := key.(type) {
	case *rsa.PrivateKey:
		if k.N.BitLen() < 2048 {
			return nil, errors.New("RSA needs 2048 bits or more")
		}
		return k, nil
	case ed25519.PrivateKey:
		return k, nil
	}
	return nil, errors.New("use RSA or Ed25519")
}
