package main

import (
	"errors"
	"fmt"
	"io/fs"
	"os"
	"text/tabwriter"

	"github.com/tink-crypto/tink-go/v2/keyset"

	"latchkey/internal/config"
	"latchkey/internal/seal"
)

type keysCmd struct {
	Generate keysGenerateCmd `cmd:"" help:"Make a fresh set of keys. Back it up: without it nobody's second factor can be read again."`
	Status   keysStatusCmd   `cmd:"" help:"List the keys of the set in use, without showing any."`
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

type keysStatusCmd struct {
	config.KeysInput
	JSON bool `name:"json" help:"Print JSON."`
}

// keyState is one key of one purpose.
type keyState struct {
	Purpose string `json:"purpose"`
	Use     string `json:"use"` // seal: can be opened again; digest: can only be recognised
	Key     uint32 `json:"key"`
	Primary bool   `json:"primary"`
	Status  string `json:"status"`
}

func (k *keysStatusCmd) Run(c *console) error {
	_, keys, err := load(config.Input{KeysInput: k.KeysInput}, config.Keys)
	if err != nil {
		return err
	}
	list := keyStates(keys)
	if k.JSON {
		return printJSON(c.out, list)
	}
	w := tabwriter.NewWriter(c.out, 0, 0, 2, ' ', 0)
	fmt.Fprintln(w, "PURPOSE\tUSE\tKEY\tSTATUS")
	for _, s := range list {
		status := s.Status
		if s.Primary {
			status += ", primary"
		}
		fmt.Fprintf(w, "%s\t%s\t%d\t%s\n", s.Purpose, s.Use, s.Key, status)
	}
	return w.Flush()
}

func keyStates(k *seal.Keys) []keyState {
	list := []keyState{}
	for _, set := range []struct {
		purpose, use string
		handle       *keyset.Handle
	}{
		{"app_secrets", "seal", k.AppSecrets.Handle()},
		{"recovery_seal", "seal", k.RecoverySeal.Handle()},
		{"mail", "seal", k.Mail.Handle()},
		{"codes", "digest", k.Codes.Handle()},
		{"recovery_keys", "digest", k.RecoveryKeys.Handle()},
		{"tokens", "digest", k.Tokens.Handle()},
		{"cookies", "digest", k.Cookies.Handle()},
	} {
		info := set.handle.KeysetInfo()
		for _, key := range info.GetKeyInfo() {
			list = append(list, keyState{
				Purpose: set.purpose, Use: set.use, Key: key.GetKeyId(),
				Primary: key.GetKeyId() == info.GetPrimaryKeyId(), Status: statusWord(key.GetStatus().String()),
			})
		}
	}
	return list
}

func statusWord(s string) string {
	switch s {
	case "ENABLED":
		return "enabled"
	case "DISABLED":
		return "disabled"
	}
	return "destroyed"
}
