package attack_test

import (
	"net/http"
	"testing"

	"latchkey/internal/devstack"
	"latchkey/internal/factor"
)

// TestMailWaitsForTheCommit: a code whose transaction fails at the last moment
// was never mailed. It is no line of anybody else's, and guards invariant 5.
func TestMailWaitsForTheCommit(t *testing.T) {
	s := open(t).scene(t)
	ada := s.person(factor.App, factor.Email)
	in := ada.open()
	s.exec(`CREATE FUNCTION refuse() RETURNS trigger LANGUAGE plpgsql AS $$ BEGIN RAISE 'refused at commit'; END $$`)
	s.exec(`CREATE CONSTRAINT TRIGGER refuse AFTER INSERT ON codes DEFERRABLE INITIALLY DEFERRED FOR EACH ROW EXECUTE FUNCTION refuse()`)
	in.Post("/sign-ins/current/email-code", nil).Want(http.StatusInternalServerError)
	s.exec(`DROP TRIGGER refuse ON codes`)

	reference := in.Post("/sign-ins/current/email-code", nil).Want(http.StatusAccepted).Text("reference")
	verify(in, "email", s.code(ada.email, reference)).Want(http.StatusOK)
	mails := 0
	for _, m := range s.mail.Mails() {
		if devstack.SentTo(ada.email)(m) {
			mails++
		}
	}
	if mails != 1 || s.count(`SELECT count(*) FROM mails WHERE recipient = $1`, ada.email) != 1 {
		t.Errorf("%d mails were sent: one of them for what never happened", mails)
	}
}
