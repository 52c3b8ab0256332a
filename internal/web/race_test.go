package web_test

import (
	"net/url"
	"sync"
	"testing"

	"latchkey/internal/factor"
)

// Of many presses of one button at the same instant, one does something. What
// the others get is a way on, never an error.
func TestOnePressOfManyCounts(t *testing.T) {
	t.Parallel()
	h := newHouse(t)
	p := h.person(factor.Email)
	for name, c := range map[string]struct {
		page, form, to string
		fields         url.Values
	}{
		"sign-up": {"/sign-up", "sign-up", "ann@example.com", url.Values{
			"name": {"Ann"}, "email": {"ann@example.com"}, "password": {"lamp orbit cabbage quartz"}}},
		"sign-in": {"/sign-in", "sign-in", p.email, url.Values{"email": {p.email}, "password": {password}}},
	} {
		b := h.browser()
		at := b.get(c.page)
		c.fields.Set("form", at.attr(`form[data-form="`+c.form+`"] input[name="form"]`, "value"))
		var wg sync.WaitGroup
		release := make(chan struct{})
		for range 8 {
			wg.Go(func() {
				<-release
				if got := b.post(c.page, c.fields); got.Status != 303 {
					t.Errorf("%s: %d", name, got.Status)
				}
			})
		}
		close(release)
		wg.Wait()
		if n := h.mails(c.to); n != 1 {
			t.Errorf("%s: %d mails", name, n)
		}
	}
}
