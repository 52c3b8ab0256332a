package admin

import (
	"context"
	"encoding/base64"
	"strconv"
	"strings"
	"time"

	"github.com/google/uuid"

	"latchkey/internal/account"
	"latchkey/internal/audit"
	"latchkey/internal/fault"
	"latchkey/internal/policy"
	"latchkey/internal/session"
	"latchkey/internal/sso"
)

// Filter chooses users by their state; empty: all.
type Filter string

const (
	Covered    Filter = "covered"     // a method is on
	NotCovered Filter = "not_covered" // none is
	Required   Filter = "required"    // some rule requires two-factor, now or from a date on
	Frozen     Filter = "frozen"      // no code is judged for now
	Unverified Filter = "unverified"
	Disabled   Filter = "disabled"
)

// Filters are all of them, in the order of a menu.
func Filters() []Filter { return []Filter{Covered, NotCovered, Required, Frozen, Unverified, Disabled} }

// Search asks for a page of users.
type Search struct {
	Query  string // part of an address or a name
	Filter Filter
	Cursor string // of the page before; empty: the first
	Limit  int    // 1 to 200; 0: 50
}

const (
	perPage    = 50
	maxPerPage = 200
	maxQuery   = 254
)

// Users lists accounts, newest first. next is empty on the last page.
func (f *Flow) Users(ctx context.Context, by audit.Actor, in session.Session, s Search) (list []User, next string, err error) {
	if err := f.look(ctx, by, in, true); err != nil {
		return nil, "", err
	}
	pick, err := s.picked()
	if err != nil {
		return nil, "", err
	}
	p, err := policy.Current(ctx, f.DB)
	if err != nil {
		return nil, "", err
	}
	list, err = users(ctx, f.DB, pick, p, f.DB.Now())
	if err == nil && len(list) == pick.limit {
		list = list[:pick.limit-1]
		last := list[len(list)-1]
		next = cursorOf(last.CreatedAt, last.ID)
	}
	return list, next, err
}

// picked judges a search, all that is wrong at once; one row more than the page
// tells whether there is another.
func (s Search) picked() (picked, error) {
	all := &fault.Fault{Kind: fault.Invalid, Code: fault.InvalidRequest}
	out := picked{query: strings.ToLower(strings.TrimSpace(s.Query)), filter: s.Filter}
	if len(s.Query) > maxQuery {
		all.Fields = append(all.Fields, fault.Field{Name: "query", Message: "admin.query_too_long", Args: map[string]any{"Max": maxQuery}})
	}
	known := s.Filter == ""
	for _, one := range Filters() {
		known = known || s.Filter == one
	}
	if !known {
		all.Fields = append(all.Fields, fault.Field{Name: "filter", Message: "admin.filter_unknown"})
	}
	limit, bad := pageSize(s.Limit)
	all.Fields = append(all.Fields, bad...)
	out.limit = limit + 1
	if s.Cursor != "" {
		at, id, ok := cursorFrom(s.Cursor)
		if !ok {
			all.Fields = append(all.Fields, fault.Field{Name: "cursor", Message: "field.cursor.unknown"})
		}
		out.before, out.beside = &at, id
	}
	if len(all.Fields) > 0 {
		return out, all
	}
	return out, nil
}

func pageSize(n int) (int, []fault.Field) {
	switch {
	case n == 0:
		return perPage, nil
	case n < 1 || n > maxPerPage:
		return perPage, []fault.Field{{Name: "limit", Message: "admin.limit", Args: map[string]any{"Max": maxPerPage}}}
	}
	return n, nil
}

// cursorOf names a place in a list that is ordered by creation, then id.
func cursorOf(at time.Time, id uuid.UUID) string {
	return base64.RawURLEncoding.EncodeToString([]byte(strconv.FormatInt(at.UnixMicro(), 36) + "." + id.String()))
}

func cursorFrom(s string) (time.Time, uuid.UUID, bool) {
	raw, err := base64.RawURLEncoding.DecodeString(s)
	if err != nil || len(s) > 100 {
		return time.Time{}, uuid.Nil, false
	}
	micro, id, _ := strings.Cut(string(raw), ".")
	at, err := strconv.ParseInt(micro, 36, 64)
	if err != nil || at < 0 || at > 1<<53 {
		return time.Time{}, uuid.Nil, false
	}
	beside, err := uuid.Parse(id)
	return time.UnixMicro(at).UTC(), beside, err == nil
}

// User reads one account.
func (f *Flow) User(ctx context.Context, by audit.Actor, in session.Session, id uuid.UUID) (User, error) {
	if err := f.look(ctx, by, in, true); err != nil {
		return User{}, err
	}
	p, err := policy.Current(ctx, f.DB)
	if err != nil {
		return User{}, err
	}
	list, err := users(ctx, f.DB, picked{id: &id, limit: 1}, p, f.DB.Now())
	if err != nil {
		return User{}, err
	}
	if len(list) == 0 {
		return User{}, absent
	}
	return list[0], nil
}

// after reads the account as an act left it, in the act's transaction.
func (a *act) after(ctx context.Context, id uuid.UUID) (User, error) {
	list, err := users(ctx, a.tx, picked{id: &id, limit: 1}, a.policy, a.tx.Now)
	if err != nil || len(list) == 0 {
		return User{}, err
	}
	return list[0], nil
}

// UserSessions lists somebody's live sessions, newest first.
func (f *Flow) UserSessions(ctx context.Context, by audit.Actor, in session.Session, id uuid.UUID) ([]session.Session, error) {
	if err := f.look(ctx, by, in, true); err != nil {
		return nil, err
	}
	return f.Sessions.List(ctx, f.DB, id, f.DB.Now())
}

// UserIdentities lists the providers of single sign-on that open somebody's
// account.
func (f *Flow) UserIdentities(ctx context.Context, by audit.Actor, in session.Session, id uuid.UUID) ([]sso.Identity, error) {
	if _, err := f.User(ctx, by, in, id); err != nil {
		return nil, err
	}
	return sso.Of(ctx, f.DB, id)
}

// UserEvents lists what happened to somebody's account, newest first: at most
// limit of those before the given id; 0 starts at the newest.
func (f *Flow) UserEvents(ctx context.Context, by audit.Actor, in session.Session, id uuid.UUID, before int64, limit int) ([]audit.Line, error) {
	if err := f.look(ctx, by, in, true); err != nil {
		return nil, err
	}
	return audit.Of(ctx, f.DB, id, before, limit)
}

// Find reads the account of an address or an id, as a command line names it.
func (f *Flow) Find(ctx context.Context, by audit.Actor, in session.Session, name string) (User, error) {
	if id, err := uuid.Parse(name); err == nil {
		return f.User(ctx, by, in, id)
	}
	if err := f.look(ctx, by, in, true); err != nil {
		return User{}, err
	}
	email, bad := account.CanonicalEmail(name)
	if bad != nil {
		return User{}, bad
	}
	u, found, err := account.ByEmail(ctx, f.DB, email)
	if err != nil {
		return User{}, err
	}
	if !found {
		return User{}, absent
	}
	return f.User(ctx, by, in, u.ID)
}
