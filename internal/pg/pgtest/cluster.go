package pgtest

import (
	"context"
	"crypto/rand"
	"crypto/sha256"
	"errors"
	"fmt"
	"io/fs"
	"net/url"
	"os"
	"strings"
	"sync"
	"time"

	"latchkey/internal/devstack"
	"latchkey/internal/pg"
	"latchkey/migrations"
)

// shared is the cluster of this test binary.
var shared cluster

type cluster struct {
	once     sync.Once
	err      error
	server   *devstack.Postgres // nil when TEST_DATABASE_URL was given
	url      string             // of a database to give orders from
	admin    *pg.DB
	template string
}

// fresh makes a database and tells how to drop it.
func (c *cluster) fresh(ctx context.Context) (address string, drop func() error, err error) {
	c.once.Do(func() { c.err = c.start() })
	if c.err != nil {
		return "", nil, c.err
	}
	name := "test_" + strings.ToLower(rand.Text())
	if err := c.whenLeft(ctx, `CREATE DATABASE `+name+` TEMPLATE `+c.template); err != nil {
		return "", nil, err
	}
	address, err = withDatabase(c.url, name)
	return address, func() error {
		// The test's own context has ended by now.
		return c.whenLeft(context.Background(), `DROP DATABASE IF EXISTS `+name+` WITH (FORCE)`)
	}, err
}

// whenLeft gives an order about a database, and gives it again while somebody
// is connected to that one: another test binary on the same server may be
// checking the template, and whose process is gone may be so to Postgres later.
func (c *cluster) whenLeft(ctx context.Context, order string) error {
	for deadline := time.Now().Add(time.Minute); ; {
		_, err := c.admin.ExecContext(ctx, order)
		if err == nil || sqlState(err) != "55006" || time.Now().After(deadline) {
			return err
		}
		time.Sleep(10 * time.Millisecond)
	}
}

func (c *cluster) start() error {
	ctx, cancel := context.WithTimeout(context.Background(), 15*time.Minute) // binaries may have to be fetched
	defer cancel()
	c.url = os.Getenv("TEST_DATABASE_URL")
	if c.url == "" {
		server, err := devstack.StartPostgres(ctx, func(line string) {
			// Only what takes long is worth a line of a test's output.
			if strings.Contains(line, "fetching") {
				fmt.Fprintln(os.Stderr, line)
			}
		})
		if err != nil {
			return err
		}
		c.server, c.url = server, server.URL
	}
	var err error
	c.admin, err = pg.Open(c.url, pg.Options{MaxConns: 4, StatementTimeout: 2 * time.Minute, Name: "latchkey test admin"})
	if err != nil {
		return err
	}
	c.template, err = templateName()
	if err != nil {
		return err
	}
	return c.makeTemplate(ctx)
}

func (c *cluster) stop() {
	if c.admin != nil {
		c.admin.Close() //nolint:errcheck // the cluster goes next
	}
	if c.server != nil {
		if err := c.server.Stop(); err != nil {
			fmt.Fprintln(os.Stderr, "pgtest:", err)
		}
	}
}

// makeTemplate migrates a database under another name and then renames it, so
// that the template's name means that it is whole. A lock lets one of several
// test binaries on one server do so.
func (c *cluster) makeTemplate(ctx context.Context) error {
	conn, err := c.admin.Connx(ctx)
	if err != nil {
		return fmt.Errorf("connect: %w", err)
	}
	defer conn.Close() //nolint:errcheck // back to the pool
	if _, err := conn.ExecContext(ctx, `SELECT pg_advisory_lock(7236411)`); err != nil {
		return fmt.Errorf("lock template: %w", err)
	}
	defer conn.ExecContext(ctx, `SELECT pg_advisory_unlock(7236411)`) //nolint:errcheck // the connection's end would do it too

	var there bool
	if err := conn.GetContext(ctx, &there, `SELECT EXISTS (SELECT FROM pg_database WHERE datname = $1)`, c.template); err != nil {
		return fmt.Errorf("look for template: %w", err)
	}
	if there {
		return nil
	}
	building := c.template + "_new"
	for _, order := range []string{
		`DROP DATABASE IF EXISTS ` + building + ` WITH (FORCE)`,
		`CREATE DATABASE ` + building + ` TEMPLATE template0`,
	} {
		if _, err := conn.ExecContext(ctx, order); err != nil {
			return fmt.Errorf("make template: %w", err)
		}
	}
	address, err := withDatabase(c.url, building)
	if err != nil {
		return err
	}
	if _, err := migrations.Up(ctx, address); err != nil {
		return err
	}
	if err := c.whenLeft(ctx, `ALTER DATABASE `+building+` RENAME TO `+c.template); err != nil {
		return fmt.Errorf("name template: %w", err)
	}
	return nil
}

// templateName changes with every change of a migration.
func templateName() (string, error) {
	h := sha256.New()
	err := fs.WalkDir(migrations.FS, ".", func(path string, d fs.DirEntry, err error) error {
		if err != nil || d.IsDir() {
			return err
		}
		text, err := fs.ReadFile(migrations.FS, path)
		fmt.Fprintf(h, "%s %d\n%s", path, len(text), text)
		return err
	})
	if err != nil {
		return "", fmt.Errorf("read migrations: %w", err)
	}
	// Partitions of events are made for the months around now, too.
	fmt.Fprint(h, time.Now().UTC().Format("2006-01"))
	return fmt.Sprintf("latchkey_template_%x", h.Sum(nil)[:8]), nil
}

func withDatabase(address, name string) (string, error) {
	u, err := url.Parse(address)
	if err != nil || u.Scheme == "" {
		return "", errors.New("TEST_DATABASE_URL must be a postgres:// URL")
	}
	u.Path = "/" + name
	return u.String(), nil
}

func sqlState(err error) string {
	var s interface{ SQLState() string }
	if errors.As(err, &s) {
		return s.SQLState()
	}
	return ""
}
