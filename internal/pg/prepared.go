package pg

import (
	"context"
	"database/sql/driver"
	"fmt"
)

// maxPrepared bounds how many statements a connection keeps. Texts are
// constants, so a process has some hundreds; what is beyond runs unprepared.
const maxPrepared = 500

// preparing makes connections that prepare each statement once and keep it.
// Unprepared, lib/pq parses a statement anew at every call: twice the round
// trips, and nearly twice the work in Postgres. The cache belongs to the
// connection, so a transaction never waits for a second one.
type preparing struct {
	driver.Connector
	before func(query string) error
}

func (p preparing) Connect(ctx context.Context) (driver.Conn, error) {
	c, err := p.Connector.Connect(ctx)
	if err != nil {
		return nil, err
	}
	whole, ok := c.(wholeConn)
	if !ok {
		return nil, fmt.Errorf("driver connection %T lacks a method", c)
	}
	return &conn{wholeConn: whole, kept: map[string]wholeStmt{}, before: p.before}, nil
}

// wholeConn is what a connection of lib/pq can do.
type wholeConn interface {
	driver.Conn
	driver.ConnBeginTx
	driver.ConnPrepareContext
	driver.ExecerContext
	driver.QueryerContext
	driver.NamedValueChecker
	driver.Pinger
	driver.SessionResetter
	driver.Validator
}

type wholeStmt interface {
	driver.Stmt
	driver.StmtExecContext
	driver.StmtQueryContext
}

type conn struct {
	wholeConn
	kept   map[string]wholeStmt
	before func(query string) error
}

// QueryContext reads through a kept statement.
func (c *conn) QueryContext(ctx context.Context, query string, args []driver.NamedValue) (driver.Rows, error) {
	s, err := c.stmt(ctx, query, args)
	if err != nil {
		return nil, err
	}
	if s == nil {
		return c.wholeConn.QueryContext(ctx, query, args)
	}
	return s.QueryContext(ctx, args)
}

// ExecContext writes through a kept statement.
func (c *conn) ExecContext(ctx context.Context, query string, args []driver.NamedValue) (driver.Result, error) {
	s, err := c.stmt(ctx, query, args)
	if err != nil {
		return nil, err
	}
	if s == nil {
		return c.wholeConn.ExecContext(ctx, query, args)
	}
	return s.ExecContext(ctx, args)
}

// stmt finds or makes the statement of a text; nil: run it unprepared, as a
// text without arguments, which may hold several statements.
func (c *conn) stmt(ctx context.Context, query string, args []driver.NamedValue) (wholeStmt, error) {
	if c.before != nil {
		if err := c.before(query); err != nil {
			return nil, err
		}
	}
	if len(args) == 0 {
		return nil, nil
	}
	if s, ok := c.kept[query]; ok {
		return s, nil
	}
	if len(c.kept) >= maxPrepared {
		return nil, nil
	}
	s, err := c.PrepareContext(ctx, query)
	if err != nil {
		return nil, err
	}
	whole, ok := s.(wholeStmt)
	if !ok {
		_ = s.Close()
		return nil, nil
	}
	c.kept[query] = whole
	return whole, nil
}
