package main

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"net/http"
	"os"
	"path/filepath"
	"regexp"
	"strings"
	"time"

	"github.com/chromedp/cdproto/emulation"
	"github.com/chromedp/cdproto/page"
	"github.com/chromedp/chromedp"
)

// photographer walks and takes pictures until something goes wrong.
type photographer struct {
	ctx       context.Context
	base, out string
	looks     []look
	limit     int // bytes of a picture; 0: any
	err       error
}

type look struct {
	suffix string
	width  int64
	scheme string
}

var (
	plain      = []look{{"", 1280, "light"}, {"-phone", 390, "light"}}
	everything = []look{{"", 1280, "light"}, {"-dark", 1280, "dark"}, {"-phone", 360, "light"}, {"-phone-dark", 360, "dark"}}
)

const demoPassword = "latchkey-demo"

// tour shows what README shows; all of the pages on the way where asked.
func (p *photographer) tour(all bool) {
	also := func(name string) {
		if all {
			p.shoot(name)
		}
	}
	p.open("/sign-in")
	p.shoot("sign-in")
	p.open("/sign-up")
	also("sign-up")
	p.send("sign-up")
	also("sign-up-refused")

	p.signIn("mail@example.com")
	p.wait(`document.querySelector('#delivery[data-state=sent]') !== null`)
	p.shoot("second-factor")
	p.fill("code", "code", "000000")
	p.send("code")
	also("second-factor-refused")
	p.follow(`a[data-way=recovery_key]`)
	also("recovery-key")
	p.open("/sign-in")

	p.signIn("required@example.com")
	also("enrol")
	p.send("enrol-app")
	also("enrol-app")
	p.open("/sign-in/enrol")
	p.send("enrol-email")
	code := p.mailed("required@example.com")
	also("enrol-email")
	p.fill("email-code", "code", code)
	p.send("email-code")
	p.shoot("recovery-keys")
	p.click(`document.getElementById('saved')`)
	p.follow("#done")
	p.open("/account/security") // without the notice of what was just done
	p.shoot("security")
	for _, name := range []string{"sessions", "activity", "profile"} {
		p.open("/account/" + name)
		also(name)
	}
	p.open("/account/security/app")
	also("confirm")
	p.open("/account/security")
	p.send("sign-out")

	p.signIn("user@example.com")
	also("offer")
	p.follow(`a[data-way=app]`)
	p.fill("confirm", "password", demoPassword)
	p.send("confirm")
	also("add-app-begin")
	p.send("begin-app")
	also("add-app")
	p.open("/account/nowhere")
	also("failure")
}

func (p *photographer) do(steps ...chromedp.Action[chromedp.Void]) {
	if p.err == nil {
		p.err = chromedp.Do(p.ctx, steps...)
	}
}

func (p *photographer) open(path string) { p.do(chromedp.Navigate(p.base + path)) }

func (p *photographer) signIn(email string) {
	p.open("/sign-in")
	p.fill("sign-in", "email", email)
	p.fill("sign-in", "password", demoPassword)
	p.send("sign-in")
}

func (p *photographer) fill(form, name, text string) {
	p.do(chromedp.SetValue(chromedp.CSS(fmt.Sprintf("form[data-form=%q] [name=%q]", form, name)), text))
}

func (p *photographer) send(form string) {
	p.follow(fmt.Sprintf("form[data-form=%q] button:not([type=button])", form))
}

// follow presses what leads to another page, and waits for it.
func (p *photographer) follow(selector string) {
	if p.err != nil {
		return
	}
	_, err := chromedp.Run(p.ctx, chromedp.WaitEvent(page.LoadEventFired, nil, chromedp.Click(chromedp.CSS(selector))))
	if err != nil {
		p.err = fmt.Errorf("press %s: %w", selector, err)
	}
}

func (p *photographer) click(js string) {
	p.do(chromedp.Evaluate[chromedp.Void](js + ".click()"))
}

func (p *photographer) wait(js string) {
	if p.err == nil {
		_, p.err = chromedp.Run(p.ctx, chromedp.Poll[bool](js, chromedp.WithPollingTimeout(20*time.Second)))
	}
}

// shoot takes the page as it is, in each look.
func (p *photographer) shoot(name string) {
	for _, l := range p.looks {
		if p.err != nil {
			return
		}
		p.do(chromedp.EmulateViewport(l.width, 760))
		if p.err == nil {
			_, p.err = chromedp.Call(p.ctx, emulation.SetEmulatedMedia, emulation.SetEmulatedMediaParams{
				Features: []*emulation.MediaFeature{
					{Name: "prefers-color-scheme", Value: l.scheme},
					{Name: "prefers-reduced-motion", Value: "reduce"}, // no colour is caught on its way
				},
			})
		}
		p.save(name + l.suffix)
	}
}

func (p *photographer) save(name string) {
	if p.err != nil {
		return
	}
	png, err := chromedp.Run(p.ctx, chromedp.FullScreenshot(100))
	if err != nil {
		p.err = fmt.Errorf("take %s: %w", name, err)
		return
	}
	if p.limit > 0 && len(png) > p.limit {
		p.err = fmt.Errorf("%s.png has %d bytes, more than %d", name, len(png), p.limit)
		return
	}
	p.err = os.WriteFile(filepath.Join(p.out, name+".png"), png, 0o644)
	fmt.Printf("%s.png %d kB\n", name, len(png)>>10)
}

var sixDigits = regexp.MustCompile(`(?m)^([0-9]{6})\r?$`)

// mailed waits for the code of the newest mail to an address.
func (p *photographer) mailed(to string) string {
	for end := time.Now().Add(20 * time.Second); p.err == nil; time.Sleep(50 * time.Millisecond) {
		code, err := p.newest(to)
		if err != nil || time.Now().After(end) {
			p.err = errors.Join(err, errors.New("no mail to "+to))
		} else if code != "" {
			return code
		}
	}
	return ""
}

func (p *photographer) newest(to string) (string, error) {
	res, err := http.Get(p.base + "/dev/mailbox.json")
	if err != nil {
		return "", err
	}
	defer res.Body.Close() //nolint:errcheck // only read
	var mails []struct{ To, Text string }
	if err := json.NewDecoder(res.Body).Decode(&mails); err != nil {
		return "", err
	}
	for _, m := range mails {
		if found := sixDigits.FindStringSubmatch(m.Text); found != nil && strings.Contains(m.To, to) {
			return found[1], nil
		}
	}
	return "", nil
}
