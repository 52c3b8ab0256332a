package client_test

import (
	"context"
	"errors"
	"net/http"
	"net/http/httptest"
	"reflect"
	"slices"
	"strings"
	"testing"
	"time"

	"latchkey/internal/api/apitest"
	"latchkey/internal/api/client"
)

// TestEveryCallIsAMethod of its name, and there is no other.
func TestEveryCallIsAMethod(t *testing.T) {
	t.Parallel()
	of := reflect.TypeFor[*client.Client]()
	var methods []string
	for i := range of.NumMethod() {
		if name := of.Method(i).Name; name != "As" && name != "Once" {
			methods = append(methods, name)
		}
	}
	var calls []string
	for _, id := range apitest.Operations() {
		calls = append(calls, strings.ToUpper(id[:1])+id[1:])
	}
	slices.Sort(calls)
	if !slices.Equal(methods, calls) || len(calls) < 50 {
		for _, m := range methods {
			if !slices.Contains(calls, m) {
				t.Errorf("%s is no call", m)
			}
		}
		for _, c := range calls {
			if !slices.Contains(methods, c) {
				t.Errorf("%s has no method", c)
			}
		}
	}
}

// TestTypesHaveTheFieldsOfTheirSchemas, no more and no less.
func TestTypesHaveTheFieldsOfTheirSchemas(t *testing.T) {
	t.Parallel()
	types := map[string]any{
		"SignUpRequest": client.SignUpRequest{}, "SignInRequest": client.SignInRequest{}, "EmailRequest": client.EmailRequest{},
		"ResetRequest": client.ResetRequest{}, "VerifyRequest": client.VerifyRequest{}, "SignInEnrolmentRequest": client.SignInEnrolmentRequest{},
		"EnrolmentRequest": client.EnrolmentRequest{}, "EnrolmentConfirmRequest": client.EnrolmentConfirmRequest{}, "CompleteRequest": client.CompleteRequest{},
		"MeChange": client.MeChange{}, "CodeRequest": client.CodeRequest{}, "ConfirmationRequest": client.ConfirmationRequest{},
		"PasswordRequest": client.PasswordRequest{}, "KeyRequest": client.KeyRequest{}, "Me": client.Me{}, "SignIn": client.SignIn{},
		"MethodHint": client.MethodHint{}, "EmailCode": client.EmailCode{}, "Enrolment": client.Enrolment{}, "NewRecoveryKeys": client.NewRecoveryKeys{},
		"MaybeRecoveryKeys": client.NewRecoveryKeys{}, "RecoveryKeys": client.RecoveryKeys{}, "KeyState": client.KeyState{}, "Confirmation": client.Confirmation{},
		"Required": client.Required{}, "MyPolicy": client.MyPolicy{}, "TwoFactor": client.TwoFactor{}, "MethodOn": client.MethodOn{},
		"Session": client.Session{}, "SessionList": client.Page[client.Session]{}, "Device": client.Device{}, "DeviceList": client.Page[client.Device]{},
		"TokenRequest": client.TokenRequest{}, "Token": client.AccessToken{}, "NewToken": client.NewToken{}, "TokenList": client.Page[client.AccessToken]{},
		"Event": client.Event{}, "EventList": client.Page[client.Event]{}, "AcceptRequest": client.AcceptRequest{}, "PolicyRequest": client.Policy{},
		"Policy": client.Policy{}, "PolicyVersion": client.PolicyVersion{}, "PolicyVersionList": client.Page[client.PolicyVersion]{}, "Preview": client.Preview{},
		"Affected": client.Affected{}, "InviteRequest": client.InviteRequest{}, "UserChange": client.UserChange{}, "RequirementRequest": client.RequirementRequest{},
		"ReasonRequest": client.ReasonRequest{}, "RecoveryPass": client.RecoveryPassMade{}, "AdminUser": client.AdminUser{}, "AdminUserList": client.Page[client.AdminUser]{},
		"Share": client.Share{}, "Coverage": client.Coverage{}, "Mail": client.Mail{}, "MailList": client.Page[client.Mail]{}, "Problem": client.Error{},
	}
	for name, want := range apitest.Schemas() {
		one, ok := types[name]
		if !ok {
			t.Errorf("schema %s has no type", name)
			continue
		}
		if got := fieldsOf(reflect.TypeOf(one)); !slices.Equal(got, want) {
			t.Errorf("%T has %v, schema %s %v", one, got, name, want)
		}
		delete(types, name)
	}
	for name := range types {
		t.Errorf("there is no schema %s", name)
	}
}

