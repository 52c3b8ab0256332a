package factor

import (
	"crypto/rand"
	"crypto/subtle"
	"encoding/base32"
	"strings"
	"time"

	"github.com/pquerna/otp"
	"github.com/pquerna/otp/hotp"
)

// Step is a TOTP time-step: whole periods of 30 seconds since the Unix epoch
// (T of RFC 6238 §4.2). A method stores the highest step it has accepted.
type Step int64

const (
	stepSeconds = 30

	// secretBytes is 160 bits, the length RFC 4226 §4 R6 recommends and that of
	// the HMAC-SHA-1 key it feeds.
	secretBytes = 20

	// doctorSteps is how far the clock doctor looks: ten minutes either way.
	doctorSteps = 20
)

var (
	base32Plain = base32.StdEncoding.WithPadding(base32.NoPadding)
	appCode     = hotp.ValidateOpts{Digits: otp.DigitsSix, Algorithm: otp.AlgorithmSHA1}
)

// NewAppSecret returns a fresh secret for an authenticator app: 160 random
// bits as 32 symbols of base32, without padding, which some apps refuse.
func NewAppSecret() string {
	var b [secretBytes]byte
	_, _ = rand.Read(b[:]) // never fails
	return base32Plain.EncodeToString(b[:])
}

// StepAt is the time-step that t falls in.
func StepAt(t time.Time) Step {
	s := t.Unix()
	if s < 0 {
		return -1 // before the epoch there are no steps
	}
	return Step(s / stepSeconds)
}

// MatchStep finds the time-step whose code this is, among those from back
// steps before now to ahead steps after it (RFC 6238 §5.2). The code must be
// canonical; secret is base32. Where two steps share the code the later one is
// returned, so that spending it spends both.
//
// It compares in constant time and tries every step, so that how long it takes
// does not tell which one was near. Whether the step was used already is for
// the caller's conditional write to say.
func MatchStep(secret, code string, now time.Time, back, ahead int64) (Step, bool) {
	var (
		current = StepAt(now)
		found   = Step(-1)
	)
	for s := current - Step(back); s <= current+Step(ahead); s++ {
		want, err := CodeAt(secret, s)
		if err != nil {
			continue
		}
		if subtle.ConstantTimeCompare([]byte(want), []byte(code)) == 1 {
			found = s
		}
	}
	return found, found >= 0
}

// CodeAt is the code of one time-step, as the app shows it: for tests and
// demonstrations. It refuses an empty secret, which would make a code that
// anybody can compute, one that is not base32, and steps before the epoch.
func CodeAt(secret string, step Step) (string, error) {
	if strings.Trim(secret, " =") == "" || step < 0 {
		return "", otp.ErrValidateSecretInvalidBase32
	}
	return hotp.GenerateCodeCustom(secret, uint64(step), appCode)
}

// ClockOffset is the clock doctor: given a code that MatchStep refused, it says
// by how much the phone's clock is ahead (positive) or behind (negative), in
// multiples of 30 seconds up to ten minutes, or false where no such clock would
// show this code. It looks nearest first and leaves out the current step and
// the one before it, which every policy accepts.
//
// It is meant for enrolment only, where whoever asks has just been shown the
// secret: elsewhere its answer would make forty codes worth guessing.
func ClockOffset(secret, code string, now time.Time) (time.Duration, bool) {
	current := StepAt(now)
	for d := Step(1); d <= doctorSteps; d++ {
		for _, off := range [...]Step{d, -d} {
			if off == -1 {
				continue
			}
			want, err := CodeAt(secret, current+off)
			if err == nil && subtle.ConstantTimeCompare([]byte(want), []byte(code)) == 1 {
				return time.Duration(off) * stepSeconds * time.Second, true
			}
		}
	}
	return 0, false
}

// GroupSecret sets a secret in groups of four, for reading and typing; apps
// ignore the spaces.
func GroupSecret(secret string) string {
	var b strings.Builder
	for i, r := range secret {
		if i > 0 && i%4 == 0 {
			b.WriteByte(' ')
		}
		b.WriteRune(r)
	}
	return b.String()
}
