package pg

import "github.com/google/uuid"

// NewID makes the id of a new row: by time (UUIDv7, RFC 9562 §5.7), so that new
// rows lie together in their index. It never fails: the system's randomness
// doesn't.
func NewID() uuid.UUID { return uuid.Must(uuid.NewV7()) }
