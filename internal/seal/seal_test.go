package seal

import (
	"bytes"
	"encoding/json"
	"strings"
	"testing"

	"github.com/tink-crypto/tink-go/v2/insecurecleartextkeyset"
	"github.com/tink-crypto/tink-go/v2/keyset"
	"github.com/tink-crypto/tink-go/v2/mac"
)

func fresh(t testing.TB) ([]byte, *Keys) {
	t.Helper()
	raw, err := Generate()
	if err != nil {
		t.Fatal(err)
	}
	k, err := Load(raw)
	if err != nil {
		t.Fatal(err)
	}
	return raw, k
}

// A ciphertext moved to another row, user, kind or keyset opens nothing.
func TestASwappedRowFailsClosed(t *testing.T) {
	t.Parallel()
	_, k := fresh(t)
	row := []string{"app", "user1", "method1"}
	sealed := k.AppSecrets.Seal([]byte("JBSWY3DPEHPK3PXP"), row...)
	if got, err := k.AppSecrets.Open(sealed, row...); err != nil || string(got) != "JBSWY3DPEHPK3PXP" {
		t.Fatalf("its own row: %q %v", got, err)
	}
	for name, other := range map[string][]string{
		"another method": {"app", "user1", "method2"}, "another user": {"app", "user2", "method1"},
		"another kind": {"recovery", "user1", "method1"}, "no row": {}, "part of it": {"app", "user1"},
	} {
		if got, err := k.AppSecrets.Open(sealed, other...); err == nil {
			t.Errorf("%s opens it: %q", name, got)
		}
	}
	if _, err := k.Mail.Open(sealed, row...); err == nil {
		t.Error("another purpose opens it")
	}
	for i := range sealed {
		broken := bytes.Clone(sealed)
		broken[i] ^= 1
		if _, err := k.AppSecrets.Open(broken, row...); err == nil {
			t.Fatalf("it opens with byte %d changed", i)
		}
	}
	again := k.AppSecrets.Seal([]byte("JBSWY3DPEHPK3PXP"), row...)
	if bytes.Equal(again, sealed) || bytes.Contains(sealed, []byte("JBSWY3DP")) {
		t.Error("the seal shows what is in it")
	}
}

func TestDigestsAreFramed(t *testing.T) {
	t.Parallel()
	_, k := fresh(t)
	seen := map[string]string{}
	for name, d := range map[string][]byte{
		"a bc": k.Codes.Digest("a", "bc"), "ab c": k.Codes.Digest("ab", "c"), "abc": k.Codes.Digest("abc"),
		"abc and nothing": k.Codes.Digest("abc", ""), "nothing": k.Codes.Digest(), "tokens": k.Tokens.Digest("abc"),
	} {
		if other := seen[string(d)]; other != "" {
			t.Errorf("%q and %q have one digest", name, other)
		}
		seen[string(d)] = name
	}
	if !k.Codes.Verify(k.Codes.Digest("a", "bc"), "a", "bc") || k.Codes.Verify(k.Codes.Digest("a", "bc"), "ab", "c") || k.Codes.Verify(nil, "a", "bc") {
		t.Error("Verify is wrong")
	}
	if len(k.Codes.Digest("x")) != 37 {
		t.Errorf("%d bytes", len(k.Codes.Digest("x")))
	}
}

// rotated adds a key to the keyset of codes and makes it the primary one.
func rotated(t *testing.T, raw []byte, disableOld bool) []byte {
	t.Helper()
	var all map[string]json.RawMessage
	if err := json.Unmarshal(raw, &all); err != nil {
		t.Fatal(err)
	}
	h, err := insecurecleartextkeyset.Read(keyset.NewJSONReader(bytes.NewReader(all["codes"])))
	if err != nil {
		t.Fatal(err)
	}
	old := h.KeysetInfo().GetPrimaryKeyId()
	m := keyset.NewManagerFromHandle(h)
	id, err := m.Add(mac.HMACSHA256Tag256KeyTemplate())
	if err == nil {
		err = m.SetPrimary(id)
	}
	if err == nil && disableOld {
		err = m.Disable(old)
	}
	if err != nil {
		t.Fatal(err)
	}
	if h, err = m.Handle(); err != nil {
		t.Fatal(err)
	}
	var b bytes.Buffer
	if err := insecurecleartextkeyset.Write(h, keyset.NewJSONWriter(&b)); err != nil {
		t.Fatal(err)
	}
	all["codes"] = b.Bytes()
	out, err := json.Marshal(all)
	if err != nil {
		t.Fatal(err)
	}
	return out
}

func TestAfterRotationOlderDigestsAreStillFound(t *testing.T) {
	t.Parallel()
	raw, before := fresh(t)
	after, err := Load(rotated(t, raw, false))
	if err != nil {
		t.Fatal(err)
	}
	old := before.Codes.Digest("sign_in", "123456")
	found := func(d *Digester) bool {
		for _, one := range d.All("sign_in", "123456") {
			if bytes.Equal(one, old) {
				return true
			}
		}
		return false
	}
	if bytes.Equal(after.Codes.Digest("sign_in", "123456"), old) || !found(after.Codes) || !after.Codes.Verify(old, "sign_in", "123456") {
		t.Error("the older key is lost, or still written")
	}
	if all := after.Codes.All("x"); len(all) != 2 || !bytes.Equal(all[0], after.Codes.Digest("x")) {
		t.Errorf("%d digests, or the one to write is not first", len(all))
	}
	gone, err := Load(rotated(t, raw, true))
	if err != nil {
		t.Fatal(err)
	}
	if found(gone.Codes) || gone.Codes.Verify(old, "sign_in", "123456") {
		t.Error("a disabled key still counts")
	}
}

func TestEveryBadKeysetIsNamedAtOnceAndNeverQuoted(t *testing.T) {
	t.Parallel()
	raw, _ := fresh(t)
	var all map[string]json.RawMessage
	if err := json.Unmarshal(raw, &all); err != nil {
		t.Fatal(err)
	}
	secret := string(all["mail"])
	delete(all, "tokens")
	all["codes"] = json.RawMessage(`{"primaryKeyId":1,"key":[{"keyData":{"value":"s3cret"}}]}`)
	all["spare"] = all["mail"]
	broken, _ := json.Marshal(all)
	_, err := Load(broken)
	if err == nil {
		t.Fatal("it loads")
	}
	for _, name := range []string{`"tokens" is missing`, `"codes" can't be read`, `"spare" has no known purpose`} {
		if !strings.Contains(err.Error(), name) {
			t.Errorf("%v\ndoes not say %s", err, name)
		}
	}
	if strings.Contains(err.Error(), "s3cret") || strings.Contains(err.Error(), secret) {
		t.Error("the error quotes a key")
	}
	delete(all, "spare")
	all["tokens"], all["codes"] = all["cookies"], all["mail"] // of another sort
	swapped, _ := json.Marshal(all)
	if _, err := Load(swapped); err == nil || !strings.Contains(err.Error(), `"codes"`) {
		t.Errorf("an encryption keyset for digests: %v", err)
	}
	for _, nothing := range []string{"", "null", "[]", "{}", "x", `"a"`} {
		if _, err := Load([]byte(nothing)); err == nil {
			t.Errorf("%q loads", nothing)
		}
	}
}
