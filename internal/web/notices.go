package web

import (
	"encoding/base64"
	"strings"
)

// notices are what a page may say about what was just done, by the name that
// travels in a cookie: a made-up name says nothing.
const (
	noticeSessionOver = "session_over"
	noticeSignInOver  = "sign_in_over"
	noticeVerifyFirst = "verify_first"
	noticeSignedUp    = "signed_up"
	noticeSignedOut   = "signed_out"
	noticeVerified    = "verified"
	noticeMethodOn    = "method_on"
	noticeMethodOff   = "method_off"
	noticeAllOff      = "all_off"
	noticeKeysSaved   = "keys_saved"
	noticeKeysNew     = "keys_new"
	noticeEnded       = "session_ended"
	noticeOthersEnded = "others_ended"
	noticeDistrusted  = "distrusted"
	noticeSaved       = "saved"
	noticePassword    = "password"
	noticeAlready     = "already"
	noticeBeginAgain  = "begin_again"
	noticeNotNow      = "not_now"

	noticeReset        = "reset"
	noticeEmailChanged = "email_changed"
	noticeAppReset     = "app_reset"
	noticeDeleted      = "deleted"
	noticeTokenEnded   = "token_ended"
	noticeLinked       = "sso_linked"
	noticeUnlinked     = "sso_unlinked"
)

var notices = map[string]string{
	noticeSessionOver: "web.notice.session_over",
	noticeSignInOver:  "web.notice.sign_in_over",
	noticeVerifyFirst: "web.notice.verify_first",
	noticeSignedUp:    "web.notice.signed_up",
	noticeSignedOut:   "web.notice.signed_out",
	noticeVerified:    "web.notice.verified",
	noticeMethodOn:    "web.notice.method_on",
	noticeMethodOff:   "web.notice.method_off",
	noticeAllOff:      "web.notice.all_off",
	noticeKeysSaved:   "web.notice.keys_saved",
	noticeKeysNew:     "web.notice.keys_new",
	noticeEnded:       "web.notice.session_ended",
	noticeOthersEnded: "web.notice.others_ended",
	noticeDistrusted:  "web.notice.distrusted",
	noticeSaved:       "web.notice.saved",
	noticePassword:    "web.notice.password",
	noticeAlready:     "web.notice.already",
	noticeBeginAgain:  "web.notice.begin_again",
	noticeNotNow:      "web.notice.not_now",

	noticeReset:        "web.notice.reset",
	noticeEmailChanged: "web.notice.email_changed",
	noticeAppReset:     "web.notice.app_reset",
	noticeDeleted:      "web.notice.deleted",
	noticeTokenEnded:   "web.notice.token_ended",
	noticeLinked:       "web.notice.sso_linked",
	noticeUnlinked:     "web.notice.sso_unlinked",
}

// notice has the next page say something, and fill in an address that was
// typed a page before.
func (v *visit) notice(name, email string) {
	v.jar.set(v.c, noticeCookie, name+"."+base64.RawURLEncoding.EncodeToString([]byte(email)), noticeFor)
}

// takeNotice reads what is to be said, and forgets it.
func (v *visit) takeNotice() (words, email string) {
	raw := v.jar.get(v.c, noticeCookie)
	if raw == "" {
		return "", ""
	}
	v.jar.drop(v.c, noticeCookie)
	name, rest, _ := strings.Cut(raw, ".")
	typed, err := base64.RawURLEncoding.DecodeString(rest)
	id, known := notices[name]
	if !known {
		id, known = deskNotices[name]
	}
	if err != nil || !known {
		return "", ""
	}
	return v.o.Words.T(id, nil), string(typed)
}
