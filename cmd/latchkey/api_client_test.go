package main

import (
	"bytes"
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"log/slog"
	"net/http"
	"net/url"
	"os"
	"strings"
	"testing"
	"time"

	"github.com/google/uuid"

	"latchkey/internal/account"
	"latchkey/internal/api/apitest"
	"latchkey/internal/api/client"
	"latchkey/internal/app"
	"latchkey/internal/audit"
	"latchkey/internal/config"
	"latchkey/internal/factor"
	"latchkey/internal/pg"
	"latchkey/internal/seal"
	"latchkey/internal/signin"
)

const testPassword = "quiet otters drift at 5"

// watched sends to servers of tests by the name that production says BASE_URL
// has, and holds all of it against openapi.yaml.
var watched = &http.Client{Transport: apitest.Transport{Base: asLocalhost{}}}

type asLocalhost struct{}

func (asLocalhost) RoundTrip(req *http.Request) (*http.Response, error) {
	req.Host = "localhost:8080"
	return http.DefaultTransport.RoundTrip(req)
}

// caller asks a running server by its API.
type caller struct{ base, token string }

func (c caller) client() *client.Client {
	return client.New(c.base, client.HTTP(watched), client.Token(c.token))
}

// ask gives the status and the answer; 0 where the server could not be asked.
func (c caller) ask(method, path string, body any) (int, map[string]any) {
	res, err := c.send(method, path, body)
	if err != nil {
		return 0, map[string]any{"error": err.Error()}
	}
	defer res.Body.Close()
	var out map[string]any
	_ = json.NewDecoder(res.Body).Decode(&out)
	return res.StatusCode, out
}

// send asks and gives the answer as it came.
func (c caller) send(method, path string, body any) (*http.Response, error) {
	var sent io.Reader
	if body != nil {
		raw, err := json.Marshal(body)
		if err != nil {
			return nil, err
		}
		sent = bytes.NewReader(raw)
	}
	req, err := http.NewRequest(method, c.base+apitest.Prefix+path, sent)
	if err != nil {
		return nil, err
	}
	req.Header.Set("Content-Type", "application/json")
	if c.token != "" {
		req.Header.Set("Authorization", "Bearer "+c.token)
	}
	return watched.Do(req)
}

// signIn does both steps and gives the session; method may be empty.
func (c caller) signIn(email, password, method, code string) (session caller, err error) {
	return signInAt(func() caller { return c }, email, password, method, code)
}

// signInAt is signIn where each step asks the server that is there by then.
func signInAt(at func() caller, email, password, method, code string) (session caller, err error) {
	ctx, c := context.Background(), at()
	in, err := c.client().SignIn(ctx, client.SignInRequest{Email: email, Password: password})
	if err == nil && method != "" {
		c = at()
		in, err = c.client().As(in.SignInToken).Verify(ctx, client.VerifyRequest{Method: client.Method(method), Code: code})
	}
	if err == nil && in.Status != client.Complete {
		err = fmt.Errorf("%+v", in)
	}
	if err != nil {
		return caller{}, fmt.Errorf("sign in of %s by %q: %w", email, method, err)
	}
	return caller{c.base, in.SessionToken}, nil
}

// busy reports whether a server gave up in time what a loaded machine was slow
// with.
func busy(err error) bool {
	var problem *client.Error
	return errors.As(err, &problem) && problem.Status == http.StatusServiceUnavailable
}

// resident is somebody who was there before the test begins.
type resident struct {
	id     uuid.UUID
	email  string
	secret string
	keys   []string
}

// appCode is the one that the phone shows now; spent ones are forgiven.
func (r resident) appCode(t testing.TB, db *pg.DB) string {
	t.Helper()
	if _, err := db.ExecContext(t.Context(), `UPDATE methods SET last_step = -1 WHERE user_id = $1`, r.id); err != nil {
		t.Error(err)
	}
	code, err := factor.CodeAt(r.secret, factor.StepAt(time.Now()))
	if err != nil {
		t.Error(err)
	}
	return code
}

// houseOn is the service over a keyset file, in this process and without a
// server, to prepare what a test needs.
func houseOn(t *testing.T, db *pg.DB, keyset string) *app.App {
	t.Helper()
	at, _ := url.Parse("http://localhost:8080")
	house, err := app.New(t.Context(), app.Options{
		Config: &config.Config{BaseURL: at, Brand: config.Brand{Name: "Latchkey"}}, DB: db, Keys: keysIn(t, keyset),
		Log: slog.New(slog.DiscardHandler),
	})
	if err != nil {
		t.Fatal(err)
	}
	return house
}

func keysIn(t *testing.T, file string) *seal.Keys {
	t.Helper()
	raw, err := os.ReadFile(file)
	if err != nil {
		t.Fatal(err)
	}
	keys, err := seal.Load(raw)
	if err != nil {
		t.Fatal(err)
	}
	return keys
}

// settles makes an account with an app and recovery keys.
func settles(t *testing.T, house *app.App, email string) resident {
	t.Helper()
	u, err := house.SignIn.CreateUser(t.Context(), audit.Actor{Kind: audit.Host},
		signin.Person{Email: email, Name: "Ada", Password: testPassword}, account.Member, true)
	if err != nil {
		t.Fatal(err)
	}
	r := resident{id: u.ID, email: u.Email}
	err = house.DB.InTx(t.Context(), func(tx *pg.Tx) error { return r.enrol(t.Context(), house.SignIn.Factors, tx) })
	if err != nil {
		t.Fatal(err)
	}
	return r
}

func (r *resident) enrol(ctx context.Context, factors *factor.Store, tx *pg.Tx) error {
	e, err := factors.BeginTx(ctx, tx, r.id, r.id, factor.App, "Phone", uuid.Nil)
	if err != nil {
		return err
	}
	r.secret = e.Secret
	code, err := factor.CodeAt(e.Secret, factor.StepAt(tx.Now))
	if err != nil {
		return err
	}
	if _, err := factors.ProveAppTx(ctx, tx, r.id, e, code, 0); err != nil {
		return err
	}
	set, err := factors.NewSetTx(ctx, tx, r.id)
	if err != nil {
		return err
	}
	r.keys = set.Shown()
	return account.ProvedTx(ctx, tx, r.id, string(factor.App))
}

// setting finds one in the environment of a process.
func setting(env []string, name string) string {
	for _, e := range env {
		if v, ok := strings.CutPrefix(e, name+"="); ok {
			return v
		}
	}
	return ""
}

// says runs a command to its end and gives exit code and everything printed.
func says(t *testing.T, env []string, args ...string) (int, string) {
	t.Helper()
	cmd := self(t, env, args...)
	out, err := cmd.CombinedOutput()
	if cmd.ProcessState == nil {
		t.Fatal(err)
	}
	return cmd.ProcessState.ExitCode(), string(out)
}
