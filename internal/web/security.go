package web

import (
	"slices"
	"time"

	"latchkey/internal/account"
	"latchkey/internal/factor"
	"latchkey/internal/policy"
	"latchkey/internal/settings"
	"latchkey/internal/sso"
)

// securityPage is the overview: what is on, how strong it is, what is left,
// and why it is asked for.
type securityPage struct {
	frame
	User      account.User
	Methods   []factor.Method
	Preferred string
	Kinds     int // different kinds that are on
	HasApp    bool
	AddApp    bool // may be added
	AddEmail  bool
	Keys      settings.TwoFactor
	LowKeys   bool
	By        policy.By
	From      *time.Time
	Due       bool
	Required  string // which rule asks for two-factor, in words; empty: none
	Linked    []identity
	Linkable  []ssoChoice

	NoPassword bool // a provider signs them in
}

// rules say why two-factor is asked for.
var rules = map[policy.By]string{
	policy.ByPolicy: "web.why.policy",
	policy.ByAdmin:  "web.why.admin",
	policy.ByReset:  "web.why.reset",
}

func security(v *visit) error {
	p, err := v.security()
	if err != nil {
		return err
	}
	return v.draw("security", p)
}

func (v *visit) security() (*securityPage, error) {
	state, err := v.o.Settings.TwoFactor(v.ctx(), v.in)
	if err != nil {
		return nil, err
	}
	asked, err := v.o.Settings.Asked(v.ctx(), v.in)
	if err != nil {
		return nil, err
	}
	me, err := v.o.Settings.Me(v.ctx(), v.in)
	if err != nil {
		return nil, err
	}
	p := &securityPage{
		User: me.User, Methods: state.Methods, Preferred: state.Preferred, Keys: state,
		HasApp:  factor.Has(state.Methods, factor.App),
		LowKeys: state.KeysTotal > 0 && state.KeysLeft <= factor.LowKeys,
		By:      asked.By, From: asked.From, Due: asked.Due, NoPassword: me.User.PasswordHash == "",
	}
	if id, ok := rules[asked.By]; ok {
		p.Required = v.o.Words.T(id, nil)
	}
	for _, k := range []factor.Kind{factor.App, factor.Email} {
		if factor.Has(state.Methods, k) {
			p.Kinds++
		}
	}
	for _, k := range asked.Satisfies {
		p.AddApp = p.AddApp || k == policy.App
		p.AddEmail = p.AddEmail || (k == policy.Email && !factor.Has(state.Methods, factor.Email))
	}
	p.Here = "security"
	linked, err := v.o.Settings.Identities(v.ctx(), v.in)
	if err != nil {
		return nil, err
	}
	p.Linked = v.identities(linked)
	p.Linkable = v.ssoChoices(func(s sso.Settings) bool {
		return !slices.ContainsFunc(linked, func(i sso.Identity) bool { return i.Issuer == s.Issuer })
	})
	return p, nil
}

// recoveredPage comes after a sign-in by recovery key.
type recoveredPage struct {
	frame
	Left    int
	Total   int
	Methods []factor.Method
}

func recovered(v *visit) error {
	state, err := v.o.Settings.TwoFactor(v.ctx(), v.in)
	if err != nil {
		return err
	}
	return v.draw("recovered", &recoveredPage{Left: state.KeysLeft, Total: state.KeysTotal, Methods: state.Methods})
}
