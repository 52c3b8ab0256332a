package edge_test

import (
	"bytes"
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"log/slog"
	"net/http"
	"net/http/httptest"
	"net/netip"
	"net/url"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/gin-gonic/gin"

	"latchkey/internal/edge"
	"latchkey/internal/fault"
	"latchkey/internal/text"
)

// house is an engine with a few routes, and what it logged.
type house struct {
	*edge.Edge
	log *lockedBuffer
}

type lockedBuffer struct {
	mu sync.Mutex
	b  bytes.Buffer
}

func (l *lockedBuffer) Write(p []byte) (int, error) {
	l.mu.Lock()
	defer l.mu.Unlock()
	return l.b.Write(p)
}

func (l *lockedBuffer) String() string {
	l.mu.Lock()
	defer l.mu.Unlock()
	return l.b.String()
}

func newHouse(t *testing.T, change func(*edge.Options)) *house {
	t.Helper()
	words, err := text.Load()
	if err != nil {
		t.Fatal(err)
	}
	h := &house{log: &lockedBuffer{}}
	o := edge.Options{
		BaseURL: mustURL("https://id.example.com"), Words: words,
		Log: slog.New(slog.NewJSONHandler(h.log, nil)),
	}
	if change != nil {
		change(&o)
	}
	if h.Edge, err = edge.New(o); err != nil {
		t.Fatal(err)
	}
	return h
}

func mustURL(s string) *url.URL {
	u, err := url.Parse(s)
	if err != nil {
		panic(err)
	}
	return u
}

// ask sends a request made by hand to the whole handler.
func (h *house) ask(method, target, body string, headers ...string) *httptest.ResponseRecorder {
	r := httptest.NewRequest(method, target, strings.NewReader(body))
	r.Host = "id.example.com"
	r.RemoteAddr = "203.0.113.7:4711"
	if body != "" {
		r.Header.Set("Content-Type", "application/json")
	}
	for i := 0; i < len(headers); i += 2 {
		if headers[i] == "Host" {
			r.Host = headers[i+1]
			continue
		}
		r.Header.Del(headers[i])
		if headers[i+1] != "" {
			r.Header.Add(headers[i], headers[i+1])
		}
	}
	w := httptest.NewRecorder()
	h.Handler().ServeHTTP(w, r)
	return w
}

type problem struct {
	Type, Title, Detail, Code string
	Status                    int
	Errors                    []struct{ Field, Message string }
	AttemptsLeft              *int `json:"attempts_left"`
}

func problemOf(t *testing.T, w *httptest.ResponseRecorder) problem {
	t.Helper()
	if got := w.Header().Get("Content-Type"); got != "application/problem+json" {
		t.Fatalf("answer is %q with %d: %s", got, w.Code, w.Body)
	}
	var p problem
	if err := json.Unmarshal(w.Body.Bytes(), &p); err != nil {
		t.Fatal(err)
	}
	if p.Status != w.Code || p.Title == "" || p.Detail == "" || p.Type == "" || p.Code == "" {
		t.Fatalf("problem is not complete: %d %s", w.Code, w.Body)
	}
	if strings.Contains(p.Title+p.Detail, "[") {
		t.Fatalf("problem lacks its words: %s", w.Body)
	}
	return p
}

