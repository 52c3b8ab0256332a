package api_test

import (
	"net/url"
	"os"
	"strconv"
	"testing"
	"time"

	"github.com/google/uuid"
)

// Whoever asks about an address learns nothing of whether it has an account:
// not by text, status or headers, and not by time. Each route is asked in
// pairs, once for an address with an account and once for one without, equally
// long and in random order, and the pairs are held against each other: bytes
// but for ids, tokens and the address itself, the number of round trips to the
// database, and the times by signed ranks. Over the pages it is bytes alone:
// the flow behind them is the same one.
//
// A difference in time is believed at p < 0.001 twice, on fresh pairs and to
// the same side: about one false alarm in two million runs of a route.
// LATCHKEY_PAIRS is how many pairs, else the usual number.
const (
	usualPairs = 60
	believed   = 0.001
)

// door is a route that takes an address, or a link that an account was sent.
type door struct {
	// ready prepares one asking, unmeasured, and gives the requests to send in
	// a row; between them the clock moves.
	ready func(p *porch, exists bool) []call
	pages func(p *porch, exists bool) []call
	pause time.Duration // of the clock, between the requests of one asking
}

// call is one request; a form when it has values.
type call struct {
	method, path string
	token        string
	body         any
}

var everyKind = [][]trait{
	{}, {withApp}, {withEmail}, {unverified}, {disabled}, {withoutPassword, unverified},
}

func TestAttackEnumeration(t *testing.T) {
	// Not beside others: it measures.
	doors := map[string]door{
		"SignIn": {
			ready: func(p *porch, exists bool) []call {
				return []call{{"POST", "/api/v1/sign-ins", "", map[string]any{"email": p.address(exists), "password": "not the one at all"}}}
			},
			pages: func(p *porch, exists bool) []call {
				return []call{{"GET", "/sign-in", "", nil}, {"POST", "/sign-in", "", url.Values{
					"email": {p.address(exists)}, "password": {"not the one at all"}, "form": {uuid.NewString()}}}}
			},
		},
		"SignUp": {
			ready: func(p *porch, exists bool) []call {
				return []call{{"POST", "/api/v1/sign-ups", "", map[string]any{"email": p.address(exists), "name": "Ada", "password": password}}}
			},
			pages: func(p *porch, exists bool) []call {
				return []call{{"POST", "/sign-up", "", url.Values{
					"email": {p.address(exists)}, "name": {"Ada"}, "password": {password}, "form": {uuid.NewString()}}}}
			},
		},
		"Reset": {
			ready: func(p *porch, exists bool) []call {
				return []call{{"POST", "/api/v1/password-resets", "", map[string]any{"email": p.address(exists)}}}
			},
			pages: func(p *porch, exists bool) []call {
				return []call{{"POST", "/password-resets", "", url.Values{"email": {p.address(exists)}, "form": {uuid.NewString()}}}}
			},
		},
		// The one code that is sent, and sent again, to an address that the
		// caller names: the code for a new address.
		"Resend": {
			ready: func(p *porch, exists bool) []call {
				p.clock.Advance(2 * time.Hour) // the mails before are off the budget
				ask := call{"POST", "/api/v1/me/email-change", p.actor, map[string]any{"email": p.address(exists)}}
				return []call{ask, ask} // the code, and the code again
			},
			pages: func(p *porch, exists bool) []call {
				p.clock.Advance(2 * time.Hour)
				return []call{{"GET", "/account/profile/email", "", nil},
					{"POST", "/account/profile/email", "", url.Values{"email": {p.address(exists)}}},
					{"POST", "/account/profile/email/code/send", "", url.Values{}}}
			},
			pause: time.Minute,
		},
		// The accepting side: an admin who invites may list the accounts and is
		// told of one that exists. A link that leads nowhere any more tells
		// nobody whether an account waits behind it.
		"Invitation": {
			ready: func(p *porch, exists bool) []call {
				return []call{{"POST", "/api/v1/invitations/accept", "", map[string]any{"token": p.invitation(exists), "name": "Ada", "password": password}}}
			},
			pages: func(p *porch, exists bool) []call {
				path := "/invitations/" + p.invitation(exists)
				return []call{{"GET", path, "", nil}, {"POST", path, "", url.Values{"name": {"Ada"}, "password": {password}}}}
			},
		},
	}
	for name, d := range doors {
		t.Run(name, func(t *testing.T) {
			p := newPorch(t)
			p.alike(t, d.pages, 2*len(p.kinds))
			p.asMuch(t, d)
			n := usualPairs
			if s := os.Getenv("LATCHKEY_PAIRS"); s != "" {
				n, _ = strconv.Atoi(s)
			}
			pv, z := p.times(t, d, n)
			if pv < believed {
				again, same := p.times(t, d, n)
				if again < believed && (z > 0) == (same > 0) {
					t.Errorf("time tells whether there is an account: p = %.2g, and %.2g once more", pv, again)
				}
			}
		})
	}
	// The measure itself: that missing accounts take longer is found, a
	// millisecond on a quiet machine, more on a busy one.
	t.Run("Control", func(t *testing.T) {
		p := newPorch(t)
		for p.slow = time.Millisecond; p.slow <= 64*time.Millisecond; p.slow *= 2 {
			if pv, z := p.times(t, doors["Reset"], usualPairs); pv < believed && z < 0 {
				t.Logf("%s more is seen", p.slow)
				return
			}
		}
		t.Error("the measure is too weak")
	})
}
