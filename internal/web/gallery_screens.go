package web

import (
	"slices"
	"strings"
	"time"

	"github.com/google/uuid"

	"latchkey/internal/account"
	"latchkey/internal/edge"
	"latchkey/internal/factor"
	"latchkey/internal/fault"
	"latchkey/internal/mail"
	"latchkey/internal/session"
	"latchkey/internal/settings"
)

// screen is a page in one state, with made-up data.
type screen struct {
	At   string // its name in the gallery
	page string
	data page
}

// screens are all pages in the states worth looking at.
func (v *visit) screens() []screen {
	m := madeUp(v)
	out := []screen{
		{"sign-in", "sign_in", &signInPage{}},
		{"sign-in-under-way", "sign_in", &signInPage{Open: true, Email: m.email}},
		{"sign-up", "sign_up", &signUpPage{}},
		{"code-app", "code", &codePage{Way: factor.App, Hint: "Phone", Others: m.ways[1:], Trust: 30}},
		{"code-email", "code", &codePage{Way: factor.Email, Hint: "a•••@example.com", Delivery: m.delivery, Others: m.ways[:1], Trust: 30}},
		{"code-recovery-key", "code", &codePage{Way: factor.RecoveryKey, Others: m.ways[:2]}},
		{"enrol", "enrol", &enrolPage{App: true, Email: true, SentTo: m.email, SkippableUntil: &m.later}},
		{"enrol-app", "enrol_app", &enrolAppPage{App: m.app}},
		{"enrol-email", "enrol_email", &enrolEmailPage{Delivery: m.delivery}},
		{"gate", "gate", &gatePage{Keys: m.fresh, Account: m.email}},
		{"verify", "verify", &verifyPage{SentTo: m.email, Delivery: m.delivery}},
		{"confirm", "confirm", &confirmPage{Account: m.email, TwoFactor: true, Way: factor.App, Others: m.ways[1:]}},
		{"confirm-app", "confirm", &confirmPage{Account: m.email, ForApp: true, LacksApp: true}},
		{"offer", "offer", &offerPage{}},
		{"recovered", "recovered", &recoveredPage{Left: 3, Total: 10, Methods: m.methods}},
		{"security", "security", m.security(7)},
		{"security-three-keys", "security", m.security(3)},
		{"security-no-keys", "security", m.security(0)},
		{"security-off", "security", &securityPage{User: m.user, AddApp: true, AddEmail: true}},
		{"add-app-begin", "add_app_begin", &addAppBeginPage{First: true}},
		{"replace-app-begin", "add_app_begin", &addAppBeginPage{Replaces: m.methods[0].ID.String(), Old: "Phone"}},
		{"add-app", "add_app", &addAppPage{App: m.app}},
		{"add-email", "add_email", &addEmailPage{SentTo: m.email}},
		{"turn-off", "turn_off", &turnOffPage{Method: m.methods[0], Last: true, Keys: 7, Action: "/dev/gallery"}},
		{"reset-app", "reset_app", &resetAppPage{Names: "Phone, Tablet", Keys: 7}},
		{"keys", "keys", &keysPage{Keys: m.used, Spent: true}},
		{"keys-unsaved", "keys", &keysPage{Keys: m.fresh, Unsaved: true}},
		{"keys-new", "keys_new", &keysNewPage{Left: 7}},
		{"keys-print", "keys_print", &keysPrintPage{Keys: m.used, Account: m.email, Host: v.o.BaseURL.Host}},
		{"key-check", "key_check", &keyCheckPage{State: factor.KeyReplaced}},
		{"sessions", "sessions", m.sessions(v)},
		{"tokens", "tokens", &tokensPage{Tokens: m.tokens}},
		{"token-new", "token_new", m.newToken()},
		{"token-made", "token_new", &tokenNewPage{Made: &m.tokens[0], Secret: "lkp_MadeUpAndGoodForNothingAtAllMadeUpAndGoodForNo"}},
		{"activity", "activity", m.activity(v)},
		{"profile", "profile", &profilePage{User: m.user, Name: m.user.Name, Preferred: "app", Choose: true}},
		{"email-change", "email_change", &emailChangePage{User: m.user}},
		{"email-change-code", "email_change", &emailChangePage{User: m.user, SentTo: "ada@new.example", Delivery: m.delivery}},
		{"password", "password", &passwordPage{Account: m.email}},
		{"leave", "leave", &leavePage{Account: m.email}},
		{"ask-reset", "ask_reset", &askResetPage{}},
		{"reset-sent", "reset_sent", &resetSentPage{}},
		{"new-password", "new_password", &newPasswordPage{Action: "/dev/gallery"}},
		{"link-expired", "link_over", &linkOverPage{For: resetLink}},
		{"link-used", "link_over", &linkOverPage{For: resetLink, Used: true}},
		{"report-link-used", "link_over", &linkOverPage{For: reportLink, Used: true}},
		{"report", "report", &reportPage{Action: "/dev/gallery"}},
		{"report-undo", "report", &reportPage{Undo: true, Change: account.LinkData{OldEmail: m.email, NewEmail: "eve@evil.example"}, Action: "/dev/gallery"}},
		{"reported", "reported", &reportedPage{}},
		{"sign-in-sso", "sign_in", &signInPage{Providers: m.providers}},
		{"sign-up-sso", "sign_up", &signUpPage{Providers: m.providers[:1]}},
		{"confirm-sso", "confirm", &confirmPage{Account: m.email, NoPassword: true, Providers: m.providers[:1]}},
		{"confirm-sso-code", "confirm", &confirmPage{Account: m.email, NoPassword: true, SSODone: true, TwoFactor: true, Way: factor.App}},
		{"confirm-sso-gone", "confirm", &confirmPage{Account: m.email, NoPassword: true}},
		{"security-sso", "security", m.securitySSO()},
		{"sso-link", "sso_link", &ssoLinkPage{Name: "Acme", Action: "/dev/gallery"}},
		{"app-leave", "app_leave", &appLeavePage{Host: "notes.example.com", To: "/dev/gallery"}},
		{"app-factor", "app_factor", &appFactorPage{Again: "/dev/gallery"}},
		{"sso-leaving", "sso_leaving", &ssoLeavingPage{Name: "Acme", To: "/dev/gallery"}},
		{"sso-unlink", "sso_unlink", &ssoUnlinkPage{Identity: m.linked[0], Action: "/dev/gallery"}},
		{"sso-unlink-last", "sso_unlink", &ssoUnlinkPage{Identity: m.linked[0], Last: true, Action: "/dev/gallery"}},
		{"sso-down", "sso_failed", &ssoFailedPage{
			Title: v.o.Words.T("web.sso.down", nil), Detail: v.o.Words.T("fault.sso_down", map[string]any{"Provider": "Acme"}),
			Again: "/dev/gallery", Back: "/dev/gallery",
		}},
		{"sso-address-taken", "sso_failed", &ssoFailedPage{
			Title: v.o.Words.T("web.sso.failed", nil), Detail: v.o.Words.T("fault.sso_address_taken", map[string]any{"Provider": "Acme"}),
			Again: "/dev/gallery", Back: "/dev/gallery",
		}},
		{"failure", "failure", &failurePage{Answer: edge.AnswerTo(v.c, fault.New(fault.NotFound, fault.Absent))}},
	}
	wrong := &codePage{Way: factor.App, Hint: "Phone", Others: m.ways[1:], Trust: 30}
	wrong.Failed = &failed{
		Title: v.o.Words.T("title.wrong_code", nil), Code: "wrong_code",
		Fields: []fieldFault{{"code", v.o.Words.T("fault.wrong_code.left", map[string]any{"Count": 2})}},
	}
	out = append(out, screen{"code-wrong", "code", wrong})
	for _, s := range out {
		f := s.data.base()
		f.Here = navigation[s.page]
		f.Member = f.Here != ""
	}
	return out
}

