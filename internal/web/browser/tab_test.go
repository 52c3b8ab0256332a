package browser_test

import (
	"context"
	"encoding/json"
	"fmt"
	"net/url"
	"os"
	"path/filepath"
	"strings"
	"sync/atomic"
	"testing"

	"github.com/chromedp/cdproto/emulation"
	"github.com/chromedp/cdproto/page"
	"github.com/chromedp/chromedp"
)

// tab is one tab, and the person in front of it.
type tab struct {
	t     testing.TB
	base  string
	ctx   context.Context
	hands hands
	watch *watch
	files *downloads
	end   func() // closes it

	scripts bool     // JavaScript is on
	screens []string // that were come to, in order
}

type tabOption func(*tab)

// byKeyboard: the person has no mouse.
func byKeyboard(b *tab) { b.hands = keyboard{} }

// withoutScripts: the person switched JavaScript off.
func withoutScripts(b *tab) {
	b.scripts = false
	b.must(chromedp.Call(b.ctx, emulation.SetScriptExecutionDisabled, emulation.SetScriptExecutionDisabledParams{Value: true}))
}

// newTab opens a tab in a browser of its own: no cookie is shared.
func newTab(t testing.TB, base string, options ...tabOption) *tab {
	t.Helper()
	return openTab(t, chromium.use(t), base, options, chromedp.WithNewBrowserContext())
}

// beside opens another tab of the same browser, to be closed by whoever asks.
func (b *tab) beside(options ...tabOption) *tab {
	b.t.Helper()
	other := openTab(b.t, b.ctx, b.base, append(options, func(other *tab) { other.files = b.files }))
	return other
}

// close closes the tab, as a person does who is done with it.
func (b *tab) close() {
	b.watch.report(b.t)
	b.end()
}

func openTab(t testing.TB, parent context.Context, base string, options []tabOption, how ...chromedp.ContextOption) *tab {
	t.Helper()
	b := &tab{t: t, base: base, hands: mouse{}, watch: &watch{}, scripts: true}
	b.ctx, b.end = chromedp.NewContext(parent, append(how, chromedp.WithListener(b.watch.event))...)
	t.Cleanup(b.end)
	// The tab lives as long as the context of its first action: no timeout here.
	b.must(chromedp.Void{}, chromedp.Do(b.ctx))
	b.do(chromedp.EmulateViewport(1280, 800))
	b.watch.enable(b)
	for _, o := range options {
		o(b)
	}
	if b.files == nil { // of a browser, not of a tab
		b.files = b.keepDownloads()
	}
	t.Cleanup(func() {
		if t.Failed() && b.ctx.Err() == nil {
			b.shoot()
		}
		b.watch.report(t)
	})
	return b
}

func (b *tab) do(steps ...chromedp.Action[chromedp.Void]) {
	b.t.Helper()
	b.must(chromedp.Void{}, b.try(steps...))
}

// try gives up after a while: a page that hangs must not hang the tests.
func (b *tab) try(steps ...chromedp.Action[chromedp.Void]) error {
	ctx, cancel := context.WithTimeout(b.ctx, patience)
	defer cancel()
	return chromedp.Do(ctx, steps...)
}

func (b *tab) must(_ any, err error) {
	b.t.Helper()
	if err != nil {
		b.t.Fatalf("at %s: %v", b.where(), err)
	}
}

// ask evaluates an expression in the page. It works with scripts off, too.
// Each $? in it stands for an argument, written as JavaScript writes it.
func ask[T any](b *tab, expression string, args ...any) (T, error) {
	for _, a := range args {
		raw, err := json.Marshal(a)
		if err != nil {
			b.t.Fatal(err)
		}
		expression = strings.Replace(expression, "$?", string(raw), 1)
	}
	ctx, cancel := context.WithTimeout(b.ctx, patience)
	defer cancel()
	return chromedp.Run(ctx, chromedp.Evaluate[T](expression))
}

// value is ask for what has to be there.
func value[T any](b *tab, expression string, args ...any) T {
	b.t.Helper()
	v, err := ask[T](b, expression, args...)
	b.must(v, err)
	return v
}

