package seal_test

import (
	"bytes"
	"encoding/json"
	"slices"
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
		sealed := c.writer.AppSecrets.Seal([]byte("sesame"), "app", "u", "m")
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
	sealed := k.Mail.Seal([]byte("x"), "mail", "1")
	if id, ok := seal.KeyOf(sealed); !ok || id != set.Of("mail")[0].ID || !bytes.HasPrefix(sealed, k.Mail.Current()) {
		t.Errorf("ciphertext: %d %v", id, ok)
	}
	if id, ok := seal.KeyOf(k.Codes.Digest("x")); !ok || id != set.Of("codes")[0].ID {
		t.Errorf("digest: %d %v", id, ok)
	}
	if id, ok := seal.KeyOf([]byte{1, 2, 3, 4, 5}); !ok || id != 0x02030405 {
		t.Errorf("a head alone: %x %v", id, ok)
	}
	for _, other := range [][]byte{nil, {1, 2, 3, 4}, {0, 1, 2, 3, 4}} {
		if id, ok := seal.KeyOf(other); ok || id != 0 {
			t.Errorf("%v names the key %d", other, id)
		}
	}
}

func TestResealKeepsTheRowAndSwapsStayClosed(t *testing.T) {
	t.Parallel()
	set := generated(t)
	old := keys(t, set)
	sealed := old.RecoverySeal.Seal([]byte("KEY"), "recovery", "ada", "1")
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

// The list is what `keys status` shows, and what rotation decides by.
func TestKeysAreListedAsTheyAre(t *testing.T) {
	t.Parallel()
	set := generated(t)
	seals := map[string]bool{"app_secrets": true, "recovery_seal": true, "mail": true, "codes": false, "recovery_keys": false, "tokens": false, "cookies": false}
	for _, purpose := range seal.Purposes() {
		list := set.Of(purpose)
		if want, known := seals[purpose]; !known || len(list) != 1 || list[0].Seals != want || !list[0].Primary || !list[0].Enabled {
			t.Errorf("%q: %+v", purpose, list)
		}
	}
	if len(set.Keys()) != len(seals) || len(seal.Purposes()) != len(seals) {
		t.Errorf("%d keys of %q", len(set.Keys()), seal.Purposes())
	}
	first := set.Of("mail")[0].ID
	id, err := set.Add("mail")
	if err != nil {
		t.Fatal(err)
	}
	want := func(says string, list ...seal.Key) {
		t.Helper()
		if got := set.Of("mail"); !slices.Equal(got, list) {
			t.Errorf("%s: %+v", says, got)
		}
	}
	key := func(id uint32, primary, enabled bool) seal.Key {
		return seal.Key{Purpose: "mail", Seals: true, ID: id, Primary: primary, Enabled: enabled}
	}
	want("added", key(first, true, true), key(id, false, true))
	if err := set.Promote("mail", id); err != nil {
		t.Fatal(err)
	}
	want("promoted", key(first, false, true), key(id, true, true))
	if err := set.Disable("mail", first); err != nil {
		t.Fatal(err)
	}
	want("disabled", key(first, false, false), key(id, true, true))
	if err := set.Delete("mail", first); err != nil {
		t.Fatal(err)
	}
	want("deleted", key(id, true, true))
}

// Two processes are told apart by every step of a rotation.
func TestEachStepHasItsOwnFingerprint(t *testing.T) {
	t.Parallel()
	set := generated(t)
	first := set.Of("codes")[0].ID
	seen := map[string]string{}
	step := func(name string, err error) {
		t.Helper()
		if err != nil {
			t.Fatal(err)
		}
		keys(t, set) // has the same
		mark := set.Fingerprint()
		if before, again := seen[mark]; again || len(mark) != 8 {
			t.Errorf("%s: %q, as %q", name, mark, before)
		}
		seen[mark] = name
	}
	step("generated", nil)
	id, err := set.Add("codes")
	step("added", err)
	step("promoted", set.Promote("codes", id))
	step("disabled", set.Disable("codes", first))
	step("deleted", set.Delete("codes", first))
}

func TestWhatIsNotThereCanNotBeChanged(t *testing.T) {
	t.Parallel()
	set := generated(t)
	before := set.Fingerprint()
	if id, err := set.Add("passwords"); err == nil || id != 0 {
		t.Errorf("a key %d for no purpose", id)
	}
	for name, change := range map[string]func(string, uint32) error{
		"promote": set.Promote, "disable": set.Disable, "enable": set.Enable, "delete": set.Delete,
	} {
		if change("passwords", set.Of("codes")[0].ID) == nil || change("codes", 1) == nil {
			t.Errorf("%s: it worked", name)
		}
	}
	if set.Fingerprint() != before {
		t.Error("it changed all the same")
	}
}

// Keysets in each other's places would seal with what must only recognise.
func TestKeysetsOfTheWrongKindAreNamed(t *testing.T) {
	t.Parallel()
	raw, err := seal.Generate()
	if err != nil {
		t.Fatal(err)
	}
	var set map[string]json.RawMessage
	if err := json.Unmarshal(raw, &set); err != nil {
		t.Fatal(err)
	}
	set["mail"], set["codes"] = set["codes"], set["mail"]
	if raw, err = json.Marshal(set); err != nil {
		t.Fatal(err)
	}
	for _, load := range []func([]byte) error{
		func(raw []byte) error { _, err := seal.Load(raw); return err },
		func(raw []byte) error { _, err := seal.ReadSet(raw); return err },
	} {
		err := load(raw)
		if err == nil || !strings.Contains(err.Error(), `"mail": not an encryption`) || !strings.Contains(err.Error(), `"codes": not a MAC`) {
			t.Errorf("swapped: %v", err)
		}
		if err := load([]byte(`[]`)); err == nil || !strings.Contains(err.Error(), "JSON object") {
			t.Errorf("a list: %v", err)
		}
	}
}
