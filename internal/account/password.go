package account

import (
	"context"
	"crypto/rand"
	"encoding/base64"
	"errors"
	"fmt"
	"runtime"
	"strings"
	"sync/atomic"
	"time"
	"unicode/utf8"

	"github.com/alexedwards/argon2id"
	"golang.org/x/crypto/argon2"
	"golang.org/x/crypto/bcrypt"
	"golang.org/x/text/unicode/norm"

	"latchkey/internal/fault"
)

const (
	passwordLength = 256 // code points after NFKC, at most

	hashWaiters  = 32              // how many may wait for a core
	hashPatience = 2 * time.Second // and how long each
	hashRetry    = time.Second     // what the refused are told

	// A stored hash may come from another system. What it asks for beyond these
	// is refused, for one such row would stop the service at each sign-in.
	maxMemoryKiB  = 256 << 10
	maxIterations = 16
	maxBcryptCost = 14
)

// passwordCost is the floor of OWASP and ASVS 5.0 V11.4.2 for argon2id: two
// passes over 19 MiB, one lane; about 26 ms of one core.
var passwordCost = argon2id.Params{Memory: 19456, Iterations: 2, Parallelism: 1, SaltLength: 16, KeyLength: 32}

// errHash is a stored hash that can't be checked: a damaged row, not a wrong
// password.
var errHash = errors.New("stored password hash can't be used")

// Passwords hashes and verifies, at most one password per core at a time: more
// at once is 2 to 6 times slower in all and takes gigabytes. Call it outside any
// transaction, which it would hold open for as long as it waits.
type Passwords struct {
	Patience time.Duration   // how long one may wait for a core
	Cost     argon2id.Params // of new hashes, of which all others are stale; the floor of OWASP outside tests

	slots   chan struct{}
	waiting atomic.Int32
	none    [48]byte // salt and key of a hash that no password fits
}

// NewPasswords returns a hasher with one slot per core.
func NewPasswords() *Passwords {
	p := &Passwords{
		Patience: hashPatience,
		Cost:     passwordCost,
		slots:    make(chan struct{}, runtime.GOMAXPROCS(0)),
	}
	_, _ = rand.Read(p.none[:]) // never fails
	return p
}

// dummy is a hash that no password fits, and that costs what a real one does.
func (p *Passwords) dummy() string {
	return fmt.Sprintf("$argon2id$v=%d$m=%d,t=%d,p=%d$%s$%s", argon2.Version,
		p.Cost.Memory, p.Cost.Iterations, p.Cost.Parallelism,
		base64.RawStdEncoding.EncodeToString(p.none[:16]), base64.RawStdEncoding.EncodeToString(p.none[16:]))
}

// Hash returns the argon2id hash of a password, in PHC form. It is a fault of
// field "password" when that could never match again, and unavailable when too
// many are being hashed.
func (p *Passwords) Hash(ctx context.Context, password string) (string, error) {
	password, ok := canonicalPassword(password)
	if !ok {
		return "", wrongPassword("account.password.too_long", map[string]any{"Max": passwordLength})
	}
	if err := p.acquire(ctx); err != nil {
		return "", err
	}
	defer p.release()
	return argon2id.CreateHash(password, &p.Cost)
}

// Verify reports whether the password fits the hash, and whether the hash is
// stale: made with other parameters than today's, or by bcrypt, so that the
// caller stores a new one after a success. An empty hash (no such account, or
// one without a password) and a password of more than 256 code points cost the
// same as any other and never fit. The error is unavailable when too many are
// being hashed, the context's, or says that the hash is damaged.
func (p *Passwords) Verify(ctx context.Context, hash, password string) (ok, stale bool, err error) {
	canonical, fits := canonicalPassword(password)
	if hash == "" || !fits {
		hash, canonical, password = p.dummy(), "", ""
	}
	if err := p.acquire(ctx); err != nil {
		return false, false, err
	}
	defer p.release()

	ok, stale, err = p.compare(hash, canonical)
	if err == nil && !ok && stale && password != canonical {
		// Another system may have hashed what was typed as it came.
		ok, stale, err = p.compare(hash, password)
	}
	return ok, stale, err
}

// compare checks one password against a hash of either kind.
func (p *Passwords) compare(hash, password string) (ok, stale bool, err error) {
	params, err := usable(hash)
	if err != nil {
		return false, false, err
	}
	if params == nil {
		switch err := bcrypt.CompareHashAndPassword([]byte(hash), []byte(password)); {
		case err == nil:
			return true, true, nil
		case errors.Is(err, bcrypt.ErrMismatchedHashAndPassword):
			return false, true, nil
		}
		return false, false, errHash
	}
	ok, _, err = argon2id.CheckHash(password, hash)
	if err != nil {
		return false, false, errHash
	}
	return ok, *params != p.Cost, nil
}

// usable refuses a hash that can't be checked, or would cost too much; params
// is nil for one of bcrypt.
func usable(hash string) (params *argon2id.Params, err error) {
	if isBcrypt(hash) {
		if cost, err := bcrypt.Cost([]byte(hash)); err != nil || cost > maxBcryptCost {
			return nil, errHash
		}
		return nil, nil
	}
	params, _, key, err := argon2id.DecodeHash(hash)
	if err != nil || len(key) < 16 || params.Parallelism == 0 || params.Iterations == 0 ||
		params.Iterations > maxIterations || params.Memory > maxMemoryKiB {
		return nil, errHash // the library's error could quote the hash
	}
	return params, nil
}

func isBcrypt(hash string) bool {
	return strings.HasPrefix(hash, "$2a$") || strings.HasPrefix(hash, "$2b$") || strings.HasPrefix(hash, "$2y$")
}

// acquire takes a slot, waiting for one if the queue is not full.
func (p *Passwords) acquire(ctx context.Context) error {
	if err := ctx.Err(); err != nil {
		return err
	}
	select {
	case p.slots <- struct{}{}:
		return nil
	default:
	}
	defer p.waiting.Add(-1)
	if p.waiting.Add(1) > hashWaiters {
		return busy() // at once: a queue that can't be served only grows
	}
	patience := time.NewTimer(p.Patience)
	defer patience.Stop()
	select {
	case p.slots <- struct{}{}:
		return nil
	case <-patience.C:
		return busy()
	case <-ctx.Done():
		return ctx.Err()
	}
}

func (p *Passwords) release() { <-p.slots }

func busy() error { return fault.New(fault.Unavailable, fault.ServiceUnavailable).After(hashRetry) }

// canonicalPassword applies NFKC, so that one password typed on two keyboards
// is one password (NIST SP 800-63B-4 §3.1.1.2), and is false for what is too
// long or no text.
func canonicalPassword(s string) (string, bool) {
	if len(s) > 64*passwordLength || !utf8.ValidString(s) {
		return "", false // bounds the work of normalising
	}
	s = norm.NFKC.String(s)
	return s, utf8.RuneCountInString(s) <= passwordLength
}

func wrongPassword(id string, args map[string]any) *fault.Fault {
	return fault.InField("password", id, args)
}
