package api_test

import (
	"slices"
	"testing"
	"time"

	"latchkey/internal/devstack"
	"latchkey/internal/pg/pgtest"
)

// From the request for a code to the mail server's acceptance, through
// Postgres, worker, Redis and SMTP, on an otherwise idle system. It runs
// alone, and prints the median; machines are noisy and slow, so only a figure
// fails that is far above the goal of 30 ms and above what the request alone
// takes here, three times in a row.
func TestACodeReachesTheMailServerSoon(t *testing.T) {
	const asked = 60
	h := houseAt(t, pgtest.NewClock(time.Now().UTC().Format(time.DateTime)))
	box := h.postOffice()
	accepted := make(chan time.Time, 1)
	t.Cleanup(box.OnAccept(func(devstack.Mail) { accepted <- time.Now() }))
	for try := 1; ; try++ {
		var took, alone []time.Duration
		for range asked {
			// The app comes first, so that signing in mails nothing by itself.
			token := h.person(withApp, withEmail).signIn()
			began := time.Now()
			h.api.As(token).Post("/sign-ins/current/email-code", nil).Want(202)
			alone = append(alone, time.Since(began))
			select {
			case at := <-accepted:
				took = append(took, at.Sub(began))
			case <-time.After(time.Minute):
				t.Fatal("no mail in a minute")
			}
		}
		slices.Sort(took)
		slices.Sort(alone)
		t.Logf("request to SMTP acceptance: median %.1f ms, p90 %.1f ms, worst %.1f ms",
			ms(took[asked/2]), ms(took[asked*9/10]), ms(took[asked-1]))
		if took[asked/2] <= 10*max(30*time.Millisecond, alone[asked/2]) {
			return
		}
		if try == 3 {
			t.Fatalf("the median is %s, the goal is 30 ms, and the request takes %s", took[asked/2], alone[asked/2])
		}
	}
}

func ms(d time.Duration) float64 { return float64(d.Microseconds()) / 1000 }
