// Package webhook tells other services what happened: endpoints that an admin
// named, and a signed POST for each event that they asked for.
//
// A delivery is a row, written by package audit in the statement that records
// its event. The worker claims it (Ledger), reads the event, signs it as
// Standard Webhooks says (Sign) and posts it (Poster). Retries go on for about
// a day; receivers drop duplicates by the message's id.
package webhook

import (
	"slices"
	"time"
)

// The kinds of events that an endpoint may ask for, by their names in the audit
// log. All of them are rare beside sign-ins: none is on the path of one from a
// browser that is known.
var kinds = []string{
	"method_on", "method_off", "two_factor_off", "app_reset", "frozen", "unlocked", "new_device", "recovery_key_used",
}

// Kinds lists what an endpoint may ask for.
func Kinds() []string { return slices.Clone(kinds) }

// Offered reports whether endpoints may ask for events of this action.
func Offered(action string) bool { return slices.Contains(kinds, action) }

// Tested is the event that an admin sends to try an endpoint.
const Tested = "webhook_tested"

// Lifetime is how long a delivery may wait for a worker, or for its endpoint to
// be turned on again.
const Lifetime = 7 * 24 * time.Hour

// State says what became of a delivery.
type State string

const (
	Queued  State = "queued"
	Sent    State = "sent"    // the receiver answered 2xx
	Failed  State = "failed"  // not within all attempts
	Expired State = "expired" // nobody could send it in its lifetime
)

// Outcome says how an attempt ended, in a word for people and for metrics.
type Outcome string

const (
	Accepted   Outcome = "accepted"
	Answered   Outcome = "answered"    // with a status that is neither 2xx nor 3xx
	Redirected Outcome = "redirected"  // 3xx: no redirect is followed
	NotAllowed Outcome = "not_allowed" // the address is private, and WEBHOOK_ALLOW_PRIVATE doesn't name it
	NotTLS     Outcome = "not_tls"     // http:// to an address that WEBHOOK_ALLOW_PRIVATE doesn't name
	TooSlow    Outcome = "too_slow"
	BadTLS     Outcome = "bad_tls"
	NoName     Outcome = "no_name" // its name doesn't resolve
	Broken     Outcome = "broken"  // no connection, or one that broke off
	Sealed     Outcome = "sealed"  // its key can't be opened
	Lost       Outcome = "lost"    // the event is gone from the audit log
)
