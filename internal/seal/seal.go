// Package seal keeps secrets: it seals what must be read again, bound to the
// row it belongs to, and digests what must only be recognised.
//
// Every purpose has a Tink keyset of its own, so that a key used for codes
// never opens a mail, and each can be rotated by itself.
package seal

import (
	"bytes"
	"encoding/binary"
	"encoding/json"
	"errors"
	"fmt"
	"strings"

	"github.com/tink-crypto/tink-go/v2/aead"
	"github.com/tink-crypto/tink-go/v2/insecurecleartextkeyset"
	"github.com/tink-crypto/tink-go/v2/keyset"
	"github.com/tink-crypto/tink-go/v2/mac"
	tinkpb "github.com/tink-crypto/tink-go/v2/proto/tink_go_proto"
	"github.com/tink-crypto/tink-go/v2/tink"
)

// Keys are the loaded keysets of all purposes.
type Keys struct {
	AppSecrets   *Sealer // authenticator app secrets
	RecoverySeal *Sealer // recovery keys that may be viewed again
	Mail         *Sealer // codes and links waiting to be mailed
	Codes        *Digester
	RecoveryKeys *Digester
	Tokens       *Digester
	Cookies      *Digester
}

// purposes in the order in which they are generated and listed.
var purposes = []struct {
	name string
	kind *tinkpb.KeyTemplate
	seal func(*Keys) **Sealer
	hash func(*Keys) **Digester
}{
	{name: "app_secrets", kind: aead.AES256GCMKeyTemplate(), seal: func(k *Keys) **Sealer { return &k.AppSecrets }},
	{name: "recovery_seal", kind: aead.AES256GCMKeyTemplate(), seal: func(k *Keys) **Sealer { return &k.RecoverySeal }},
	{name: "mail", kind: aead.AES256GCMKeyTemplate(), seal: func(k *Keys) **Sealer { return &k.Mail }},
	{name: "codes", kind: mac.HMACSHA256Tag256KeyTemplate(), hash: func(k *Keys) **Digester { return &k.Codes }},
	{name: "recovery_keys", kind: mac.HMACSHA256Tag256KeyTemplate(), hash: func(k *Keys) **Digester { return &k.RecoveryKeys }},
	{name: "tokens", kind: mac.HMACSHA256Tag256KeyTemplate(), hash: func(k *Keys) **Digester { return &k.Tokens }},
	{name: "cookies", kind: mac.HMACSHA256Tag256KeyTemplate(), hash: func(k *Keys) **Digester { return &k.Cookies }},
}

// Generate makes a fresh keyset for every purpose, as the JSON object that
// Load reads: purpose → Tink keyset. It is secret in the clear.
func Generate() ([]byte, error) {
	out := map[string]json.RawMessage{}
	for _, p := range purposes {
		h, err := keyset.NewHandle(p.kind)
		if err != nil {
			return nil, fmt.Errorf("make %s keyset: %w", p.name, err)
		}
		var b bytes.Buffer
		if err := insecurecleartextkeyset.Write(h, keyset.NewJSONWriter(&b)); err != nil {
			return nil, fmt.Errorf("write %s keyset: %w", p.name, err)
		}
		out[p.name] = b.Bytes()
	}
	return json.MarshalIndent(out, "", "  ")
}

// Load reads the JSON object of all keysets. It names every purpose that is
// missing or broken at once, and never makes a key.
func Load(data []byte) (*Keys, error) {
	handles, err := read(data)
	if err != nil {
		return nil, err
	}
	return load(handles)
}

func load(handles map[string]*keyset.Handle) (*Keys, error) {
	k, faults := &Keys{}, []error(nil)
	for _, p := range purposes {
		h := handles[p.name]
		if p.seal != nil {
			s, err := newSealer(h)
			*p.seal(k) = s
			faults = append(faults, named(p.name, err))
			continue
		}
		d, err := newDigester(h)
		*p.hash(k) = d
		faults = append(faults, named(p.name, err))
	}
	return k, errors.Join(faults...)
}

func read(data []byte) (map[string]*keyset.Handle, error) {
	var raw map[string]json.RawMessage
	if err := json.Unmarshal(data, &raw); err != nil {
		return nil, errors.New("keyset is not a JSON object of purpose → keyset")
	}
	handles, faults := map[string]*keyset.Handle{}, []error(nil)
	for _, p := range purposes {
		ks, ok := raw[p.name]
		if !ok {
			faults = append(faults, fmt.Errorf("keyset %q is missing", p.name))
			continue
		}
		delete(raw, p.name)
		h, err := insecurecleartextkeyset.Read(keyset.NewJSONReader(bytes.NewReader(ks)))
		if err != nil {
			// The library's text may quote the input, which is secret.
			faults = append(faults, fmt.Errorf("keyset %q can't be read", p.name))
			continue
		}
		handles[p.name] = h
	}
	for name := range raw {
		faults = append(faults, fmt.Errorf("keyset %q has no known purpose", name))
	}
	return handles, errors.Join(faults...)
}

