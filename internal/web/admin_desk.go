package web

import (
	"github.com/google/uuid"

	"latchkey/internal/account"
	"latchkey/internal/fault"
)

// desk stands before every admin page: it asks the flow who may come in. What
// may be done there, each act decides for itself.
func desk(do func(*visit) error) func(*visit) error {
	return func(v *visit) error {
		u, err := v.o.Admin.Enter(v.ctx(), v.by, v.in)
		if err == nil {
			v.desk, v.whose = u.Role, u.Email
			err = do(v)
		}
		return v.toConfirm(err)
	}
}

// ruling is desk for what role support has no use for: the flow behind it would
// refuse, and no form is shown in vain.
func ruling(do func(*visit) error) func(*visit) error {
	return desk(func(v *visit) error {
		if v.desk != account.Admin {
			return errNotYours
		}
		return do(v)
	})
}

var errNotYours = fault.New(fault.Forbidden, fault.NotAllowed)

// toConfirm prepares the way over a confirmation: why it is asked for, and a
// way back that it can keep.
func (v *visit) toConfirm(err error) error {
	f, ok := fault.As(err)
	if !ok || f.Code != fault.ConfirmationRequired {
		return err
	}
	if f.Message != "" {
		v.notice(noticeRested, "")
	}
	if safeReturn(v.back) == "" {
		v.back = v.c.Request.URL.Path // without a search that can't be carried
	}
	return err
}

// confirmed leads to a confirmation before a locked form is filled in, so that
// nothing typed is lost. The flow behind the form judges for itself.
func (v *visit) confirmed() error {
	if v.in.ConfirmedToRule(v.o.DB.Now()) {
		return nil
	}
	return fault.New(fault.Forbidden, fault.ConfirmationRequired)
}

// navigate fills in what is around a page: whose account it is, and the way to
// the admin pages for those who help or rule.
func (v *visit) navigate(f *frame) {
	f.Desk, f.Whose = v.desk, v.whose
	if v.desk != "" || f.Here == "" || !v.signedIn() {
		return
	}
	if u, err := account.ByID(v.ctx(), v.o.DB, v.in.User); err == nil {
		f.Whose, f.Helps = u.Email, u.Role == account.Admin || u.Role == account.Support
	}
}

// pathID reads an id from the path; what is none is not found.
func (v *visit) pathID() (uuid.UUID, error) { return idFrom(v.c.Param("id")) }

func idFrom(s string) (uuid.UUID, error) {
	id, err := uuid.Parse(s)
	if err != nil || id.String() != s {
		return uuid.Nil, errNoSuch
	}
	return id, nil
}

// adminHome is the first page of whoever comes in.
func adminHome(v *visit) error {
	if v.desk == account.Admin {
		return overview(v)
	}
	return v.to("/admin/users")
}

// roleNames and statusNames are roles and states in words.
var roleNames = map[account.Role]string{
	account.Member:  "web.admin.role.user",
	account.Support: "web.admin.role.support",
	account.Admin:   "web.admin.role.admin",
}

var statusNames = map[account.Status]string{
	account.Active:   "web.admin.status.active",
	account.Disabled: "web.admin.status.disabled",
	account.Invited:  "web.admin.status.invited",
}
