// Package client calls Latchkey's JSON API. It needs nothing but the standard
// library, so a program of another module may take the folder as it is.
//
//	c := client.New("https://id.example.com")
//	in, err := c.SignIn(ctx, client.SignInRequest{Email: email, Password: password})
//	if errors.Is(err, client.WrongCredentials) { … }
//	if in.Status == client.NeedsSecondFactor {
//		in, err = c.As(in.SignInToken).Verify(ctx, client.VerifyRequest{Method: client.App, Code: code})
//	}
//	me, err := c.As(in.SessionToken).Me(ctx)
//
// Each call of the description (/docs) is a method of the same name. What the
// service refuses is an *Error, which is its Code for errors.Is.
package client

import (
	"bytes"
	"context"
	"encoding/json"
	"fmt"
	"io"
	"iter"
	"net/http"
	"net/url"
	"strings"
	"time"
)

// Client calls as one bearer, or as nobody. It may be used by many goroutines.
type Client struct {
	base  string
	http  *http.Client
	agent string
	token string
	key   string // Idempotency-Key
}

// Option changes how a Client works.
type Option func(*Client)

// HTTP sends requests by a client of yours, with its own limits of time.
func HTTP(c *http.Client) Option { return func(to *Client) { to.http = c } }

// Token calls as its bearer: an access token, the token of a session, or that
// of an unfinished sign-in.
func Token(token string) Option { return func(to *Client) { to.token = token } }

// UserAgent names your program; people see it in their list of sessions.
func UserAgent(name string) Option { return func(to *Client) { to.agent = name } }

// New calls the service at its BASE_URL, such as https://id.example.com.
func New(baseURL string, options ...Option) *Client {
	c := &Client{base: strings.TrimRight(baseURL, "/") + "/api/v1", agent: "latchkey-client", http: &http.Client{
		Timeout: 30 * time.Second,
		// The API never redirects. What does is something else, which gets no token.
		CheckRedirect: func(*http.Request, []*http.Request) error { return http.ErrUseLastResponse },
	}}
	for _, o := range options {
		o(c)
	}
	return c
}

// As is the same client with another bearer; empty: nobody.
func (c *Client) As(token string) *Client {
	d := *c
	d.token = token
	return &d
}

// Once is the same client for one call that changes something, under a name
// for it (Idempotency-Key): the same call under the same name within 24 hours
// gets the first answer and is not done twice.
func (c *Client) Once(key string) *Client {
	d := *c
	d.key = key
	return &d
}

// largest is where an answer that is read whole is no longer believed.
const largest = 16 << 20

func call[Answer any](ctx context.Context, c *Client, method, path string, body any) (Answer, error) {
	var out Answer
	res, err := c.send(ctx, method, path, body, nil)
	if err != nil {
		return out, err
	}
	return out, read(res, &out)
}

func (c *Client) do(ctx context.Context, method, path string, body any) error {
	res, err := c.send(ctx, method, path, body, nil)
	if err != nil {
		return err
	}
	return res.Body.Close()
}

func read(res *http.Response, into any) error {
	defer res.Body.Close() //nolint:errcheck // it has been read
	if err := json.NewDecoder(io.LimitReader(res.Body, largest)).Decode(into); err != nil {
		return fmt.Errorf("latchkey: read answer: %w", err)
	}
	return nil
}

// send gives an answer that is a success; its body is the caller's to close.
func (c *Client) send(ctx context.Context, method, path string, body any, more http.Header) (*http.Response, error) {
	var sent io.Reader
	if body != nil {
		raw, err := json.Marshal(body)
		if err != nil {
			return nil, fmt.Errorf("latchkey: write request: %w", err)
		}
		sent = bytes.NewReader(raw)
	}
	req, err := http.NewRequestWithContext(ctx, method, c.base+path, sent)
	if err != nil {
		return nil, fmt.Errorf("latchkey: %w", err)
	}
	for name, values := range more {
		req.Header[name] = values
	}
	req.Header.Set("User-Agent", c.agent)
	if body != nil {
		req.Header.Set("Content-Type", "application/json")
	}
	if c.token != "" {
		req.Header.Set("Authorization", "Bearer "+c.token)
	}
	if c.key != "" && method != http.MethodGet {
		req.Header.Set("Idempotency-Key", c.key)
	}
	res, err := c.http.Do(req)
	if err != nil {
		return nil, fmt.Errorf("latchkey: %w", err)
	}
	if res.StatusCode < 200 || res.StatusCode > 299 {
		return nil, problem(res)
	}
	return res, nil
}

// query adds parameters to a path: pairs of name and value, empty ones unsaid.
func query(path string, pairs ...string) string {
	q := url.Values{}
	for i := 0; i+1 < len(pairs); i += 2 {
		if pairs[i+1] != "" {
			q.Set(pairs[i], pairs[i+1])
		}
	}
	if len(q) == 0 {
		return path
	}
	return path + "?" + q.Encode()
}

// part is one segment of a path.
func part(s string) string { return "/" + url.PathEscape(s) }

// Page is one page of a list. Next is the cursor of the one after it, empty on
// the last.
type Page[T any] struct {
	Items []T    `json:"items"`
	Next  string `json:"next_cursor"`
}

// All goes through the pages of a list:
//
//	for event, err := range client.All(func(cursor string) (client.Page[client.Event], error) {
//		return c.Events(ctx, cursor)
//	}) { … }
func All[T any](page func(cursor string) (Page[T], error)) iter.Seq2[T, error] {
	return func(yield func(T, error) bool) {
		for cursor := ""; ; {
			p, err := page(cursor)
			if err != nil {
				var none T
				yield(none, err)
				return
			}
			for _, one := range p.Items {
				if !yield(one, nil) {
					return
				}
			}
			if cursor = p.Next; cursor == "" {
				return
			}
		}
	}
}
