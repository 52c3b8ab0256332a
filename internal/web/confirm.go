package web

import (
	"slices"

	"latchkey/internal/edge"
	"latchkey/internal/factor"
	"latchkey/internal/fault"
	"latchkey/internal/signin"
	"latchkey/internal/sso"
)

// confirmPage asks again who it is, before a change that matters (🔒).
type confirmPage struct {
	frame
	Account    string
	NoPassword bool
	Providers  []ssoChoice // without a password: where to prove who it is
	SSODone    bool        // that is done, and the code is due
	TwoFactor  bool
	Way        factor.Kind // what the code is from; empty: no method is taken
	Hint       string
	Others     []way
	Delivery   *delivery
	ForApp     bool // an app behind forward-auth asks for an app code or a recovery key
	LacksApp   bool // and no authenticator app is on
}

func confirmForm(v *visit) error {
	p, err := v.confirm(v.c.Query("way"))
	if err != nil {
		return err
	}
	return v.draw("confirm", p)
}

func (v *visit) confirm(chosen string) (*confirmPage, error) {
	c, err := v.o.SignIn.Confirmation(v.ctx(), v.by, v.in)
	if err != nil {
		return nil, err
	}
	p := &confirmPage{
		Account: c.User.Email, NoPassword: c.User.PasswordHash == "", TwoFactor: c.TwoFactor, Way: c.Preferred, SSODone: c.SSODone,
		Providers: v.ssoChoices(func(p sso.Settings) bool { return slices.Contains(c.Issuers, p.Issuer) }),
	}
	p.blame = "code"
	var ways []way
	for _, one := range c.Choices {
		ways = append(ways, way{one.Kind, one.Hint})
	}
	if c.TwoFactor && c.RecoveryKey {
		ways = append(ways, way{Kind: factor.RecoveryKey})
		if p.Way == "" {
			p.Way = factor.RecoveryKey
		}
	}
	hasApp := slices.ContainsFunc(ways, func(w way) bool { return w.Kind == factor.App })
	if p.ForApp = v.returnTo() == appWay; p.ForApp && hasApp {
		p.Way = factor.App // an email code would not do
	}
	p.LacksApp = p.ForApp && !hasApp
	for _, w := range ways {
		if string(w.Kind) == chosen {
			p.Way = w.Kind
		}
	}
	for _, w := range ways {
		if w.Kind == p.Way {
			p.Hint = w.Hint
		} else {
			p.Others = append(p.Others, w)
		}
	}
	if p.Way == factor.Email {
		p.Delivery = v.delivered(c.Mailed, "/account/confirm/delivery")
	}
	return p, nil
}

// confirmSubmit opens what is locked. The session gets a fresh token with it.
func confirmSubmit(v *visit) error {
	edge.Tried(v.c, v.form("method"))
	done, err := v.o.SignIn.Confirm(v.ctx(), v.by, v.in, signin.Proofs{
		Password: v.form("password"), Method: v.form("method"), Code: v.form("code"),
	})
	if err != nil {
		p, drawErr := v.confirm(v.form("method"))
		if drawErr != nil {
			return drawErr
		}
		if f, ok := fault.As(err); ok && f.Code == fault.WrongCredentials {
			p.blame = "password"
		}
		return v.redraw("confirm", p, err)
	}
	if done.Token != "" {
		v.jar.set(v.c, sessionCookie, done.Token, 0)
	}
	return v.to(v.orElse("/account/security"))
}

// confirmSend mails the code of this confirmation, or repeats it.
func confirmSend(v *visit) error {
	if _, err := v.o.SignIn.ConfirmationCode(v.ctx(), v.by, v.in); err != nil && !isPast(err) {
		p, drawErr := v.confirm(string(factor.Email))
		if drawErr != nil {
			return drawErr
		}
		return v.redraw("confirm", p, err)
	}
	to := "/account/confirm?way=email"
	if back := v.returnTo(); back != "" {
		to = "/account/confirm" + returning(back) + "&way=email"
	}
	return v.to(to)
}

func confirmDelivery(v *visit) error {
	c, err := v.o.SignIn.Confirmation(v.ctx(), v.by, v.in)
	if err != nil {
		return err
	}
	return v.answerDelivery(v.delivered(c.Mailed, ""))
}
