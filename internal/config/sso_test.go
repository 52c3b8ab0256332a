package config_test

import (
	"errors"
	"reflect"
	"slices"
	"strings"
	"testing"

	"latchkey/internal/config"
)

func withSSO(providers string, env ...string) config.Input {
	in := good()
	in.OIDCProviders, in.Environ = providers, env
	return in
}

func TestProvidersAreRead(t *testing.T) {
	t.Parallel()
	c, err := config.Load(withSSO("acme, corp",
		"OIDC_ACME_ISSUER=https://login.acme.example", "OIDC_ACME_CLIENT_ID=lk", "OIDC_ACME_CLIENT_SECRET=sesame",
		"OIDC_CORP_ISSUER=https://corp.example/tenant/", "OIDC_CORP_CLIENT_ID=lk", "OIDC_CORP_NAME=Corp account",
		"OIDC_CORP_SECOND_FACTOR=accept_proof", "OIDC_CORP_PROOF_AMR=mfa, hwk", "OIDC_CORP_PROOF_ACR=urn:x",
		"OIDC_CORP_SIGN_UP=yes", "OIDC_CORP_SCOPES=openid email"), config.Serve)
	if err != nil {
		t.Fatal(err)
	}
	want := []config.SSOProvider{
		{Slug: "acme", Name: "Acme", Issuer: "https://login.acme.example", ClientID: "lk", ClientSecret: c.SSO[0].ClientSecret,
			SecondFactor: config.SSOAlways, Scopes: []string{"openid", "email", "profile"}},
		{Slug: "corp", Name: "Corp account", Issuer: "https://corp.example/tenant/", ClientID: "lk", SecondFactor: config.SSOAcceptProof,
			ProofAMR: []string{"mfa", "hwk"}, ProofACR: []string{"urn:x"}, SignUp: true, Scopes: []string{"openid", "email"}},
	}
	for i := range c.SSO {
		if len(c.SSO[i].ProofAMR) == 0 {
			c.SSO[i].ProofAMR, c.SSO[i].ProofACR = nil, nil
		}
	}
	if !reflect.DeepEqual(c.SSO, want) || c.SSO[0].ClientSecret.Reveal() != "sesame" {
		t.Errorf("%+v", c.SSO)
	}
}

// Each line spoils one setting of a good provider.
func TestABadProviderIsNamedWithAWayOut(t *testing.T) {
	t.Parallel()
	for name, c := range map[string]struct{ providers, env, setting, says string }{
		"word":           {"Acme!", "", "OIDC_PROVIDERS", "short words"},
		"twice":          {"acme,acme", "", "OIDC_PROVIDERS", "twice"},
		"no issuer":      {"acme", "OIDC_ACME_ISSUER=", "OIDC_ACME_ISSUER", "not set"},
		"issuer":         {"acme", "OIDC_ACME_ISSUER=login.acme.example", "OIDC_ACME_ISSUER", "no issuer"},
		"issuer query":   {"acme", "OIDC_ACME_ISSUER=https://a.example?x=1", "OIDC_ACME_ISSUER", "no issuer"},
		"http":           {"acme", "OIDC_ACME_ISSUER=http://login.acme.example", "OIDC_ACME_ISSUER", "use https"},
		"no client":      {"acme", "OIDC_ACME_CLIENT_ID=", "OIDC_ACME_CLIENT_ID", "not set"},
		"absent secret":  {"acme", "OIDC_ACME_CLIENT_SECRET_FILE=/no/such", "OIDC_ACME_CLIENT_SECRET", "keep one"},
		"rule":           {"acme", "OIDC_ACME_SECOND_FACTOR=sometimes", "OIDC_ACME_SECOND_FACTOR", "always, accept_proof or never"},
		"no proof":       {"acme", "OIDC_ACME_SECOND_FACTOR=accept_proof", "OIDC_ACME_SECOND_FACTOR", "OIDC_ACME_PROOF_AMR"},
		"proof for none": {"acme", "OIDC_ACME_PROOF_AMR=mfa", "OIDC_ACME_SECOND_FACTOR", "mean nothing"},
		"sign-up":        {"acme", "OIDC_ACME_SIGN_UP=open", "OIDC_ACME_SIGN_UP", "yes or no"},
		"scopes":         {"acme", "OIDC_ACME_SCOPES=email", "OIDC_ACME_SCOPES", "openid among them"},
		"name":           {"acme", "OIDC_ACME_NAME=" + strings.Repeat("a", 41), "OIDC_ACME_NAME", "40"},
		"stray":          {"acme", "OIDC_CORP_ISSUER=https://corp.example", "OIDC_CORP_ISSUER", "names no such provider"},
		"same issuer":    {"acme,corp", "OIDC_CORP_ISSUER=https://login.acme.example", "OIDC_CORP_ISSUER", "issuer of acme"},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			_, err := config.Load(withSSO(c.providers, "OIDC_ACME_ISSUER=https://login.acme.example", "OIDC_ACME_CLIENT_ID=lk",
				"OIDC_ACME_CLIENT_SECRET=sesame", "OIDC_CORP_CLIENT_ID=lk", c.env), config.Serve)
			var faults config.Faults
			if !errors.As(err, &faults) || strings.Contains(err.Error(), "sesame") {
				t.Fatalf("Load = %v", err)
			}
			if !slices.ContainsFunc(faults, func(f config.Fault) bool { return f.Setting == c.setting && strings.Contains(f.Says, c.says) }) {
				t.Errorf("faults:\n%v\nwant %s to say %q", err, c.setting, c.says)
			}
		})
	}
}

// Commands that know nothing of providers stand in the same environment.
func TestACommandWithoutProvidersLooksAtNone(t *testing.T) {
	t.Parallel()
	c, err := config.Load(withSSO("", "OIDC_ACME_ISSUER=https://login.acme.example"), config.Serve)
	if err != nil || len(c.SSO) != 0 {
		t.Errorf("%v, %v", c.SSO, err)
	}
}
