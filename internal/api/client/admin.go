package client

import (
	"context"
	"io"
	"strconv"
	"time"
)

// AdminUser is a user as administrators see one.
type AdminUser struct {
	Me
	Status       string     `json:"status"` // active, disabled or invited
	Methods      []MethodOn `json:"methods"`
	RecoveryKeys KeyCount   `json:"recovery_keys"`
	Required     Required   `json:"required"`
	LastSignInAt *time.Time `json:"last_sign_in_at"`
	FrozenUntil  *time.Time `json:"frozen_until"`
}

// UserSearch finds users; what is empty is not asked.
type UserSearch struct {
	Query  string // part of an address or a name
	Filter string // covered, not_covered, required, frozen, unverified or disabled
	Cursor string
	Limit  int
}

// Users lists users.
func (c *Client) Users(ctx context.Context, s UserSearch) (Page[AdminUser], error) {
	return call[Page[AdminUser]](ctx, c, "GET",
		query("/admin/users", "query", s.Query, "filter", s.Filter, "cursor", s.Cursor, "limit", number(s.Limit)), nil)
}

func number(n int) string {
	if n == 0 {
		return ""
	}
	return strconv.Itoa(n)
}

// User reads one.
func (c *Client) User(ctx context.Context, id string) (AdminUser, error) {
	return call[AdminUser](ctx, c, "GET", "/admin/users"+part(id), nil)
}

// InviteRequest invites somebody.
type InviteRequest struct {
	Email string `json:"email"`
	Name  string `json:"name"`
	Role  Role   `json:"role"`
}

// InviteUser mails an invitation.
func (c *Client) InviteUser(ctx context.Context, r InviteRequest) (AdminUser, error) {
	return call[AdminUser](ctx, c, "POST", "/admin/users", r)
}

// UserChange is what changes; what is nil or empty stays.
type UserChange struct {
	Name          string `json:"name,omitzero"`
	Role          Role   `json:"role,omitzero"`
	Disabled      *bool  `json:"disabled,omitzero"`
	EmailVerified *bool  `json:"email_verified,omitzero"` // false only
	Reason        string `json:"reason,omitzero"`
}

// ChangeUser changes a user. 🔒
func (c *Client) ChangeUser(ctx context.Context, id string, r UserChange) (AdminUser, error) {
	return call[AdminUser](ctx, c, "PATCH", "/admin/users"+part(id), r)
}

// DeleteUser deletes a user. Here and below a reason may be empty. 🔒
func (c *Client) DeleteUser(ctx context.Context, id, reason string) error {
	return c.do(ctx, "DELETE", query("/admin/users"+part(id), "reason", reason), nil)
}

// RequirementRequest asks a user for two-factor, from an instant on.
type RequirementRequest struct {
	From   *time.Time `json:"from,omitzero"`
	Reason string     `json:"reason,omitzero"`
}

// RequireTwoFactor asks it of a user. 🔒
func (c *Client) RequireTwoFactor(ctx context.Context, id string, r RequirementRequest) error {
	return c.do(ctx, "PUT", "/admin/users"+part(id)+"/requirement", r)
}

// LiftRequirement takes that back. 🔒
func (c *Client) LiftRequirement(ctx context.Context, id, reason string) error {
	return c.do(ctx, "DELETE", query("/admin/users"+part(id)+"/requirement", "reason", reason), nil)
}

// TurnUsersTwoFactorOff turns all of a user's methods off. 🔒
func (c *Client) TurnUsersTwoFactorOff(ctx context.Context, id, reason string) error {
	return c.do(ctx, "DELETE", query("/admin/users"+part(id)+"/two-factor", "reason", reason), nil)
}

// ReasonRequest is why.
type ReasonRequest struct {
	Reason string `json:"reason,omitzero"`
}

// ResetUsersApp ends a user's apps; the next sign-in leads to a new one. 🔒
func (c *Client) ResetUsersApp(ctx context.Context, id, reason string) error {
	return c.do(ctx, "POST", "/admin/users"+part(id)+"/two-factor/app/reset", ReasonRequest{reason})
}

// UnlockUser takes wrong guesses off a user's count.
func (c *Client) UnlockUser(ctx context.Context, id, reason string) error {
	return c.do(ctx, "POST", "/admin/users"+part(id)+"/unlock", ReasonRequest{reason})
}

// SendUsersVerification mails the code that verifies a user's address.
func (c *Client) SendUsersVerification(ctx context.Context, id, reason string) error {
	return c.do(ctx, "POST", "/admin/users"+part(id)+"/verification", ReasonRequest{reason})
}

