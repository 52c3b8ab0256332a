package pgtest

import (
	"strings"
	"sync"
)

// Meanwhile does something else right before a statement, once: what somebody
// else does between two statements of a call. Give its Before to a pool.
type Meanwhile struct {
	mu sync.Mutex
	at string
	do func()
}

// On has do happen before the next statement with this in its text.
func (m *Meanwhile) On(statement string, do func()) {
	m.mu.Lock()
	defer m.mu.Unlock()
	m.at, m.do = statement, do
}

// Before is asked before each statement.
func (m *Meanwhile) Before(query string) error {
	m.mu.Lock()
	do := m.do
	if do != nil && strings.Contains(query, m.at) {
		m.do = nil
	} else {
		do = nil
	}
	m.mu.Unlock()
	if do != nil {
		do()
	}
	return nil
}