func TestEveryFaultHasItsStatus(t *testing.T) {
	t.Parallel()
	cases := []struct {
		err    error
		status int
		code   string
		retry  string
		detail string
	}{
		{fault.New(fault.Invalid, fault.InvalidRequest), 400, "invalid_request", "", "check"},
		{fault.New(fault.Unauthenticated, fault.NotSignedIn), 401, "unauthenticated", "", "sign in"},
		{fault.New(fault.Unauthenticated, fault.WrongCredentials), 401, "wrong_credentials", "", "together"},
		{fault.New(fault.Refused, fault.WrongCode).Left(4), 422, "wrong_code", "", "is not the code"},
		{fault.New(fault.Refused, fault.WrongCode).Left(3), 422, "wrong_code", "", "3 tries left"},
		{fault.New(fault.Refused, fault.WrongCode).Left(1), 422, "wrong_code", "", "one try left"},
		{fault.New(fault.Refused, fault.WrongCode).Left(0), 422, "wrong_code", "", "last try"},
		{fault.New(fault.Refused, fault.CodeUsed), 422, "code_used", "", "Wait for the next one"},
		{fault.New(fault.Refused, fault.CodeExpired), 422, "code_expired", "", "was good, but its time is over"},
		{fault.New(fault.Forbidden, fault.ConfirmationRequired), 403, "confirmation_required", "", "Confirm"},
		{fault.New(fault.NotFound, fault.Absent), 404, "not_found", "", ""},
		{fault.New(fault.Conflict, fault.StateConflict), 409, "conflict", "", ""},
		{fault.New(fault.Stale, fault.StaleVersion), 412, "stale_version", "", ""},
		{fault.New(fault.TooMany, fault.TooManyAttempts).After(9*time.Minute + 57*time.Second + time.Millisecond), 429, "too_many_attempts", "598", "in 9:58"},
		{fault.New(fault.TooMany, fault.TooManyEmails), 429, "too_many_emails", "2", "emails"},
		{fault.New(fault.Unavailable, fault.ServiceUnavailable), 503, "unavailable", "2", "moment"},
		{fmt.Errorf("read session: %w", context.DeadlineExceeded), 503, "unavailable", "2", "moment"},
		{fmt.Errorf("wrapped: %w", fault.New(fault.Conflict, fault.AlreadyEnabled)), 409, "already_enabled", "", ""},
		{errors.New("password=hunter2"), 500, "internal", "", "not your doing"},
	}
	for _, tc := range cases {
		h := newHouse(t, nil)
		h.Engine.GET("/api/v1/x", func(c *gin.Context) { edge.Problem(c, tc.err) })
		w := h.ask("GET", "/api/v1/x", "")
		p := problemOf(t, w)
		if p.Status != tc.status || p.Code != tc.code || w.Header().Get("Retry-After") != tc.retry || !strings.Contains(p.Detail, tc.detail) {
			t.Errorf("%v: %d %s", tc.err, w.Code, w.Body)
		}
		if strings.Contains(w.Body.String(), "hunter2") {
			t.Errorf("an error of ours reached the caller: %s", w.Body)
		}
		if p.Code == "internal" && (strings.Count(h.log.String(), `"failed"`) != 1 || !strings.Contains(p.Detail, w.Header().Get("X-Request-Id"))) {
			t.Errorf("want one log line and the request id: %s\n%s", w.Body, h.log)
		}
	}
}

type wants struct {
	Email string     `json:"email"`
	Code  string     `json:"code"`
	Trust *bool      `json:"trust_device"`
	Count int        `json:"count,omitzero"`
	Since *time.Time `json:"since" edge:"nullable"`
	Tags  []string   `json:"tags,omitzero"`
}

func strict(t *testing.T) *house {
	h := newHouse(t, nil)
	h.Engine.POST("/api/v1/x", edge.JSON(200, func(_ context.Context, _ *edge.Call, r wants) (wants, error) { return r, nil }))
	h.Engine.POST("/api/v1/none", edge.End(func(context.Context, *edge.Call) error { return nil }))
	return h
}