func fieldsOf(s reflect.Type) []string {
	var out []string
	for _, f := range reflect.VisibleFields(s) {
		name, _, _ := strings.Cut(f.Tag.Get("json"), ",")
		if name != "" && name != "-" {
			out = append(out, name)
		}
	}
	slices.Sort(out)
	return out
}

func answering(t *testing.T, f http.HandlerFunc) *client.Client {
	t.Helper()
	srv := httptest.NewServer(f)
	t.Cleanup(srv.Close)
	return client.New(srv.URL + "/")
}

func TestWhatIsRefusedIsAnError(t *testing.T) {
	t.Parallel()
	c := answering(t, func(w http.ResponseWriter, _ *http.Request) {
		w.Header().Set("Content-Type", "application/problem+json")
		w.Header().Set("Retry-After", "30")
		w.Header().Set("X-Request-Id", "r1")
		w.WriteHeader(429)
		_, _ = w.Write([]byte(`{"type":"https://x/docs#too_many_attempts","title":"T","status":429,"detail":"Wait.","code":"too_many_attempts","attempts_left":0}`))
	})
	_, err := c.Me(t.Context())
	var e *client.Error
	if !errors.Is(err, client.TooManyAttempts) || errors.Is(err, client.WrongCode) || !errors.As(err, &e) ||
		e.RetryAfter != 30*time.Second || e.RequestID != "r1" || e.AttemptsLeft == nil || *e.AttemptsLeft != 0 || !strings.Contains(e.Error(), "Wait.") {
		t.Errorf("%+v", err)
	}
}

func TestWhatIsNotLatchkeyIsAnErrorToo(t *testing.T) {
	t.Parallel()
	for name, f := range map[string]http.HandlerFunc{
		"a proxy":    func(w http.ResponseWriter, _ *http.Request) { http.Error(w, "bad gateway", http.StatusBadGateway) },
		"a redirect": func(w http.ResponseWriter, r *http.Request) { http.Redirect(w, r, "/elsewhere", http.StatusFound) },
		"no JSON":    func(w http.ResponseWriter, _ *http.Request) { _, _ = w.Write([]byte("hello")) },
	} {
		_, err := answering(t, f).Me(t.Context())
		var e *client.Error
		if err == nil || errors.As(err, &e) && e.Code != "" {
			t.Errorf("%s: %v", name, err)
		}
	}
	ctx, cancel := context.WithCancel(t.Context())
	cancel()
	if _, err := answering(t, func(http.ResponseWriter, *http.Request) {}).Me(ctx); !errors.Is(err, context.Canceled) {
		t.Errorf("%v", err)
	}
}

func TestWhatACallSends(t *testing.T) {
	t.Parallel()
	c := answering(t, func(w http.ResponseWriter, r *http.Request) {
		w.Header().Set("X-Saw", r.Method+" "+r.URL.RequestURI())
		if r.Header.Get("Authorization") != "Bearer lkp_x" || r.Header.Get("Idempotency-Key") != "k1" {
			t.Errorf("%v", r.Header)
		}
		if r.RequestURI != "/api/v1/admin/users/a%2F..%2Fb/sessions?reason=x+%26y" {
			t.Errorf("%s", r.RequestURI)
		}
		w.WriteHeader(204)
	}).As("lkp_x").Once("k1")
	if err := c.EndUsersSessions(t.Context(), "a/../b", "x &y"); err != nil {
		t.Error(err)
	}
}
