package mail

import (
	"encoding/json"
	"fmt"
	"reflect"
	"time"
)

// Kind is one sort of mail. Its exported fields are what its templates may
// use; Name is the folder of the templates.
//
// Tokens are the last path segment of a link that the renderer builds from
// BASE_URL; a caller never makes a link. Times are shown in UTC.
type Kind interface {
	Name() string
	Queue() Queue
}

// CodeMail is what every mail with a code carries.
type CodeMail struct {
	Code          string // digits, without spaces
	Reference     string // "K7": the same on the page that asked
	ValidUntil    time.Time
	CodeInSubject bool // policy: lock screens show subjects

	Device  string // "Firefox on Windows"
	Address string // IP address
	At      time.Time
}

// Notice is what every security notice carries. NotMe is the token of its
// "this wasn't me" link, which is left out when empty.
type Notice struct {
	Device  string
	Address string
	At      time.Time
	NotMe   string
}

type (
	VerifyEmail      CodeMail // proves an address, at sign-up and later
	SignInCode       CodeMail // the second step of a sign-in
	ConfirmationCode CodeMail // 🔒 proving again that it is you
	EnrolmentCode    CodeMail // turns on codes by email
	EmailChangeCode  CodeMail // to the address being changed to
)

type (
	PasswordChanged         Notice
	TwoFactorOff            Notice
	AppReset                Notice
	RecoveryKeysRegenerated Notice
	NewDevice               Notice
)

// EmailChanged tells the old address. Undo is the token of the undo link.
type EmailChanged struct {
	NewEmail  string
	Undo      string
	UndoUntil time.Time
	Device    string
	Address   string
	At        time.Time
}

// PasswordReset carries the one link that sets a new password.
type PasswordReset struct {
	Token      string
	ValidUntil time.Time
	Device     string
	Address    string
	At         time.Time
}

// MethodOn says that a method was turned on or replaced.
type MethodOn struct {
	Method   string // "email" or "app"
	Label    string // the name given to an app, may be empty
	Replaced bool
	Device   string
	Address  string
	At       time.Time
	NotMe    string
}

// SSOLinked says that a provider of single sign-on opens the account now.
type SSOLinked struct {
	Provider string // its name
	Account  string // address there, may be empty
	Device   string
	At       time.Time
	Address  string
	NotMe    string
}

// SSOUnlinked says that one opens it no more.
type SSOUnlinked struct {
	Provider string
	Device   string
	Address  string
	At       time.Time
	NotMe    string
}

// MethodOff says that one of the methods was turned off.
type MethodOff struct {
	Method  string // "email" or "app"
	Label   string
	Device  string
	Address string
	At      time.Time
	NotMe   string
}

// RecoveryKeyUsed says that a key was spent, and how many are left.
type RecoveryKeyUsed struct {
	Left    int
	Device  string
	Address string
	At      time.Time
	NotMe   string
}

// RecoveryKeysLow asks for a new set.
type RecoveryKeysLow struct{ Left int }

// PasswordGuessed says that someone who has the password fails at the second
// step.
type PasswordGuessed struct {
	Failures int // wrong codes in the last hour
	Device   string
	Address  string
	At       time.Time
	NotMe    string
}

// AccountFrozen says that the second step takes no codes for now. A zero
// Until means until the password changes.
type AccountFrozen struct {
	Until   time.Time
	Device  string
	Address string
	At      time.Time
	NotMe   string
}

// AdminChangedTwoFactor says what an admin did to the account.
type AdminChangedTwoFactor struct {
	// Change is one of required, not_required, turned_off, app_reset,
	// recovery_pass, unlocked, sessions_ended, email_unverified, disabled,
	// enabled, role.
	Change string
	Reason string // may be empty
	From   time.Time
	At     time.Time
	NotMe  string
}

// TwoFactorRequiredFrom reminds of the date from which a sign-in needs a
// second step.
type TwoFactorRequiredFrom struct{ From time.Time }

// Invitation invites someone to make an account.
type Invitation struct {
	Token      string
	ValidUntil time.Time
	InvitedBy  string // name of the admin, may be empty
}

// RecoveryPass carries a pass that an admin made.
type RecoveryPass struct {
	Pass       string
	ValidUntil time.Time
	At         time.Time
}

// AddressTaken tells the owner of an account that someone tried to sign up
// with the same address.
type AddressTaken struct {
	Invited bool // the account waits for its owner to accept the invitation
	Device  string
	Address string
	At      time.Time
}

// TokenMade says that an access token was made. Label is the name given to it.
type TokenMade struct {
	Label     string
	ExpiresAt time.Time
	Device    string
	Address   string
	At        time.Time
	NotMe     string
}

// TokenExpiring says that an access token ends within a week.
type TokenExpiring struct {
	Label     string
	ExpiresAt time.Time
}

// AccountDeleted is the last mail to an address.
type AccountDeleted struct {
	By      string // "user" or "admin"
	Device  string
	Address string
	At      time.Time
}

