package client

import (
	"context"
	"net/http"
	"strconv"
	"time"
)

// Policy is the security policy. The last four fields can't be set.
type Policy struct {
	Require                   string     `json:"require"` // nobody, admins or everyone
	StartsAt                  *time.Time `json:"starts_at"`
	GraceDays                 int        `json:"grace_days"`
	EmailMethod               string     `json:"email_method"` // allowed, fallback or off
	AppMethod                 string     `json:"app_method"`   // allowed or off
	ResetRequiresOtherChannel bool       `json:"reset_requires_other_channel"`
	TrustedDeviceDays         int        `json:"trusted_device_days"`
	RecoveryKeysViewable      bool       `json:"recovery_keys_viewable"`
	RecoveryPassApproval      bool       `json:"recovery_pass_approval"`
	PasswordMinLength         int        `json:"password_min_length"`
	SessionIdleMinutes        int        `json:"session_idle_minutes"`
	SessionLifetimeHours      int        `json:"session_lifetime_hours"`
	ConfirmationMinutes       int        `json:"confirmation_minutes"`
	AppStepsAhead             int        `json:"app_steps_ahead"`
	TokenMaxDays              int        `json:"token_max_days"`
	CodeInSubject             bool       `json:"code_in_subject"`
	SignUp                    string     `json:"sign_up"` // open or closed

	Version int       `json:"version"`
	Preset  string    `json:"preset"` // compatible, standard, strict or custom
	SavedAt time.Time `json:"saved_at"`
	SavedBy *string   `json:"saved_by"` // nil: the machine itself
}

// Policy reads the policy.
func (c *Client) Policy(ctx context.Context) (Policy, error) {
	return call[Policy](ctx, c, "GET", "/admin/policy", nil)
}

// SavePolicy saves a policy that was read and changed. When another was saved
// since, that is StaleVersion. 🔒
func (c *Client) SavePolicy(ctx context.Context, p Policy) (Policy, error) {
	var out Policy
	res, err := c.send(ctx, "PUT", "/admin/policy", p, http.Header{"If-Match": {strconv.Quote(strconv.Itoa(p.Version))}})
	if err != nil {
		return out, err
	}
	return out, read(res, &out)
}

// Preview is what a policy would do to the active users.
type Preview struct {
	MustEnrol      int        `json:"must_enrol"`
	LoseOnlyMethod int        `json:"lose_only_method"`
	EmailOnly      int        `json:"email_only"`
	Tokens         int        `json:"tokens"`
	Users          []Affected `json:"users"`
}

// Affected is one of them.
type Affected struct {
	ID      string     `json:"id"`
	Email   string     `json:"email"`
	Name    string     `json:"name"`
	Role    Role       `json:"role"`
	Effects []string   `json:"effects"` // must_enrol, lose_only_method, email_only
	From    *time.Time `json:"from"`
}

// PreviewPolicy tells what a policy would do, and saves nothing.
func (c *Client) PreviewPolicy(ctx context.Context, p Policy) (Preview, error) {
	return call[Preview](ctx, c, "POST", "/admin/policy/preview", p)
}

// PolicyVersion is a policy that was saved, and what it changed.
type PolicyVersion struct {
	Version int            `json:"version"`
	Preset  string         `json:"preset"`
	SavedAt time.Time      `json:"saved_at"`
	SavedBy *string        `json:"saved_by"`
	Changes []PolicyChange `json:"changes"`
}

// PolicyChange is one field of it.
type PolicyChange struct {
	Field string `json:"field"`
	From  any    `json:"from"`
	To    any    `json:"to"`
}

// PolicyHistory lists the versions, newest first.
func (c *Client) PolicyHistory(ctx context.Context, cursor string) (Page[PolicyVersion], error) {
	return call[Page[PolicyVersion]](ctx, c, "GET", query("/admin/policy/history", "cursor", cursor), nil)
}
