package attack_test

import (
	"net/http"
	"sync"
	"sync/atomic"
	"time"

	"latchkey/internal/api/apitest"
	"latchkey/internal/factor"
)

// fromEverywhere has somebody who knows the password guess 2,000 codes from
// 200 addresses at once: over fresh sign-ins by API and by page, and at
// confirmations in stolen sessions. No more is judged than the account's
// budget; and the owner, in a browser that was used before, still gets in.
func fromEverywhere(t *scene) {
	const addresses, each, confirming, onPages = 200, 10, 5, 80
	ada := t.person(factor.App)
	owner := t.browser()
	owner.start(ada)
	owner.code("app", ada.app())
	if !owner.in() {
		t.Fatal("the owner does not get in before")
	}
	owner.post("/sign-out", M{})

	doors := make([]func() int, addresses)
	for i := range confirming {
		me := ada.confirmed()
		doors[i] = func() int {
			return t.guess(me, "/me/confirmations", M{"password": password, "method": "app", "code": other(ada.codeAt(0))})
		}
	}
	t.crew(8, addresses-confirming, func(i int) {
		s := *t
		s.from = t.elsewhere()
		if i < onPages {
			b := s.browser()
			for b.post("/sign-in", M{"email": ada.email, "password": password}).Status == http.StatusServiceUnavailable {
				time.Sleep(time.Second)
			}
			doors[confirming+i] = func() int { return b.code("app", other(ada.codeAt(0))).Status }
			return
		}
		open := s.api().As(s.signIn(s.api(), ada.email, password).Want(http.StatusOK).Text("sign_in_token"))
		doors[confirming+i] = func() int {
			return t.guess(open, "/sign-ins/current/verify", M{"method": "app", "code": other(ada.codeAt(0))})
		}
	})

	var judged atomic.Int64
	began := time.Now()
	t.crew(addresses, addresses, func(i int) {
		for range each {
			if doors[i]() == http.StatusUnprocessableEntity {
				judged.Add(1)
			}
		}
	})
	took := time.Since(began)
	// Five at once, then one after 30 s, 1, 2, 4 and 8 minutes.
	budget := 5
	for wait, at := 30*time.Second, 30*time.Second; at < took; wait, at = 2*wait, at+2*wait {
		budget++
	}
	charged := t.count(`SELECT cardinality(code_failures) FROM guards WHERE user_id = $1`, ada.id)
	told := int(judged.Load())
	t.Logf("of %d guesses in %v %d were told that they are wrong", addresses*each, took.Round(time.Millisecond), told)
	// One that is given up by a busy server may be charged, and nobody told.
	if charged < 5 || charged > budget || told > charged {
		t.Errorf("%d were told, and %d charged, want 5 to %d", told, charged, budget)
	}
	ada.frozen(ada.open(), "app", ada.codeAt(0))
	owner.start(ada)
	owner.code("app", ada.app())
	if !owner.in() {
		t.Error("the owner does not get in any more")
	}
}

// guess gives the status of an answer; 0: there was none, as when the server is
// too busy to keep the connection.
func (t *scene) guess(c *apitest.Client, path string, body M) int {
	res, err := c.Try("POST", path, body)
	if err != nil {
		t.Log(err)
		return 0
	}
	return res.Status
}

// crew does n things, some at a time.
func (t *scene) crew(at, n int, do func(int)) {
	var all sync.WaitGroup
	var next atomic.Int64
	for range at {
		all.Go(func() {
			for i := next.Add(1) - 1; i < int64(n); i = next.Add(1) - 1 {
				do(int(i))
			}
		})
	}
	all.Wait()
}
