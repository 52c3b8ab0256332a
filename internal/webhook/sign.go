package webhook

import (
	"crypto/hmac"
	"crypto/rand"
	"crypto/sha256"
	"encoding/base64"
	"strconv"
	"strings"
	"time"
)

// secretLength is within what Standard Webhooks asks for: 24 to 64 bytes.
const secretLength = 32

// newSecret makes a key.
func newSecret() []byte {
	b := make([]byte, secretLength)
	rand.Read(b) //nolint:errcheck // it never fails
	return b
}

// shown is how receivers are handed a key.
func shown(secret []byte) string { return "whsec_" + base64.StdEncoding.EncodeToString(secret) }

// Sign gives the webhook-signature of a message: HMAC-SHA-256 over id, time and
// body, once for each key, so that a receiver may hold either while they are
// being rotated (Standard Webhooks 1.0, Signature scheme).
func Sign(keys [][]byte, id string, at time.Time, body []byte) string {
	var out []string
	for _, k := range keys {
		m := hmac.New(sha256.New, k)
		m.Write([]byte(id + "." + strconv.FormatInt(at.Unix(), 10) + "."))
		m.Write(body)
		out = append(out, "v1,"+base64.StdEncoding.EncodeToString(m.Sum(nil)))
	}
	return strings.Join(out, " ")
}
