package api_test

import (
	"context"
	"encoding/json"
	"net/http"
	"strings"
	"testing"
	"time"

	"latchkey/internal/account"
	"latchkey/internal/api/apitest"
	"latchkey/internal/pg"
)

// link makes the link that a notice of a change made now would carry.
func (p *person) link(k account.LinkKind) (token string) {
	p.h.t.Helper()
	p.h.tx(func(ctx context.Context, tx *pg.Tx) (err error) {
		token, _, err = p.h.app.Settings.Links.MakeTx(ctx, tx, p.id, k, account.LinkData{ChangedAt: tx.Now})
		return err
	})
	return token
}

// notice is the token of "this wasn't me" in the newest mail of a kind.
func (h *house) notice(kind, to string) string {
	h.t.Helper()
	var row struct {
		ID     string `db:"id"`
		Sealed []byte `db:"sealed"`
	}
	err := h.db.GetContext(h.t.Context(), &row, `
		SELECT id, sealed FROM mails WHERE kind = $1 AND recipient = $2 ORDER BY created_at DESC, id DESC LIMIT 1`, kind, to)
	if err != nil {
		h.t.Fatalf("no %s mail: %v", kind, err)
	}
	plain, err := h.keys.Mail.Open(row.Sealed, "mail", row.ID, kind, to)
	if err != nil {
		h.t.Fatal(err)
	}
	var says struct{ Mail struct{ NotMe string } }
	if err := json.Unmarshal(plain, &says); err != nil {
		h.t.Fatal(err)
	}
	return says.Mail.NotMe
}

// press opens the page of a mailed link, signed out, and presses its button.
func (p *person) press(page, token string) {
	p.h.t.Helper()
	hand := &http.Client{CheckRedirect: func(*http.Request, []*http.Request) error { return http.ErrUseLastResponse }}
	for _, method := range []string{"GET", "HEAD", "GET"} { // a scanner, and another
		p.h.visit(hand, method, page+token, http.StatusOK)
	}
	p.h.visit(hand, "POST", page+token, http.StatusSeeOther)
}

func (h *house) visit(hand *http.Client, method, path string, want int) {
	h.t.Helper()
	req, err := http.NewRequestWithContext(h.t.Context(), method, h.base+path, strings.NewReader(""))
	if err != nil {
		h.t.Fatal(err)
	}
	if method == http.MethodPost {
		req.Header.Set("Content-Type", "application/x-www-form-urlencoded")
		req.Header.Set("Sec-Fetch-Site", "same-origin")
	}
	res, err := hand.Do(req)
	if err != nil {
		h.t.Fatal(err)
	}
	defer res.Body.Close() //nolint:errcheck // nothing is read
	if res.StatusCode != want {
		h.t.Fatalf("%s %s: %d, want %d", method, strings.SplitN(path, "/", 3)[1], res.StatusCode, want)
	}
}

// Phone lost: a recovery key, the app replaced without another key, the old
// app's code refused, new keys.
func TestStoryOfALostPhone(t *testing.T) {
	t.Parallel()
	h := newHouse(t)
	p := h.person(withApp)
	lost := p.secret
	in := p.verify(p.signIn(), "recovery_key", p.keys[0]).Want(200)
	if in.Field("recovery_keys_left") != 9.0 {
		t.Errorf("%s", in.Body)
	}
	me := h.api.As(in.Text("session_token"))
	old := me.Get("/me/two-factor").Want(200).Text("methods.0.id")
	me.Post("/me/two-factor/enrolments", apitest.M{"method": "app", "name": "New phone", "replaces": old}).Want(201)

	// Until the new one is proved the old one signs in, and begun twice leaves one.
	elsewhere := p.verify(p.signIn(), "app", p.nextAppCode()).Want(200).Text("session_token")
	made := me.Post("/me/two-factor/enrolments", apitest.M{"method": "app", "name": "New phone", "replaces": old}).Want(201)
	p.secret = made.Text("secret")
	me.Post("/me/two-factor/enrolments/confirm", codeBody("app", p.appCode())).Want(200)
	h.api.As(elsewhere).Get("/me").WantProblem(401, "unauthenticated")

	state := me.Get("/me/two-factor").Want(200)
	if state.Text("methods.0.name") != "New phone" || state.Field("methods.1") != nil {
		t.Errorf("%s", state.Body)
	}
	h.clock.Advance(30 * time.Second)
	p.verify(p.signIn(), "app", codeOf(h, lost, 0)).WantProblem(422, "wrong_code")
	p.verify(p.signIn(), "app", p.appCode()).Want(200)
	keys := me.Post("/me/recovery-keys", nil).Want(201)
	p.verify(p.signIn(), "recovery_key", p.keys[1]).WantProblem(422, "wrong_code")
	p.verify(p.signIn(), "recovery_key", keys.Text("keys.0.key")).Want(200)
}

