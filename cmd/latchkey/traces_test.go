//go:build linux

package main

import (
	"bytes"
	"compress/gzip"
	"encoding/hex"
	"encoding/json"
	"io"
	"net"
	"net/http"
	"net/http/httptest"
	"slices"
	"strings"
	"sync"
	"testing"

	collector "go.opentelemetry.io/proto/otlp/collector/trace/v1"
	spans "go.opentelemetry.io/proto/otlp/trace/v1"
	"google.golang.org/protobuf/proto"

	"latchkey/internal/account"
	"latchkey/internal/api/apitest"
	"latchkey/internal/audit"
	"latchkey/internal/devstack"
	"latchkey/internal/pg/pgtest"
	"latchkey/internal/signin"
)

// traceSink takes traces as a collector does.
type traceSink struct {
	*httptest.Server
	mu  sync.Mutex
	raw bytes.Buffer
	all []*spans.Span
}

func collect(t *testing.T) *traceSink {
	t.Helper()
	s := &traceSink{}
	s.Server = httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		var body io.Reader = r.Body
		if r.Header.Get("Content-Encoding") == "gzip" {
			body, _ = gzip.NewReader(r.Body)
		}
		raw, err := io.ReadAll(body)
		if err != nil {
			return // cut off, as by a test that is over: not counted
		}
		var req collector.ExportTraceServiceRequest
		if r.URL.Path != "/v1/traces" || r.Header.Get("X-Key") != "k1" || proto.Unmarshal(raw, &req) != nil {
			t.Errorf("export to %s", r.URL.Path)
			return
		}
		s.mu.Lock()
		defer s.mu.Unlock()
		s.raw.Write(raw)
		for _, rs := range req.ResourceSpans {
			for _, ss := range rs.ScopeSpans {
				s.all = append(s.all, ss.Spans...)
			}
		}
	}))
	t.Cleanup(s.Close)
	return s
}

// of gives the spans of one trace.
func (s *traceSink) of(trace string) (out []*spans.Span) {
	s.mu.Lock()
	defer s.mu.Unlock()
	for _, one := range s.all {
		if hex.EncodeToString(one.TraceId) == trace {
			out = append(out, one)
		}
	}
	return out
}

// told are the attributes of a span as text.
func told(s *spans.Span) map[string]string {
	out := map[string]string{}
	for _, kv := range s.Attributes {
		out[kv.Key] = kv.Value.GetStringValue()
	}
	return out
}

// below finds the one span of this name under a parent.
func below(t *testing.T, all []*spans.Span, parent []byte, name string) *spans.Span {
	t.Helper()
	var found []*spans.Span
	for _, s := range all {
		if s.Name == name && bytes.Equal(s.ParentSpanId, parent) {
			found = append(found, s)
		}
	}
	if len(found) != 1 {
		var names []string
		for _, s := range all {
			names = append(names, s.Name)
		}
		t.Fatalf("%d spans %q under %x, want one; there are %q", len(found), name, parent, names)
	}
	return found[0]
}

