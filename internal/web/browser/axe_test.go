package browser_test

import (
	"encoding/json"
	"strings"

	"github.com/chromedp/cdproto/emulation"
	"github.com/chromedp/chromedp"
)

// violation is a rule of the checker that a page breaks.
type violation struct {
	ID, Help string
	At       []string // the elements
}

func (v violation) String() string { return v.ID + ": " + v.Help + "\n\t" + strings.Join(v.At, "\n\t") }

const runAxe = `(async () => {
	const found = await axe.run(document, { resultTypes: ['violations'], preload: false, ...$? })
	return found.violations.map(v => ({
		id: v.id, help: v.help,
		at: v.nodes.map(n => n.target.join(' ') + ' ' + n.html.slice(0, 160) + ' ' +
			[...n.any, ...n.all].map(c => c.message).join('; ')),
	}))
})()`

// violations asks the checker about the page as it is drawn now; of all its
// rules, or only of some.
func (b *tab) violations(only ...string) []violation {
	b.t.Helper()
	if !value[bool](b, `typeof axe === 'object'`) {
		b.do(chromedp.Evaluate[chromedp.Void](axe(b.t)))
	}
	options := map[string]any{}
	if len(only) > 0 {
		options["runOnly"] = only
	}
	raw, err := json.Marshal(options)
	b.must(raw, err)
	found, err := chromedp.Run(b.ctx, chromedp.Evaluate[[]violation](
		strings.Replace(runAxe, "$?", string(raw), 1), chromedp.EvalAwaitPromise, chromedp.EvalAsValue))
	b.must(found, err)
	return found
}

// look draws the page for another screen, in another colour scheme.
func (b *tab) look(width int64, scheme string) {
	b.t.Helper()
	b.do(chromedp.EmulateViewport(width, 800))
	b.must(chromedp.Call(b.ctx, emulation.SetEmulatedMedia, emulation.SetEmulatedMediaParams{
		Features: []*emulation.MediaFeature{
			{Name: "prefers-color-scheme", Value: scheme},
			{Name: "prefers-reduced-motion", Value: "reduce"}, // no colour is caught on its way
		},
	}))
}

// looks are the screens that every page is looked at on. What hangs neither on
// colours nor on room was seen on the first.
var looks = []struct {
	width  int64
	scheme string
	only   []string
}{
	{1280, "light", nil},
	{1280, "dark", drawn},
	{360, "light", drawn},
	{360, "dark", nil},
}

var drawn = []string{"color-contrast", "target-size", "link-in-text-block", "scrollable-region-focusable"}

// wantGood holds the page to what everybody needs of it, on every screen.
func (b *tab) wantGood() {
	b.t.Helper()
	for _, l := range looks {
		b.look(l.width, l.scheme)
		for _, v := range b.violations(l.only...) {
			b.t.Errorf("%s at %d px, %s: %s", b.where(), l.width, l.scheme, v)
		}
		if wide := value[[]string](b, tooWide); len(wide) > 0 {
			b.t.Errorf("%s at %d px has to be scrolled sideways: %s", b.where(), l.width, strings.Join(wide, ", "))
		}
		if away := value[[]string](b, outOfSight); len(away) > 0 {
			b.t.Errorf("%s at %d px leads out of sight to %s", b.where(), l.width, strings.Join(away, ", "))
		}
	}
	b.look(1280, "light")
}

// outOfSight names the entries of a navigation that nobody finds who does not
// scroll it.
const outOfSight = `[...document.querySelectorAll('nav a')]
	.filter(e => e.checkVisibility() && e.getBoundingClientRect().right > document.documentElement.clientWidth + 0.5)
	.map(e => e.textContent)`

// tooWide names what sticks out where the page has to be scrolled sideways.
const tooWide = `(() => {
	const room = document.documentElement.clientWidth
	if (document.documentElement.scrollWidth <= room) return []
	return ['to ' + document.documentElement.scrollWidth + ' px', ...[...document.querySelectorAll('body *')]
		.filter(e => e.getBoundingClientRect().right > room + 0.5).map(e => e.tagName + '.' + e.className).slice(0, 5)]
})()`
