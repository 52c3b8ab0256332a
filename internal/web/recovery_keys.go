package web

import (
	"fmt"
	"net/http"

	"latchkey/internal/factor"
	"latchkey/internal/fault"
)

var errNotSaved = fault.InField("saved", "web.keys.tick", nil)

// keysPage shows the recovery keys in the account. Fresh ones wait for the
// word that they are kept; such a page is also what a sign-in comes to while
// that was never said.
type keysPage struct {
	frame
	Keys    keySheet
	Unsaved bool
	Hidden  bool // there, but may not be shown again
	Spent   bool // one at least was used
}

func keysShow(v *visit) error {
	p, err := v.keys()
	if err != nil {
		return err
	}
	return v.draw("keys", p)
}

func (v *visit) keys() (*keysPage, error) {
	set, err := v.o.Settings.ShowKeys(v.ctx(), v.by, v.in)
	if err != nil {
		return nil, err
	}
	p := &keysPage{
		Keys: sheetOf(set, "/account/recovery-keys.txt"), Unsaved: set.SavedAt == nil,
		Hidden: len(set.Shown()) == 0, Spent: set.Left < set.Total,
	}
	p.Here, p.Keys.Print = "security", "/account/recovery-keys/print"
	return p, nil
}

// keysSaved is the word "I have saved them".
func keysSaved(v *visit) error {
	if v.form("saved") != "yes" {
		p, err := v.keys()
		if err != nil {
			return err
		}
		return v.redraw("keys", p, errNotSaved)
	}
	if err := v.o.Settings.SaveKeys(v.ctx(), v.by, v.in); err != nil {
		return err
	}
	v.notice(noticeKeysSaved, "")
	return v.to("/account" + returning(v.orElse("/account/security")))
}

// keysFile is the download. It changes nothing, unlike the API's: having asked
// for a file is not having it.
func keysFile(v *visit) error {
	set, err := v.o.Settings.ShowKeys(v.ctx(), v.by, v.in)
	if err != nil {
		return err
	}
	if len(set.Shown()) == 0 {
		return fault.New(fault.Forbidden, fault.NotAllowed).Say("fault.keys_not_viewable", nil)
	}
	me, err := v.o.Settings.Me(v.ctx(), v.in)
	if err != nil {
		return err
	}
	return v.sendFile(v.o.Settings.File(set, me.User.Email))
}

func (v *visit) sendFile(f factor.KeyFile) error {
	v.c.Header("Content-Disposition", fmt.Sprintf(`attachment; filename="%s"`, f.Name()))
	v.c.Data(http.StatusOK, "text/plain; charset=utf-8", f.Text())
	return nil
}

// keysNewPage asks before a set is replaced.
type keysNewPage struct {
	frame
	Left  int
	Label string
}

func keysRenewAsk(v *visit) error {
	set, err := v.o.Settings.ShowKeys(v.ctx(), v.by, v.in)
	if err != nil {
		return err
	}
	p := &keysNewPage{Left: set.Left, Label: set.Label}
	p.Here = "security"
	return v.draw("keys_new", p)
}

// keysRenew makes a new set. The form names the one it replaces, so a second
// press of the button, or another tab, makes no third.
func keysRenew(v *visit) error {
	err := v.o.Settings.RenewKeys(v.ctx(), v.by, v.in, v.form("set"))
	switch {
	case err == nil:
		v.notice(noticeKeysNew, "")
	case isPast(err):
		v.notice(noticeAlready, "")
	default:
		return err
	}
	return v.to("/account/recovery-keys")
}
