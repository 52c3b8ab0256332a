package devstack

import (
	"context"
	"crypto/rand"
	"errors"
	"fmt"
	"os"
	"os/exec"
	"path/filepath"
	"strconv"
	"strings"
)

func (p *Postgres) data() string         { return filepath.Join(p.c.dir, "postgres") }
func (p *Postgres) logFile() string      { return filepath.Join(p.c.dir, "postgres.log") }
func (p *Postgres) passwordFile() string { return filepath.Join(p.c.dir, "postgres.password") }

// init finds the binaries and makes the data where there is none yet.
func (p *Postgres) init(ctx context.Context) (made bool, err error) {
	wanted := 0
	raw, err := os.ReadFile(filepath.Join(p.data(), "PG_VERSION"))
	if err == nil {
		wanted, err = strconv.Atoi(strings.TrimSpace(string(raw)))
	}
	if err != nil && !errors.Is(err, os.ErrNotExist) {
		return false, fmt.Errorf("read version of the data: %w", err)
	}
	p.bin, err = findBinaries(ctx, wanted, p.c.owner, p.c.say)
	if err != nil {
		return false, err
	}
	p.Major = p.bin.major
	if wanted != 0 {
		raw, err := os.ReadFile(p.passwordFile())
		p.password = strings.TrimSpace(string(raw))
		return false, err
	}

	// Other users of this machine can reach the port. Without a password they
	// could run commands as us, through COPY … TO PROGRAM.
	p.password = rand.Text()
	if err := os.WriteFile(p.passwordFile(), []byte(p.password+"\n"), 0o600); err != nil {
		return false, err
	}
	// Made beside and renamed: what an interrupted run has left is no data.
	building := p.data() + ".new"
	if err := os.RemoveAll(building); err != nil {
		return false, err
	}
	if err := os.Mkdir(building, 0o700); err != nil {
		return false, err
	}
	if err := errors.Join(p.c.owner.give(building), p.c.owner.give(p.passwordFile())); err != nil {
		return false, err
	}
	if err := p.initdb(ctx, building); err != nil {
		return false, err
	}
	return true, os.Rename(building, p.data())
}

func (p *Postgres) initdb(ctx context.Context, dir string) error {
	args := []string{
		"-D", dir, "-U", superuser, "--pwfile", p.passwordFile(),
		"-E", "UTF8", "--locale=C", "--no-instructions", "--no-sync",
	}
	// The password is random and 130 bits long; stretching it would only make
	// every connection slow. It crosses loopback only, where who can listen is
	// root; the driver refuses SCRAM with so few iterations.
	if p.Major >= 16 {
		args = append(args, "-A", "password", "--set", "scram_iterations=1")
	} else {
		args = append(args, "-A", "md5")
	}
	cmd := exec.CommandContext(ctx, p.bin.path("initdb"), args...)
	cmd.Dir, cmd.Env = dir, cleanEnv()
	cmd.SysProcAttr = asOwner(p.c.owner)
	if out, err := cmd.CombinedOutput(); err != nil {
		return fmt.Errorf("initdb: %w: %s", err, lastLines(string(out), 5))
	}
	return nil
}
