package config

import (
	"fmt"
	"strings"
)

// Fault is one setting that can't be used: what is wrong and what to do, in
// one plain line. It never quotes a secret.
type Fault struct {
	Setting string // as in the environment: BASE_URL
	Says    string
}

func (f Fault) Error() string { return f.Setting + " " + f.Says }

// Faults are all bad settings of one start, named at once: whoever sets up a
// server should not have to find them one restart at a time.
type Faults []Fault

func (f Faults) Error() string {
	lines := make([]string, len(f))
	for i, one := range f {
		lines[i] = one.Error()
	}
	return strings.Join(lines, "\n")
}

// Add names one more bad setting.
func (f *Faults) Add(setting, format string, args ...any) {
	*f = append(*f, Fault{setting, fmt.Sprintf(format, args...)})
}

// Or returns the faults as an error, nil when there are none.
func (f Faults) Or() error {
	if len(f) == 0 {
		return nil
	}
	return f
}
