package browser_test

import (
	"slices"
	"testing"
)

// The main job, from nothing to three ways in, each used once.

func TestWalkWithAMouse(t *testing.T)      { t.Parallel(); walk(t) }
func TestWalkByKeyboardAlone(t *testing.T) { t.Parallel(); walk(t, byKeyboard) }
func TestWalkWithoutScripts(t *testing.T)  { t.Parallel(); walk(t, withoutScripts) }

func walk(t *testing.T, options ...tabOption) {
	h := newHouse(t)
	b := newTab(t, h.base, options...)
	p := h.person()

	p.signUp(b)
	p.wantFile(p.emailOn(b))
	handed := slices.Clone(p.keys)
	p.signOut(b)

	p.passwordStep(b)
	p.typeCode(b, p.mailed())
	b.see("security")
	p.signOut(b)

	p.passwordStep(b)
	p.way(b, "recovery_key")
	p.typeCode(b, p.key())
	b.see("recovered")
	b.send(`a[href="/account/security/app"]`)
	p.appOn(b)
	b.see("security")
	p.signOut(b)

	p.passwordStep(b)
	p.way(b, "app")
	p.typeCode(b, p.appCode())
	b.see("security")

	t.Logf("screens: %v", b.screens)
	h.seen.wantHeaders(t)
	p.wantNoSecrets(handed)
	p.wantMails(map[string]int{
		"verify_email":      1, // at sign-up
		"enrolment_code":    1, // to prove the method
		"sign_in_code":      3, // email is what is asked first, each time
		"method_on":         2, // email, app
		"recovery_key_used": 1, // one
	})
}