// TestOneCodeIsOneTrace follows a code from the request that asked for it, over
// outbox and queue, to the mail server's acceptance; and looks through all that
// was exported for anything that nobody but its owner may see.
func TestOneCodeIsOneTrace(t *testing.T) {
	t.Parallel()
	sink, box := collect(t), pgtest.Mailbox(t)
	env := append(production(t, pgtest.URL(t)), "REDIS_URL="+pgtest.Redis(t), "SMTP_URL="+box.URL(), "MAIL_FROM=no-reply@example.com",
		"IP_LIMITS=off", "TRUSTED_PROXIES=127.0.0.1/32", "LOG_LEVEL=debug",
		"OTEL_EXPORTER_OTLP_ENDPOINT="+sink.URL, "OTEL_EXPORTER_OTLP_HEADERS=x-key=k1", "OTEL_BSP_SCHEDULE_DELAY=50")
	db := pgtest.Open(t, setting(env, "DATABASE_URL"))
	ada := "ada.lovelace@example.org"
	_, err := houseOn(t, db, setting(env, "KEYSET_FILE")).SignIn.CreateUser(t.Context(), audit.Actor{Kind: audit.Host},
		signin.Person{Email: ada, Name: "Ada Byron", Password: testPassword}, account.Member, true)
	if err != nil {
		t.Fatal(err)
	}
	server, work := start(t, self(t, env, "serve")), start(t, self(t, env, "worker"))
	v := traced{t: t, base: servedAt(t, server), box: box, email: ada}
	secrets := []string{ada, "ada.lovelace", "Ada Byron", testPassword, "s3cret", "127.0.0", "sesame"}

	// The way there: an email method, whose own code is traced too.
	session := v.ask("POST", "/api/v1/sign-ins", map[string]any{"email": ada, "password": testPassword}, "", 200)["session_token"].(string)
	v.ask("POST", "/api/v1/me/confirmations", map[string]any{"password": testPassword}, session, 200)
	v.ask("POST", "/api/v1/me/two-factor/enrolments", map[string]any{"method": "email"}, session, 201)
	first := v.code()
	keys := v.ask("POST", "/api/v1/me/two-factor/enrolments/confirm", map[string]any{"method": "email", "code": first}, session, 200)["recovery_keys"].([]any)
	box.Clear()

	const trace, caller = "4bf92f3577b34da6a3ce929d0e0e4736", "00f067aa0ba902b7"
	v.headers = map[string]string{"Traceparent": "00-" + trace + "-" + caller + "-01", "X-Request-Id": "front-17", "User-Agent": "s3cret"}
	token := v.ask("POST", "/api/v1/sign-ins?hint=s3cret", map[string]any{"email": ada, "password": testPassword}, "", 200)["sign_in_token"].(string)
	v.headers = nil
	code := v.code()
	for _, last := range []string{"POST /api/v1/sign-ins", "relay mail", "deliver mail"} { // of each that ends by itself
		waitFor(t, func() bool {
			return slices.ContainsFunc(sink.of(trace), func(s *spans.Span) bool { return s.Name == last })
		})
	}
	all := sink.of(trace)
	raw, _ := hex.DecodeString(caller)
	request := below(t, all, raw, "POST /api/v1/sign-ins")
	relay := below(t, all, request.SpanId, "relay mail")
	below(t, all, request.SpanId, "INSERT mails")
	deliver := below(t, all, relay.SpanId, "deliver mail")
	below(t, all, deliver.SpanId, "UPDATE mails")
	smtp := below(t, all, deliver.SpanId, "SMTP")
	below(t, all, smtp.SpanId, "SELECT mails") // may it still be sent?
	for _, s := range all {
		if !bytes.Equal(s.ParentSpanId, raw) && !slices.ContainsFunc(all, func(p *spans.Span) bool { return bytes.Equal(p.SpanId, s.ParentSpanId) }) {
			t.Errorf("%s has no parent in its trace", s.Name)
		}
	}
	if a := told(request); a["http.route"] != "/api/v1/sign-ins" || a["latchkey.request_id"] != "front-17" || a["http.request.method"] != "POST" {
		t.Errorf("request: %v", a)
	}
	if told(smtp)["latchkey.mail.kind"] != "sign_in_code" || told(deliver)["latchkey.outcome"] != "sent" {
		t.Errorf("%v %v", told(smtp), told(deliver))
	}
	// Both logs name the request and its trace.
	for _, p := range []*process{server, work} {
		waitFor(t, func() bool {
			log := p.errs.String()
			return strings.Contains(log, `"request_id":"front-17"`) && strings.Contains(log, `"trace_id":"`+trace+`"`)
		})
	}

	// Nobody but a proxy joins a trace.
	v.headers = map[string]string{"Traceparent": "00-" + strings.Repeat("e", 32) + "-" + caller + "-01"}
	v.from = "127.0.0.2"
	v.ask("GET", "/api/v1/reset/s3cret?token=s3cret", nil, "", 404)
	v.ask("POST", "/api/v1/sign-ins", map[string]any{"email": ada, "password": "sesame open now"}, "", 401)
	v.ask("POST", "/api/v1/sign-ins/current/verify", map[string]any{"method": "email", "code": "917364"}, token, 422)
	done := v.ask("POST", "/api/v1/sign-ins/current/verify", map[string]any{"method": "email", "code": code}, token, 200)["session_token"].(string)
	waitFor(t, func() bool {
		return strings.Contains(sink.text(), "wrong_code") && strings.Contains(sink.text(), "wrong_credentials")
	})
	if got := sink.of(strings.Repeat("e", 32)); len(got) != 0 {
		t.Errorf("a stranger's trace was continued by %q", got[0].Name)
	}
	for _, k := range keys {
		secrets = append(secrets, k.(string))
	}
	exported := sink.text()
	for _, s := range append(secrets, first, code, "917364", token, session, done) {
		if open(exported, s) {
			t.Errorf("%q was exported", s)
		}
	}
	if strings.Contains(exported, "WHERE") || !strings.Contains(exported, "front-17") {
		t.Error("statements are exported, or the search is blind")
	}

	// A collector that is gone stops nobody.
	sink.CloseClientConnections()
	sink.Close()
	v.ask("POST", "/api/v1/sign-ins", map[string]any{"email": ada, "password": testPassword}, "", 200)
}

