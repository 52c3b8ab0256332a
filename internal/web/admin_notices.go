package web

// What was just done at the desk.
const (
	noticeRested        = "rested"
	noticePolicySaved   = "policy_saved"
	noticeInvited       = "invited"
	noticeAccepted      = "accepted"
	noticeUnlocked      = "unlocked"
	noticeTheirReset    = "their_app_reset"
	noticeMailSent      = "mail_sent"
	noticeSessionsEnded = "their_sessions_ended"
	noticeRequired      = "required"
	noticeLifted        = "lifted"
	noticeTheirsOff     = "theirs_off"
	noticeChanged       = "changed"
	noticeDisabled      = "disabled"
	noticeEnabled       = "enabled"
	noticeTheirEnd      = "their_account_deleted"
	noticeMailDue       = "mail_due"
	noticeHookTested    = "webhook_tested"
	noticeHookOldKeyOff = "webhook_old_key_off"
	noticeHookOff       = "webhook_off"
	noticeHookOn        = "webhook_on"
	noticeHookDeleted   = "webhook_deleted"
	noticeHookChanged   = "webhook_changed"
	noticeHookAgain     = "webhook_again"
)

var deskNotices = map[string]string{
	noticeRested:        "fault.admin_rested",
	noticePolicySaved:   "web.admin.notice.policy_saved",
	noticeInvited:       "web.admin.notice.invited",
	noticeAccepted:      "web.admin.notice.accepted",
	noticeUnlocked:      "web.admin.notice.unlocked",
	noticeTheirReset:    "web.admin.notice.app_reset",
	noticeMailSent:      "web.admin.notice.mail_sent",
	noticeSessionsEnded: "web.admin.notice.sessions_ended",
	noticeRequired:      "web.admin.notice.required",
	noticeLifted:        "web.admin.notice.lifted",
	noticeTheirsOff:     "web.admin.notice.theirs_off",
	noticeChanged:       "web.admin.notice.changed",
	noticeDisabled:      "web.admin.notice.disabled",
	noticeEnabled:       "web.admin.notice.enabled",
	noticeTheirEnd:      "web.admin.notice.deleted",
	noticeMailDue:       "web.admin.notice.mail_due",
	noticeHookTested:    "web.admin.notice.webhook_tested",
	noticeHookOldKeyOff: "web.admin.notice.webhook_old_key_off",
	noticeHookOff:       "web.admin.notice.webhook_off",
	noticeHookOn:        "web.admin.notice.webhook_on",
	noticeHookDeleted:   "web.admin.notice.webhook_deleted",
	noticeHookChanged:   "web.admin.notice.webhook_changed",
	noticeHookAgain:     "web.admin.notice.webhook_again",
}
