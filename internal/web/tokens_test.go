package web_test

import (
	"strings"
	"testing"

	"latchkey/internal/factor"
)

func TestAnAccessTokenIsShownOnceAndRevoked(t *testing.T) {
	t.Parallel()
	h := newHouse(t)
	p, b := h.person(factor.App), h.browser()
	b.in(p)
	list := b.get("/account/tokens").want("tokens", 200)
	if got := b.get(list.attr("#new-token", "href")); got.name() != "confirm" {
		t.Fatalf("%s without a confirmation", got.name())
	}
	ask := b.sure(p, "/account/tokens/new").want("token_new", 200)
	b.submit(ask, "new-token", M{"name": ""}).want("token_new", 400).says("#name-error", "Give a name")
	made := b.submit(ask, "new-token", M{"name": "Nightly backup", "days": "30"}).want("token_new", 200)
	secret := strings.TrimSpace(made.text("#token"))
	if !strings.HasPrefix(secret, "lkp_") {
		t.Fatalf("shown: %q", secret)
	}
	b.submit(ask, "new-token", M{"name": "Nightly backup", "days": "30"}).want("tokens", 200)
	if n := h.count(`SELECT count(*) FROM access_tokens WHERE user_id = $1`, p.id); n != 1 {
		t.Errorf("%d tokens after two presses", n)
	}
	list = b.get("/account/tokens")
	list.says("#tokens", "Nightly backup")
	if strings.Contains(list.text("main"), secret) {
		t.Error("the list shows the token again")
	}
	b.submit(list, "end-token", nil).want("tokens", 200).says("#notice", "revoked")
	if n := h.count(`SELECT count(*) FROM access_tokens WHERE user_id = $1`, p.id); n != 0 {
		t.Error("it is still there")
	}
}
