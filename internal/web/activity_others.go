package web

// byOthers puts into words what happened to an account by somebody else: an
// admin, the host, or whoever asked for a mail. The user reads them in the
// activity, said to the user.
var byOthers = map[string]string{
	"account_taken_over":      "web.event.account_taken_over",
	"password_reset_asked":    "web.event.password_reset_asked",
	"two_factor_required":     "web.event.two_factor_required",
	"two_factor_not_required": "web.event.two_factor_not_required",
	"recovery_pass_asked":     "web.event.recovery_pass_asked",
	"recovery_pass_made":      "web.event.recovery_pass_made",
	"recovery_pass_used":      "web.event.recovery_pass_used",
	"unlocked":                "web.event.unlocked",
	"renamed":                 "web.event.renamed",
	"role_changed":            "web.event.role_changed",
	"email_unverified":        "web.event.email_unverified",
	"verification_sent":       "web.event.verification_sent",
	"invited":                 "web.event.invited",
	"invitation_accepted":     "web.event.invitation_accepted",
	"enabled":                 "web.event.enabled",
	"disabled":                "web.event.disabled",
}
