package main

import (
	"bufio"
	"errors"
	"fmt"
	"io"
	"os"
	"strings"

	"golang.org/x/term"
)

// maxPassword is in bytes; what may be a password is for package account.
const maxPassword = 4 << 10

// readPassword takes a password from a file, from the keyboard without showing
// it, or from standard input, in this order. It is never an argument: those
// can be read by everyone on the machine.
func readPassword(c *console, file string) (string, error) {
	if file != "" {
		f, err := os.Open(file)
		if err != nil {
			return "", usage("--password-file: %w", err)
		}
		defer f.Close() //nolint:errcheck // nothing is written
		return firstLine(f)
	}
	if f, ok := c.in.(*os.File); ok && term.IsTerminal(int(f.Fd())) {
		return askPassword(c.err, func() ([]byte, error) { return term.ReadPassword(int(f.Fd())) })
	}
	return firstLine(c.in)
}

func firstLine(r io.Reader) (string, error) {
	line, err := bufio.NewReader(io.LimitReader(r, maxPassword)).ReadString('\n')
	if err != nil && !errors.Is(err, io.EOF) {
		return "", fmt.Errorf("read password: %w", err)
	}
	line = strings.TrimRight(line, "\r\n")
	if line == "" {
		return "", usage("no password was given: type it on standard input, or use --password-file")
	}
	return line, nil
}

// askPassword asks twice: what is typed unseen is easily mistyped.
func askPassword(out io.Writer, read func() ([]byte, error)) (string, error) {
	var typed [2]string
	for i, prompt := range []string{"Password: ", "Once more: "} {
		fmt.Fprint(out, prompt)
		b, err := read()
		fmt.Fprintln(out)
		if err != nil {
			return "", fmt.Errorf("read password: %w", err)
		}
		typed[i] = string(b)
	}
	if typed[0] != typed[1] {
		return "", usage("the two passwords differ")
	}
	if typed[0] == "" {
		return "", usage("no password was given")
	}
	return typed[0], nil
}
