package seal

import (
	"bytes"
	"encoding/json"
	"fmt"

	"github.com/tink-crypto/tink-go/v2/insecurecleartextkeyset"
	"github.com/tink-crypto/tink-go/v2/keyset"
	tinkpb "github.com/tink-crypto/tink-go/v2/proto/tink_go_proto"
)

// Set is the JSON object of all keysets while its keys are being rotated. A
// key that was added stands behind the primary until it is promoted; keys
// before the primary are old.
type Set struct{ handles map[string]*keyset.Handle }

// Key is one key of one purpose, without its material.
type Key struct {
	Purpose string
	Seals   bool // can be opened again; else it can only be recognised
	ID      uint32
	Primary bool
	Enabled bool
}

// Purposes lists what there are keysets for, in the order of Generate.
func Purposes() []string {
	out := make([]string, len(purposes))
	for i, p := range purposes {
		out[i] = p.name
	}
	return out
}

// ReadSet reads what Generate made. Like Load it names every fault at once and
// refuses a keyset that would not work.
func ReadSet(data []byte) (*Set, error) {
	handles, err := read(data)
	if err != nil {
		return nil, err
	}
	if _, err := load(handles); err != nil {
		return nil, err
	}
	return &Set{handles}, nil
}

// JSON is the set as Load reads it. It is secret in the clear.
func (s *Set) JSON() ([]byte, error) {
	out := map[string]json.RawMessage{}
	for _, p := range purposes {
		var b bytes.Buffer
		if err := insecurecleartextkeyset.Write(s.handles[p.name], keyset.NewJSONWriter(&b)); err != nil {
			return nil, fmt.Errorf("write %s keyset: %w", p.name, err)
		}
		out[p.name] = b.Bytes()
	}
	return json.MarshalIndent(out, "", "  ")
}

// Keys lists every key, oldest first in each purpose.
func (s *Set) Keys() []Key {
	var out []Key
	for _, p := range purposes {
		out = append(out, keysOf(p.name, p.seal != nil, s.handles[p.name])...)
	}
	return out
}

// Of lists the keys of one purpose, oldest first.
func (s *Set) Of(purpose string) []Key {
	var out []Key
	for _, k := range s.Keys() {
		if k.Purpose == purpose {
			out = append(out, k)
		}
	}
	return out
}

func keysOf(purpose string, seals bool, h *keyset.Handle) []Key {
	var out []Key
	info := h.KeysetInfo()
	for _, k := range info.GetKeyInfo() {
		if k.GetStatus() != tinkpb.KeyStatusType_ENABLED && k.GetStatus() != tinkpb.KeyStatusType_DISABLED {
			continue // destroyed: only its name is left
		}
		out = append(out, Key{
			Purpose: purpose, Seals: seals, ID: k.GetKeyId(), Primary: k.GetKeyId() == info.GetPrimaryKeyId(),
			Enabled: k.GetStatus() == tinkpb.KeyStatusType_ENABLED,
		})
	}
	return out
}

// Add makes a key that opens and recognises, but seals and digests nothing
// yet: processes that don't know it would be blind to what it made.
func (s *Set) Add(purpose string) (id uint32, err error) {
	for _, p := range purposes {
		if p.name == purpose {
			err = s.change(purpose, func(m *keyset.Manager) (err error) { id, err = m.Add(p.kind); return err })
			return id, err
		}
	}
	return 0, unknown(purpose)
}

// Promote makes a key the one that seals and digests from now on.
func (s *Set) Promote(purpose string, id uint32) error {
	return s.change(purpose, func(m *keyset.Manager) error { return m.SetPrimary(id) })
}

// Disable takes a key out of use; Enable is the way back.
func (s *Set) Disable(purpose string, id uint32) error {
	return s.change(purpose, func(m *keyset.Manager) error { return m.Disable(id) })
}

// Enable takes a disabled key into use again, behind the primary.
func (s *Set) Enable(purpose string, id uint32) error {
	return s.change(purpose, func(m *keyset.Manager) error { return m.Enable(id) })
}

// Delete forgets a key for good. The library refuses the primary.
func (s *Set) Delete(purpose string, id uint32) error {
	return s.change(purpose, func(m *keyset.Manager) error { return m.Delete(id) })
}

func (s *Set) change(purpose string, f func(*keyset.Manager) error) error {
	h, ok := s.handles[purpose]
	if !ok {
		return unknown(purpose)
	}
	m := keyset.NewManagerFromHandle(h)
	if err := f(m); err != nil {
		return fmt.Errorf("change %s keyset: %w", purpose, err)
	}
	h, err := m.Handle()
	if err != nil {
		return fmt.Errorf("change %s keyset: %w", purpose, err)
	}
	s.handles[purpose] = h
	return nil
}

func unknown(purpose string) error { return fmt.Errorf("there are no keys for %q", purpose) }
