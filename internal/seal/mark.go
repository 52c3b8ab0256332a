package seal

import (
	"bytes"
	"crypto/sha256"
	"encoding/binary"
	"encoding/hex"
	"fmt"

	"github.com/tink-crypto/tink-go/v2/keyset"
)

// prefixBytes is how many bytes at the head of each ciphertext and digest name
// the key that made it: 0x01 and the key's id, big-endian (Tink's own form).
const prefixBytes = 5

// KeyOf reads from a ciphertext or digest, or from its first five bytes, which
// key made it; false for what none of ours can have made.
func KeyOf(made []byte) (id uint32, ok bool) {
	if len(made) < prefixBytes || made[0] != 1 {
		return 0, false
	}
	return binary.BigEndian.Uint32(made[1:prefixBytes]), true
}

// Carried says how many live rows of a table carry a key.
type Carried struct {
	Purpose string
	Table   string
	Prefix  []byte // first five bytes of what is stored
	Rows    int64
}

// Current is the head of everything that this sealer makes now.
func (s *Sealer) Current() []byte { return head(s.handle) }

// Current is the head of every digest that is made now.
func (d *Digester) Current() []byte { return head(d.handle) }

func head(h *keyset.Handle) []byte {
	return binary.BigEndian.AppendUint32([]byte{1}, h.KeysetInfo().GetPrimaryKeyId())
}

// Reseal opens what an older key sealed and seals it with the current one, for
// the same row. What the current key made is left as it is.
func (s *Sealer) Reseal(sealed []byte, row ...string) (fresh []byte, err error) {
	if bytes.HasPrefix(sealed, s.Current()) {
		return sealed, nil
	}
	plain, err := s.Open(sealed, row...)
	if err != nil {
		return nil, err
	}
	return s.Seal(plain, row...), nil
}

// Fingerprint names which keys are there and in which state, without saying
// anything of them: processes with the same one read and write alike. It is a
// hash over random ids, and no secret.
func (k *Keys) Fingerprint() string { return fingerprint(k.keys()) }

// Fingerprint of the set, as a process has it that loaded it.
func (s *Set) Fingerprint() string { return fingerprint(s.Keys()) }

func (k *Keys) keys() []Key {
	var out []Key
	for _, p := range purposes {
		if p.seal != nil {
			out = append(out, keysOf(p.name, true, (*p.seal(k)).handle)...)
			continue
		}
		out = append(out, keysOf(p.name, false, (*p.hash(k)).handle)...)
	}
	return out
}

func fingerprint(keys []Key) string {
	h := sha256.New()
	for _, k := range keys {
		fmt.Fprintln(h, k.Purpose, k.ID, k.Primary, k.Enabled)
	}
	return hex.EncodeToString(h.Sum(nil)[:4])
}
