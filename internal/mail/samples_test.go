package mail

import (
	"testing"
	"time"
)

// The gallery shows every kind: a new one needs a sample.
func TestEveryKindHasASample(t *testing.T) {
	t.Parallel()
	c := composer(t, brand)
	has := map[string]bool{}
	for _, k := range Samples(time.Date(2026, 1, 2, 3, 4, 5, 0, time.UTC)) {
		has[k.Name()] = true
		if _, err := c.Render("Ada", k); err != nil {
			t.Errorf("%s: %v", k.Name(), err)
		}
	}
	for _, k := range Kinds() {
		if !has[k.Name()] {
			t.Errorf("no sample of %s", k.Name())
		}
	}
}
