// Package apitest is the API's client for tests: it speaks HTTP to a running
// handler and holds every request it sends and every answer it gets against
// openapi.yaml, so that the description can't drift from what is done.
//
//	api := apitest.New(t, server.URL)
//	in := api.Post("/sign-ins", apitest.M{"email": e, "password": p}).Want(200)
//	me := api.As(in.Text("session_token")).Get("/me").Want(200)
//	api.Bad().Post("/sign-ins", `{"email":`).WantProblem(400, "invalid_request")
package apitest

import (
	"bytes"
	"encoding/json"
	"io"
	"net/http"
	"strings"
	"testing"
	"time"
)

// M is a body written out in a test.
type M = map[string]any

// Prefix is where the API lives on its host.
const Prefix = "/api/v1"

// Client sends requests as one caller. Its methods that change something
// return a changed copy.
type Client struct {
	t      testing.TB
	base   string
	http   *http.Client
	header http.Header
	bad    bool
	again  int // how often a 503 is asked again
}

// New makes a client that has no bearer. base is a URL without a path.
func New(t testing.TB, base string) *Client {
	return &Client{
		t: t, base: strings.TrimSuffix(base, "/"), header: http.Header{"User-Agent": {"apitest/1.0"}},
		http: &http.Client{
			Timeout: 30 * time.Second,
			// The API never redirects: if it does, the test must see it.
			CheckRedirect: func(*http.Request, []*http.Request) error { return http.ErrUseLastResponse },
		},
	}
}

func (c *Client) copy() *Client {
	d := *c
	d.header = c.header.Clone()
	return &d
}

// As is the same client with a bearer token; "" takes it away.
func (c *Client) As(token string) *Client {
	if token == "" {
		return c.Header("Authorization", "")
	}
	return c.Header("Authorization", "Bearer "+token)
}

// At is the same client of another server.
func (c *Client) At(base string) *Client {
	d := c.copy()
	d.base = strings.TrimSuffix(base, "/")
	return d
}

// Header is the same client with a header on each request; "" takes it away.
func (c *Client) Header(name, value string) *Client {
	d := c.copy()
	d.header.Del(name)
	if value != "" {
		d.header.Set(name, value)
	}
	return d
}

// In is the same client reporting to another test, such as a subtest.
func (c *Client) In(t testing.TB) *Client {
	d := c.copy()
	d.t = t
	return d
}

// Bad is the same client for requests that are wrong on purpose: they may be
// undescribed or not fit; the answers are held to the description all the same.
func (c *Client) Bad() *Client {
	d := c.copy()
	d.bad = true
	return d
}

// Patient is the same client at a server that has its real limits of time, on
// a machine that may be busy: what is answered 503 is asked again.
func (c *Client) Patient() *Client {
	d := c.copy()
	d.again = 10
	return d
}

// Get, Post, Patch and Delete are Do.
func (c *Client) Get(path string) *Response            { c.t.Helper(); return c.Do("GET", path, nil) }
func (c *Client) Post(path string, body any) *Response { c.t.Helper(); return c.Do("POST", path, body) }
func (c *Client) Patch(path string, body any) *Response {
	c.t.Helper()
	return c.Do("PATCH", path, body)
}
func (c *Client) Delete(path string) *Response { c.t.Helper(); return c.Do("DELETE", path, nil) }

// Do sends one request to a path under Prefix. A body is nil for none, a
// string or bytes as they are, or anything else as JSON.
func (c *Client) Do(method, path string, body any) *Response {
	c.t.Helper()
	r, err := c.Try(method, path, body)
	if err != nil {
		c.t.Fatalf("%s %s: %v", method, path, err)
	}
	return r
}

// Try is Do for a server that may be gone: it gives back the error of the
// connection. Whatever does not fit the description fails the test even so,
// without ending it, so that Try may be called from any goroutine.
func (c *Client) Try(method, path string, body any) (*Response, error) {
	c.t.Helper()
	raw, err := encode(body)
	if err != nil {
		return nil, err
	}
	for tries := 0; ; tries++ {
		res, err := c.try(method, path, raw)
		if err != nil || res.Status != http.StatusServiceUnavailable || tries >= c.again {
			return res, err
		}
		time.Sleep(300 * time.Millisecond)
	}
}

func (c *Client) try(method, path string, raw []byte) (*Response, error) {
	c.t.Helper()
	req, err := http.NewRequestWithContext(c.t.Context(), method, c.base+Prefix+path, bytes.NewReader(raw))
	if err != nil {
		return nil, err
	}
	if len(raw) == 0 {
		req.Body, req.ContentLength = http.NoBody, 0
	} else {
		req.Header.Set("Content-Type", "application/json")
	}
	for name, values := range c.header {
		req.Header[name] = values
	}
	if host := c.header.Get("Host"); host != "" {
		req.Host = host
	}
	if c.bad {
		req = req.WithContext(OnPurpose(req.Context()))
	}
	watched := *c.http
	watched.Transport = Transport{Tell: func(err error) { c.t.Helper(); c.t.Errorf("%v", err) }}
	res, err := watched.Do(req)
	if err != nil {
		return nil, err
	}
	defer res.Body.Close() //nolint:errcheck // it has been read
	answer, err := io.ReadAll(res.Body)
	if err != nil {
		return nil, err
	}
	return &Response{t: c.t, call: method + " " + path, Status: res.StatusCode, Header: res.Header, Body: answer}, nil
}

func encode(body any) ([]byte, error) {
	switch b := body.(type) {
	case nil:
		return nil, nil
	case string:
		return []byte(b), nil
	case []byte:
		return b, nil
	}
	return json.Marshal(body)
}
