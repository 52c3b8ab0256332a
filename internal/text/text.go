// Package text holds the words that people read: catalogues of messages by
// id, embedded and checked when the process starts.
//
// The catalogue is English so far; a second language is a second set of files
// and one line in Load. Several files of one language are one catalogue:
// en.toml, mail.en.toml, web.en.toml.
package text

import (
	"embed"
	"errors"
	"fmt"
	"io/fs"
	"slices"
	"strings"
	"sync"
	"text/template"
	"time"

	"github.com/nicksnyder/go-i18n/v2/i18n"
	"github.com/pelletier/go-toml/v2"
	"golang.org/x/text/language"
)

//go:embed *.toml
var files embed.FS

// Catalogue finds the words of an id. It is safe for concurrent use.
type Catalogue struct {
	words *i18n.Localizer
	ids   []string
}

// Load reads every embedded file and checks every message: a template that
// does not parse or an id given twice stops the start, all named at once. It
// reads once a process.
var Load = sync.OnceValues(func() (*Catalogue, error) { return load(files) })

func load(dir fs.FS) (*Catalogue, error) {
	names, err := fs.Glob(dir, "*.toml")
	if err != nil || len(names) == 0 {
		return nil, errors.New("no catalogue of words")
	}
	bundle := i18n.NewBundle(language.English)
	bundle.RegisterUnmarshalFunc("toml", toml.Unmarshal)
	c, seen, faults := &Catalogue{}, map[string]string{}, []error(nil)
	for _, name := range names {
		f, err := bundle.LoadMessageFileFS(dir, name)
		if err != nil {
			faults = append(faults, fmt.Errorf("read words %s: %w", name, err))
			continue
		}
		for _, m := range f.Messages {
			if before, twice := seen[m.ID]; twice {
				faults = append(faults, fmt.Errorf("%s: %q is in %s already", name, m.ID, before))
			}
			seen[m.ID] = name
			c.ids = append(c.ids, m.ID)
			faults = append(faults, check(name, m))
		}
	}
	slices.Sort(c.ids)
	c.words = i18n.NewLocalizer(bundle, language.English.String())
	return c, errors.Join(faults...)
}

func check(file string, m *i18n.Message) error {
	if m.Other == "" {
		return fmt.Errorf("%s: %q has no words", file, m.ID)
	}
	for _, words := range []string{m.One, m.Other} {
		if _, err := template.New(m.ID).Parse(words); err != nil {
			return fmt.Errorf("%s: %w", file, err)
		}
	}
	return nil
}

// T says a message with its values filled in. A value named Count chooses
// between one and many. An id that nobody wrote words for is shown as it is,
// in brackets: plain to see in a test, harmless to a reader.
func (c *Catalogue) T(id string, args map[string]any) string {
	cfg := &i18n.LocalizeConfig{MessageID: id, TemplateData: args}
	if n, ok := args["Count"]; ok {
		cfg.PluralCount = n
	}
	said, err := c.words.Localize(cfg)
	if err != nil || strings.Contains(said, "<no value>") {
		return "[" + id + "]"
	}
	return said
}

// Has reports whether the catalogue has words for an id.
func (c *Catalogue) Has(id string) bool {
	_, found := slices.BinarySearch(c.ids, id)
	return found
}

// IDs lists every id, sorted.
func (c *Catalogue) IDs() []string { return slices.Clone(c.ids) }

// Wait says how long to wait as a clock would count it down: 0:45, 9:58,
// 23:05:00. Parts of a second count as a whole one, so that nobody who waits
// as told comes too early.
func Wait(d time.Duration) string {
	s := int((max(d, 0) + time.Second - 1) / time.Second)
	if s < 3600 {
		return fmt.Sprintf("%d:%02d", s/60, s%60)
	}
	return fmt.Sprintf("%d:%02d:%02d", s/3600, s/60%60, s%60)
}
