package config

import (
	"net/url"
	"os"
	"regexp"
	"slices"
	"strings"
	"unicode"
	"unicode/utf8"
)

// SSOProvider is one OpenID Connect provider that people may sign in through.
type SSOProvider struct {
	Slug         string // its word in settings and addresses
	Name         string // on its button
	Issuer       string // exactly as it writes itself
	ClientID     string
	ClientSecret Secret // not set: a public client, with PKCE alone
	SecondFactor string // SSOAlways, SSOAcceptProof or SSONever
	ProofAMR     []string
	ProofACR     []string
	SignUp       bool
	Scopes       []string // with openid
}

// When our own second factor is asked for after a sign-in through a provider.
const (
	SSOAlways      = "always"
	SSOAcceptProof = "accept_proof" // not where the provider proves one of its own
	SSONever       = "never"        // not unless a rule requires two-factor of the user
)

// ssoParts are the settings of one provider, after OIDC_<PROVIDER>_.
var ssoParts = []string{
	"ISSUER", "CLIENT_ID", "CLIENT_SECRET", "CLIENT_SECRET_FILE", "NAME", "SECOND_FACTOR",
	"PROOF_AMR", "PROOF_ACR", "SIGN_UP", "SCOPES",
}

const maxSSOProviders = 20

var (
	ssoSlug    = regexp.MustCompile(`^[a-z][a-z0-9_]{0,29}$`)
	scopeToken = regexp.MustCompile(`^[\x21\x23-\x5b\x5d-\x7e]+$`) // RFC 6749 section 3.3
)

// sso reads the providers. Their settings are named after them, so that the
// command line can't know them: they are environment variables only.
func (l *loader) sso(in WebInput) {
	environ := in.Environ
	if environ == nil {
		environ = os.Environ()
	}
	env := map[string]string{}
	for _, one := range environ {
		if name, value, _ := strings.Cut(one, "="); strings.HasPrefix(name, "OIDC_") {
			env[name] = value
		}
	}
	var slugs []string
	for _, slug := range words(in.OIDCProviders) {
		switch {
		case !ssoSlug.MatchString(slug):
			l.faults.Add("OIDC_PROVIDERS", "holds %q: write short words of a-z, 0-9 and _, such as acme, separated by commas", slug)
		case slices.Contains(slugs, slug):
			l.faults.Add("OIDC_PROVIDERS", "names %s twice: name it once", slug)
		default:
			slugs = append(slugs, slug)
		}
	}
	if len(slugs) > maxSSOProviders {
		l.faults.Add("OIDC_PROVIDERS", "names %d providers: at most %d fit on a page", len(slugs), maxSSOProviders)
	}
	issuers := map[string]string{}
	for _, slug := range slugs {
		p := l.ssoProvider(slug, env)
		if other := issuers[p.Issuer]; other != "" && p.Issuer != "" {
			l.faults.Add(ssoSetting(slug, "ISSUER"), "is the issuer of %s too, and people are known by issuer: name each once", other)
		}
		issuers[p.Issuer] = slug
		l.cfg.SSO = append(l.cfg.SSO, p)
	}
	if in.OIDCProviders != "" { // else this command looks at none
		l.ssoStrays(slugs, env)
	}
}

// ssoStrays names settings of a provider that nobody listed: a typing error in
// one of the two.
func (l *loader) ssoStrays(slugs []string, env map[string]string) {
	known := map[string]bool{}
	for _, slug := range slugs {
		for _, part := range ssoParts {
			known[ssoSetting(slug, part)] = true
		}
	}
	var strays []string
	for name := range env {
		if !known[name] && slices.ContainsFunc(ssoParts, func(part string) bool { return strings.HasSuffix(name, "_"+part) }) {
			strays = append(strays, name)
		}
	}
	slices.Sort(strays)
	for _, name := range strays {
		l.faults.Add(name, "is set, but OIDC_PROVIDERS names no such provider: add it there, or take this away")
	}
}

func ssoSetting(slug, part string) string { return "OIDC_" + strings.ToUpper(slug) + "_" + part }

