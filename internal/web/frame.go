package web

import (
	"latchkey/internal/account"
	"latchkey/internal/edge"
)

// page is what a template draws: a struct of its own around a frame.
type page interface{ base() *frame }

// frame is what every page has around it.
type frame struct {
	Parts    parts
	Brand    Brand
	Assets   *assets
	Nonce    string
	Page     string // its name, for the stylesheet and for tests
	Notice   string
	Failed   *failed
	FormID   string
	ReturnTo string
	Member   bool         // whoever looks is signed in
	Whose    string       // address of the account that is signed in, where there is a navigation
	Helps    bool         // the account navigation leads to the admin pages too
	Desk     account.Role // on an admin page: the role of whoever looks; empty elsewhere
	Here     string       // entry of the account navigation that this page is under

	blame string // field that a refused code is about
}

func (f *frame) base() *frame { return f }

// failed is why a form is shown again.
type failed struct {
	Title, Detail, Code string
	Fields              []fieldFault
	Wait                int // seconds until another try is judged; 0: none
}

type fieldFault struct{ Name, Message string }

// Err is what is wrong with a field, if anything.
func (f *frame) Err(field string) string {
	if f.Failed == nil {
		return ""
	}
	for _, one := range f.Failed.Fields {
		if one.Name == field {
			return one.Message
		}
	}
	return ""
}

// field is one input as the partial draws it.
type field struct {
	ID, Name, Type, Label, Autocomplete, Value, Hint, Err string
	Focus                                                 bool
}

// Field describes an input. Passwords and codes have no value to give back.
func (f *frame) Field(name, kind, label, autocomplete, value string) field {
	return field{
		ID: name, Name: name, Type: kind, Label: label, Autocomplete: autocomplete, Value: value, Err: f.Err(name),
	}
}

// Hinted is a field with a line of help.
func (f *frame) Hinted(name, kind, label, autocomplete, value, hint string) field {
	one := f.Field(name, kind, label, autocomplete, value)
	one.Hint = hint
	return one
}

// Focused is the field to begin with, unless an error wants to be read first.
func (f *frame) Focused(one field) field {
	one.Focus = f.Failed == nil
	return one
}

// fill sets what every page has.
func (v *visit) fill(name string, f *frame) {
	f.Brand, f.Assets, f.Nonce, f.Page = v.o.Brand, &v.assets, edge.Nonce(v.c), name
	f.FormID, f.Member = newFormID(), v.signedIn()
	v.navigate(f)
	if f.ReturnTo == "" {
		f.ReturnTo = v.returnTo()
	}
	if f.Notice == "" {
		f.Notice, _ = v.takeNotice()
	}
}

// failurePage is what went wrong where no form can say it.
type failurePage struct {
	frame
	edge.Answer
}
