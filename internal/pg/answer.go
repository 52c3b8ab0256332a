package pg

import (
	"context"
	"net"
	"time"
)

// answering dials connections on which the server has to answer within a
// limit. A context does not do that: once it is over, lib/pq asks the server
// to cancel and goes on reading, for ever where the server is frozen.
type answering struct {
	net.Dialer
	limit time.Duration // of one read, from when it begins
}

// Dial is what lib/pq asks for beside DialContext.
func (d answering) Dial(network, address string) (net.Conn, error) {
	return d.DialContext(context.Background(), network, address)
}

// DialTimeout is Dial with an end.
func (d answering) DialTimeout(network, address string, timeout time.Duration) (net.Conn, error) {
	ctx, cancel := context.WithTimeout(context.Background(), timeout)
	defer cancel()
	return d.DialContext(ctx, network, address)
}

// DialContext opens a connection.
func (d answering) DialContext(ctx context.Context, network, address string) (net.Conn, error) {
	c, err := d.Dialer.DialContext(ctx, network, address)
	if err != nil {
		return nil, err
	}
	return &answered{Conn: c, limit: d.limit}, nil
}

// answered gives each read its limit, or what is left of an earlier deadline
// that somebody else set.
type answered struct {
	net.Conn
	limit time.Duration
	until time.Time // set by others, zero: none
}

func (c *answered) Read(b []byte) (int, error) {
	end := time.Now().Add(c.limit)
	if !c.until.IsZero() && c.until.Before(end) {
		end = c.until
	}
	if err := c.Conn.SetReadDeadline(end); err != nil {
		return 0, err
	}
	return c.Conn.Read(b)
}

func (c *answered) SetDeadline(t time.Time) error {
	c.until = t
	return c.Conn.SetDeadline(t)
}

func (c *answered) SetReadDeadline(t time.Time) error {
	c.until = t
	return c.Conn.SetReadDeadline(t)
}
