// Command latchkey is the whole service in one binary: the server, the mail
// worker, and what an operator needs beside them. A file holds one command,
// and commands only wire: what they do is done by the packages they call.
//
// Exit codes: 0 it worked, 1 it failed, 2 the settings or the arguments are
// wrong and trying again will not help.
package main

import (
	"context"
	"errors"
	"fmt"
	"io"
	"os"
	"os/signal"
	"strings"
	"syscall"

	"github.com/alecthomas/kong"

	"latchkey/internal/config"
)

const (
	exitFailed = 1
	exitUsage  = 2
)

// cli is the tree of commands, in the order in which help lists them.
type cli struct {
	Dev         devCmd         `cmd:"" help:"Everything in one process, to look around: database, queue, mailbox, demo accounts."`
	Serve       serveCmd       `cmd:"" help:"Serve pages and API. Run as many as you like."`
	Worker      workerCmd      `cmd:"" help:"Send mails and clear up. Run as many as you like."`
	Migrate     migrateCmd     `cmd:"" help:"Bring the database up to this build."`
	Keys        keysCmd        `cmd:"" help:"Make and look at the keys that protect secrets."`
	User        userCmd        `cmd:"" help:"Make, see and help accounts, from the machine itself."`
	Policy      policyCmd      `cmd:"" help:"Show and change the security policy, from the machine itself."`
	Doctor      doctorCmd      `cmd:"" help:"Look at every dependency, setting, clock and key, and say what to do."`
	Healthcheck healthcheckCmd `cmd:"" help:"Ask a running server whether it is well (for container health checks)."`
	Version     versionCmd     `cmd:"" help:"Say which build this is."`
}

// console is where a command reads and writes, so that tests can stand in.
type console struct {
	in       io.Reader
	out, err io.Writer
}

func main() {
	ctx, stop := signal.NotifyContext(context.Background(), os.Interrupt, syscall.SIGTERM)
	defer stop()
	// A second signal ends the process at once: the first one begins draining.
	context.AfterFunc(ctx, stop)
	os.Exit(run(ctx, os.Args[1:], console{os.Stdin, os.Stdout, os.Stderr}))
}

// exited carries the exit code of kong's --help out of its parser.
type exited int

// run is main with its edges as arguments; it returns the exit code.
func run(ctx context.Context, args []string, c console) (code int) {
	defer func() {
		if r := recover(); r != nil {
			e, ok := r.(exited)
			if !ok {
				panic(r)
			}
			code = int(e)
		}
	}()
	if len(args) == 0 {
		args = []string{"--help"}
	}
	parser, err := newParser(c)
	if err != nil {
		return fail(c, "", err)
	}
	parsed, err := parser.Parse(args)
	if err != nil {
		return fail(c, "", usageError{err})
	}
	parsed.BindTo(ctx, (*context.Context)(nil))
	return fail(c, parsed.Command(), parsed.Run(&c))
}

func newParser(c console) (*kong.Kong, error) {
	return kong.New(&cli{},
		kong.Name("latchkey"),
		kong.Description("Latchkey signs people in, with a second factor.\n\nTo look around: latchkey dev. Every setting is an environment variable or a flag."),
		kong.Writers(c.out, c.err),
		kong.Exit(func(code int) { panic(exited(code)) }),
		kong.ConfigureHelp(kong.HelpOptions{Compact: true, WrapUpperBound: 100}),
		kong.ExplicitGroups([]kong.Group{
			{Key: "site", Title: "Settings of the site:"},
			{Key: "web", Title: "Settings of the server:"},
			{Key: "services", Title: "Settings of what it stands on:"},
			{Key: "mail", Title: "Settings of mails:"},
			{Key: "log", Title: "Settings of the log:"},
		}),
	)
}

// usageError is a command line that can't be understood.
type usageError struct{ error }

func (e usageError) Unwrap() error { return e.error }

// usage makes the error of an argument that can't be used.
func usage(format string, args ...any) error { return usageError{fmt.Errorf(format, args...)} }

// fail says what went wrong, in the caller's words, and picks the exit code.
func fail(c console, command string, err error) int {
	var (
		faults config.Faults
		use    usageError
	)
	switch {
	case err == nil:
		return 0
	case errors.As(err, &faults):
		fmt.Fprintf(c.err, "latchkey %s can't start, %s:\n", command, count(len(faults), "setting needs a change", "settings need a change"))
		for _, f := range faults {
			fmt.Fprintf(c.err, "  %s\n", f)
		}
		fmt.Fprintf(c.err, "All settings: latchkey %s --help\n", command)
		return exitUsage
	case errors.As(err, &use):
		fmt.Fprintf(c.err, "latchkey: %s\nTry: latchkey %s\n", err, strings.TrimSpace(command+" --help"))
		return exitUsage
	}
	fmt.Fprintf(c.err, "latchkey %s: %s\n", command, err)
	return exitFailed
}

func count(n int, one, many string) string {
	if n == 1 {
		return "1 " + one
	}
	return fmt.Sprintf("%d %s", n, many)
}
