package main

import (
	"bytes"
	"errors"
	"fmt"
	"os"
	"path/filepath"

	"latchkey/internal/seal"
)

// keysPlace is where a set of keys came from, and where the changed one goes.
type keysPlace struct {
	file string // empty: it came from KEYSET itself
	out  string // a new file to write to instead
	was  []byte
}

// write puts the changed set in its place. A file is replaced at once or not
// at all, and the set before stays beside it as FILE.before.
func (p keysPlace) write(c *console, set *seal.Set) error {
	data, err := set.JSON()
	if err != nil {
		return err
	}
	data = append(data, '\n')
	switch {
	case p.out != "":
		if err := writeNew(p.out, data); err != nil {
			return err
		}
		fmt.Fprintf(c.err, "Wrote %s: give it to every process.\n", p.out)
		return nil
	case p.file == "":
		_, err := c.out.Write(data)
		fmt.Fprintln(c.err, "This is the new KEYSET, secret in the clear: give it to every process.")
		return err
	}
	return p.replace(data)
}

func (p keysPlace) replace(data []byte) error {
	file, err := filepath.EvalSymlinks(p.file)
	if err != nil {
		return fmt.Errorf("find %s: %w", p.file, err)
	}
	now, err := os.ReadFile(file)
	if err != nil {
		return fmt.Errorf("read keys again: %w", err)
	}
	if !bytes.Equal(bytes.TrimSpace(now), bytes.TrimSpace(p.was)) {
		return fmt.Errorf("%s was changed meanwhile: nothing was written, look at it and try again", p.file)
	}
	st, err := os.Stat(file)
	if err != nil {
		return fmt.Errorf("write keys: %w", err)
	}
	if err := swapIn(file+".before", now, st); err != nil {
		return fmt.Errorf("keep the keys as they were: %w", err)
	}
	if err := swapIn(file, data, st); err != nil {
		return fmt.Errorf("write keys: %w; for a file that can't be replaced use --out", err)
	}
	return nil
}

// swapIn writes a file beside its place and moves it there, for its owner
// alone. Who owned the one before goes on being the owner: the service runs as
// that user, and this command may be root's.
func swapIn(path string, data []byte, like os.FileInfo) error {
	f, err := os.CreateTemp(filepath.Dir(path), ".keyset-*") // mode 0600
	if err != nil {
		return err
	}
	defer os.Remove(f.Name()) //nolint:errcheck // it has moved, or is of no use
	_, err = f.Write(data)
	err = errors.Join(err, giveTo(f, like), f.Sync(), f.Close())
	if err != nil {
		return err
	}
	if err := os.Rename(f.Name(), path); err != nil {
		return err
	}
	dir, err := os.Open(filepath.Dir(path))
	if err != nil {
		return err
	}
	return errors.Join(dir.Sync(), dir.Close())
}
