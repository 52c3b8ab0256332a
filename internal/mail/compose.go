package mail

import (
	"bytes"
	"crypto"
	"fmt"
	"net/url"
	"reflect"
	"time"

	"github.com/emersion/go-msgauth/dkim"
	"github.com/google/uuid"
	gomail "github.com/wneessen/go-mail"
)

// Message is a mail in the form in which it goes over the wire.
type Message struct {
	From, To string // of the envelope: bare addresses
	Bytes    []byte
}

// DKIM signs mails for a domain.
type DKIM struct {
	Domain   string
	Selector string
	Key      crypto.Signer // RSA of 2048 bits: Ed25519 is not verified everywhere
}

// Composer makes messages out of letters.
type Composer struct {
	*Renderer
	DKIM *DKIM // nil: unsigned
}

// Compose renders a letter. Its Message-ID stays the same however often it is
// sent, so that a duplicate can be known as one.
func (c *Composer) Compose(m Letter, now time.Time) (Message, error) {
	body, err := c.Render(m.Name, m.Mail)
	if err != nil {
		return Message{}, err
	}
	g := gomail.NewMsg(gomail.WithNoDefaultUserAgent())
	if err := g.FromFormat(c.from.Name, c.from.Address); err != nil {
		return Message{}, fmt.Errorf("compose mail: sender: %w", err)
	}
	// The bare address: a display name would repeat what a stranger typed.
	if err := g.To("<" + m.To + ">"); err != nil {
		return Message{}, errRecipient
	}
	g.Subject(body.Subject)
	g.SetDateWithValue(now)
	g.SetMessageIDWithValue(MessageID(m.ID, c.host))
	// RFC 3834 §5: nobody's holiday note shall answer.
	g.SetGenHeader("Auto-Submitted", "auto-generated")
	g.SetGenHeader("X-Auto-Response-Suppress", "All")
	if code := codeOf(m.Mail); code != "" && c.brand.OTPToken {
		g.SetGenHeader("OTP-Token", fmt.Sprintf("%q; origin=%q", code, origin(c.brand.BaseURL)))
	}
	g.SetBodyString(gomail.TypeTextPlain, body.Text)
	g.AddAlternativeString(gomail.TypeTextHTML, body.HTML)
	var b bytes.Buffer
	if _, err := g.WriteTo(&b); err != nil {
		return Message{}, fmt.Errorf("compose mail: %w", err)
	}
	out := Message{From: c.from.Address, To: m.To, Bytes: b.Bytes()}
	if c.DKIM != nil {
		if out.Bytes, err = c.DKIM.sign(out.Bytes); err != nil {
			return Message{}, err
		}
	}
	return out, nil
}

// MessageID is the id of a mail as its header carries it, without brackets.
func MessageID(id uuid.UUID, host string) string { return id.String() + "@" + host }

// sign uses go-msgauth: the signer of go-mail folds inside the list of signed
// headers once that is longer than a line, and no such signature is valid.
func (d *DKIM) sign(msg []byte) ([]byte, error) {
	var b bytes.Buffer
	err := dkim.Sign(&b, bytes.NewReader(msg), &dkim.SignOptions{
		Domain:                 d.Domain,
		Selector:               d.Selector,
		Signer:                 d.Key,
		HeaderCanonicalization: dkim.CanonicalizationRelaxed,
		BodyCanonicalization:   dkim.CanonicalizationRelaxed,
		// Listed twice, so that a second one added on the way breaks the signature.
		HeaderKeys: []string{
			"From", "From", "To", "To", "Subject", "Subject", "Date", "Message-ID",
			"MIME-Version", "Content-Type", "Auto-Submitted",
		},
	})
	if err != nil {
		return nil, fmt.Errorf("sign mail: %w", err)
	}
	return b.Bytes(), nil
}

// codeOf is the code that a mail carries, if it does.
func codeOf(k Kind) string {
	if f := reflect.ValueOf(k).FieldByName("Code"); f.IsValid() && f.Kind() == reflect.String {
		return f.String()
	}
	return ""
}

// origin is scheme and host of a URL.
func origin(base string) string {
	u, err := url.Parse(base)
	if err != nil {
		return base
	}
	return u.Scheme + "://" + u.Host
}
