package seal

import (
	"bytes"
	"testing"
)

// FuzzOpen: only what was sealed for this very row opens, bit for bit.
func FuzzOpen(f *testing.F) {
	_, k := fresh(f)
	f.Add([]byte("secret"), "app", "user", []byte{1, 2, 3}, uint16(7))
	f.Add([]byte{}, "", "|", []byte{}, uint16(0))
	f.Fuzz(func(t *testing.T, secret []byte, row, other string, planted []byte, at uint16) {
		if plain, err := k.Mail.Open(planted, row); err == nil {
			t.Fatalf("%x opens as %x", planted, plain)
		}
		sealed := k.Mail.Seal(secret, row)
		if plain, err := k.Mail.Open(sealed, row); err != nil || !bytes.Equal(plain, secret) {
			t.Fatalf("%x opens as %x, %v", secret, plain, err)
		}
		if id, ok := KeyOf(sealed); !ok || !bytes.HasPrefix(sealed, k.Mail.Current()) || id == 0 {
			t.Errorf("%x names no key of ours", sealed[:prefixBytes])
		}
		if again, err := k.Mail.Reseal(sealed, row); err != nil || !bytes.Equal(again, sealed) {
			t.Errorf("it was sealed again though its key is the current one: %v", err)
		}
		if _, err := k.Mail.Open(sealed, other); err == nil && other != row {
			t.Errorf("sealed for %q, it opens for %q", row, other)
		}
		if _, err := k.RecoverySeal.Open(sealed, row); err == nil {
			t.Error("another purpose's key opens it")
		}
		i := int(at) / 8 % len(sealed)
		sealed[i] ^= 1 << (at % 8)
		if _, err := k.Mail.Open(sealed, row); err == nil {
			t.Errorf("it opens with byte %d changed", i)
		}
		if _, err := k.Mail.Open(sealed[:i], row); err == nil {
			t.Errorf("it opens cut to %d bytes", i)
		}
	})
}

// FuzzDigest: two lists share a digest when they are the same list.
func FuzzDigest(f *testing.F) {
	_, k := fresh(f)
	f.Add("a", "bc", "ab", "c", uint8(0))
	f.Add("sign_in", "123456", "sign_in", "123457", uint8(9))
	f.Add("", "\x00\x00\x00\x01", "\x00", "", uint8(250))
	f.Fuzz(func(t *testing.T, a, b, c, d string, at uint8) {
		tag := k.Codes.Digest(a, b)
		if !k.Codes.Verify(tag, a, b) || !bytes.Equal(tag, k.Codes.All(a, b)[0]) {
			t.Errorf("%q %q: its own digest does not fit", a, b)
		}
		if k.Codes.Verify(tag, c, d) != (a == c && b == d) {
			t.Errorf("%q %q and %q %q share a digest", a, b, c, d)
		}
		if k.Codes.Verify(tag, a) || k.Codes.Verify(tag, a, b, "") || k.Codes.Verify(tag, a+b) || k.Tokens.Verify(tag, a, b) {
			t.Errorf("%q %q: its digest fits something else", a, b)
		}
		tag[int(at)%len(tag)] ^= 1 << (at % 8)
		if k.Codes.Verify(tag, a, b) {
			t.Errorf("%q %q: a digest with a bit turned fits", a, b)
		}
	})
}

// FuzzLoad: a set of keysets is refused whole or works, and is the same set
// when it was written and read again.
func FuzzLoad(f *testing.F) {
	raw, _ := fresh(f)
	f.Add(raw)
	f.Add([]byte(`{"codes":{"primaryKeyId":1,"key":[]}}`))
	f.Add(bytes.Replace(raw, []byte(`"ENABLED"`), []byte(`"DISABLED"`), 1))
	f.Add(bytes.Replace(raw, []byte(`HmacKey`), []byte(`AesGcmKey`), 1))
	f.Add([]byte(`null`))
	f.Fuzz(func(t *testing.T, data []byte) {
		k, err := Load(data)
		if err != nil {
			return
		}
		if tag := k.Tokens.Digest("x"); !k.Tokens.Verify(tag, "x") {
			t.Error("its own digest does not fit")
		}
		sealed := k.AppSecrets.Seal([]byte("x"), "row")
		set, err := ReadSet(data)
		if err != nil {
			t.Fatalf("one reader takes it and the other does not: %v", err)
		}
		written, err := set.JSON()
		if err != nil {
			t.Fatal(err)
		}
		again, err := Load(written)
		if err != nil || again.Fingerprint() != k.Fingerprint() || set.Fingerprint() != k.Fingerprint() {
			t.Fatalf("written and read again it is another set: %v", err)
		}
		if plain, err := again.AppSecrets.Open(sealed, "row"); err != nil || string(plain) != "x" {
			t.Errorf("written and read again it opens nothing: %v", err)
		}
	})
}
