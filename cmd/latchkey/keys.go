package main

import (
	"errors"
	"fmt"
	"io/fs"
	"os"

	"latchkey/internal/seal"
)

type keysCmd struct {
	Generate keysGenerateCmd `cmd:"" help:"Make a fresh set of keys. Back it up: without it nobody's second factor can be read again."`
	Status   keysStatusCmd   `cmd:"" help:"List the keys of the set in use, without showing any, and how many live rows need each."`
	Rotate   keysRotateCmd   `cmd:"" help:"Change keys while everything runs, step by step."`
}

type keysGenerateCmd struct {
	Out string `name:"out" short:"o" placeholder:"FILE" help:"Write to this new file, readable by its owner only, instead of the screen."`
}

func (k *keysGenerateCmd) Run(c *console) error {
	set, err := seal.Generate()
	if err != nil {
		return err
	}
	if k.Out == "" {
		_, err := fmt.Fprintf(c.out, "%s\n", set)
		return err
	}
	if err := writeNew(k.Out, append(set, '\n')); err != nil {
		return err
	}
	fmt.Fprintf(c.err, "Wrote %s. Keep a copy somewhere safe, then set KEYSET_FILE=%s.\n", k.Out, k.Out)
	return nil
}

// writeNew never overwrites: the old keys may be the only ones that open what
// is stored.
func writeNew(path string, data []byte) error {
	f, err := os.OpenFile(path, os.O_WRONLY|os.O_CREATE|os.O_EXCL, 0o600)
	if errors.Is(err, fs.ErrExist) {
		return fmt.Errorf("%s exists already, and keys are never overwritten: choose another name or move it away", path)
	}
	if err != nil {
		return fmt.Errorf("write keys: %w", err)
	}
	_, err = f.Write(data)
	if err = errors.Join(err, f.Sync(), f.Close()); err != nil {
		return fmt.Errorf("write keys: %w", err)
	}
	return nil
}
