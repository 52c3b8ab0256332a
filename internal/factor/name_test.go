package factor

import (
	"errors"
	"strings"
	"testing"

	"latchkey/internal/fault"
)

// An app has the name that it was given, on one visible line of sixty
// characters, or a plain one.
func TestWhatAMethodIsCalled(t *testing.T) {
	t.Parallel()
	for _, c := range []struct {
		kind       Kind
		name, want string
	}{
		{Email, "anything\n", "Email"},
		{App, "", "Authenticator app"},
		{App, " \n", "Authenticator app"},
		{App, " My phone\n", "My phone"},
		{App, "A\u0308", "\u00c4"},
		{App, strings.Repeat("é", 60), strings.Repeat("é", 60)},
	} {
		if got, err := CanonicalName(c.kind, c.name); err != nil || got != c.want {
			t.Errorf("%s %q: %q, %v, want %q", c.kind, c.name, got, err, c.want)
		}
	}
	for what, name := range map[string]string{
		"too long": strings.Repeat("é", 61), "no text": "a\xffb", "a line more": "a\nb", "a control": "a\x1bb", "an invisible": "a\u200bb",
		"turned round": "a\u202eb", "a line separator": "a\u2028b", "a paragraph separator": "a\u2029b",
	} {
		got, err := CanonicalName(App, name)
		f, _ := fault.As(err)
		if f == nil || got != "" || len(f.Fields) != 1 || f.Fields[0].Name != "name" || f.Fields[0].Args["Max"] != 60 {
			t.Errorf("%s: %q, %+v", what, got, f)
		}
	}
	for _, k := range []Kind{"", "sms", RecoveryKey, RecoveryPass} {
		if got, err := CanonicalName(k, "Phone"); got != "" || !errors.Is(err, fault.New(fault.Invalid, fault.InvalidRequest)) {
			t.Errorf("method %q is called %q, %v", k, got, err)
		}
	}
}
