package browser_test

import (
	"fmt"
	"slices"
	"strings"
	"testing"

	"github.com/chromedp/chromedp"
)

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
	b.complainsOf("Content Security Policy", "/gone.png")

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
	open.complainsOf("slipped", "nowhere is not defined")

	off := newTab(t, serve(t, `<!doctype html><body data-page="x"><script>document.body.dataset.page = "y"</script>`, ""), withoutScripts)
	off.open("/")
	off.isAt("x")
}