// "This wasn't me": a stranger with password and a live session adds an app;
// the owner presses the button in the notice. The stranger is out; their app
// still signs in, but confirms nothing guarded for a week. What the owner had
// before does.
func TestStoryOfThisWasntMe(t *testing.T) {
	t.Parallel()
	h := newHouse(t)
	p := h.person(withApp)
	stranger := *p
	session := p.confirmed()
	h.clock.Advance(time.Minute)
	stranger.secret = h.api.As(session).Post("/me/two-factor/enrolments", apitest.M{"method": "app", "name": "Mine now"}).Want(201).Text("secret")
	h.api.As(session).Post("/me/two-factor/enrolments/confirm", codeBody("app", stranger.appCode())).Want(200)

	p.press("/not-me/", h.notice("method_on", p.email))
	h.api.As(session).Get("/me").WantProblem(401, "unauthenticated")
	if n := h.count(`SELECT count(*) FROM methods WHERE user_id = $1`, p.id); n != 2 {
		t.Errorf("%d methods: it gives and takes none", n)
	}

	theirs := stranger.in()
	stranger.confirm(theirs)
	for path, body := range map[string]any{
		"/me/password": apitest.M{"password": "seven lazy herons wade"}, "/me/recovery-keys": nil,
		"/me/two-factor/app/reset": nil, "/me/email-change": apitest.M{"email": "eve@example.org"},
	} {
		h.api.As(theirs).Post(path, body).WantProblem(403, "forbidden")
	}

	mine := p.in()
	p.confirm(mine)
	h.api.As(mine).Post("/me/recovery-keys", nil).Want(201)

	// The keys are new now, so they prove no more than the stranger's app.
	h.clock.Advance(7 * 24 * time.Hour)
	theirs = stranger.in()
	stranger.confirm(theirs)
	h.api.As(theirs).Post("/me/email-change", apitest.M{"email": "eve@example.org"}).Want(202)
}

// An enrolment that was begun and left changes nothing: not what is asked at
// sign-in, not the keys, not another session.
func TestAnEnrolmentLeftAloneChangesNothing(t *testing.T) {
	t.Parallel()
	h := newHouse(t)
	p := h.person(withApp)
	other, session := p.in(), p.confirmed()
	before := string(h.api.As(session).Get("/me/two-factor").Want(200).Body)
	h.api.As(session).Post("/me/two-factor/enrolments", apitest.M{"method": "app", "name": "Never"}).Want(201)
	h.clock.Advance(11 * time.Minute)
	if after := string(h.api.As(session).Get("/me/two-factor").Want(200).Body); after != before {
		t.Errorf("%s\n%s", before, after)
	}
	h.api.As(other).Get("/me").Want(200)
	p.verify(p.signIn(), "app", p.appCode()).Want(200)
	if n := h.mails("method_on", p.email); n != 0 {
		t.Errorf("%d mails tell of it", n)
	}
}
