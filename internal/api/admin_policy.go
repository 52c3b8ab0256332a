package api

import (
	"context"
	"encoding/json"
	"strconv"
	"strings"
	"time"

	"github.com/google/uuid"

	"latchkey/internal/account"
	"latchkey/internal/admin"
	"latchkey/internal/edge"
	"latchkey/internal/fault"
	"latchkey/internal/policy"
)

// rulesBody are the rules as the contract writes them.
type rulesBody struct {
	Require                   policy.Require `json:"require"`
	StartsAt                  maybeTime      `json:"starts_at" edge:"nullable"`
	GraceDays                 int            `json:"grace_days"`
	EmailMethod               policy.Use     `json:"email_method"`
	AppMethod                 policy.Use     `json:"app_method"`
	ResetRequiresOtherChannel bool           `json:"reset_requires_other_channel"`
	TrustedDeviceDays         int            `json:"trusted_device_days"`
	RecoveryKeysViewable      bool           `json:"recovery_keys_viewable"`
	RecoveryPassApproval      bool           `json:"recovery_pass_approval"`
	PasswordMinLength         int            `json:"password_min_length"`
	SessionIdleMinutes        int            `json:"session_idle_minutes"`
	SessionLifetimeHours      int            `json:"session_lifetime_hours"`
	ConfirmationMinutes       int            `json:"confirmation_minutes"`
	AppStepsAhead             int            `json:"app_steps_ahead"`
	TokenMaxDays              int            `json:"token_max_days"`
	CodeInSubject             bool           `json:"code_in_subject"`
	SignUp                    string         `json:"sign_up"`
}

// maybeTime must be given, and may be null: a date that is merely forgotten
// must not be dropped.
type maybeTime struct{ at *time.Time }

func (m maybeTime) MarshalJSON() ([]byte, error) {
	if m.at == nil {
		return []byte("null"), nil
	}
	return json.Marshal(m.at.UTC())
}

func (m *maybeTime) UnmarshalJSON(b []byte) error {
	if err := json.Unmarshal(b, &m.at); err != nil {
		return err
	}
	if m.at != nil {
		at := m.at.UTC().Truncate(time.Microsecond) // which is what is kept
		m.at = &at
	}
	return nil
}

// policyRequest is the whole object as GET gives it; what is read-only in it is
// left, whatever it is.
type policyRequest struct {
	rulesBody
	Version json.RawMessage `json:"version,omitzero" edge:"nullable"`
	Preset  json.RawMessage `json:"preset,omitzero" edge:"nullable"`
	SavedAt json.RawMessage `json:"saved_at,omitzero" edge:"nullable"`
	SavedBy json.RawMessage `json:"saved_by,omitzero" edge:"nullable"`
}

func (r policyRequest) rules() (policy.Rules, error) {
	if r.SignUp != "open" && r.SignUp != "closed" {
		return policy.Rules{}, fault.InField("sign_up", "policy.choice", map[string]any{"Choices": "open, closed"})
	}
	return policy.Rules{
		Require: r.Require, StartsAt: r.StartsAt.at, GraceDays: r.GraceDays, EmailMethod: r.EmailMethod, AppMethod: r.AppMethod,
		ResetRequiresOtherChannel: r.ResetRequiresOtherChannel, TrustedDeviceDays: r.TrustedDeviceDays,
		RecoveryKeysViewable: r.RecoveryKeysViewable, RecoveryPassApproval: r.RecoveryPassApproval,
		PasswordMinLength: r.PasswordMinLength, SessionIdleMinutes: r.SessionIdleMinutes,
		SessionLifetimeHours: r.SessionLifetimeHours, ConfirmationMinutes: r.ConfirmationMinutes,
		AppStepsAhead: r.AppStepsAhead, TokenMaxDays: r.TokenMaxDays, CodeInSubject: r.CodeInSubject,
		SignUpOpen: r.SignUp == "open",
	}, nil
}

type policyAnswer struct {
	rulesBody
	Version int           `json:"version"`
	Preset  policy.Preset `json:"preset"`
	SavedAt time.Time     `json:"saved_at"`
	SavedBy *string       `json:"saved_by"`
}

