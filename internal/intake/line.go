// Package intake takes people in from another system: it reads what that one
// gave of them, line by line, and makes accounts in batches. Whoever has an
// account already keeps it as it is, so a run that was interrupted is simply
// run again.
package intake

import (
	"bytes"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"strings"

	"latchkey/internal/account"
	"latchkey/internal/factor"
	"latchkey/internal/fault"
)

// Person is one line, judged.
type Person struct {
	Email        string // canonical
	Name         string
	PasswordHash string // empty: sets a password by a reset link
	Verified     bool
	Role         account.Role
	Apps         []string // secrets, canonical
}

// line is what may stand in the file. Names of fields are the contract.
type line struct {
	Email        string  `json:"email"`
	Name         string  `json:"name"`
	PasswordHash string  `json:"password_hash"`
	OTPAuth      secrets `json:"otpauth"`
	Verified     bool    `json:"verified"`
	Role         string  `json:"role"`
}

// secrets are one app or several.
type secrets []string

func (s *secrets) UnmarshalJSON(raw []byte) error {
	if bytes.HasPrefix(raw, []byte("[")) {
		return json.Unmarshal(raw, (*[]string)(s))
	}
	var one string
	if err := json.Unmarshal(raw, &one); err != nil {
		return err
	}
	*s = nil
	if one != "" {
		*s = []string{one}
	}
	return nil
}

// Wrong is what is wrong with one field, or with the line where Field is
// empty. It quotes nothing of the line, which holds secrets.
type Wrong struct {
	Field string
	Err   error // a fault of package account, or plain words
}

func (w Wrong) Error() string {
	if w.Field == "" {
		return w.Err.Error()
	}
	return w.Field + ": " + w.Err.Error()
}

const maxApps = 3

// Parse judges one line, all fields at once.
func Parse(raw []byte) (Person, []Wrong) {
	l, err := decode(raw)
	if err != nil {
		return Person{}, []Wrong{{Err: err}}
	}
	var (
		p     = Person{PasswordHash: l.PasswordHash, Verified: l.Verified, Role: account.Member}
		wrong []Wrong
		bad   *fault.Fault
	)
	if p.Email, bad = account.CanonicalEmail(l.Email); bad != nil {
		wrong = append(wrong, Wrong{"email", bad})
	}
	if p.Name, bad = account.CanonicalName(l.Name); bad != nil {
		wrong = append(wrong, Wrong{"name", bad})
	}
	if l.PasswordHash != "" {
		if err := account.CheckHash(l.PasswordHash); err != nil {
			wrong = append(wrong, Wrong{"password_hash", err})
		}
	}
	switch r := account.Role(l.Role); r {
	case "":
	case account.Member, account.Support, account.Admin:
		p.Role = r
	default:
		wrong = append(wrong, Wrong{"role", errors.New("is none of user, support, admin")})
	}
	if len(l.OTPAuth) > maxApps {
		return p, append(wrong, Wrong{"otpauth", fmt.Errorf("holds more than %d apps", maxApps)})
	}
	for _, s := range l.OTPAuth {
		secret, err := factor.CanonicalSecret(s)
		if err != nil {
			wrong = append(wrong, Wrong{"otpauth", err})
		}
		p.Apps = append(p.Apps, secret)
	}
	return p, wrong
}

// decode reads one JSON object. The library's errors quote what they met, so
// they are said in other words.
func decode(raw []byte) (l line, err error) {
	d := json.NewDecoder(bytes.NewReader(raw))
	d.DisallowUnknownFields()
	if err = d.Decode(&l); err == nil {
		if _, more := d.Token(); more != io.EOF {
			return l, errors.New("holds more than one JSON object")
		}
		return l, nil
	}
	var kind *json.UnmarshalTypeError
	switch {
	case errors.As(err, &kind) && kind.Field != "":
		return l, fmt.Errorf("%s is of the wrong type", kind.Field)
	case strings.HasPrefix(err.Error(), "json: unknown field "):
		return l, errors.New("has a field that is none of email, name, password_hash, otpauth, verified, role")
	}
	return l, errors.New("is no JSON object")
}