func named(purpose string, err error) error {
	if err == nil {
		return nil
	}
	return fmt.Errorf("keyset %q: %w", purpose, err)
}

// Sealer encrypts with associated data that names kind, user and row, so that
// a ciphertext moved to another row fails closed.
type Sealer struct {
	handle *keyset.Handle
	aead   tink.AEAD
}

func newSealer(h *keyset.Handle) (*Sealer, error) {
	a, err := aead.New(h)
	if err != nil {
		return nil, errors.New("not an encryption keyset")
	}
	return &Sealer{h, a}, nil
}

// Seal encrypts secret for the row that the parts name.
func (s *Sealer) Seal(secret []byte, row ...string) []byte {
	return must(s.aead.Encrypt(secret, associated(row)))
}

// Open decrypts what Seal made for the same row.
func (s *Sealer) Open(sealed []byte, row ...string) ([]byte, error) {
	plain, err := s.aead.Decrypt(sealed, associated(row))
	if err != nil {
		return nil, errors.New("sealed value does not open: wrong row, key or content")
	}
	return plain, nil
}

// Handle gives the keyset to `keys status` and `keys rotate`.
func (s *Sealer) Handle() *keyset.Handle { return s.handle }

func associated(row []string) []byte { return []byte("v1|" + strings.Join(row, "|")) }

// Digester makes keyed digests (HMAC-SHA-256, 37 bytes: a five-byte prefix
// that names the key, then the tag). Look-ups go over All, writes use Digest.
type Digester struct {
	handle  *keyset.Handle
	primary tink.MAC
	all     []tink.MAC // primary first, then every other enabled key
}

func newDigester(h *keyset.Handle) (*Digester, error) {
	primary, err := mac.New(h)
	if err != nil {
		return nil, errors.New("not a MAC keyset")
	}
	d := &Digester{handle: h, primary: primary, all: []tink.MAC{primary}}
	info := h.KeysetInfo()
	for _, key := range info.GetKeyInfo() {
		if key.GetKeyId() == info.GetPrimaryKeyId() || key.GetStatus() != tinkpb.KeyStatusType_ENABLED {
			continue
		}
		m := keyset.NewManagerFromHandle(h)
		if err := m.SetPrimary(key.GetKeyId()); err != nil {
			return nil, fmt.Errorf("key %d: %w", key.GetKeyId(), err)
		}
		other, err := m.Handle()
		if err != nil {
			return nil, fmt.Errorf("key %d: %w", key.GetKeyId(), err)
		}
		one, err := mac.New(other)
		if err != nil {
			return nil, fmt.Errorf("key %d: %w", key.GetKeyId(), err)
		}
		d.all = append(d.all, one)
	}
	return d, nil
}

// Digest is the digest to store. The parts are framed by length, so that no
// two lists of parts share a digest.
func (d *Digester) Digest(parts ...string) []byte { return must(d.primary.ComputeMAC(frame(parts))) }

// All are the digests under every enabled key, for WHERE digest = ANY($1).
func (d *Digester) All(parts ...string) [][]byte {
	framed, out := frame(parts), make([][]byte, 0, len(d.all))
	for _, m := range d.all {
		out = append(out, must(m.ComputeMAC(framed)))
	}
	return out
}

// Verify reports whether tag is a digest of the parts under an enabled key.
func (d *Digester) Verify(tag []byte, parts ...string) bool {
	return d.primary.VerifyMAC(tag, frame(parts)) == nil
}

// Handle gives the keyset to `keys status` and `keys rotate`.
func (d *Digester) Handle() *keyset.Handle { return d.handle }

func frame(parts []string) []byte {
	var b []byte
	for _, p := range parts {
		b = binary.BigEndian.AppendUint32(b, uint32(len(p))) // #nosec G115 -- names, ids and codes; requests end at 64 KiB
		b = append(b, p...)
	}
	return b
}

// must: an HMAC or a cipher over a few bytes in memory has no way to fail.
func must(out []byte, err error) []byte {
	if err != nil {
		panic("seal: " + err.Error())
	}
	return out
}
