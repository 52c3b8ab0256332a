package browser_test

import (
	"context"
	"errors"
	"os"
	"os/exec"
	"path/filepath"
	"runtime"
	"slices"
	"sync"
	"testing"

	"github.com/chromedp/chromedp"
)

// chromium is the one browser of this test binary. Each test has a context of
// its own in it, with cookies that no other test sees.
var chromium browser

type browser struct {
	once sync.Once
	ctx  context.Context
	end  []func()
	err  error
}

var errNoBrowser = errors.New("no Chromium here: install one, or name it in CHROME_BIN")

// use gives the browser's context, started by the first test that asks.
func (b *browser) use(t testing.TB) context.Context {
	t.Helper()
	b.once.Do(b.start)
	if errors.Is(b.err, errNoBrowser) {
		lacking(t, "%v", b.err)
	}
	if b.err != nil {
		t.Fatalf("start browser: %v", b.err)
	}
	return b.ctx
}

func (b *browser) start() {
	path := findChromium()
	if path == "" {
		b.err = errNoBrowser
		return
	}
	options := append(slices.Clone(chromedp.DefaultExecAllocatorOptions[:]),
		chromedp.ExecPath(path),
		chromedp.Flag("no-proxy-server", true), // all of it is loopback
		chromedp.Flag("hide-scrollbars", true),
		// One font rendering everywhere, so that widths do not hang on the screen.
		chromedp.Flag("font-render-hinting", "none"),
		chromedp.WSURLReadTimeout(patience),
	)
	if os.Geteuid() == 0 {
		options = append(options, chromedp.NoSandbox) // Chromium refuses root otherwise
	}
	allocated, endAllocated := chromedp.NewExecAllocator(context.Background(), options...)
	ctx, end := chromedp.NewContext(allocated)
	b.ctx, b.end = ctx, []func(){end, endAllocated}
	b.err = chromedp.Do(ctx)
}

// stop ends the browser, waiting until it is gone.
func (b *browser) stop() {
	if b.ctx != nil && b.err == nil {
		_ = chromedp.Cancel(b.ctx) // it may have ended by itself
	}
	for _, end := range b.end {
		end()
	}
}

// findChromium looks where installers put it; empty: nowhere.
func findChromium() string {
	if path := os.Getenv("CHROME_BIN"); path != "" {
		return path
	}
	for _, name := range []string{
		"chromium", "chromium-browser", "google-chrome", "google-chrome-stable",
		"headless_shell", "chrome", "microsoft-edge",
	} {
		if path, err := exec.LookPath(name); err == nil {
			return path
		}
	}
	var patterns []string
	if runtime.GOOS == "darwin" {
		patterns = append(patterns, "/Applications/Google Chrome.app/Contents/MacOS/Google Chrome",
			"/Applications/Chromium.app/Contents/MacOS/Chromium")
	}
	if cache, err := os.UserCacheDir(); err == nil {
		patterns = append(patterns, filepath.Join(cache, "ms-playwright", "chromium-*", "chrome-linux*", "chrome"),
			filepath.Join(cache, "puppeteer", "chrome", "*", "chrome-linux*", "chrome"))
	}
	for _, pattern := range patterns {
		if found, _ := filepath.Glob(pattern); len(found) > 0 {
			return found[len(found)-1]
		}
	}
	return ""
}