// navigation is the entry of the account that each page is under.
var navigation = map[string]string{
	"security": "security", "add_app": "security", "add_app_begin": "security", "add_email": "security", "turn_off": "security", "reset_app": "security",
	"sso_link": "security", "sso_unlink": "security",
	"keys": "security", "keys_new": "security", "key_check": "security", "tokens": "security", "token_new": "security",
	"sessions": "sessions", "activity": "activity",
	"profile": "profile", "email_change": "profile", "password": "profile", "leave": "profile",
}

// props are the people and things that screens are filled with.
type props struct {
	now, earlier, later time.Time
	email               string
	user                account.User
	methods             []factor.Method
	ways                []way
	delivery            *delivery
	fresh, used         keySheet
	app                 appCode
	tokens              []session.Token
	providers           []ssoChoice
	linked              []identity
}

func madeUp(v *visit) props {
	now := v.o.DB.Now()
	m := props{now: now, earlier: now.Add(-3 * time.Hour), later: now.AddDate(0, 0, 14), email: "ada@example.com"}
	m.user = account.User{ID: uuid.New(), Email: m.email, EmailVerified: true, Name: "Ada Lovelace"}
	m.methods = []factor.Method{
		{ID: uuid.New(), Kind: factor.App, Name: "Phone", EnabledAt: m.earlier, LastUsedAt: &m.earlier},
		{ID: uuid.New(), Kind: factor.Email, Name: "Email", EnabledAt: m.earlier},
	}
	// A secret of nobody's; without a QR code the page is still worth a look.
	m.app, _ = v.appCode(factor.Enrolment{Name: "Phone", Secret: "MADEUPMADEUPMADEUPMADEUPMADEUP23"}, m.email)
	m.tokens = []session.Token{
		{ID: uuid.New(), Name: "Backup", Scopes: []session.Scope{session.ScopeRead}, CreatedAt: m.earlier, ExpiresAt: m.later, LastUsedAt: &m.earlier},
		{ID: uuid.New(), Name: "Deploy", Scopes: session.Scopes()[:2], CreatedAt: m.earlier, ExpiresAt: m.later},
	}
	m.providers = []ssoChoice{{"acme", "Acme"}, {"corp", "Corp account"}}
	m.linked = []identity{{ID: uuid.New(), Name: "Acme", Email: "ada@acme.example", LinkedAt: m.earlier, LastUsed: &m.earlier}}
	m.ways = []way{{factor.App, "Phone"}, {factor.Email, "a•••@example.com"}, {Kind: factor.RecoveryKey}}
	m.delivery = v.delivered(&factor.Delivery{
		State: mail.Sent, SentTo: m.email, Reference: "K7", SentAt: &now, ExpiresAt: now.Add(10 * time.Minute), ResendAt: now.Add(30 * time.Second),
	}, "")
	set := factor.Set{Label: "K7QD", GeneratedAt: m.earlier, Total: 10, Left: 10, SavedAt: &m.earlier}
	for i := range 10 {
		set.Keys = append(set.Keys, factor.Key{Key: "K3YX-0" + strings.Repeat(string("ABCDEFGHJK"[i]), 3) + "-MADE-0PEN"})
	}
	m.fresh = sheetOf(set, "/dev/gallery")
	set.Keys = slices.Clone(set.Keys)
	for i := range 3 {
		set.Keys[i].UsedAt, set.Keys[i].UsedFrom = &m.earlier, "Firefox on Windows"
	}
	m.used = sheetOf(set, "/dev/gallery")
	m.used.Print = "/dev/gallery/screens/keys-print"
	return m
}

