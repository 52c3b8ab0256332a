package attack_test

import (
	"net/http"

	"latchkey/internal/factor"
)

// The rows of what expired are still there: no job has taken them away.

func expiredSession(t *scene) {
	ada := t.person()
	absolute, idle, b := ada.session(), ada.session(), t.browser()
	b.start(ada)
	t.exec(`UPDATE sessions SET expires_at = now() - interval '1 second'
		WHERE id IN (SELECT id FROM sessions WHERE user_id = $1 ORDER BY created_at LIMIT 1)`, ada.id)
	t.exec(`UPDATE sessions SET last_seen_at = now() - interval '721 minutes'
		WHERE id IN (SELECT id FROM sessions WHERE user_id = $1 ORDER BY created_at OFFSET 1)`, ada.id)
	absolute.Get("/me").WantProblem(401, "unauthenticated")
	idle.Get("/me").WantProblem(401, "unauthenticated")
	idle.Post("/me/email-verification", nil).WantProblem(401, "unauthenticated")
	if b.in() {
		t.Error("a rested browser is signed in")
	}
}

func expiredSignIn(t *scene) {
	ada := t.person(factor.App)
	open := ada.open()
	t.exec(`UPDATE sign_ins SET expires_at = now() - interval '1 second' WHERE user_id = $1`, ada.id)
	open.Get("/sign-ins/current").WantProblem(401, "unauthenticated")
	verify(open, "app", ada.app()).WantProblem(401, "unauthenticated")
}

func expiredCode(t *scene) {
	ada := t.person(factor.App, factor.Email)
	open := ada.open()
	code := t.code(ada.email, open.Post("/sign-ins/current/email-code", nil).Want(http.StatusAccepted).Text("reference"))
	t.exec(`UPDATE codes SET deadline = now() - interval '1 second' WHERE user_id = $1`, ada.id)
	verify(open, "email", code).WantProblem(422, "code_expired")
}

func expiredLink(t *scene) {
	ada := t.person()
	t.api().Post("/password-resets", M{"email": ada.email}).Want(http.StatusAccepted)
	token := t.link(ada.email, "/password-resets/")
	t.exec(`UPDATE links SET expires_at = now() - interval '1 second' WHERE user_id = $1`, ada.id)
	t.api().Post("/password-resets/confirm", M{"token": token, "password": newPassword}).WantProblem(422, "code_expired")
	b := t.browser()
	b.post("/password-resets/"+token, M{"password": newPassword})
	t.signIn(t.api(), ada.email, password).Want(http.StatusOK)
}

func expiredConfirmation(t *scene) {
	ada := t.person()
	me := ada.confirmed()
	t.exec(`UPDATE sessions SET confirmed_until = now() - interval '1 second' WHERE user_id = $1`, ada.id)
	me.Post("/me/password", M{"password": newPassword}).WantProblem(403, "confirmation_required")
}
