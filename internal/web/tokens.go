package web

import (
	"slices"
	"strconv"

	"github.com/google/uuid"

	"latchkey/internal/account"
	"latchkey/internal/session"
	"latchkey/internal/settings"
)

// tokensPage lists the access tokens of the account.
type tokensPage struct {
	frame
	Tokens []session.Token
}

func tokens(v *visit) error {
	all, err := v.o.Settings.Tokens(v.ctx(), v.in)
	if err != nil {
		return err
	}
	p := &tokensPage{Tokens: all}
	p.Here = "security"
	return v.draw("tokens", p)
}

func tokenEnd(v *visit) error {
	id, err := uuid.Parse(v.c.Param("id"))
	if err == nil {
		err = v.o.Settings.RevokeToken(v.ctx(), v.by, v.in, id)
	} else {
		err = errNoSuch
	}
	said := noticeTokenEnded
	if isAbsent(err) {
		said, err = noticeAlready, nil
	}
	if err != nil {
		return err
	}
	v.notice(said, "")
	return v.to("/account/tokens")
}

// scopeChoice is one box to tick.
type scopeChoice struct {
	Scope   session.Scope
	Words   string
	Checked bool
}

// lifeChoice is how long a token may live.
type lifeChoice struct {
	Days   int
	Chosen bool
}

// tokenNewPage asks what a token is for, and shows it once it is made.
type tokenNewPage struct {
	frame
	Name   string
	Scopes []scopeChoice
	Lives  []lifeChoice

	Made   *session.Token // then the rest is over
	Secret string         // shown in this answer and never again
}

var tokenLives = []int{7, 30, 90, 365}

func tokenForm(v *visit) error {
	p, err := v.tokenPage("", []string{string(session.ScopeRead)}, 90)
	if err != nil {
		return err
	}
	return v.draw("token_new", p)
}

func (v *visit) tokenPage(name string, scopes []string, days int) (*tokenNewPage, error) {
	me, err := v.o.Settings.Me(v.ctx(), v.in)
	if err != nil {
		return nil, err
	}
	p := &tokenNewPage{Name: name}
	p.Here = "security"
	words := map[session.Scope]string{
		session.ScopeRead:       v.o.Words.T("web.tokens.scope.read", nil),
		session.ScopeWrite:      v.o.Words.T("web.tokens.scope.write", nil),
		session.ScopeAdminRead:  v.o.Words.T("web.tokens.scope.admin_read", nil),
		session.ScopeAdminWrite: v.o.Words.T("web.tokens.scope.admin_write", nil),
	}
	for _, s := range session.Scopes() {
		// What the flow would refuse is not offered; it decides all the same.
		ruling := s == session.ScopeAdminRead || s == session.ScopeAdminWrite
		if !ruling || me.User.Role != account.Member {
			p.Scopes = append(p.Scopes, scopeChoice{s, words[s], slices.Contains(scopes, string(s))})
		}
	}
	for _, d := range tokenLives {
		p.Lives = append(p.Lives, lifeChoice{d, d == days})
	}
	return p, nil
}

// tokenSubmit makes the token and shows it in this very answer: a redirect
// would have to keep the secret somewhere. A second press makes no second one.
func tokenSubmit(v *visit) error {
	first, done, err := v.once()
	if err != nil {
		return err
	}
	if !first {
		v.notice(noticeAlready, "")
		return v.to("/account/tokens")
	}
	name, scopes := v.form("name"), v.c.Request.PostForm["scopes"]
	days, _ := strconv.Atoi(v.form("days")) // what is no number is refused as past
	ends := v.o.DB.Now().AddDate(0, 0, days)
	made, secret, err := v.o.Settings.MakeToken(v.ctx(), v.by, v.in, settings.TokenWish{Name: name, Scopes: scopes, ExpiresAt: &ends})
	done(err)
	p, drawErr := v.tokenPage(name, scopes, days)
	if drawErr != nil {
		return drawErr
	}
	if err != nil {
		return v.redraw("token_new", p, err)
	}
	p.Made, p.Secret = &made, secret
	return v.draw("token_new", p)
}
