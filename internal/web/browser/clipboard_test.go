package browser_test

import (
	cdp "github.com/chromedp/cdproto/browser"
	"github.com/chromedp/chromedp"
)

// allowClipboard lets the page read and write what a person copies.
func (b *tab) allowClipboard() {
	b.t.Helper()
	for _, name := range []string{"clipboard-read", "clipboard-write"} {
		b.must(chromedp.CallBrowser(b.ctx, cdp.SetPermission, cdp.SetPermissionParams{
			Permission: &cdp.PermissionDescriptor{Name: name}, Setting: cdp.PermissionSettingGranted,
			Origin: b.base, BrowserContextID: chromedp.FromContext(b.ctx).BrowserContextID,
		}))
	}
}

func (b *tab) clipboard() string {
	b.t.Helper()
	text, err := chromedp.Run(b.ctx, chromedp.Evaluate[string](
		`navigator.clipboard.readText().catch(e => 'refused: ' + e)`, chromedp.EvalAwaitPromise))
	b.must(text, err)
	return text
}