func TestBodiesAreReadStrictly(t *testing.T) {
	t.Parallel()
	h := strict(t)
	const good = `{"email":"a@b.c","code":"１２３ 456"}`
	for name, tc := range map[string]struct{ body, field, contentType string }{
		"syntax":             {`{"email":`, "body", ""},
		"empty":              {" ", "body", ""},
		"null":               {`null`, "body", ""},
		"array":              {`[` + good + `]`, "body", ""},
		"string":             {`"x"`, "body", ""},
		"trailing":           {good + `xyz`, "body", ""},
		"second object":      {good + good, "body", ""},
		"unknown":            {`{"email":"a","code":"b","role":"admin"}`, "role", ""},
		"other case":         {`{"Email":"a","code":"b"}`, "Email", ""},
		"number as code":     {`{"email":"a","code":123456}`, "code", ""},
		"list as code":       {`{"email":"a","code":["123456"]}`, "code", ""},
		"object as code":     {`{"email":"a","code":{"x":1}}`, "code", ""},
		"null code":          {`{"email":"a","code":null}`, "code", ""},
		"true as code":       {`{"email":"a","code":true}`, "code", ""},
		"text as bool":       {`{"email":"a","code":"b","trust_device":"true"}`, "trust_device", ""},
		"text as number":     {`{"email":"a","code":"b","count":"1"}`, "count", ""},
		"part of a number":   {`{"email":"a","code":"b","count":1.5}`, "count", ""},
		"number in list":     {`{"email":"a","code":"b","tags":["x",1]}`, "tags.1", ""},
		"null in list":       {`{"email":"a","code":"b","tags":["x",null]}`, "tags.1", ""},
		"no time":            {`{"email":"a","code":"b","since":"soon"}`, "since", ""},
		"missing":            {`{"email":"a"}`, "code", ""},
		"twice":              {`{"email":"a","code":"b","email":"c"}`, "email", ""},
		"twice by escape":    {`{"email":"a","code":"b","\u0065mail":"c"}`, "email", ""},
		"not UTF-8":          {"{\"email\":\"\xff\",\"code\":\"b\"}", "body", ""},
		"half a surrogate":   {`{"email":"\ud800","code":"b"}`, "body", ""},
		"NUL":                {`{"email":"a\u0000","code":"b"}`, "email", ""},
		"large":              {`{"email":"` + strings.Repeat("a", 64<<10) + `","code":"b"}`, "body", ""},
		"deep":               {`{"email":` + strings.Repeat("[", 60000), "body", ""},
		"form":               {good, "Content-Type", "application/x-www-form-urlencoded"},
		"text":               {good, "Content-Type", "text/plain"},
		"problem type":       {good, "Content-Type", "application/problem+json"},
		"latin1":             {good, "Content-Type", "application/json; charset=iso-8859-1"},
		"no type":            {good, "Content-Type", "none"},
		"byte order mark":    {"\ufeff" + good, "body", ""},
		"comment":            {good[:1] + "/**/" + good[1:], "body", ""},
		"constructor":        {`{"email":"a","code":"b","__proto__":{}}`, "__proto__", ""},
		"nested unknown":     {`{"email":"a","code":"b","since":{"x":1}}`, "since", ""},
		"exponent of text":   {`{"email":"a","code":1e5}`, "code", ""},
		"unknown name, long": {`{"email":"a","code":"b","` + strings.Repeat("n", 900) + `":1}`, strings.Repeat("n", 64) + "…", ""},
	} {
		t.Run(name, func(t *testing.T) {
			headers := []string{}
			if tc.contentType == "none" {
				headers = []string{"Content-Type", ""}
			} else if tc.contentType != "" {
				headers = []string{"Content-Type", tc.contentType}
			}
			w := h.ask("POST", "/api/v1/x", tc.body, headers...)
			p := problemOf(t, w)
			if w.Code != 400 || p.Code != "invalid_request" || len(p.Errors) != 1 || p.Errors[0].Field != tc.field || strings.Contains(p.Errors[0].Message, "[") {
				t.Errorf("%d %s", w.Code, w.Body)
			}
		})
	}
	for _, body := range []string{good, "\n" + good + " \n", `{"email":"a","code":"b","trust_device":true,"count":2,"since":null,"tags":[]}`} {
		if w := h.ask("POST", "/api/v1/x", body, "Content-Type", "application/json; charset=UTF-8"); w.Code != 200 {
			t.Errorf("%s: %d %s", body, w.Code, w.Body)
		}
	}
}

func TestAllMissingFieldsAreNamedAtOnce(t *testing.T) {
	t.Parallel()
	p := problemOf(t, strict(t).ask("POST", "/api/v1/x", `{}`))
	if len(p.Errors) != 2 || p.Errors[0].Field != "email" || p.Errors[1].Field != "code" {
		t.Errorf("%+v", p)
	}
}

func TestACallWithoutFieldsTakesNoneOrBraces(t *testing.T) {
	t.Parallel()
	h := strict(t)
	for body, status := range map[string]int{"": 204, "{}": 204, " {} ": 204, `{"x":1}`: 400, "null": 400, "[]": 400, "{}{}": 400} {
		if w := h.ask("POST", "/api/v1/none", body); w.Code != status {
			t.Errorf("%q: %d %s", body, w.Code, w.Body)
		}
	}
	if w := h.ask("POST", "/api/v1/none", "{}", "Content-Type", "text/plain"); w.Code != 400 {
		t.Errorf("another content type: %d", w.Code)
	}
}

