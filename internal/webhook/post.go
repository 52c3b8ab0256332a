package webhook

import (
	"bytes"
	"context"
	"crypto/tls"
	"errors"
	"io"
	"net"
	"net/http"
	"net/url"
	"strconv"
	"strings"
	"syscall"
	"time"

	"code.dny.dev/ssrf"
)

const (
	connectTimeout = 5 * time.Second
	answerRead     = 4 << 10 // bytes of an answer
	answerKept     = 300     // characters of it
)

// Poster sends messages. Whom it connects to is judged by address, after the
// name was resolved and right before the connection is made: a name that
// pointed elsewhere a moment ago gains nothing.
type Poster struct {
	secure, open *http.Client // for https:// and for http://
}

// NewPoster makes a poster that connects within reach. names resolves; nil: as
// the system does.
func NewPoster(r *Reach, names *net.Resolver) *Poster {
	return &Poster{secure: client(r.judge.Safe, names), open: client(r.open, names)}
}

type control = func(network, address string, c syscall.RawConn) error

// client follows no redirect, asks no proxy and keeps no connection.
func client(judge control, names *net.Resolver) *http.Client {
	dialer := &net.Dialer{Timeout: connectTimeout, Control: judge, Resolver: names}
	return &http.Client{
		Transport: &http.Transport{
			Proxy: nil, DialContext: dialer.DialContext, DisableKeepAlives: true, DisableCompression: true,
			TLSHandshakeTimeout: connectTimeout, TLSClientConfig: &tls.Config{MinVersion: tls.VersionTLS12},
			MaxResponseHeaderBytes: 16 << 10,
		},
		CheckRedirect: func(*http.Request, []*http.Request) error { return http.ErrUseLastResponse },
	}
}

// Post sends a message once, signed with these keys at this instant. ctx bounds
// all of it, the answer included.
func (p *Poster) Post(ctx context.Context, to string, keys [][]byte, id string, at time.Time, body []byte) Result {
	req, err := http.NewRequestWithContext(ctx, http.MethodPost, to, bytes.NewReader(body))
	if err != nil {
		return Result{Outcome: Broken, Answer: "no usable URL"}
	}
	req.Header.Set("Content-Type", "application/json")
	req.Header.Set("User-Agent", "Latchkey")
	req.Header.Set("Webhook-Id", id)
	req.Header.Set("Webhook-Timestamp", strconv.FormatInt(at.Unix(), 10))
	req.Header.Set("Webhook-Signature", Sign(keys, id, at, body))
	by := p.secure
	if req.URL.Scheme != "https" {
		by = p.open
	}
	answer, err := by.Do(req)
	if err != nil {
		return failure(ctx, err)
	}
	defer answer.Body.Close() //nolint:errcheck // nothing more is wanted of it
	r := Result{Outcome: Answered, Status: answer.StatusCode}
	switch answer.StatusCode / 100 {
	case 2:
		r.Outcome = Accepted
	case 3:
		r.Outcome, r.Answer = Redirected, answer.Header.Get("Location")
		return r
	}
	said, _ := io.ReadAll(io.LimitReader(answer.Body, answerRead)) // what came is shown; the status has decided
	r.Answer = string(said)
	return r
}

// failure says why no answer came, without the URL, which every page shows.
func failure(ctx context.Context, err error) Result {
	var (
		wrapped *url.Error
		named   *net.DNSError
		cert    *tls.CertificateVerificationError
		record  tls.RecordHeaderError
		timeout net.Error
	)
	if errors.As(err, &wrapped) {
		err = wrapped.Err
	}
	r := Result{Outcome: Broken, Answer: err.Error()}
	switch {
	case errors.Is(err, ssrf.ErrProhibitedIP), errors.Is(err, ssrf.ErrInvalidHostPort), errors.Is(err, ssrf.ErrProhibitedNetwork):
		r.Outcome = NotAllowed
	case errors.Is(err, errNotTLS):
		r.Outcome = NotTLS
	case errors.As(err, &cert), errors.As(err, &record), errors.Is(err, http.ErrSchemeMismatch):
		r.Outcome = BadTLS
	case errors.As(err, &named) && !named.IsTimeout:
		r.Outcome = NoName
	case ctx.Err() != nil, errors.As(err, &timeout) && timeout.Timeout():
		r.Outcome = TooSlow
	}
	return r
}

// plain makes a foreign text fit to be stored and shown: whatever is not to be
// seen in it is escaped, and what is too long is cut.
func plain(s string) string {
	if len(s) > answerRead {
		s = s[:answerRead]
	}
	s = strconv.Quote(strings.TrimSpace(s))
	s = strings.ReplaceAll(s[1:len(s)-1], `\"`, `"`)
	r := []rune(s)
	if len(r) > answerKept {
		return string(r[:answerKept-1]) + "…"
	}
	return s
}
