package web_test

import (
	"net/http"
	"net/url"
	"strings"
	"sync"
	"testing"

	"latchkey/internal/config"
	"latchkey/internal/sso/ssotest"
)

// Neither the way to a provider nor an answer that nobody asked for writes
// anything.
func TestSSOLinksChangeNothing(t *testing.T) {
	t.Parallel()
	h, p := ssoHouse(t)
	b := h.browser()
	before := h.everything()
	back := b.toProvider(p, "/sign-in/sso/acme")
	h.browser().peek(back).want("sso_failed", http.StatusForbidden)
	for _, path := range []string{"/sso/acme/callback", "/sso/acme/callback?code=x&state=", "/sso/other/callback?code=x&state=y", "/sign-in/sso/other"} {
		if at := b.peek(path); at.Status != http.StatusForbidden && at.Status != http.StatusNotFound {
			t.Errorf("%s: %d", path, at.Status)
		}
	}
	if after := h.everything(); after != before {
		t.Errorf("something changed:\n%s\n%s", before, after)
	}
	b.follow(b.peek(back)).want("offer", http.StatusOK) // and none of it took the round trip away
}

func TestWhatIsAskedOfAProvider(t *testing.T) {
	t.Parallel()
	h, p := ssoHouse(t, func(one *config.SSOProvider) {
		one.SecondFactor, one.ProofACR = config.SSOAcceptProof, []string{"urn:two"}
	})
	led, err := url.Parse(h.browser().peek("/sign-in/sso/acme").Header.Get("Location"))
	if err != nil || !strings.HasPrefix(led.String(), p.Issuer+"/authorize?") {
		t.Fatal(led, err)
	}
	q := led.Query()
	for name, want := range map[string]string{
		"response_type": "code", "response_mode": "query", "client_id": ssotest.ClientID, "scope": "openid email profile",
		"redirect_uri": h.base + "/sso/acme/callback", "code_challenge_method": "S256", "max_age": "600", "acr_values": "urn:two",
	} {
		if q.Get(name) != want {
			t.Errorf("%s = %q, want %q", name, q.Get(name), want)
		}
	}
	for _, name := range []string{"state", "nonce", "code_challenge"} {
		if len(q.Get(name)) < 26 {
			t.Errorf("%s = %q", name, q.Get(name))
		}
	}
}

// A provider that is out of order takes its own button with it and nothing
// else: the password works meanwhile, and so does the provider once it is back.
func TestAProviderOutOfOrder(t *testing.T) {
	t.Parallel()
	everywhere := func(w http.ResponseWriter, r *http.Request, do func(http.ResponseWriter, *http.Request)) bool {
		do(w, r)
		return true
	}
	for name, spoil := range map[string]func(p *ssotest.Provider){
		"down": func(p *ssotest.Provider) {
			p.Before = func(w http.ResponseWriter, r *http.Request) bool {
				return everywhere(w, r, func(http.ResponseWriter, *http.Request) { panic(http.ErrAbortHandler) })
			}
		},
		"broken": func(p *ssotest.Provider) {
			p.Before = func(w http.ResponseWriter, r *http.Request) bool {
				return everywhere(w, r, func(w http.ResponseWriter, _ *http.Request) { w.WriteHeader(http.StatusBadGateway) })
			}
		},
		"stalls": func(p *ssotest.Provider) {
			p.Before = func(w http.ResponseWriter, r *http.Request) bool { return everywhere(w, r, p.Stall) }
		},
		"leads elsewhere": func(p *ssotest.Provider) {
			p.Before = func(w http.ResponseWriter, r *http.Request) bool {
				if r.URL.Path != "/.well-known/openid-configuration" {
					return false
				}
				return everywhere(w, r, func(w http.ResponseWriter, r *http.Request) {
					http.Redirect(w, r, "/elsewhere", http.StatusFound)
				})
			}
		},
		"talks without end": func(p *ssotest.Provider) {
			p.Before = func(w http.ResponseWriter, r *http.Request) bool {
				return everywhere(w, r, func(w http.ResponseWriter, _ *http.Request) {
					for range 3 << 10 {
						_, _ = w.Write([]byte(strings.Repeat(" ", 1<<10)))
					}
				})
			}
		},
		"calls itself another": func(p *ssotest.Provider) {
			p.Publish = func(doc map[string]any) { doc["issuer"] = "https://evil.example" }
		},
		"in the clear": func(p *ssotest.Provider) {
			p.Publish = func(doc map[string]any) { doc["token_endpoint"] = "http://login.acme.example/token" }
		},
		"without keys": func(p *ssotest.Provider) {
			p.Publish = func(doc map[string]any) { delete(doc, "jwks_uri") }
		},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			h, p := ssoHouse(t)
			spoil(p)
			who, b := h.person(), h.browser()
			at := b.peek("/sign-in/sso/acme").want("sso_failed", http.StatusServiceUnavailable)
			at.says("#why", "Acme does not answer")
			if at.Header.Get("Retry-After") == "" {
				t.Error("says not when to try again")
			}
			b.in(who).want("offer", http.StatusOK)
			p.Mend()
			h.until("the provider", func() bool { return h.browser().peek("/sign-in/sso/acme").Status == http.StatusFound })
			back := h.browser()
			back.follow(back.sso(p)).want("offer", http.StatusOK)
		})
	}
}

