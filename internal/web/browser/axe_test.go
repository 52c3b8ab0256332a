package browser_test

import (
	"fmt"
	"slices"
	"strings"
	"testing"

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
	const found = await axe.run(document, { resultTypes: ['violations'], preload: false })
	return found.violations.map(v => ({
		id: v.id, help: v.help,
		at: v.nodes.map(n => n.target.join(' ') + ' ' + n.html.slice(0, 160) + ' ' +
			[...n.any, ...n.all].map(c => c.message).join('; ')),
	}))
})()`

// violations asks the checker about the page as it is drawn now.
func (b *tab) violations() []violation {
	b.t.Helper()
	if !value[bool](b, `typeof axe === 'object'`) {
		b.do(chromedp.Evaluate[chromedp.Void](axe(b.t)))
	}
	found, err := chromedp.Run(b.ctx, chromedp.Evaluate[[]violation](runAxe, chromedp.EvalAwaitPromise, chromedp.EvalAsValue))
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

// looks are the screens that every page is looked at on.
var looks = []struct {
	width  int64
	scheme string
}{{1280, "light"}, {1280, "dark"}, {360, "light"}, {360, "dark"}}

// wantGood holds the page to what everybody needs of it, on every screen.
func (b *tab) wantGood() {
	b.t.Helper()
	for _, l := range looks {
		b.look(l.width, l.scheme)
		for _, v := range b.violations() {
			b.t.Errorf("%s at %d px, %s: %s", b.where(), l.width, l.scheme, v)
		}
		if wide := value[[]string](b, tooWide); len(wide) > 0 {
			b.t.Errorf("%s at %d px has to be scrolled sideways: %s", b.where(), l.width, strings.Join(wide, ", "))
		}
	}
	b.look(1280, "light")
}

// tooWide names what sticks out where the page has to be scrolled sideways.
const tooWide = `(() => {
	const room = document.documentElement.clientWidth
	if (document.documentElement.scrollWidth <= room) return []
	return ['to ' + document.documentElement.scrollWidth + ' px', ...[...document.querySelectorAll('body *')]
		.filter(e => e.getBoundingClientRect().right > room + 0.5).map(e => e.tagName + '.' + e.className).slice(0, 5)]
})()`

// TestFaultsAreSeen proves that the checks find what they are there to find.
func TestFaultsAreSeen(t *testing.T) {
	t.Parallel()
	srv := serve(t, `<!doctype html><html lang="en"><title>x</title><body data-page="x">
		<main><h1>x</h1><p style="color:#bbb;background:#fff">pale</p><img src="/gone.png">
		<div style="width:2000px">wide</div><input><button id="b">b</button></main>
		<script>console.error("slipped"); nowhere()</script>`, "default-src 'none'; img-src 'self'")
	b := newTab(t, srv)
	b.open("/")
	var ids []string
	for _, v := range b.violations() {
		ids = append(ids, v.ID)
	}
	// The inline style is refused by the policy, so the pale text is not pale.
	for _, want := range []string{"image-alt", "label"} {
		if !slices.Contains(ids, want) {
			t.Errorf("the checker finds %v, not %s", ids, want)
		}
	}
	said := strings.Join(b.watch.complaints(), "\n")
	for _, want := range []string{"Content Security Policy", "/gone.png"} {
		if !strings.Contains(said, want) {
			t.Errorf("the browser complains of %q, not of %s", said, want)
		}
	}

	open := newTab(t, serve(t, `<!doctype html><html lang="en"><title>x</title><style>button:focus{outline:none}</style>
		<body data-page="x"><main><h1>x</h1><p style="color:#bbb;background:#fff">pale</p>
		<div style="width:2000px">wide</div><button id="b">b</button></main>
		<script>console.error("slipped"); nowhere()</script>`, ""))
	open.open("/")
	open.look(360, "light")
	if found := fmt.Sprint(open.violations()); !strings.Contains(found, "color-contrast") {
		t.Errorf("the checker does not see pale text: %s", found)
	}
	if wide := value[[]string](open, tooWide); len(wide) == 0 {
		t.Error("a page that is too wide is not seen")
	}
	open.do(chromedp.KeyEvent("\t"))
	if at := value[string](open, unseenFocus); !strings.Contains(at, "no outline") {
		t.Errorf("a focus that nothing shows is not seen: %q", at)
	}
	said = strings.Join(open.watch.complaints(), "\n")
	for _, want := range []string{"slipped", "nowhere is not defined"} {
		if !strings.Contains(said, want) {
			t.Errorf("the browser complains of %q, not of %s", said, want)
		}
	}

	off := newTab(t, serve(t, `<!doctype html><body data-page="x"><script>document.body.dataset.page = "y"</script>`, ""), withoutScripts)
	off.open("/")
	off.isAt("x")
}