func (s *traceSink) text() string {
	s.mu.Lock()
	defer s.mu.Unlock()
	return s.raw.String()
}

// traced is a caller with headers, and an address of its own.
type traced struct {
	t           *testing.T
	base, email string
	box         *devstack.Mailbox
	headers     map[string]string
	from        string
}

func (v *traced) ask(method, path string, body any, bearer string, want int) map[string]any {
	v.t.Helper()
	var raw []byte
	if body != nil {
		var err error
		if raw, err = json.Marshal(body); err != nil {
			v.t.Fatal(err)
		}
	}
	req, err := http.NewRequest(method, v.base+path, bytes.NewReader(raw))
	if err != nil {
		v.t.Fatal(err)
	}
	req.Host = "localhost:8080"
	req.Header.Set("Content-Type", "application/json")
	if bearer != "" {
		req.Header.Set("Authorization", "Bearer "+bearer)
	}
	for k, s := range v.headers {
		req.Header.Set(k, s)
	}
	dialer := &net.Dialer{}
	if v.from != "" {
		dialer.LocalAddr = &net.TCPAddr{IP: net.ParseIP(v.from)}
	}
	if want == http.StatusNotFound { // a path that there is not
		req = req.WithContext(apitest.OnPurpose(req.Context()))
	}
	client := &http.Client{Transport: apitest.Transport{
		Base: &http.Transport{DialContext: dialer.DialContext, DisableKeepAlives: true}, Tell: func(err error) { v.t.Error(err) },
	}}
	res, err := client.Do(req)
	if err != nil {
		v.t.Fatal(err)
	}
	defer res.Body.Close()
	var out map[string]any
	_ = json.NewDecoder(res.Body).Decode(&out)
	if res.StatusCode != want || res.Header.Get("X-Request-Id") == "" {
		v.t.Fatalf("%s %s: %d %v, want %d and a request id", method, path, res.StatusCode, out, want)
	}
	return out
}

// code waits for the newest mail with one.
func (v *traced) code() string {
	v.t.Helper()
	var found []string
	_, err := v.box.Wait(v.t.Context(), func(m devstack.Mail) bool {
		found = codeLine.FindStringSubmatch(m.Text)
		return found != nil
	})
	if err != nil {
		v.t.Fatal(err)
	}
	return found[1]
}