// It fails between the way there and the way back.
func TestAProviderThatFailsOnTheWayBack(t *testing.T) {
	t.Parallel()
	for name, c := range map[string]struct {
		path string
		do   http.HandlerFunc // nil: it stalls
	}{
		"code stalls": {"/token", nil},
		"code breaks": {"/token", func(w http.ResponseWriter, _ *http.Request) { w.WriteHeader(http.StatusBadGateway) }},
		"code elsewhere": {"/token", func(w http.ResponseWriter, r *http.Request) {
			http.Redirect(w, r, "/elsewhere", http.StatusTemporaryRedirect)
		}},
		"keys break": {"/keys", func(w http.ResponseWriter, _ *http.Request) { w.WriteHeader(http.StatusBadGateway) }},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			h, p := ssoHouse(t)
			b := h.browser()
			back := b.toProvider(p, "/sign-in/sso/acme")
			p.Before = func(w http.ResponseWriter, r *http.Request) bool {
				switch {
				case r.URL.Path != c.path:
					return false
				case c.do == nil:
					p.Stall(w, r)
				default:
					c.do(w, r)
				}
				return true
			}
			b.peek(back).want("sso_failed", http.StatusServiceUnavailable)
			if h.count(`SELECT count(*) FROM sessions`) != 0 || p.Asked("/elsewhere") != 0 {
				t.Error("it went on")
			}
			p.Mend()
			b.follow(b.sso(p)).want("offer", http.StatusOK)
		})
	}
}

func TestAProviderChangesItsKey(t *testing.T) {
	t.Parallel()
	h, p := ssoHouse(t)
	b := h.browser()
	b.follow(b.sso(p)).want("offer", http.StatusOK)
	p.Rotate()
	again := h.browser()
	again.follow(again.sso(p)).want("offer", http.StatusOK)
	if n := p.Asked("/keys"); n != 2 {
		t.Errorf("keys were read %d times", n)
	}
}

// Of returns at once with one round trip, and of sign-ups at once for one
// person, one wins.
func TestReturnsAtOnce(t *testing.T) {
	t.Parallel()
	h, p := ssoHouse(t)
	const clients = 8
	at := func(paths func(i int) (*browser, string)) (in int) {
		var (
			start = make(chan struct{})
			all   sync.WaitGroup
			mu    sync.Mutex
		)
		for i := range clients {
			b, path := paths(i)
			all.Go(func() {
				<-start
				if p := b.peek(path); p.Status == http.StatusSeeOther {
					mu.Lock()
					in++
					mu.Unlock()
				}
			})
		}
		close(start)
		all.Wait()
		return in
	}
	first := h.browser()
	back := first.toProvider(p, "/sign-in/sso/acme")
	cookie := first.held("sso")
	if n := at(func(int) (*browser, string) {
		b := h.browser()
		b.set("sso", cookie)
		return b, back
	}); n != 1 || h.count(`SELECT count(*) FROM sessions`) != 1 {
		t.Errorf("one round trip came back %d times", n)
	}
	p.Claims["sub"], p.Claims["email"] = "person-2", "second@acme.example"
	if n := at(func(int) (*browser, string) {
		b := h.browser()
		return b, b.toProvider(p, "/sign-in/sso/acme")
	}); n < 1 || h.count(`SELECT count(*) FROM users WHERE email = 'second@acme.example'`) != 1 ||
		h.count(`SELECT count(*) FROM sso_identities WHERE subject = 'person-2'`) != 1 {
		t.Errorf("%d got in", n)
	}
}

// Nothing that opens anything stays behind: not in the log, not in the database.
func TestSSOLeavesNoSecretBehind(t *testing.T) {
	t.Parallel()
	h, p := ssoHouse(t)
	var secrets []string
	keep := func(b *browser, back string) string {
		at, err := url.Parse(back)
		if err != nil {
			t.Fatal(err)
		}
		return strings.Join(append(secrets, at.Query().Get("code"), at.Query().Get("state"), b.held("sso")), " ")
	}
	b := h.browser()
	back := b.toProvider(p, "/sign-in/sso/acme")
	secrets = strings.Fields(keep(b, back))
	b.follow(b.peek(back)).want("offer", http.StatusOK)
	p.Claims["nonce"] = "another"
	refused := h.browser()
	back = refused.toProvider(p, "/sign-in/sso/acme")
	secrets = strings.Fields(keep(refused, back))
	refused.peek(back).want("sso_failed", http.StatusForbidden)
	refused.peek(back + "&error=" + secrets[0])
	secrets = append(secrets, ssotest.ClientSecret, "opaque")
	if len(secrets) != 8 {
		t.Fatalf("%d secrets", len(secrets))
	}
	log, rows := h.log.String(), h.rows()
	if !strings.Contains(log, "sso refused") || !strings.Contains(rows, "person@acme.example") {
		t.Fatal("the search is blind")
	}
	for i, s := range secrets {
		if s == "" || strings.Contains(log, s) || strings.Contains(rows, s) {
			t.Errorf("secret %d lies open", i)
		}
	}
}
