package web

import "strings"

// access says who gets to a page; everyone else is led to where they may.
type access int

const (
	anyone  access = iota
	visitor        // signed-in people are led to their account
	signing        // holds an unfinished sign-in
	member         // holds a session
	sure           // 🔒: a member who just confirmed; others confirm first
)

type route struct {
	method, path string
	who          access
	do           func(*visit) error

	back string // the page that a form stood on
}

// table is every page and every form. A GET changes nothing; a POST that did
// something redirects.
func (w *Web) table() []route {
	return append(adminTable(), []route{
		{"GET", "/", anyone, home, ""},

		{"GET", "/sign-up", visitor, signUpForm, ""},
		{"POST", "/sign-up", visitor, signUpSubmit, ""},
		{"GET", "/sign-in", visitor, signInForm, ""},
		{"POST", "/sign-in", visitor, signInSubmit, ""},
		{"GET", "/sign-in/sso/:provider", visitor, ssoStart, ""},
		{"GET", "/sso/:provider/callback", anyone, ssoBack, ""},
		{"GET", "/sign-in/code", signing, codeForm, ""},
		{"POST", "/sign-in/code", signing, codeSubmit, ""},
		{"POST", "/sign-in/code/send", signing, codeSend, ""},
		{"GET", "/sign-in/delivery", signing, codeDelivery, ""},
		{"GET", "/sign-in/enrol", signing, enrolChoose, ""},
		{"POST", "/sign-in/enrol", signing, enrolBegin, ""},
		{"POST", "/sign-in/enrol/skip", signing, enrolSkip, ""},
		{"GET", "/sign-in/enrol/app", signing, enrolApp, ""},
		{"POST", "/sign-in/enrol/app", signing, enrolAppSubmit, ""},
		{"GET", "/sign-in/enrol/email", signing, enrolEmail, ""},
		{"POST", "/sign-in/enrol/email", signing, enrolEmailSubmit, ""},
		{"POST", "/sign-in/enrol/email/send", signing, enrolEmailSend, ""},
		{"GET", "/sign-in/recovery-keys", signing, gateShow, ""},
		{"POST", "/sign-in/recovery-keys", signing, gateSaved, ""},
		{"GET", "/sign-in/recovery-keys.txt", signing, gateFile, ""},
		{"POST", "/sign-in/cancel", anyone, signInCancel, ""},
		{"POST", "/sign-out", anyone, signOut, ""},

		{"GET", "/password-resets", anyone, askResetForm, ""},
		{"POST", "/password-resets", anyone, askReset, ""},
		{"GET", "/password-resets/sent", anyone, resetSent, ""},
		{"GET", "/password-resets/:token", anyone, newPasswordForm, ""},
		{"POST", "/password-resets/:token", anyone, newPassword, ""},
		{"GET", "/not-me/done", anyone, reported, ""},
		{"GET", "/not-me/:token", anyone, notMeAsk, ""},
		{"POST", "/not-me/:token", anyone, notMe, ""},
		{"GET", "/email-changes/undone", anyone, undone, ""},
		{"GET", "/email-changes/undo/:token", anyone, undoAsk, ""},
		{"POST", "/email-changes/undo/:token", anyone, undoEmail, ""},

		{"GET", "/account", member, arrive, ""},
		{"GET", "/account/welcome", member, offerShow, ""},
		{"POST", "/account/welcome", member, offerPutOff, ""},
		{"GET", "/account/recovered", member, recovered, ""},
		{"GET", "/account/email", member, verifyForm, ""},
		{"POST", "/account/email", member, verifySubmit, ""},
		{"POST", "/account/email/send", member, verifySend, ""},
		{"GET", "/account/email/delivery", member, verifyDelivery, ""},
		{"GET", "/account/confirm", member, confirmForm, ""},
		{"POST", "/account/confirm", member, confirmSubmit, ""},
		{"POST", "/account/confirm/send", member, confirmSend, ""},
		{"GET", "/account/confirm/delivery", member, confirmDelivery, ""},
		{"GET", "/account/confirm/sso/:provider", member, ssoConfirm, ""},

		{"GET", "/account/security", member, security, ""},
		{"GET", "/account/security/app", sure, addApp, ""},
		{"POST", "/account/security/app", sure, addAppBegin, ""},
		{"GET", "/account/security/app/code", sure, addAppCode, ""},
		{"POST", "/account/security/app/code", sure, addAppSubmit, ""},
		{"GET", "/account/security/app/reset", sure, resetAppAsk, ""},
		{"POST", "/account/security/app/reset", sure, resetApp, ""},
		{"GET", "/account/security/email", sure, addEmail, ""},
		{"POST", "/account/security/email", sure, addEmailBegin, ""},
		{"GET", "/account/security/email/code", sure, addEmailCode, ""},
		{"POST", "/account/security/email/code", sure, addEmailSubmit, ""},
		{"POST", "/account/security/email/code/send", sure, addEmailBegin, ""},
		{"GET", "/account/security/email/delivery", member, addEmailDelivery, ""},
		{"GET", "/account/security/methods/:id/off", sure, turnOffAsk, ""},
		{"POST", "/account/security/methods/:id/off", sure, turnOff, ""},
		{"GET", "/account/security/sso/:provider/link", sure, ssoLinkAsk, ""},
		{"POST", "/account/security/sso/:provider/link", sure, ssoLink, ""},
		{"GET", "/account/security/identities/:id/unlink", sure, ssoUnlinkAsk, ""},
		{"POST", "/account/security/identities/:id/unlink", sure, ssoUnlink, ""},
		{"GET", "/account/security/off", sure, turnOffAllAsk, ""},
		{"POST", "/account/security/off", sure, turnOffAll, ""},

		{"GET", "/account/recovery-keys", member, keysShow, ""},
		{"POST", "/account/recovery-keys", member, keysSaved, ""},
		{"GET", "/account/recovery-keys.txt", member, keysFile, ""},
		{"GET", "/account/recovery-keys/print", member, keysPrint, ""},
		{"GET", "/account/recovery-keys/new", member, keysRenewAsk, ""},
		{"POST", "/account/recovery-keys/new", member, keysRenew, ""},
		{"GET", "/account/recovery-keys/check", sure, keyCheckForm, ""},
		{"POST", "/account/recovery-keys/check", sure, keyCheck, ""},

		{"GET", "/account/tokens", member, tokens, ""},
		{"GET", "/account/tokens/new", sure, tokenForm, ""},
		{"POST", "/account/tokens/new", sure, tokenSubmit, ""},
		{"POST", "/account/tokens/:id/end", member, tokenEnd, ""},

		{"GET", "/account/sessions", member, sessions, ""},
		{"POST", "/account/sessions/:id/end", member, sessionEnd, ""},
		{"POST", "/account/sessions/end-others", member, sessionsEndOthers, ""},
		{"POST", "/account/devices/:id/end", member, deviceEnd, ""},
		{"GET", "/account/activity", member, activity, ""},
		{"GET", "/account/profile", member, profileForm, ""},
		{"POST", "/account/profile", member, profileSubmit, ""},
		{"GET", "/account/profile/email", sure, emailChangeForm, ""},
		{"POST", "/account/profile/email", sure, emailChangeBegin, ""},
		{"GET", "/account/profile/email/code", member, emailChangeCode, ""},
		{"POST", "/account/profile/email/code", member, emailChangeSubmit, ""},
		{"POST", "/account/profile/email/code/send", sure, emailChangeSend, ""},
		{"GET", "/account/profile/email/delivery", member, emailChangeDelivery, ""},
		{"GET", "/account/delete", sure, leaveAsk, ""},
		{"POST", "/account/delete", sure, leave, ""},
		{"GET", "/account/password", sure, passwordForm, ""},
		{"POST", "/account/password", sure, passwordSubmit, ""},
	}...)
}

// pageOf is the page that a path's form stands on: itself, or the nearest one
// above it.
func pageOf(path string, pages map[string]bool) string {
	switch {
	case path == "/account/devices/:id/end":
		return "/account/sessions"
	}
	for p := path; p != ""; p = p[:strings.LastIndexByte(p, '/')] {
		if pages[p] {
			return p
		}
	}
	return "/"
}
