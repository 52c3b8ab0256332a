package devstack

import (
	"bytes"
	"net/textproto"
	"regexp"
	"strings"
	"time"

	"github.com/jhillyerd/enmime/v2"
)

// Mail is a message as it was accepted.
type Mail struct {
	ID         string
	Seq        int      // counts up from 1 in the order of arrival
	From       string   // of the envelope
	To         []string // of the envelope
	Subject    string
	Text, HTML string
	MessageID  string // without its brackets
	Header     textproto.MIMEHeader
	Raw        []byte
	ReceivedAt time.Time
}

// SentTo reports whether the mail went to an address; it fits Wait.
func SentTo(address string) func(Mail) bool {
	return func(m Mail) bool { return m.IsTo(address) }
}

// IsTo reports whether an address is among the recipients.
func (m Mail) IsTo(address string) bool {
	for _, to := range m.To {
		if strings.EqualFold(to, address) {
			return true
		}
	}
	return false
}

var links = regexp.MustCompile(`https?://[^\s<>"')\]]+`)

// Links gives the addresses in the text part, in their order, each once.
func (m Mail) Links() []string {
	var found []string
	seen := map[string]bool{}
	for _, l := range links.FindAllString(m.Text, -1) {
		if l = strings.TrimRight(l, ".,;:!?"); !seen[l] {
			seen[l] = true
			found = append(found, l)
		}
	}
	return found
}

// readMail parses what it can: a message that is none still shows as text.
func readMail(from string, to []string, raw []byte) Mail {
	m := Mail{From: from, To: to, Raw: raw}
	env, err := enmime.ReadEnvelope(bytes.NewReader(raw))
	if err != nil {
		m.Subject, m.Text = "(unreadable message)", string(raw)
		return m
	}
	m.Subject, m.Text, m.HTML = env.GetHeader("Subject"), env.Text, env.HTML
	m.MessageID = strings.Trim(env.GetHeader("Message-ID"), "<> ")
	m.Header = textproto.MIMEHeader{}
	for _, key := range env.GetHeaderKeys() {
		m.Header[textproto.CanonicalMIMEHeaderKey(key)] = env.GetHeaderValues(key)
	}
	return m
}
