package browser_test

import (
	"fmt"
	"net/url"
	"slices"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/chromedp/cdproto/log"
	"github.com/chromedp/cdproto/network"
	"github.com/chromedp/cdproto/runtime"
	"github.com/chromedp/chromedp"
)

// watch collects what a browser complains about: errors of scripts, refused
// by Content-Security-Policy, what was asked for and is not there.
type watch struct {
	mu   sync.Mutex
	said []string
	// A form that is drawn again answers 4xx, which browsers log as an error.
	forms map[string]bool
	meant bool // to be complained of: nothing is reported
}

func (w *watch) enable(b *tab) {
	b.t.Helper()
	b.must(chromedp.Call(b.ctx, network.Enable, network.EnableParams{}))
}

// event is called in the order of arrival, by the loop that reads the browser.
func (w *watch) event(ev any) {
	w.mu.Lock()
	defer w.mu.Unlock()
	switch ev := ev.(type) {
	case *network.EventResponseReceived:
		if ev.Type == network.ResourceTypeDocument && ev.Response.Status >= 400 && ev.Response.Status < 500 {
			if w.forms == nil {
				w.forms = map[string]bool{}
			}
			w.forms[ev.Response.URL] = true
		}
	case *log.EventEntryAdded:
		expected := ev.Entry.Source == log.EntrySourceNetwork && w.forms[ev.Entry.URL] &&
			strings.Contains(ev.Entry.Text, "status of 4")
		if !expected && (ev.Entry.Level == log.EntryLevelError || ev.Entry.Level == log.EntryLevelWarning) {
			w.said = append(w.said, fmt.Sprintf("%s: %s (%s)", ev.Entry.Source, ev.Entry.Text, pathOf(ev.Entry.URL)))
		}
	case *runtime.EventExceptionThrown:
		text := ev.ExceptionDetails.Text
		if e := ev.ExceptionDetails.Exception; e != nil {
			text += " " + e.Description
		}
		w.said = append(w.said, "exception: "+text)
	case *runtime.EventConsoleAPICalled:
		if ev.Type == runtime.ConsoleAPICalledTypeError || ev.Type == runtime.ConsoleAPICalledTypeWarning {
			var words []string
			for _, a := range ev.Args {
				words = append(words, string(a.Value))
			}
			w.said = append(w.said, "console: "+strings.Join(words, " "))
		}
	}
}

func pathOf(address string) string {
	if u, err := url.Parse(address); err == nil && u.Path != "" {
		return u.Path
	}
	return address
}

// complaints gives what was said so far and forgets it.
func (w *watch) complaints() []string {
	w.mu.Lock()
	defer w.mu.Unlock()
	said := w.said
	w.said = nil
	return said
}

// complainsOf waits until the browser has complained of each of these, which is
// all that the page in it is for.
func (b *tab) complainsOf(wants ...string) {
	b.t.Helper()
	b.watch.mu.Lock()
	b.watch.meant = true
	b.watch.mu.Unlock()
	said := ""
	for deadline := time.Now().Add(patience); ; time.Sleep(20 * time.Millisecond) {
		said += strings.Join(b.watch.complaints(), "\n") + "\n"
		missing := slices.DeleteFunc(slices.Clone(wants), func(want string) bool { return strings.Contains(said, want) })
		if len(missing) == 0 {
			return
		}
		if time.Now().After(deadline) {
			b.t.Errorf("the browser complains of %q, not of %q", said, missing)
			return
		}
	}
}

func (w *watch) report(t testing.TB) {
	t.Helper()
	w.mu.Lock()
	meant := w.meant
	w.mu.Unlock()
	if meant {
		return
	}
	for _, said := range w.complaints() {
		t.Errorf("the browser complains: %s", said)
	}
}