func policyOf(p policy.Policy) policyAnswer {
	return policyAnswer{
		rulesBody: rulesBody{
			Require: p.Require, StartsAt: maybeTime{p.StartsAt}, GraceDays: p.GraceDays, EmailMethod: p.EmailMethod,
			AppMethod: p.AppMethod, ResetRequiresOtherChannel: p.ResetRequiresOtherChannel,
			TrustedDeviceDays: p.TrustedDeviceDays, RecoveryKeysViewable: p.RecoveryKeysViewable,
			RecoveryPassApproval: p.RecoveryPassApproval, PasswordMinLength: p.PasswordMinLength,
			SessionIdleMinutes: p.SessionIdleMinutes, SessionLifetimeHours: p.SessionLifetimeHours,
			ConfirmationMinutes: p.ConfirmationMinutes, AppStepsAhead: p.AppStepsAhead, TokenMaxDays: p.TokenMaxDays,
			CodeInSubject: p.CodeInSubject, SignUp: p.SignUp(),
		},
		Version: p.Version, Preset: p.Preset(), SavedAt: p.SavedAt, SavedBy: nextPage(p.SavedBy),
	}
}

func tagged(c *edge.Call, p policy.Policy, err error) (policyAnswer, error) {
	if err == nil {
		c.Header("ETag", strconv.Quote(strconv.Itoa(p.Version)))
	}
	return policyOf(p), err
}

func (a *API) policy(ctx context.Context, c *edge.Call) (policyAnswer, error) {
	p, err := a.Admin.Policy(ctx, c.By, sessionOf(c))
	return tagged(c, p, err)
}

func (a *API) savePolicy(ctx context.Context, c *edge.Call, req policyRequest) (policyAnswer, error) {
	rules, err := req.rules()
	if err != nil {
		return policyAnswer{}, err
	}
	p, err := a.Admin.SavePolicy(ctx, c.By, sessionOf(c), admin.Saving{Rules: rules, Over: ifMatch(c)})
	return tagged(c, p, err)
}

// ifMatch is the version that the caller read; 0 when it names none. A weak tag
// or a star is no word about a version (RFC 9110 section 13.1.1).
func ifMatch(c *edge.Call) int {
	tag := c.Gin.GetHeader("If-Match")
	n, err := strconv.Atoi(strings.Trim(tag, `"`))
	if err != nil || n < 0 || tag != strconv.Quote(strconv.Itoa(n)) {
		return 0
	}
	return n
}

type affectedAnswer struct {
	ID      uuid.UUID      `json:"id"`
	Email   string         `json:"email"`
	Name    string         `json:"name"`
	Role    account.Role   `json:"role"`
	Effects []admin.Effect `json:"effects"`
	From    *time.Time     `json:"from"`
}

type previewAnswer struct {
	MustEnrol      int              `json:"must_enrol"`
	LoseOnlyMethod int              `json:"lose_only_method"`
	EmailOnly      int              `json:"email_only"`
	Tokens         int              `json:"tokens"`
	Users          []affectedAnswer `json:"users"`
}

func (a *API) previewPolicy(ctx context.Context, c *edge.Call, req policyRequest) (previewAnswer, error) {
	rules, err := req.rules()
	if err != nil {
		return previewAnswer{}, err
	}
	r, err := a.Admin.Rehearse(ctx, c.By, sessionOf(c), rules)
	out := previewAnswer{MustEnrol: r.MustEnrol, LoseOnlyMethod: r.LoseOnlyMethod, EmailOnly: r.EmailOnly, Tokens: r.Tokens}
	for _, u := range r.Users {
		out.Users = append(out.Users, affectedAnswer(u))
	}
	return out, err
}

type changeAnswer struct {
	Field string `json:"field"`
	From  any    `json:"from"`
	To    any    `json:"to"`
}

type versionAnswer struct {
	Version int            `json:"version"`
	Preset  policy.Preset  `json:"preset"`
	SavedAt time.Time      `json:"saved_at"`
	SavedBy *string        `json:"saved_by"`
	Changes []changeAnswer `json:"changes"`
}

func (a *API) policyHistory(ctx context.Context, c *edge.Call) (page[versionAnswer], error) {
	out := page[versionAnswer]{Items: []versionAnswer{}}
	before, err := whole(c, "cursor", "field.cursor.unknown")
	if err != nil {
		return out, err
	}
	versions, err := a.Admin.History(ctx, c.By, sessionOf(c), before, eventsPerPage)
	for _, v := range versions {
		one := versionAnswer{v.Version, v.Preset(), v.SavedAt, nextPage(v.SavedBy), []changeAnswer{}}
		for _, change := range v.Changes {
			one.Changes = append(one.Changes, changeAnswer(change))
		}
		out.Items = append(out.Items, one)
	}
	if n := len(versions); n == eventsPerPage && versions[n-1].Version > 1 {
		out.NextCursor = nextPage(strconv.Itoa(versions[n-1].Version))
	}
	return out, err
}
