package browser_test

import (
	"context"
	"fmt"
	"strconv"
	"testing"

	"github.com/google/uuid"

	"latchkey/internal/account"
	"latchkey/internal/factor"
	"latchkey/internal/guard"
	"latchkey/internal/pg"
)

// somebody is a state that an account can be in when a policy is saved.
type somebody struct {
	role     account.Role
	status   account.Status
	methods  []factor.Kind
	required bool // by an admin, since a while
	reset    bool // a method was, and none proved since

	person   *person
	id       uuid.UUID
	said     string
	happened string
}

// states are 20 people: every kind of account with every set of methods.
func states() []*somebody {
	var out []*somebody
	for _, role := range []account.Role{account.Member, account.Support, account.Admin} {
		for _, methods := range [][]factor.Kind{nil, {factor.Email}, {factor.App}, {factor.App, factor.Email}} {
			out = append(out, &somebody{role: role, status: account.Active, methods: methods})
		}
	}
	return append(out,
		&somebody{role: account.Member, status: account.Active, required: true},
		&somebody{role: account.Member, status: account.Active, required: true, methods: []factor.Kind{factor.Email}},
		&somebody{role: account.Member, status: account.Active, required: true, methods: []factor.Kind{factor.App}},
		&somebody{role: account.Member, status: account.Active, reset: true},
		&somebody{role: account.Member, status: account.Active, reset: true, methods: []factor.Kind{factor.Email}},
		&somebody{role: account.Admin, status: account.Active, reset: true},
		&somebody{role: account.Member, status: account.Disabled, methods: []factor.Kind{factor.App}},
		&somebody{role: account.Member, status: account.Disabled},
	)
}

// add makes the account of somebody as it would have come to be.
func (h *house) add(s *somebody, hash string) {
	h.t.Helper()
	s.person = h.person()
	var err error
	if s.id, err = uuid.NewV7(); err != nil {
		h.t.Fatal(err)
	}
	err = h.db.InTx(h.t.Context(), func(tx *pg.Tx) error {
		ctx := h.t.Context()
		u := account.User{ID: s.id, Email: s.person.email, EmailVerified: true, Name: "Ada", Role: s.role, Status: s.status, PasswordHash: hash}
		if err := account.CreateTx(ctx, tx, u); err != nil {
			return err
		}
		if err := guard.CreateTx(ctx, tx, s.id); err != nil {
			return err
		}
		for _, k := range s.methods {
			if err := h.turnOn(ctx, tx, s, k); err != nil {
				return err
			}
		}
		if s.required {
			if err := account.RequireTx(ctx, tx, s.id, &tx.Now); err != nil {
				return err
			}
		}
		if s.reset {
			return account.ResetTx(ctx, tx, s.id, "")
		}
		return nil
	})
	if err != nil {
		h.t.Fatal(err)
	}
}

func (h *house) turnOn(ctx context.Context, tx *pg.Tx, s *somebody, k factor.Kind) error {
	store := h.app.SignIn.Factors
	e, err := store.BeginTx(ctx, tx, s.id, s.id, k, "Phone", uuid.Nil)
	if err != nil {
		return err
	}
	if k == factor.Email {
		err = store.TurnOnEmailTx(ctx, tx, s.id, e)
	} else {
		s.person.secret = e.Secret
		var code string
		if code, err = factor.CodeAt(e.Secret, factor.StepAt(tx.Now)); err != nil {
			return err
		}
		_, err = store.ProveAppTx(ctx, tx, s.id, e, code, 0)
	}
	if err != nil {
		return err
	}
	return account.ProvedTx(ctx, tx, s.id, string(s.methods[0]))
}

// signIn goes on until there is nothing more to prove, and notes where that is.
func (s *somebody) signIn(b *tab) {
	b.t.Helper()
	b.open("/sign-in")
	s.person.typePassword(b)
	at := func() string { return value[string](b, `document.body.dataset.page ?? ''`) }
	if at() == "code" {
		code := ""
		if value[string](b, `document.querySelector('[name=method]').value`) == "app" {
			code = s.person.appCode()
		} else {
			code = s.person.mailed()
		}
		s.person.typeCode(b, code)
	}
	switch at() {
	case "enrol":
		s.happened = "must enrol"
		if b.has("#skip") {
			s.happened = "may put off"
		}
	case "sign_in":
		s.happened = "refused"
	default: // a page of the account
		s.happened = "signed in"
	}
}

