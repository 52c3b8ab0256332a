package browser_test

import (
	"fmt"

	"github.com/chromedp/chromedp"
	"github.com/chromedp/chromedp/kb"
)

// hands are how a person gets at a page.
type hands interface {
	press(b *tab, selector string) // a button, a link, a box
	write(b *tab, selector, text string)
}

// press presses what can be seen of a selector, without waiting for anything.
func (b *tab) press(selector string) {
	b.t.Helper()
	if !b.has(selector) {
		b.t.Fatalf("nothing to press: no %s to be seen on %s", selector, b.where())
	}
	b.hands.press(b, selector)
}

// send presses what leads to another page.
func (b *tab) send(selector string) {
	b.t.Helper()
	const watch = `document.missed = false, addEventListener('click', e => { document.missed = !e.target.closest($?) }, {capture: true, once: true}), true`
	b.leaving("pressing "+selector, func() {
		// What stands above may grow just then, as the news of a mail does: a hand
		// that misses presses again.
		for range 3 {
			value[bool](b, watch, selector)
			b.press(selector)
			if missed, err := ask[bool](b, `document.missed === true`); err != nil || !missed {
				return
			}
		}
	})
}

// fill writes into an input; what was in it goes.
func (b *tab) fill(selector, text string) {
	b.t.Helper()
	if !b.has(selector) {
		b.t.Fatalf("nothing to fill: no %s to be seen on %s", selector, b.where())
	}
	b.hands.write(b, selector, text)
	if got := value[string](b, `document.querySelector($?).value`, selector); got != text {
		b.t.Fatalf("%s holds %q after writing %q", selector, got, text)
	}
}

// mouse clicks where a thing is, so whatever lies over it is hit instead.
type mouse struct{}

func (mouse) press(b *tab, selector string) {
	b.t.Helper()
	b.do(chromedp.Click(chromedp.CSS(selector), chromedp.NodeVisible))
}

func (m mouse) write(b *tab, selector, text string) {
	b.t.Helper()
	m.press(b, selector)
	b.selectAll()
	b.do(chromedp.KeyEvent(text))
}

// selectAll marks what is in the input that has the focus.
func (b *tab) selectAll() {
	b.t.Helper()
	value[bool](b, `document.activeElement.select?.(), true`)
}

// keyboard has Tab, Enter, Space and letters, and nothing else.
type keyboard struct{}

// mostTabs is more than any page has places to stop at.
const mostTabs = 80

// reach goes to an element by Tab alone, and wants to see at each stop where
// it is (WCAG 2.4.7), and that no stop holds it (2.1.2).
func (keyboard) reach(b *tab, selector string) {
	b.t.Helper()
	for range mostTabs {
		if value[bool](b, `document.activeElement?.matches($?) ?? false`, selector) {
			return
		}
		b.do(chromedp.KeyEvent(kb.Tab))
		if at := value[string](b, unseenFocus); at != "" {
			b.t.Errorf("the focus on %s is not to be seen, on %s", at, b.where())
		}
	}
	b.t.Fatalf("%s is not reached by %d tabs, on %s", selector, mostTabs, b.where())
}

// unseenFocus names what has the focus where nothing shows it: no outline, no
// shadow, or all of it scrolled out of sight.
const unseenFocus = `(() => {
	const e = document.activeElement
	if (!e || e === document.body) return ''
	const s = getComputedStyle(e), r = e.getBoundingClientRect()
	const marked = (s.outlineStyle !== 'none' && parseFloat(s.outlineWidth) >= 2) || s.boxShadow !== 'none'
	const inSight = r.bottom > 0 && r.right > 0 && r.top < innerHeight && r.left < innerWidth && r.width * r.height > 0
	return marked && inSight ? '' : e.outerHTML.slice(0, 120) + (marked ? ' (out of sight)' : ' (no outline)')
})()`

func (k keyboard) press(b *tab, selector string) {
	b.t.Helper()
	k.reach(b, selector)
	key := kb.Enter
	if value[bool](b, `document.activeElement.matches('[type=checkbox], [type=radio]')`) {
		key = " "
	}
	b.do(chromedp.KeyEvent(key))
}

func (k keyboard) write(b *tab, selector, text string) {
	b.t.Helper()
	k.reach(b, selector)
	b.selectAll() // as coming by Tab does
	b.do(chromedp.KeyEvent(text))
}

// submitOf is the button that sends a form, by the form's name.
func submitOf(form string) string {
	return fmt.Sprintf("form[data-form=%q] button:not([type=button])", form)
}

// field is an input of a form.
func field(form, name string) string { return fmt.Sprintf("form[data-form=%q] [name=%q]", form, name) }
