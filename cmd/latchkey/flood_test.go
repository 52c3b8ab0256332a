//go:build linux

package main

import (
	"bytes"
	"encoding/json"
	"fmt"
	"io"
	"net/http"
	"os"
	"os/exec"
	"slices"
	"sync"
	"sync/atomic"
	"testing"
	"time"

	"github.com/google/uuid"

	"latchkey/internal/account"
	"latchkey/internal/api/apitest"
	"latchkey/internal/app"
	"latchkey/internal/factor"
	"latchkey/internal/guard"
	"latchkey/internal/pg"
	"latchkey/internal/pg/pgtest"
)

// TestFloodOfPasswordsLeavesCodesAlone has 200 people sign in at once, over
// and over, at a server that may use 256 MB. Whoever can't be served is told
// so at once and when to come back; meanwhile app codes of others are judged
// without delay. Limits are strict with LATCHKEY_FIGURES=1 on a machine that
// does nothing else; elsewhere it shows that codes get through at all.
func TestFloodOfPasswordsLeavesCodesAlone(t *testing.T) {
	const crowd, codes, every, limitMB = 200, 120, 40 * time.Millisecond, 256
	env := append(production(t, pgtest.URL(t)), "IP_LIMITS=off", "GOMEMLIMIT=192MiB")
	db := pgtest.Open(t, setting(env, "DATABASE_URL"))
	house := houseOn(t, db, setting(env, "KEYSET_FILE"))
	hash, err := house.SignIn.Passwords.Hash(t.Context(), testPassword)
	if err != nil {
		t.Fatal(err)
	}
	var flood, careful []resident
	for i := range 32 {
		flood = append(flood, arrives(t, house, fmt.Sprintf("crowd%d@example.org", i), hash, false))
	}
	for i := range codes {
		careful = append(careful, arrives(t, house, fmt.Sprintf("careful%d@example.org", i), hash, true))
	}
	cmd := exec.Command(shipped(t), "serve")
	cmd.Env = env
	p := start(t, cmd)
	at := fast{base: servedAt(t, p), client: &http.Client{Transport: again{&http.Transport{MaxIdleConnsPerHost: crowd + 8}}}}
	strict := os.Getenv("LATCHKEY_FIGURES") != ""
	if !strict { // what holding answers to their description costs is not the server's
		at.client.Transport = apitest.Transport{Base: at.client.Transport}
	}
	tokens := make([]string, codes)
	for i, r := range careful { // their password step, in peace
		status, _, ans := at.ask("/sign-ins", "", map[string]any{"email": r.email, "password": testPassword})
		if tokens[i], _ = ans["sign_in_token"].(string); status != http.StatusOK || tokens[i] == "" {
			t.Fatalf("%d %v", status, ans)
		}
	}

	var served, turnedAway, late atomic.Int64
	over := make(chan struct{})
	var all sync.WaitGroup
	all.Go(func() { // waves: each begins when the one before has its answers
		for {
			select {
			case <-over:
				return
			default:
			}
			var wave sync.WaitGroup
			for i := range crowd {
				wave.Go(func() {
					status, retry, ans := at.ask("/sign-ins", "", map[string]any{"email": flood[i%len(flood)].email, "password": testPassword})
					switch {
					case status == http.StatusOK:
						served.Add(1)
					case status == http.StatusServiceUnavailable && retry != "":
						turnedAway.Add(1)
					default:
						t.Errorf("sign-in: %d, Retry-After %q, %v", status, retry, ans)
					}
				})
			}
			wave.Wait()
		}
	})
	waitFor(t, func() bool { return turnedAway.Load() > 0 })
	took := make([]time.Duration, codes)
	tick := time.NewTicker(every)
	for i, r := range careful { // each on its own time, whatever the one before takes
		<-tick.C
		all.Go(func() {
			code, err := factor.CodeAt(r.secret, factor.StepAt(time.Now()))
			if err != nil {
				t.Error(err)
			}
			began := time.Now()
			status, retry, ans := at.ask("/sign-ins/current/verify", tokens[i], map[string]any{"method": "app", "code": code})
			took[i] = time.Since(began)
			switch {
			case status == http.StatusServiceUnavailable && retry != "":
				late.Add(1) // no connection or answer of Postgres in time
			case status != http.StatusOK:
				t.Errorf("app code: %d %v", status, ans)
			}
		})
	}
	close(over)
	all.Wait()
	slices.Sort(took)
	median, p99, peak := took[codes/2], took[codes*99/100], peakMB(t, cmd.Process.Pid)
	t.Logf("%d sign-ins served, %d turned away; app codes: median %v, 99 of 100 within %v; memory at most %.0f MB",
		served.Load(), turnedAway.Load(), median.Round(time.Millisecond), p99.Round(time.Millisecond), peak)
	limit, lateLimit := 250*time.Millisecond, int64(0)
	if !strict {
		limit, lateLimit = 10*time.Second, codes/10
	}
	if p99 > limit || late.Load() > lateLimit {
		t.Errorf("app codes waited behind passwords: %v, want at most %v; %d answered 503", p99, limit, late.Load())
	}
	if peak > limitMB || served.Load() == 0 {
		t.Errorf("%.0f MB, want %d; %d served", peak, limitMB, served.Load())
	}
	select {
	case <-p.done:
		t.Error("the server is gone")
	default:
	}
}