func TestAnswersAreWrittenOneWay(t *testing.T) {
	t.Parallel()
	h := newHouse(t, nil)
	there := time.Date(2026, 1, 2, 4, 4, 5, 600_000_000, time.FixedZone("there", 3600))
	h.Engine.GET("/api/v1/x", edge.Get(func(_ context.Context, c *edge.Call) (any, error) {
		c.Header("ETag", `"7"`)
		return struct {
			At    time.Time  `json:"at"`
			Maybe *time.Time `json:"maybe"`
			Never *time.Time `json:"never"`
			List  []string   `json:"list"`
			Text  string     `json:"text"`
		}{At: there, Maybe: &there, Text: "<&>"}, nil
	}))
	w := h.ask("GET", "/api/v1/x", "")
	const want = `{"at":"2026-01-02T03:04:05.6Z","maybe":"2026-01-02T03:04:05.6Z","never":null,"list":[],"text":"<&>"}`
	if w.Body.String() != want || w.Header().Get("ETag") != `"7"` {
		t.Errorf("%s", w.Body)
	}
}

func TestAPanicIsAProblemAndTellsNoHeaders(t *testing.T) {
	t.Parallel()
	h := newHouse(t, nil)
	h.Engine.GET("/api/v1/boom/:token", func(*gin.Context) { panic("boom") })
	w := h.ask("GET", "/api/v1/boom/s3cret?q=s3cret", "", "Cookie", "session=s3cret", "Authorization", "Bearer s3cret", "X-Api-Key", "s3cret")
	if p := problemOf(t, w); p.Status != 500 || p.Code != "internal" {
		t.Errorf("%s", w.Body)
	}
	log := h.log.String()
	if strings.Contains(log, "s3cret") || !strings.Contains(log, `"stack"`) || !strings.Contains(log, `"route":"/api/v1/boom/:token"`) {
		t.Errorf("log: %s", log)
	}
}

func TestOneLogLinePerRequestWithoutSecrets(t *testing.T) {
	t.Parallel()
	h := strict(t)
	w := h.ask("POST", "/api/v1/x?code=s3cret", `{"email":"s3cret"}`, "Cookie", "c=s3cret", "User-Agent", "s3cret", "X-Request-Id", "proxy-17")
	if w.Header().Get("X-Request-Id") != "proxy-17" {
		t.Errorf("request id: %v", w.Header())
	}
	h.ask("GET", "/reset/s3cret", "")
	h.ask("s3cret", "/", "")
	lines := strings.Split(strings.TrimSpace(h.log.String()), "\n")
	if len(lines) != 3 || strings.Contains(h.log.String(), "s3cret") {
		t.Fatalf("log: %s", h.log)
	}
	var line map[string]any
	if err := json.Unmarshal([]byte(lines[0]), &line); err != nil {
		t.Fatal(err)
	}
	if line["route"] != "/api/v1/x" || line["status"] != 400. || line["code"] != "invalid_request" || line["request_id"] != "proxy-17" || line["method"] != "POST" {
		t.Errorf("line: %v", line)
	}
}

func TestRequestIDsAreShortPlainWords(t *testing.T) {
	t.Parallel()
	h := newHouse(t, nil)
	for _, id := range []string{"", "a b", "a\nb", strings.Repeat("a", 65), "ü", `"x"`, "lks_abcdefghijklmnop", "\x1b[31m"} {
		got := h.ask("GET", "/x", "", "X-Request-Id", id).Header().Get("X-Request-Id")
		if got == id || len(got) != 26 {
			t.Errorf("%q became %q", id, got)
		}
	}
}

func TestHeadIsAGetWithoutItsBody(t *testing.T) {
	t.Parallel()
	h := newHouse(t, func(o *edge.Options) { o.BaseURL, o.Dev = mustURL("http://localhost:8080"), true })
	h.Engine.GET("/api/v1/x", edge.Get(func(context.Context, *edge.Call) (map[string]int, error) { return map[string]int{"a": 1}, nil }))
	h.Engine.POST("/api/v1/write", edge.End(func(context.Context, *edge.Call) error { t.Error("HEAD ran a POST"); return nil }))
	srv := httptest.NewServer(h.Handler())
	defer srv.Close()
	for path, status := range map[string]int{"/api/v1/x": 200, "/api/v1/write": 404, "/api/v1/none": 404} {
		req, _ := http.NewRequest("HEAD", srv.URL+path, nil)
		req.Host = "127.0.0.1:8080"
		res, err := srv.Client().Do(req)
		if err != nil {
			t.Fatal(err)
		}
		body, _ := io.ReadAll(res.Body)
		_ = res.Body.Close()
		if res.StatusCode != status || len(body) != 0 || res.Header.Get("Content-Security-Policy") == "" {
			t.Errorf("%s: %d %q", path, res.StatusCode, body)
		}
	}
	if !strings.Contains(h.log.String(), `"HEAD"`) {
		t.Errorf("log: %s", h.log)
	}
}

