package main

import (
	"errors"
	"fmt"

	"latchkey/internal/fault"
	"latchkey/internal/text"
)

// inWords puts a fault in the words that the pages and the API use for it. An
// input that was refused is a matter of the command line.
func inWords(err error) error {
	f, ok := fault.As(err)
	if !ok {
		return err
	}
	words, loadErr := text.Load()
	if loadErr != nil {
		return errors.Join(err, loadErr)
	}
	if len(f.Fields) == 0 {
		id := f.Message
		if id == "" {
			id = "fault." + string(f.Code)
		}
		return errors.New(words.T(id, f.Args))
	}
	var all []error
	for _, field := range f.Fields {
		all = append(all, fmt.Errorf("%s: %s", field.Name, words.T(field.Message, field.Args)))
	}
	return usageError{errors.Join(all...)}
}
