package api_test

import (
	"slices"
	"strings"
	"testing"

	"latchkey/internal/api/apitest"
	"latchkey/internal/factor"
	"latchkey/internal/policy"
)

func appsOff(r *policy.Rules) { r.AppMethod = policy.Off }

// A method that the policy forbids is not turned on: not by who has one of the
// kind, not in the place of one, and not when it was begun before the policy.
func TestNobodyTurnsOnWhatThePolicyForbids(t *testing.T) {
	t.Parallel()
	h := newHouse(t)
	p := h.person(withApp)
	session := p.confirmed()
	me := h.api.As(session)
	begun := me.Post("/me/two-factor/enrolments", apitest.M{"method": "app"}).Want(201)
	code := codeOf(h, begun.Text("secret"), 0)
	h.rules(appsOff)
	me.Post("/me/two-factor/enrolments/confirm", codeBody("app", code)).WantProblem(403, "method_not_allowed_by_policy")
	me.Post("/me/two-factor/enrolments", apitest.M{"method": "app"}).WantProblem(403, "method_not_allowed_by_policy")
	app := me.Get("/me/two-factor").Want(200).Text("methods.0.id")
	me.Post("/me/two-factor/enrolments", apitest.M{"method": "app", "replaces": app}).WantProblem(403, "method_not_allowed_by_policy")

	// The one that is on proves who it is, and then another kind is set up.
	token := p.signIn()
	open := p.verify(token, "app", p.nextAppCode()).Want(200)
	if open.Text("status") != "enrolment" || open.Field("methods.0.method") != "email" || open.Field("methods.1") != nil {
		t.Fatalf("%s", open.Body)
	}
	in := h.api.As(token)
	in.Post("/sign-ins/current/enrolments", apitest.M{"method": "app"}).WantProblem(403, "method_not_allowed_by_policy")
	in.Post("/sign-ins/current/complete", apitest.M{"recovery_keys_saved": true}).WantProblem(409, "conflict")
	in.Post("/sign-ins/current/enrolments", apitest.M{"method": "email"}).Want(201)
	in.Post("/sign-ins/current/enrolments/confirm", codeBody("email", p.mailed(factor.Enrolling))).Want(200)
	in.Post("/sign-ins/current/complete", apitest.M{"recovery_keys_saved": true}).Want(200)
}

// What satisfies the policy is what would: under fallback no email for who has
// an app.
func TestWhatSatisfiesThePolicyIsSaidToEachUser(t *testing.T) {
	t.Parallel()
	h := newHouse(t)
	byApp, byEmail := h.person(withApp), h.person(withEmail)
	h.rules(func(r *policy.Rules) { r.EmailMethod = policy.Fallback })
	for p, want := range map[*person][]string{byApp: {"app"}, byEmail: {"app", "email"}} {
		if got := h.api.As(h.session(p, false)).Get("/me/policy").Want(200).Texts("methods"); !slices.Equal(got, want) {
			t.Errorf("%s, want %s", got, want)
		}
	}
}

// What is read-only in a policy is left, whatever it is.
func TestReadOnlyFieldsOfAPolicyAreLeft(t *testing.T) {
	t.Parallel()
	h := newHouse(t)
	_, boss := h.boss()
	p := apitest.As[apitest.M](boss.Get("/admin/policy").Want(200))
	p["version"], p["saved_at"], p["preset"], p["saved_by"] = "x", "never", nil, []int{1}
	p["grace_days"] = 3
	if got := boss.Header("If-Match", `"1"`).Do("PUT", "/admin/policy", p).Want(200); got.Field("version") != 2.0 {
		t.Errorf("%s", got.Body)
	}
}

// With no method on there is no method of that id, and there are no keys.
func TestWithNoMethodOn(t *testing.T) {
	t.Parallel()
	h := newHouse(t)
	me := h.api.As(h.person().confirmed())
	theirs := h.api.As(h.session(h.person(withApp), false)).Get("/me/two-factor").Want(200).Text("methods.0.id")
	me.Delete("/me/two-factor/methods/"+theirs).WantProblem(404, "not_found")
	me.Delete("/me/two-factor").WantProblem(409, "conflict")
	me.Post("/me/recovery-keys/check", apitest.M{"key": "XXXX"}).WantProblem(409, "conflict")
}

// What is used up is called by its name, and what to do next fits it.
func TestUsedKeysAndPassesAreToldApart(t *testing.T) {
	t.Parallel()
	h := newHouse(t)
	p := h.person(withApp)
	p.verify(p.signIn(), "recovery_key", p.keys[0]).Want(200)
	if said := p.verify(p.signIn(), "recovery_key", p.keys[0]).WantProblem(422, "code_used"); !strings.Contains(said.Detail, "another one of your keys") {
		t.Error(said.Detail)
	}
	first := p.pass()
	p.pass()
	if said := p.verify(p.signIn(), "recovery_pass", first).WantProblem(422, "code_used"); !strings.Contains(said.Detail, "newer one took its place") {
		t.Error(said.Detail)
	}
	cut := first[:len(first)-1] + "0"
	if strings.HasSuffix(first, "0") {
		cut = first[:len(first)-1] + "1"
	}
	if said := p.verify(p.signIn(), "recovery_pass", cut).WantProblem(422, "wrong_code"); !strings.Contains(said.Detail, "recovery pass is off") {
		t.Error(said.Detail)
	}
}
