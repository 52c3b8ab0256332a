package browser_test

import (
	"errors"
	"io/fs"
	"os"
	"path/filepath"
	"sync"
	"testing"

	cdp "github.com/chromedp/cdproto/browser"
	"github.com/chromedp/chromedp"
)

// downloads are the files that a tab saved.
type downloads struct {
	dir string

	mu   sync.Mutex
	name map[string]string // of a download, by its id
	done []file
}

type file struct{ Name, Text string }

// keepDownloads saves what this tab's browser downloads into a folder.
func (b *tab) keepDownloads() *downloads {
	b.t.Helper()
	d := &downloads{dir: b.t.TempDir(), name: map[string]string{}}
	me := chromedp.FromContext(b.ctx)
	b.must(chromedp.Void{}, chromedp.ListenBrowser(b.ctx, func(ev any) { d.event(b.t, b.base, ev) }))
	b.must(chromedp.CallBrowser(b.ctx, cdp.SetDownloadBehavior, cdp.SetDownloadBehaviorParams{
		Behavior: cdp.SetDownloadBehaviorBehaviorAllowAndName, BrowserContextID: me.BrowserContextID,
		DownloadPath: d.dir, EventsEnabled: new(true),
	}))
	return d
}

// event hears of the downloads of every test; each has a server of its own.
func (d *downloads) event(t testing.TB, base string, ev any) {
	d.mu.Lock()
	defer d.mu.Unlock()
	switch ev := ev.(type) {
	case *cdp.EventDownloadWillBegin:
		if len(ev.URL) > len(base) && ev.URL[:len(base)+1] == base+"/" {
			d.name[ev.GUID] = ev.SuggestedFilename
		}
	case *cdp.EventDownloadProgress:
		name, mine := d.name[ev.GUID]
		if !mine || ev.State != cdp.DownloadProgressStateCompleted {
			return
		}
		delete(d.name, ev.GUID)
		text, err := os.ReadFile(filepath.Join(d.dir, ev.GUID))
		if errors.Is(err, fs.ErrNotExist) {
			return // it went to another browser of the same test
		}
		if err != nil {
			t.Errorf("read download: %v", err)
		}
		d.done = append(d.done, file{name, string(text)})
	}
}

// download presses what begins a download and gives the file.
func (b *tab) download(selector string) file {
	b.t.Helper()
	had := b.files.count()
	b.press(selector)
	until(b.t, "a file from "+selector, func() bool { return b.files.count() > had })
	b.files.mu.Lock()
	defer b.files.mu.Unlock()
	return b.files.done[len(b.files.done)-1]
}

func (d *downloads) count() int {
	d.mu.Lock()
	defer d.mu.Unlock()
	return len(d.done)
}
