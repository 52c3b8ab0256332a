package mail

import (
	"bytes"
	"crypto/rand"
	"crypto/rsa"
	"crypto/x509"
	"encoding/base64"
	"net/mail"
	"testing"
	"time"

	"github.com/emersion/go-msgauth/dkim"
	"github.com/google/uuid"
)

func TestHeadersOfAMail(t *testing.T) {
	t.Parallel()
	b := brand
	b.Name = "Söhne & Co"
	b.From = "no-reply@id.example.com"
	b.OTPToken = true
	b.BaseURL = "https://id.example.com/"
	c := composer(t, b)
	id, at := uuid.New(), time.Date(2026, 1, 2, 3, 4, 5, 0, time.UTC)
	m, err := c.Compose(Letter{ID: id, To: "ann@example.com", Mail: SignInCode{Code: "012345"}}, at)
	if err != nil {
		t.Fatal(err)
	}
	msg, err := mail.ReadMessage(bytes.NewReader(m.Bytes))
	if err != nil {
		t.Fatal(err)
	}
	for name, want := range map[string]string{
		"Auto-Submitted":           "auto-generated",
		"X-Auto-Response-Suppress": "All",
		"Message-Id":               "<" + id.String() + "@id.example.com>",
		"To":                       "<ann@example.com>",
		"Otp-Token":                `"012345"; origin="https://id.example.com"`,
		"User-Agent":               "",
		"X-Mailer":                 "",
	} {
		if got := msg.Header.Get(name); got != want {
			t.Errorf("%s is %q, want %q", name, got, want)
		}
	}
	if from, err := msg.Header.AddressList("From"); err != nil || from[0].Name != b.Name || from[0].Address != b.From {
		t.Errorf("From is %v (%v)", from, err)
	}
	if date, err := msg.Header.Date(); err != nil || !date.Equal(at) {
		t.Errorf("Date is %v (%v)", date, err)
	}
	m, err = composer(t, brand).Compose(Letter{ID: id, To: "ann@example.com", Mail: SignInCode{Code: "012345"}}, at)
	if err != nil {
		t.Fatal(err)
	}
	if bytes.Contains(m.Bytes, []byte("OTP-Token")) {
		t.Error("OTP-Token though nobody set it")
	}
}

func TestAddressThatIsNoneIsRefusedForGood(t *testing.T) {
	t.Parallel()
	c := composer(t, brand)
	for _, to := range []string{"", "ann", "ann@example.com, eve@example.net", "ann@example.com>\r\nBcc: <eve@example.net"} {
		_, err := c.Compose(Letter{ID: uuid.New(), To: to, Mail: SignInCode{}}, time.Now())
		if _, ok := err.(*Refusal); !ok {
			t.Errorf("%q: %v", to, err)
		}
	}
}

// Twenty mails, since the order of headers changes from one to the next.
func TestSignaturesAreValid(t *testing.T) {
	t.Parallel()
	key, err := rsa.GenerateKey(rand.Reader, 2048)
	if err != nil {
		t.Fatal(err)
	}
	public, err := x509.MarshalPKIXPublicKey(&key.PublicKey)
	if err != nil {
		t.Fatal(err)
	}
	c := composer(t, brand)
	c.DKIM = &DKIM{Domain: "a-rather-long-domain-for-a-signature.id.example.com", Selector: "latchkey2026", Key: key}
	look := &dkim.VerifyOptions{LookupTXT: func(string) ([]string, error) {
		return []string{"v=DKIM1; k=rsa; p=" + base64.StdEncoding.EncodeToString(public)}, nil
	}}
	for range 20 {
		m, err := c.Compose(Letter{ID: uuid.New(), To: "ann@example.com", Name: "Änn", Mail: filled(MethodOn{}, "wörd")}, time.Now())
		if err != nil {
			t.Fatal(err)
		}
		found, err := dkim.VerifyWithOptions(bytes.NewReader(m.Bytes), look)
		if err != nil || len(found) != 1 || found[0].Err != nil {
			t.Fatalf("signature: %v, %+v", err, found)
		}
		forged := append([]byte("Subject: something else\r\n"), m.Bytes...)
		if found, err := dkim.VerifyWithOptions(bytes.NewReader(forged), look); err == nil && found[0].Err == nil {
			t.Fatal("a second subject went unnoticed")
		}
	}
}

func TestPlainHidesWhatMayBeSecret(t *testing.T) {
	t.Parallel()
	for text, want := range map[string]string{
		"5.1.1 no such user\r\nX: y":                "5.1.1 no such user X: y",
		"your code 123456 was seen":                 "your code … was seen",
		"link /password-resets/AbCdEf0123456789-_x": "link /password-resets/…",
		"\x1b[31mred":                               "[31mred",
	} {
		if got := Plain(text); got != want {
			t.Errorf("Plain(%q) = %q, want %q", text, got, want)
		}
	}
	if n := len([]rune(Plain(string(bytes.Repeat([]byte("wörd "), 100))))); n > 200 {
		t.Errorf("%d characters", n)
	}
}
