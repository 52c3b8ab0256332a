package seal_test

import (
	"bytes"
	"strings"
	"testing"

	"latchkey/internal/seal"
)

func generated(t *testing.T) *seal.Set {
	t.Helper()
	raw, err := seal.Generate()
	if err != nil {
		t.Fatal(err)
	}
	return parsed(t, raw)
}

func parsed(t *testing.T, raw []byte) *seal.Set {
	t.Helper()
	set, err := seal.ReadSet(raw)
	if err != nil {
		t.Fatal(err)
	}
	return set
}

// keys are what a process has that loads the set as it is now.
func keys(t *testing.T, set *seal.Set) *seal.Keys {
	t.Helper()
	raw, err := set.JSON()
	if err != nil {
		t.Fatal(err)
	}
	k, err := seal.Load(raw)
	if err != nil {
		t.Fatal(err)
	}
	if k.Fingerprint() != set.Fingerprint() {
		t.Error("a process that loaded the set has another fingerprint")
	}
	return k
}

func TestTwoStepsLetEveryProcessReadAtAnyTime(t *testing.T) {
	t.Parallel()
	set := generated(t)
	before := keys(t, set)
	id, err := set.Add("app_secrets")
	if err != nil {
		t.Fatal(err)
	}
	added := keys(t, set)
	if err := set.Promote("app_secrets", id); err != nil {
		t.Fatal(err)
	}
	promoted := keys(t, set)
	for _, c := range []struct {
		name          string
		writer, reads *seal.Keys
		works         bool
	}{
		{"added reads before", before, added, true},
		{"before reads added", added, before, true}, // which seals with the old key still
		{"added reads promoted", promoted, added, true},
		{"promoted reads before", before, promoted, true},
		{"a step left out", promoted, before, false},
	} {
		sealed, err := c.writer.AppSecrets.Seal([]byte("sesame"), "app", "u", "m")
		if err != nil {
			t.Fatal(err)
		}
		if _, err := c.reads.AppSecrets.Open(sealed, "app", "u", "m"); (err == nil) != c.works {
			t.Errorf("%s: %v", c.name, err)
		}
	}
}

func TestDigestsOfOldKeysAreFoundUntilDisabled(t *testing.T) {
	t.Parallel()
	set := generated(t)
	first := set.Of("tokens")[0].ID
	old := keys(t, set).Tokens.Digest("lks_x")
	id, _ := set.Add("tokens")
	if err := set.Promote("tokens", id); err != nil {
		t.Fatal(err)
	}
	found := func(k *seal.Keys) bool {
		for _, d := range k.Tokens.All("lks_x") {
			if bytes.Equal(d, old) {
				return true
			}
		}
		return false
	}
	if k := keys(t, set); !found(k) || !k.Tokens.Verify(old, "lks_x") {
		t.Error("a digest of the old key is not found")
	}
	if err := set.Disable("tokens", first); err != nil {
		t.Fatal(err)
	}
	if k := keys(t, set); found(k) || k.Tokens.Verify(old, "lks_x") {
		t.Error("a digest of a disabled key is found")
	}
	if err := set.Enable("tokens", first); err != nil {
		t.Fatal(err)
	}
	if !found(keys(t, set)) {
		t.Error("enabling is no way back")
	}
	if err := set.Delete("tokens", id); err == nil {
		t.Error("the primary was deleted")
	}
	if err := set.Disable("tokens", id); err == nil {
		t.Error("the primary was disabled")
	}
}

func TestHeadsNameTheKey(t *testing.T) {
	t.Parallel()
	set := generated(t)
	k := keys(t, set)
	sealed, err := k.Mail.Seal([]byte("x"), "mail", "1")
	if err != nil {
		t.Fatal(err)
	}
	if id, ok := seal.KeyOf(sealed); !ok || id != set.Of("mail")[0].ID || !bytes.HasPrefix(sealed, k.Mail.Current()) {
		t.Errorf("ciphertext: %d %v", id, ok)
	}
	if id, ok := seal.KeyOf(k.Codes.Digest("x")); !ok || id != set.Of("codes")[0].ID {
		t.Errorf("digest: %d %v", id, ok)
	}
	for _, other := range [][]byte{nil, {1, 2, 3, 4}, {0, 1, 2, 3, 4}} {
		if _, ok := seal.KeyOf(other); ok {
			t.Errorf("%v names a key", other)
		}
	}
}

func TestResealKeepsTheRowAndSwapsStayClosed(t *testing.T) {
	t.Parallel()
	set := generated(t)
	old := keys(t, set)
	sealed, err := old.RecoverySeal.Seal([]byte("KEY"), "recovery", "ada", "1")
	if err != nil {
		t.Fatal(err)
	}
	first := set.Of("recovery_seal")[0].ID
	id, _ := set.Add("recovery_seal")
	if err := set.Promote("recovery_seal", id); err != nil {
		t.Fatal(err)
	}
	now := keys(t, set).RecoverySeal
	if _, err := now.Reseal(sealed, "recovery", "eve", "1"); err == nil {
		t.Error("another row's secret was sealed again")
	}
	fresh, err := now.Reseal(sealed, "recovery", "ada", "1")
	if err != nil || !bytes.HasPrefix(fresh, now.Current()) {
		t.Fatalf("%x, %v", fresh, err)
	}
	if again, err := now.Reseal(fresh, "recovery", "ada", "1"); err != nil || !bytes.Equal(again, fresh) {
		t.Error("what is current was sealed again")
	}
	if err := set.Disable("recovery_seal", first); err != nil {
		t.Fatal(err)
	}
	last := keys(t, set).RecoverySeal
	if plain, err := last.Open(fresh, "recovery", "ada", "1"); err != nil || string(plain) != "KEY" {
		t.Errorf("%s, %v", plain, err)
	}
	for name, try := range map[string]func() error{
		"swapped":     func() error { _, err := last.Open(fresh, "recovery", "eve", "1"); return err },
		"another key": func() error { _, err := last.Open(sealed, "recovery", "ada", "1"); return err },
		"cut":         func() error { _, err := last.Open(fresh[:len(fresh)-1], "recovery", "ada", "1"); return err },
	} {
		if try() == nil {
			t.Errorf("%s: it opens", name)
		}
	}
}

func TestBrokenSetsAreRefusedWithoutQuotingThem(t *testing.T) {
	t.Parallel()
	good, err := generated(t).JSON()
	if err != nil {
		t.Fatal(err)
	}
	for name, raw := range map[string]string{
		"empty": "", "no JSON": "sesame", "list": "[]", "nothing in it": "{}",
		"cut":         string(good[:len(good)/2]),
		"wrong kind":  strings.Replace(strings.Replace(string(good), `"codes"`, `"x"`, 1), `"mail"`, `"codes"`, 1),
		"no primary":  strings.Replace(string(good), `"primaryKeyId"`, `"sesame"`, 1),
		"other value": strings.Replace(string(good), `"value": "`, `"value": "sesame`, 1),
	} {
		if _, err := seal.ReadSet([]byte(raw)); err == nil || strings.Contains(err.Error(), "sesame") {
			t.Errorf("%s: %v", name, err)
		}
	}
	if _, err := generated(t).Add("doors"); err == nil {
		t.Error("a key for doors")
	}
}