// has reports whether something on the page fits a selector and can be seen.
func (b *tab) has(selector string) bool {
	b.t.Helper()
	return value[bool](b, `[...document.querySelectorAll($?)].some(e => e.checkVisibility())`, selector)
}

// text is what a person reads of the first element that fits.
func (b *tab) text(selector string) string {
	b.t.Helper()
	if !b.has(selector) {
		b.t.Fatalf("no %s to be seen on %s", selector, b.where())
	}
	return value[string](b, `document.querySelector($?).innerText`, selector)
}

// where is the path, with its query.
func (b *tab) where() string {
	at, err := ask[string](b, `location.href`)
	if err != nil {
		return "nowhere"
	}
	u, err := url.Parse(at)
	if err != nil {
		return at
	}
	return u.RequestURI()
}

// leaving does something that leads to another document, or to a fresh copy of
// this one, and waits until that one is whole.
func (b *tab) leaving(what string, act func()) {
	b.t.Helper()
	// A number on the document itself: a page out of the back cache keeps its own.
	const mark = `(document.mark ??= Math.random())`
	before := value[float64](b, mark)
	act()
	until(b.t, "a new page after "+what+" on "+b.where(), func() bool {
		arrived, err := ask[bool](b, mark+` !== $? && document.readyState === 'complete'`, before)
		return err == nil && arrived // in between there is no document to ask
	})
}

// open goes to a path by typing it into the address bar.
func (b *tab) open(path string) {
	b.t.Helper()
	b.do(chromedp.Navigate(b.base + path))
}

func (b *tab) reload() {
	b.t.Helper()
	b.leaving("reload", func() { b.do(reload) })
}

// reload answers yes where the browser asks whether to send a form again.
var reload = chromedp.Func(func(ctx context.Context, t *chromedp.Target) error {
	return t.Call(ctx, page.CommandReload, page.ReloadParams{}, nil)
})

// back presses the back button of the browser.
func (b *tab) back() {
	b.t.Helper()
	b.leaving("back", func() {
		at, err := chromedp.Call(b.ctx, page.GetNavigationHistory, struct{}{})
		b.must(at, err)
		if at.CurrentIndex < 1 {
			b.t.Fatal("nothing to go back to")
		}
		b.must(chromedp.Call(b.ctx, page.NavigateToHistoryEntry,
			page.NavigateToHistoryEntryParams{EntryID: at.Entries[at.CurrentIndex-1].ID}))
	})
}

// see waits for a page by its name and notes it as a screen.
func (b *tab) see(name string) {
	b.t.Helper()
	b.isAt(name)
	b.screens = append(b.screens, name)
}

func (b *tab) isAt(name string) {
	b.t.Helper()
	if got := value[string](b, `document.body.dataset.page ?? ''`); got != name {
		said, _ := ask[string](b, `document.body.innerText.slice(0, 600)`)
		b.t.Fatalf("the page at %s is %q, not %q; it says:\n%s", b.where(), got, name, said)
	}
}

// says reports whether the page shows some words.
func (b *tab) says(words string) bool {
	b.t.Helper()
	return strings.Contains(value[string](b, `document.body.innerText`), words)
}

var shots atomic.Int64

// shoot keeps a picture of where a test failed.
func (b *tab) shoot() {
	dir := os.Getenv("BROWSER_TEST_SHOTS")
	if dir == "" {
		dir = b.t.TempDir()
	}
	ctx, cancel := context.WithTimeout(b.ctx, patience)
	defer cancel()
	png, err := chromedp.Run(ctx, chromedp.FullScreenshot(100))
	if err != nil {
		b.t.Logf("no picture: %v", err)
		return
	}
	at := filepath.Join(dir, fmt.Sprintf("%s-%d.png", strings.NewReplacer("/", "-", " ", "-").Replace(b.t.Name()), shots.Add(1)))
	if err := os.WriteFile(at, png, 0o644); err != nil {
		b.t.Logf("no picture: %v", err)
		return
	}
	b.t.Logf("failed at %s; a picture of it is in %s", b.where(), at)
}
