package web

import "maps"

// adminPages are the desk's part of the table of pages.
var adminPages = map[string]page{
	"admin_overview":   &overviewPage{},
	"admin_policy":     &policyPage{},
	"admin_review":     &reviewPage{},
	"admin_stale":      &stalePage{},
	"admin_history":    &historyPage{},
	"admin_users":      &peoplePage{},
	"admin_invite":     &invitePage{},
	"admin_user":       &someonePage{},
	"admin_act":        &actPage{},
	"admin_pass":       &passPage{},
	"admin_events":     &eventsPage{},
	"admin_mails":      &mailsPage{},
	"admin_invitation": &invitationPage{},

	"admin_webhooks":     &hooksPage{},
	"admin_webhook":      &hookPage{},
	"admin_webhook_form": &hookFormPage{},
	"admin_webhook_act":  &hookActPage{},
	"admin_webhook_key":  &hookKeyPage{},
}

// together is one table out of several.
func together(tables ...map[string]page) map[string]page {
	out := map[string]page{}
	for _, t := range tables {
		maps.Copy(out, t)
	}
	return out
}
