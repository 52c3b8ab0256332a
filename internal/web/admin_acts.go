package web

import (
	"time"

	"github.com/google/uuid"

	"latchkey/internal/account"
	"latchkey/internal/admin"
	"latchkey/internal/policy"
)

// actGroups are the acts in the order of somebody's page.
var actGroups = []struct {
	title string
	names []string
}{
	{"web.admin.acts.help", []string{"unlock", "reset-app", "recovery-pass", "verification", "invitation", "end-sessions"}},
	{"web.admin.acts.require", []string{"require", "lift", "turn-off"}},
	{"web.admin.acts.account", []string{"rename", "role", "unverify", "disable", "enable", "delete"}},
}

// When an act is offered. Whether it may be done, the flow decides.
func active(p personRow, _ time.Time) bool      { return p.Status == account.Active }
func invited(p personRow, _ time.Time) bool     { return p.Status == account.Invited }
func disabled(p personRow, _ time.Time) bool    { return p.Status == account.Disabled }
func notDisabled(p personRow, _ time.Time) bool { return p.Status != account.Disabled }
func hasApp(p personRow, _ time.Time) bool      { return p.App }
func covered(p personRow, _ time.Time) bool     { return p.App || p.Mail }
func stuck(p personRow, _ time.Time) bool       { return p.Status == account.Active && (p.App || p.Mail) }
func unproved(p personRow, _ time.Time) bool    { return p.Status == account.Active && !p.EmailVerified }
func hasAddress(p personRow, _ time.Time) bool  { return p.EmailVerified }
func asked(p personRow, _ time.Time) bool       { return p.By == policy.ByAdmin || p.RequiredFrom != nil }
func unasked(p personRow, _ time.Time) bool     { return p.RequiredFrom == nil }

// acts are all that a page does to somebody, by the last part of its path.
var acts = map[string]act{
	"unlock": {
		title: "web.admin.unlock.title", short: "web.admin.unlock.short", text: "web.admin.unlock.text", button: "web.admin.unlock.title",
		said: noticeUnlocked, support: true, fits: active,
		do: func(v *visit, id uuid.UUID, why string) error { return v.o.Admin.Unlock(v.ctx(), v.by, v.in, id, why) },
	},
	"reset-app": {
		title: "web.admin.reset.title", short: "web.admin.reset.short", text: "web.admin.reset.text", button: "web.admin.reset.title",
		ends: []string{"web.admin.ends.apps", "web.admin.ends.keys_with_last", "web.admin.ends.sessions", "web.admin.ends.devices"},
		said: noticeTheirReset, locked: true, support: true, fits: hasApp,
		do: func(v *visit, id uuid.UUID, why string) error {
			return v.o.Admin.ResetApp(v.ctx(), v.by, v.in, id, why)
		},
	},
	"recovery-pass": {
		title: "web.admin.pass.title", short: "web.admin.pass.short", text: "web.admin.pass.text", button: "web.admin.pass.button",
		locked: true, support: true, fits: stuck, do: makePass,
	},
	"verification": {
		title: "web.admin.verification.title", short: "web.admin.verification.short", text: "web.admin.verification.text", button: "web.admin.send",
		said: noticeMailSent, fits: unproved,
		do: func(v *visit, id uuid.UUID, why string) error {
			return v.o.Admin.SendVerification(v.ctx(), v.by, v.in, id, why)
		},
	},
	"invitation": {
		title: "web.admin.reinvite.title", short: "web.admin.reinvite.short", text: "web.admin.reinvite.text", button: "web.admin.send",
		said: noticeInvited, fits: invited,
		do: func(v *visit, id uuid.UUID, why string) error {
			return v.o.Admin.SendVerification(v.ctx(), v.by, v.in, id, why)
		},
	},
	"end-sessions": {
		title: "web.admin.end_sessions.title", short: "web.admin.end_sessions.short", text: "web.admin.end_sessions.text", button: "web.admin.end_sessions.title",
		said: noticeSessionsEnded, fits: active,
		do: func(v *visit, id uuid.UUID, why string) error {
			return v.o.Admin.EndSessions(v.ctx(), v.by, v.in, id, why)
		},
	},
	"require": {
		title: "web.admin.ask.title", short: "web.admin.ask.short", text: "web.admin.ask.text", button: "web.admin.ask.button",
		field: "day", said: noticeRequired, locked: true, fits: unasked, do: require,
	},
	"lift": {
		title: "web.admin.lift.title", short: "web.admin.lift.short", text: "web.admin.lift.text", button: "web.admin.lift.title",
		said: noticeLifted, locked: true, fits: asked,
		do: func(v *visit, id uuid.UUID, why string) error {
			return v.o.Admin.Unrequire(v.ctx(), v.by, v.in, id, why)
		},
	},
	"turn-off": {
		title: "web.admin.off.title", short: "web.admin.off.short", text: "web.admin.off.text", button: "web.admin.off.title",
		ends: []string{"web.admin.ends.methods", "web.admin.ends.keys", "web.admin.ends.sessions", "web.admin.ends.devices"},
		said: noticeTheirsOff, locked: true, danger: true, fits: covered,
		do: func(v *visit, id uuid.UUID, why string) error { return v.o.Admin.TurnOff(v.ctx(), v.by, v.in, id, why) },
	},
	"rename": {
		title: "web.admin.rename.title", short: "web.admin.rename.short", text: "web.admin.rename.text", button: "web.save",
		field: "name", said: noticeChanged, locked: true,
		do: patch(func(v *visit, c *admin.Change) { name := v.form("name"); c.Name = &name }),
	},
	"role": {
		title: "web.admin.role.title", short: "web.admin.role.short", text: "web.admin.role.text", button: "web.save",
		field: "role", said: noticeChanged, locked: true,
		do: patch(func(v *visit, c *admin.Change) { role := account.Role(v.form("role")); c.Role = &role }),
	},
	"unverify": {
		title: "web.admin.unverify.title", short: "web.admin.unverify.short", text: "web.admin.unverify.text", button: "web.admin.unverify.title",
		ends: []string{"web.admin.ends.email_method", "web.admin.ends.sessions", "web.admin.ends.devices"},
		said: noticeChanged, locked: true, danger: true, fits: hasAddress,
		do: patch(func(_ *visit, c *admin.Change) { c.EmailVerified = new(bool) }),
	},
	"disable": {
		title: "web.admin.disable.title", short: "web.admin.disable.short", text: "web.admin.disable.text", button: "web.admin.disable.title",
		ends: []string{"web.admin.ends.sessions", "web.admin.ends.tokens", "web.admin.ends.devices"},
		said: noticeDisabled, locked: true, danger: true, fits: notDisabled,
		do: patch(func(_ *visit, c *admin.Change) { yes := true; c.Disabled = &yes }),
	},
	"enable": {
		title: "web.admin.enable.title", short: "web.admin.enable.short", text: "web.admin.enable.text", button: "web.admin.enable.title",
		said: noticeEnabled, locked: true, fits: disabled,
		do: patch(func(_ *visit, c *admin.Change) { c.Disabled = new(bool) }),
	},
	"delete": {
		title: "web.admin.delete.title", short: "web.admin.delete.short", text: "web.admin.delete.text", button: "web.admin.delete.button",
		ends: []string{"web.admin.ends.account", "web.admin.ends.sessions", "web.admin.ends.tokens"},
		said: noticeTheirEnd, locked: true, danger: true,
		do: func(v *visit, id uuid.UUID, why string) error { return v.o.Admin.Delete(v.ctx(), v.by, v.in, id, why) },
	},
}