func TestARehearsalSaysWhatThenHappens(t *testing.T) {
	t.Parallel()
	h := newHouse(t)
	admin := &somebody{role: account.Admin, status: account.Active}
	all := states()
	if len(all) != 20 {
		t.Fatalf("%d states", len(all))
	}
	hash, err := h.app.SignIn.Passwords.Hash(t.Context(), h.person().password)
	if err != nil {
		t.Fatal(err)
	}
	for _, s := range append(all, admin) {
		h.add(s, hash)
	}

	b := newTab(t, h.base)
	b.open("/sign-in?return_to=/admin/policy")
	admin.person.typePassword(b)
	b.open("/admin/policy")
	b.see("admin_policy")
	b.wantGood()
	b.press(`[name=require][value=everyone]`)
	b.press(`[name=email_method][value=fallback]`)
	b.send("#rehearse")
	b.see("admin_review")
	b.wantGood()
	said, _ := strconv.Atoi(b.text(`[data-effect=must_enrol] dd`))
	listed := 0
	for _, s := range append(all, admin) {
		row := fmt.Sprintf(`#affected tr[data-user="%s"]`, s.id)
		s.said = "signed in"
		if s.status == account.Disabled {
			s.said = "refused"
		}
		if b.has(row) && value[bool](b, `document.querySelector($?).innerText.includes('Has to set up a method')`, row) {
			listed++
			s.said = "must enrol"
			if b.has(row + " time") {
				s.said = "may put off"
			}
		}
	}
	if said != listed {
		t.Errorf("the page counts %d and names %d", said, listed)
	}
	b.send("#save-policy")
	b.see("confirm") // and back
	b.fill(field("confirm", "password"), admin.person.password)
	b.send(submitOf("confirm"))
	b.see("admin_review")
	b.send("#save-policy")
	b.see("admin_policy")

	met := 0
	for _, s := range append(all, admin) {
		own := newTab(t, h.base)
		s.signIn(own)
		own.close()
		if s.happened != s.said {
			t.Errorf("%s with %v (required %v, reset %v): said %q, and %q happened", s.role, s.methods, s.required, s.reset, s.said, s.happened)
		}
		if s.happened == "must enrol" || s.happened == "may put off" {
			met++
		}
	}
	if met != said {
		t.Errorf("%d were to set up a method, and %d were asked to", said, met)
	}
}

// Every page of the desk, held to what everybody needs of a page.
func TestTheDeskIsGoodForEveryone(t *testing.T) {
	t.Parallel()
	h := newHouse(t)
	if err := h.app.SeedDemo(t.Context()); err != nil {
		t.Fatal(err)
	}
	p := h.person()
	p.email, p.password = "admin@example.com", "latchkey-demo"
	b := newTab(t, h.base)
	b.open("/sign-in")
	p.typePassword(b)
	b.open("/account/confirm")
	b.fill(field("confirm", "password"), p.password)
	b.send(submitOf("confirm"))
	if _, err := h.db.ExecContext(t.Context(), `
		INSERT INTO coverage_days (day, users, covered, app, email)
		SELECT current_date - n, 10 + n, n, n, 1 FROM generate_series(1, 20) AS n`); err != nil {
		t.Fatal(err)
	}
	look := func(path, page string) {
		t.Helper()
		b.open(path)
		b.see(page)
		b.wantGood()
	}
	look("/account/security", "security")
	look("/admin", "admin_overview")
	look("/admin/policy?preset=strict", "admin_policy")
	look("/admin/policy/history", "admin_history")
	look("/admin/users", "admin_users")
	look("/admin/users/invite", "admin_invite")
	look("/admin/events", "admin_events")
	look("/admin/mails", "admin_mails")
	look("/admin/webhooks", "admin_webhooks")
	look("/admin/webhooks/new", "admin_webhook_form")
	b.fill(field("webhook", "url"), "https://hooks.invalid/latchkey")
	b.send(submitOf("webhook"))
	b.see("admin_webhook_key")
	b.wantGood()
	b.send("main .actions a")
	b.see("admin_webhook")
	b.wantGood()
	b.send("#test")
	b.see("admin_webhook_act")
	b.wantGood()
	b.send(submitOf("act"))
	b.see("admin_webhook")
	b.wantGood()
	if _, err := h.db.ExecContext(t.Context(), `
		INSERT INTO recovery_passes (id, user_id, asked_by, created_at, expires_at)
		SELECT gen_random_uuid(), id, id, created_at, created_at + interval '1 year' FROM users WHERE email = 'app@example.com'`); err != nil {
		t.Fatal(err)
	}
	b.open("/admin/users?query=app@example.com")
	b.send("#people tbody a")
	b.see("admin_user")
	if !b.has("#pass-waits a") {
		t.Error("nobody is told that a pass waits")
	}
	b.wantGood()
	b.send(`[data-act=recovery-pass]`)
	b.see("admin_act")
	b.wantGood()
	b.send(submitOf("act"))
	b.see("admin_act") // a reason is missing
	b.wantGood()
	b.fill(field("act", "reason"), "Lost the phone on a train")
	b.send(submitOf("act"))
	b.see("admin_pass")
	b.wantGood()
}