func (VerifyEmail) Name() string             { return "verify_email" }
func (SignInCode) Name() string              { return "sign_in_code" }
func (ConfirmationCode) Name() string        { return "confirmation_code" }
func (EnrolmentCode) Name() string           { return "enrolment_code" }
func (EmailChangeCode) Name() string         { return "email_change_code" }
func (EmailChanged) Name() string            { return "email_changed" }
func (PasswordReset) Name() string           { return "password_reset" }
func (PasswordChanged) Name() string         { return "password_changed" }
func (MethodOn) Name() string                { return "method_on" }
func (MethodOff) Name() string               { return "method_off" }
func (SSOLinked) Name() string               { return "sso_linked" }
func (SSOUnlinked) Name() string             { return "sso_unlinked" }
func (TwoFactorOff) Name() string            { return "two_factor_off" }
func (AppReset) Name() string                { return "app_reset" }
func (RecoveryKeysRegenerated) Name() string { return "recovery_keys_regenerated" }
func (RecoveryKeyUsed) Name() string         { return "recovery_key_used" }
func (RecoveryKeysLow) Name() string         { return "recovery_keys_low" }
func (NewDevice) Name() string               { return "new_device" }
func (PasswordGuessed) Name() string         { return "password_guessed" }
func (AccountFrozen) Name() string           { return "account_frozen" }
func (AdminChangedTwoFactor) Name() string   { return "admin_changed_two_factor" }
func (TwoFactorRequiredFrom) Name() string   { return "two_factor_required_from" }
func (Invitation) Name() string              { return "invitation" }
func (RecoveryPass) Name() string            { return "recovery_pass" }
func (AddressTaken) Name() string            { return "address_taken" }
func (AccountDeleted) Name() string          { return "account_deleted" }
func (TokenMade) Name() string               { return "token_made" }
func (TokenExpiring) Name() string           { return "token_expiring" }

// Someone sits at a screen and waits for these.
func (VerifyEmail) Queue() Queue      { return Codes }
func (SignInCode) Queue() Queue       { return Codes }
func (ConfirmationCode) Queue() Queue { return Codes }
func (EnrolmentCode) Queue() Queue    { return Codes }
func (EmailChangeCode) Queue() Queue  { return Codes }
func (PasswordReset) Queue() Queue    { return Codes }
func (RecoveryPass) Queue() Queue     { return Codes }

func (EmailChanged) Queue() Queue            { return Notices }
func (PasswordChanged) Queue() Queue         { return Notices }
func (MethodOn) Queue() Queue                { return Notices }
func (MethodOff) Queue() Queue               { return Notices }
func (SSOLinked) Queue() Queue               { return Notices }
func (SSOUnlinked) Queue() Queue             { return Notices }
func (TwoFactorOff) Queue() Queue            { return Notices }
func (AppReset) Queue() Queue                { return Notices }
func (RecoveryKeysRegenerated) Queue() Queue { return Notices }
func (RecoveryKeyUsed) Queue() Queue         { return Notices }
func (RecoveryKeysLow) Queue() Queue         { return Notices }
func (NewDevice) Queue() Queue               { return Notices }
func (PasswordGuessed) Queue() Queue         { return Notices }
func (AccountFrozen) Queue() Queue           { return Notices }
func (AdminChangedTwoFactor) Queue() Queue   { return Notices }
func (TwoFactorRequiredFrom) Queue() Queue   { return Notices }
func (Invitation) Queue() Queue              { return Notices }
func (AddressTaken) Queue() Queue            { return Notices }
func (AccountDeleted) Queue() Queue          { return Notices }
func (TokenMade) Queue() Queue               { return Notices }
func (TokenExpiring) Queue() Queue           { return Notices }

// Kinds are all sorts of mail, each empty.
func Kinds() []Kind {
	return []Kind{
		VerifyEmail{}, SignInCode{}, ConfirmationCode{}, EnrolmentCode{}, EmailChangeCode{},
		EmailChanged{}, PasswordReset{}, PasswordChanged{}, MethodOn{}, MethodOff{},
		TwoFactorOff{}, AppReset{}, RecoveryKeysRegenerated{}, RecoveryKeyUsed{},
		RecoveryKeysLow{}, NewDevice{}, PasswordGuessed{}, AccountFrozen{},
		AdminChangedTwoFactor{}, TwoFactorRequiredFrom{}, Invitation{}, RecoveryPass{},
		AddressTaken{}, AccountDeleted{}, TokenMade{}, TokenExpiring{},
		SSOLinked{}, SSOUnlinked{},
	}
}

var kinds = func() map[string]reflect.Type {
	m := map[string]reflect.Type{}
	for _, k := range Kinds() {
		m[k.Name()] = reflect.TypeOf(k)
	}
	return m
}()

// decode reads a kind back from the JSON that was sealed.
func decode(name string, body []byte) (Kind, error) {
	t, ok := kinds[name]
	if !ok {
		return nil, fmt.Errorf("no kind of mail is called %q", name)
	}
	v := reflect.New(t)
	if err := json.Unmarshal(body, v.Interface()); err != nil {
		// The library's text may quote what it read.
		return nil, fmt.Errorf("content of a %s mail can't be read", name)
	}
	return v.Elem().Interface().(Kind), nil
}