func (l *loader) ssoProvider(slug string, env map[string]string) SSOProvider {
	get := func(part string) string { return env[ssoSetting(slug, part)] }
	p := SSOProvider{
		Slug: slug, Name: get("NAME"), ClientID: get("CLIENT_ID"), Issuer: l.issuer(ssoSetting(slug, "ISSUER"), get("ISSUER")),
		SecondFactor: get("SECOND_FACTOR"), ProofAMR: words(get("PROOF_AMR")), ProofACR: words(get("PROOF_ACR")), Scopes: words(get("SCOPES")),
	}
	secret := ssoSetting(slug, "CLIENT_SECRET")
	p.ClientSecret = NewSecret(l.secret(secret, get("CLIENT_SECRET"), get("CLIENT_SECRET_FILE")))
	if p.Name == "" {
		p.Name = strings.ToUpper(slug[:1]) + slug[1:]
	}
	if utf8.RuneCountInString(p.Name) > 40 || strings.ContainsFunc(p.Name, func(r rune) bool { return !unicode.IsPrint(r) }) {
		l.faults.Add(ssoSetting(slug, "NAME"), "must be at most 40 printable characters: it stands on a button")
	}
	if p.ClientID == "" {
		l.faults.Add(ssoSetting(slug, "CLIENT_ID"), "is not set: give the client id under which this provider knows Latchkey")
	}
	if len(p.Scopes) == 0 {
		p.Scopes = []string{"openid", "email", "profile"}
	}
	if !slices.Contains(p.Scopes, "openid") || slices.ContainsFunc(p.Scopes, func(s string) bool { return !scopeToken.MatchString(s) }) {
		l.faults.Add(ssoSetting(slug, "SCOPES"), "is %q: write scopes separated by blanks, openid among them", get("SCOPES"))
	}
	p.SignUp = l.choice(ssoSetting(slug, "SIGN_UP"), get("SIGN_UP"), "yes", "no", false)
	l.ssoProof(&p)
	return p
}

func (l *loader) ssoProof(p *SSOProvider) {
	setting, lists := ssoSetting(p.Slug, "SECOND_FACTOR"), len(p.ProofAMR)+len(p.ProofACR) > 0
	switch p.SecondFactor {
	case "":
		p.SecondFactor = SSOAlways
	case SSOAlways, SSONever, SSOAcceptProof:
	default:
		l.faults.Add(setting, "is %q: choose always, accept_proof or never", p.SecondFactor)
		return
	}
	switch accepts := p.SecondFactor == SSOAcceptProof; {
	case accepts && !lists:
		l.faults.Add(setting, "is accept_proof, but nothing says what is a proof: set %s (such as mfa) or %s",
			ssoSetting(p.Slug, "PROOF_AMR"), ssoSetting(p.Slug, "PROOF_ACR"))
	case !accepts && lists:
		l.faults.Add(setting, "is %s, so that %s and %s mean nothing: set it to accept_proof, or take them away",
			p.SecondFactor, ssoSetting(p.Slug, "PROOF_AMR"), ssoSetting(p.Slug, "PROOF_ACR"))
	}
}

// issuer is kept as it was written: it is compared byte by byte with what
// tokens say (OpenID Connect Core section 3.1.3.7).
func (l *loader) issuer(setting, s string) string {
	u, err := url.Parse(s)
	switch {
	case s == "":
		l.faults.Add(setting, "is not set: give the address that stands as issuer in the provider's /.well-known/openid-configuration")
	case err != nil || u.Hostname() == "" || (u.Scheme != "https" && u.Scheme != "http") ||
		u.User != nil || u.RawQuery != "" || u.ForceQuery || u.Fragment != "":
		l.faults.Add(setting, "is no issuer: write it like https://login.example.com/tenant, without user, query and fragment")
	case u.Scheme == "http" && !loopback(u.Hostname()):
		l.faults.Add(setting, "is http, and sign-ins would cross the network in the clear: use https (http is for localhost only)")
	default:
		return s
	}
	return ""
}

// words splits a list at commas and blanks.
func words(s string) []string {
	return strings.FieldsFunc(s, func(r rune) bool { return r == ',' || unicode.IsSpace(r) })
}
