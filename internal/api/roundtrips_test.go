package api_test

import (
	"bytes"
	"encoding/binary"
	"io"
	"net"
	"net/url"
	"slices"
	"strings"
	"sync"
	"testing"
)

// tapped stands between a service and its database and keeps the statements
// that are sent, one a round trip: what a request does there, whatever the
// machine is busy with. What runs beside requests is left out.
type tapped struct {
	url  string
	mu   sync.Mutex
	sent []string
}

func tap(t testing.TB, database string) *tapped {
	t.Helper()
	u, err := url.Parse(database)
	if err != nil {
		t.Fatal(err)
	}
	l, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { l.Close() }) //nolint:errcheck // the test is over
	c := &tapped{}
	server := u.Host
	u.Host = l.Addr().String()
	c.url = u.String()
	go func() {
		for {
			client, err := l.Accept()
			if err != nil {
				return
			}
			go c.carry(client, server)
		}
	}()
	return c
}

// take gives what was sent since the last time.
func (c *tapped) take() []string {
	c.mu.Lock()
	defer c.mu.Unlock()
	sent := c.sent
	c.sent = nil
	return sent
}

func (c *tapped) carry(client net.Conn, server string) {
	defer client.Close() //nolint:errcheck // either side may have ended it
	up, err := net.Dial("tcp", server)
	if err != nil {
		return
	}
	defer up.Close() //nolint:errcheck // either side may have ended it
	go func() {
		_, _ = io.Copy(client, up)
		client.Close() //nolint:errcheck // so that the other direction ends too
	}()
	l := line{tapped: c, kept: map[string]string{}}
	// Messages of the frontend: a type, but for the first, a length, a body.
	for head := make([]byte, 4); ; head = make([]byte, 5) {
		if _, err := io.ReadFull(client, head); err != nil {
			return
		}
		body := make([]byte, binary.BigEndian.Uint32(head[len(head)-4:])-4)
		if _, err := io.ReadFull(client, body); err != nil {
			return
		}
		if len(head) == 5 {
			l.read(head[0], body)
		}
		if _, err := up.Write(append(head, body...)); err != nil {
			return
		}
	}
}

// line is one connection: its prepared statements, and what its transaction
// has sent so far.
type line struct {
	*tapped
	kept map[string]string
	now  string
	open []string // nil: no transaction
}

func (l *line) read(kind byte, body []byte) {
	word := func(n int) string { return string(bytes.Split(body, []byte{0})[n]) }
	switch kind {
	case 'P': // Parse: name, statement
		l.kept[word(0)] = word(1)
		l.now = "" // by itself it is preparing, once a connection
	case 'B': // Bind: portal, name
		l.now = l.kept[word(1)]
	case 'Q':
		l.now = word(0)
		l.sync()
	case 'S':
		l.sync()
	}
}

func (l *line) sync() {
	said := strings.Join(strings.Fields(l.now), " ")
	l.now = ""
	if said == "" || strings.Contains(said, "pg_notify") {
		return
	}
	if strings.HasPrefix(said, "BEGIN") {
		l.open = []string{}
	}
	if l.open == nil {
		l.keep(said)
		return
	}
	l.open = append(l.open, said)
	if said == "COMMIT" || said == "ROLLBACK" {
		if !slices.ContainsFunc(l.open, isAnswering) {
			l.keep(l.open...)
		}
		l.open = nil
	}
}

// isAnswering: the work on what was asked before runs beside requests.
func isAnswering(said string) bool { return strings.HasPrefix(said, "DELETE FROM address_requests") }

func (l *line) keep(said ...string) {
	l.mu.Lock()
	defer l.mu.Unlock()
	l.sent = append(l.sent, said...)
}
