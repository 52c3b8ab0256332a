package app

import (
	netmail "net/mail"

	"latchkey/internal/mail"
)

// gallery draws the made-up mails of `dev`; nil elsewhere, and then there is
// no gallery.
func (o Options) gallery() (*mail.Renderer, error) {
	if !o.Gallery {
		return nil, nil
	}
	c := o.Config
	return mail.NewRenderer(mail.Brand{
		Name: c.Brand.Name, BaseURL: c.BaseURL.String(), SupportEmail: c.Brand.SupportEmail, Color: c.Brand.Color,
		From: (&netmail.Address{Name: c.MailFrom.Name, Address: c.MailFrom.Address}).String(),
	})
}
