package signin

import (
	"github.com/google/uuid"

	"latchkey/internal/audit"
	"latchkey/internal/guard"
)

// passwordMeter counts wrong passwords for a canonical address. What was
// counted under an older key of the digests still counts.
func (f *Flow) passwordMeter(by audit.Actor, email string, user uuid.UUID) guard.PasswordMeter {
	digests := f.Keys.Tokens.All("password_meter", email)
	return guard.PasswordMeter{
		Digest: digests[0], Older: digests[1:],
		User: user, Browser: by.Browser, Limits: f.Limits, Address: by.Address,
	}
}