// arrives makes an account with a hash that was made before.
func arrives(t *testing.T, house *app.App, email, hash string, withApp bool) resident {
	t.Helper()
	r := resident{id: uuid.Must(uuid.NewV7()), email: email}
	err := house.DB.InTx(t.Context(), func(tx *pg.Tx) error {
		err := account.CreateTx(t.Context(), tx, account.User{
			ID: r.id, Email: email, EmailVerified: true, Name: "Ada", Role: account.Member, Status: account.Active, PasswordHash: hash,
		})
		if err == nil {
			err = guard.CreateTx(t.Context(), tx, r.id)
		}
		if err != nil || !withApp {
			return err
		}
		if err := r.enrol(t.Context(), house.SignIn.Factors, tx); err != nil {
			return err
		}
		_, err = tx.ExecContext(t.Context(), `UPDATE methods SET last_step = -1 WHERE user_id = $1`, r.id)
		return err
	})
	if err != nil {
		t.Fatal(err)
	}
	return r
}

// again sends once more where a kept connection ended before it was used: that
// is no answer of the server. Go does so for requests that say that they may be
// repeated, by a header that is not sent.
type again struct{ *http.Transport }

func (a again) RoundTrip(req *http.Request) (*http.Response, error) {
	req = req.Clone(req.Context())
	req.Header["Idempotency-Key"] = nil
	return a.Transport.RoundTrip(req)
}

// fast asks over connections that are kept.
type fast struct {
	base   string
	client *http.Client
}

func (f fast) ask(path, bearer string, body any) (status int, retryAfter string, ans map[string]any) {
	raw, err := json.Marshal(body)
	if err != nil {
		return 0, "", map[string]any{"error": err}
	}
	req, err := http.NewRequest("POST", f.base+"/api/v1"+path, bytes.NewReader(raw))
	if err != nil {
		return 0, "", map[string]any{"error": err}
	}
	req.Host = "localhost:8080"
	req.Header.Set("Content-Type", "application/json")
	if bearer != "" {
		req.Header.Set("Authorization", "Bearer "+bearer)
	}
	res, err := f.client.Do(req)
	if err != nil {
		return 0, "", map[string]any{"error": err}
	}
	defer res.Body.Close() //nolint:errcheck // it has been read
	text, _ := io.ReadAll(res.Body)
	_ = json.Unmarshal(text, &ans)
	return res.StatusCode, res.Header.Get("Retry-After"), ans
}
