package account

// Load says how many passwords are being hashed now, and how many wait.
func (p *Passwords) Load() (hashing, waiting int) { return len(p.slots), int(p.waiting.Load()) }
