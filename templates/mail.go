// Package templates carries the words and shapes of pages and mails.
package templates

import "embed"

// Mail holds mail/layout.txt, mail/layout.html and, for each kind of mail,
// mail/<kind>/{subject.txt,body.txt,body.html}.
//
//go:embed mail
var Mail embed.FS
