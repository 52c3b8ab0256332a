// Package accounttest helps tests that are not about the cost of a password.
package accounttest

import (
	"context"
	"sync"

	"github.com/alexedwards/argon2id"

	"latchkey/internal/account"
)

// Quick lets these passwords be hashed and verified in microseconds: what a
// guess costs is proved elsewhere, and argon2 would be most of what a test of
// the flows does.
func Quick(p *account.Passwords) {
	p.Cost = argon2id.Params{Memory: 8, Iterations: 1, Parallelism: 1, SaltLength: 16, KeyLength: 32}
}

// Dear undoes Quick, for tests of time.
func Dear(p *account.Passwords) { p.Cost = account.NewPasswords().Cost }

var hashes sync.Map // of what was hashed: everybody's password is the same

// Hash returns a hash of the password as p makes it, made once.
func Hash(p *account.Passwords, password string) string {
	type made struct {
		cost     argon2id.Params
		password string
	}
	of := made{p.Cost, password}
	if hash, ok := hashes.Load(of); ok {
		return hash.(string)
	}
	hash, err := p.Hash(context.Background(), password)
	if err != nil {
		panic(err)
	}
	first, _ := hashes.LoadOrStore(of, hash)
	return first.(string)
}
