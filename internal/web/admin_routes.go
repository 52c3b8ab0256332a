package web

// adminTable is every page and form of the desk, and the page that an
// invitation opens.
func adminTable() []route {
	return []route{
		{"GET", "/invitations/:token", anyone, invitationForm, ""},
		{"POST", "/invitations/:token", anyone, invitationSubmit, ""},

		{"GET", "/admin", member, desk(adminHome), ""},

		{"GET", "/admin/policy", member, desk(policyForm), ""},
		{"POST", "/admin/policy", member, desk(policySave), ""},
		{"POST", "/admin/policy/review", member, desk(policyReview), ""},
		{"GET", "/admin/policy/review", member, desk(policyReviewed), ""},
		{"GET", "/admin/policy/review.csv", member, desk(policyRehearsal), ""},
		{"GET", "/admin/policy/history", member, desk(policyHistory), ""},

		{"GET", "/admin/users", member, desk(people), ""},
		{"GET", "/admin/users/invite", member, ruling(inviteForm), ""},
		{"POST", "/admin/users/invite", member, ruling(inviteSubmit), ""},
		{"GET", "/admin/users.csv", member, desk(peopleCSV), ""},
		{"GET", "/admin/users/:id", member, desk(someone), ""},
		{"GET", "/admin/users/:id/:act", member, desk(actForm), ""},
		{"POST", "/admin/users/:id/:act", member, desk(actSubmit), ""},

		{"GET", "/admin/events", member, desk(allEvents), ""},
		{"GET", "/admin/events.csv", member, desk(eventsCSV), ""},
		{"GET", "/admin/events.jsonl", member, desk(eventsJSONL), ""},

		{"GET", "/admin/mails", member, desk(mails), ""},
		{"POST", "/admin/mails/:id/retry", member, desk(mailRetry), ""},

		{"GET", "/admin/webhooks", member, ruling(hooks), ""},
		{"GET", "/admin/webhooks/new", member, ruling(hookNew), ""},
		{"POST", "/admin/webhooks/new", member, ruling(hookAdd), ""},
		{"GET", "/admin/webhooks/:id", member, ruling(hook), ""},
		{"GET", "/admin/webhooks/:id/:act", member, ruling(hookActForm), ""},
		{"POST", "/admin/webhooks/:id/:act", member, ruling(hookActSubmit), ""},
		{"POST", "/admin/webhooks/:id/deliveries/:delivery", member, ruling(hookAgain), ""},
	}
}