func TestTheClientAddressComesFromTrustedProxiesOnly(t *testing.T) {
	t.Parallel()
	h := newHouse(t, func(o *edge.Options) {
		o.TrustedProxies = []netip.Prefix{netip.MustParsePrefix("10.0.0.0/8"), netip.MustParsePrefix("fd00::/8")}
	})
	for _, tc := range []struct{ remote, forwarded, want string }{
		{"203.0.113.7:1", "", "203.0.113.7"},
		{"203.0.113.7:1", "1.1.1.1", "203.0.113.7"}, // anyone can send the header
		{"10.0.0.1:1", "1.1.1.1", "1.1.1.1"},
		{"10.0.0.1:1", "6.6.6.6, 1.1.1.1", "1.1.1.1"}, // the left is what the client made up
		{"10.0.0.1:1", "6.6.6.6, 1.1.1.1, 10.0.0.2", "1.1.1.1"},
		{"10.0.0.1:1", "10.0.0.9", "10.0.0.9"},
		{"10.0.0.1:1", "", "10.0.0.1"},
		{"10.0.0.1:1", "junk", "10.0.0.1"},
		{"10.0.0.1:1", "1.1.1.1, junk, 10.0.0.2", "10.0.0.2"},
		{"10.0.0.1:1", "1.1.1.1:5555", "1.1.1.1"},
		{"[fd00::1]:1", "[2001:db8::1]:99", "2001:db8::1"},
		{"[::ffff:10.0.0.1]:1", "::ffff:1.1.1.1", "1.1.1.1"},
		{"[fe80::1%eth0]:1", "", "fe80::1"},
		{"@", "1.1.1.1", "invalid IP"},
	} {
		var got string
		h2 := newHouse(t, func(o *edge.Options) {
			o.TrustedProxies = []netip.Prefix{netip.MustParsePrefix("10.0.0.0/8"), netip.MustParsePrefix("fd00::/8")}
		})
		h2.Engine.GET("/x", func(c *gin.Context) { got = edge.Addr(c).String() })
		r := httptest.NewRequest("GET", "/x", nil)
		r.Host, r.RemoteAddr = "id.example.com", tc.remote
		if tc.forwarded != "" {
			r.Header.Set("X-Forwarded-For", tc.forwarded)
		}
		h2.Handler().ServeHTTP(httptest.NewRecorder(), r)
		if got != tc.want {
			t.Errorf("%+v: got %s", tc, got)
		}
	}
	_ = h
}

func TestDevicesAreNamedInPlainWords(t *testing.T) {
	t.Parallel()
	h := newHouse(t, nil)
	h.Engine.GET("/x", func(c *gin.Context) { c.String(200, edge.ActorOf(c).Device) })
	for agent, want := range map[string]string{
		"Mozilla/5.0 (Windows NT 10.0; Win64; x64; rv:128.0) Gecko/20100101 Firefox/128.0":                                                        "Firefox on Windows",
		"Mozilla/5.0 (iPhone; CPU iPhone OS 17_5 like Mac OS X) AppleWebKit/605.1.15 (KHTML, like Gecko) Version/17.5 Mobile/15E148 Safari/604.1": "Safari on iOS",
		"Mozilla/5.0 (X11; Linux x86_64) AppleWebKit/537.36 (KHTML, like Gecko) Chrome/126.0.0.0 Safari/537.36":                                   "Chrome on Linux",
		"curl/8.5.0":             "curl",
		"Go-http-client/1.1":     "Go-http-client",
		"":                       "unknown",
		"<script>alert(1)":       "scriptalert",
		"a\x1b[31mred\r\nb/1":    "a",
		strings.Repeat("a", 9e4): strings.Repeat("a", 48),
		"日本語":                    "unknown",
	} {
		if got := h.ask("GET", "/x", "", "User-Agent", agent).Body.String(); got != want {
			t.Errorf("%.60q: %q, want %q", agent, got, want)
		}
	}
}