// EndUsersSessions signs a user out everywhere.
func (c *Client) EndUsersSessions(ctx context.Context, id, reason string) error {
	return c.do(ctx, "DELETE", query("/admin/users"+part(id)+"/sessions", "reason", reason), nil)
}

// RecoveryPassMade is a one-time pass for a user who is locked out.
type RecoveryPassMade struct {
	RecoveryPass string    `json:"recovery_pass"`
	ExpiresAt    time.Time `json:"expires_at"`
}

// MakeRecoveryPass makes one. nil: another administrator has to approve first. 🔒
func (c *Client) MakeRecoveryPass(ctx context.Context, id, reason string) (*RecoveryPassMade, error) {
	res, err := c.send(ctx, "POST", "/admin/users"+part(id)+"/recovery-pass", ReasonRequest{reason}, nil)
	if err != nil {
		return nil, err
	}
	if res.StatusCode != 201 {
		return nil, res.Body.Close()
	}
	out := &RecoveryPassMade{}
	return out, read(res, out)
}

// EventSearch finds events; what is empty is not asked.
type EventSearch struct {
	Actor    string // a user's id, or a kind of actor
	Subject  string
	Action   string
	From, To time.Time
	Cursor   string // AllEvents only, like Limit
	Limit    int
}

func (s EventSearch) path(path string) string {
	return query(path, "actor", s.Actor, "subject", s.Subject, "action", s.Action, "from", instant(s.From), "to", instant(s.To),
		"cursor", s.Cursor, "limit", number(s.Limit))
}

func instant(t time.Time) string {
	if t.IsZero() {
		return ""
	}
	return t.UTC().Format(time.RFC3339Nano)
}

// AllEvents lists what happened to anybody, newest first.
func (c *Client) AllEvents(ctx context.Context, s EventSearch) (Page[Event], error) {
	return call[Page[Event]](ctx, c, "GET", s.path("/admin/events"), nil)
}

// EventsCSV streams what happened as CSV.
func (c *Client) EventsCSV(ctx context.Context, s EventSearch) (io.ReadCloser, error) {
	return c.stream(ctx, s.path("/admin/events.csv"))
}

// EventsJSONL streams it as JSON Lines.
func (c *Client) EventsJSONL(ctx context.Context, s EventSearch) (io.ReadCloser, error) {
	return c.stream(ctx, s.path("/admin/events.jsonl"))
}

// Share is how many of the active users had what on.
type Share struct {
	Users   int `json:"users"`
	Covered int `json:"covered"`
	App     int `json:"app"`
	Email   int `json:"email"`
}

// Coverage is who is covered, and what the last days came to.
type Coverage struct {
	Now    Share `json:"now"`
	Days   []Day `json:"days"`
	Frozen int   `json:"frozen"`

	SignIns struct {
		Completed      int `json:"completed"`
		WrongPasswords int `json:"wrong_passwords"`
		WrongCodes     int `json:"wrong_codes"`
	} `json:"sign_ins"`
	Mails struct {
		Queued  int `json:"queued"`
		Sent    int `json:"sent"`
		Refused int `json:"refused"`
		Expired int `json:"expired"`
	} `json:"mails"`
}

// Day is a Share on a day such as 2026-01-02.
type Day struct {
	Day string `json:"day"`
	Share
}

// Coverage tells who is covered.
func (c *Client) Coverage(ctx context.Context) (Coverage, error) {
	return call[Coverage](ctx, c, "GET", "/admin/coverage", nil)
}

// Mail is a message and what became of it.
type Mail struct {
	ID        string     `json:"id"`
	Kind      string     `json:"kind"`
	To        string     `json:"to"`
	State     Delivery   `json:"state"`
	Attempts  int        `json:"attempts"`
	LastError string     `json:"last_error"` // empty: none
	CreatedAt time.Time  `json:"created_at"`
	SentAt    *time.Time `json:"sent_at"`
}

// MailSearch finds mails; what is empty is not asked.
type MailSearch struct {
	State  Delivery
	To     string
	Cursor string
	Limit  int
}

// Mails lists mails, newest first.
func (c *Client) Mails(ctx context.Context, s MailSearch) (Page[Mail], error) {
	return call[Page[Mail]](ctx, c, "GET",
		query("/admin/mails", "state", string(s.State), "to", s.To, "cursor", s.Cursor, "limit", number(s.Limit)), nil)
}

// RetryMail tries a waiting mail again at once.
func (c *Client) RetryMail(ctx context.Context, id string) (Mail, error) {
	return call[Mail](ctx, c, "POST", "/admin/mails"+part(id)+"/retry", nil)
}