func (m props) security(left int) *securityPage {
	return &securityPage{
		User: m.user, Methods: m.methods, Preferred: "app", Kinds: 2, HasApp: true, AddApp: true, LowKeys: left <= factor.LowKeys,
		Keys: settings.TwoFactor{KeysTotal: 10, KeysLeft: left, GeneratedAt: &m.earlier},
	}
}

func (m props) securitySSO() *securityPage {
	p := m.security(7)
	p.Linked, p.Linkable = m.linked, m.providers[1:]
	return p
}

func (m props) newToken() *tokenNewPage {
	p := &tokenNewPage{Lives: []lifeChoice{{7, false}, {90, true}}}
	for _, s := range session.Scopes()[:2] {
		p.Scopes = append(p.Scopes, scopeChoice{Scope: s, Words: "what it may do", Checked: s == session.ScopeRead})
	}
	return p
}

func (m props) sessions(v *visit) *sessionsPage {
	here := session.Session{
		ID: uuid.New(), Device: "Firefox on Windows", Address: "203.0.113.7", First: session.ByPassword, Assurance: session.TwoFactor,
		Method: "app", MethodAt: &m.earlier, CreatedAt: m.earlier, LastSeenAt: m.now,
	}
	other := here
	other.ID, other.Device, other.Address, other.Assurance, other.Method = uuid.New(), "Safari on iPhone", "198.51.100.20", session.TwoStep, "email"
	trusted := other
	trusted.ID, trusted.Device, trusted.Assurance, trusted.Method = uuid.New(), "Chrome on Android", session.Password, ""
	p := &sessionsPage{
		Current: here, Others: []session.Session{other, trusted}, Rests: v.rests([]session.Session{here, other, trusted}), Proved: map[uuid.UUID]proved{},
		Devices: []session.Device{{
			ID: uuid.New(), Device: "Chrome on Android", Address: "198.51.100.20", CreatedAt: m.earlier, LastUsedAt: m.now, ExpiresAt: m.later,
		}},
	}
	for _, s := range []session.Session{here, other, trusted} {
		p.Proved[s.ID] = v.proved(s)
	}
	return p
}

func (m props) activity(v *visit) *activityPage {
	p := &activityPage{}
	for _, id := range []string{"signed_in", "code_refused", "email_changed", "method_on"} {
		p.Events = append(p.Events, event{
			Words: v.o.Words.T(actions[id], map[string]any{"How": "authenticator app", "Name": "Phone"}),
			At:    m.earlier, Device: "Firefox on Windows", Address: "203.0.113.7", Alert: alerts[id],
		})
	}
	return p
}
