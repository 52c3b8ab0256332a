package devstack

import (
	"bytes"
	"embed"
	"encoding/json"
	"html/template"
	"net/http"
	"strings"
	"time"
)

// What the pages may load, and what a framed mail may: nothing but its own
// inline styles. Its scripts, forms and links stay dead, whatever is in it.
const (
	pagePolicy = "default-src 'none'; style-src 'self'; img-src 'self' data:; frame-src 'self'; " +
		"form-action 'self'; frame-ancestors 'none'; base-uri 'none'"
	framePolicy = "sandbox; default-src 'none'; img-src data:; style-src 'unsafe-inline'; frame-ancestors 'self'"
)

//go:embed mailbox.html mailbox.css
var pageFiles embed.FS

var mailboxPage = template.Must(template.New("mailbox.html").Funcs(template.FuncMap{
	"join": func(to []string) string { return strings.Join(to, ", ") },
	"iso":  func(t time.Time) string { return t.Format(time.RFC3339) },
	"at":   func(t time.Time) string { return t.Local().Format("15:04:05") },
	"day":  func(t time.Time) string { return t.Local().Format("2 January 2006, 15:04:05") },
}).ParseFS(pageFiles, "mailbox.html"))

type mailboxView struct {
	Mails []Mail
	Open  *Mail
	First bool // the newest is shown without being asked for: a phone shows the list
}

type jsonMail struct {
	ID         string    `json:"id"`
	To         string    `json:"to"`
	Subject    string    `json:"subject"`
	Text       string    `json:"text"`
	HTML       string    `json:"html"`
	ReceivedAt time.Time `json:"received_at"`
}

// Handler serves the mailbox under /dev/mailbox:
//
//	/dev/mailbox            the list, with the newest mail open beside it
//	/dev/mailbox.json       the same for programs, newest first
//	/dev/mailbox.css        its stylesheet
//	/dev/mailbox/{id}       one mail
//	/dev/mailbox/{id}/html  its HTML part alone, for the frame
//
// It needs no JavaScript, and it shows sign-in codes to whoever asks: it is
// for loopback only.
func (m *Mailbox) Handler() http.Handler {
	mux := http.NewServeMux()
	mux.HandleFunc("GET /dev/mailbox", m.serveList)
	mux.HandleFunc("GET /dev/mailbox.json", m.serveJSON)
	mux.HandleFunc("GET /dev/mailbox.css", serveStyle)
	mux.HandleFunc("GET /dev/mailbox/{id}", m.serveMail)
	mux.HandleFunc("GET /dev/mailbox/{id}/html", m.serveFrame)
	return http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		h := w.Header()
		h.Set("Content-Security-Policy", pagePolicy)
		h.Set("X-Content-Type-Options", "nosniff")
		h.Set("Referrer-Policy", "same-origin")
		h.Set("Cache-Control", "no-store")
		mux.ServeHTTP(w, r)
	})
}

func (m *Mailbox) serveList(w http.ResponseWriter, r *http.Request) {
	v := mailboxView{Mails: m.Mails(), First: true}
	if len(v.Mails) > 0 {
		v.Open = &v.Mails[0]
	}
	drawMailbox(w, http.StatusOK, v)
}

func (m *Mailbox) serveMail(w http.ResponseWriter, r *http.Request) {
	v, status := mailboxView{Mails: m.Mails()}, http.StatusNotFound
	if mail, ok := m.Mail(r.PathValue("id")); ok {
		v.Open, status = &mail, http.StatusOK
	}
	drawMailbox(w, status, v)
}

func drawMailbox(w http.ResponseWriter, status int, v mailboxView) {
	var page bytes.Buffer
	if err := mailboxPage.Execute(&page, v); err != nil {
		http.Error(w, "The mailbox could not be drawn: "+err.Error(), http.StatusInternalServerError)
		return
	}
	w.Header().Set("Content-Type", "text/html; charset=utf-8")
	w.WriteHeader(status)
	page.WriteTo(w) //nolint:errcheck // the reader went away
}

func (m *Mailbox) serveFrame(w http.ResponseWriter, r *http.Request) {
	mail, ok := m.Mail(r.PathValue("id"))
	if !ok || mail.HTML == "" {
		http.NotFound(w, r)
		return
	}
	w.Header().Set("Content-Security-Policy", framePolicy)
	w.Header().Set("X-Frame-Options", "SAMEORIGIN")
	w.Header().Set("Content-Type", "text/html; charset=utf-8")
	w.Write([]byte(mail.HTML)) //nolint:errcheck // the reader went away
}

func (m *Mailbox) serveJSON(w http.ResponseWriter, _ *http.Request) {
	out := []jsonMail{}
	for _, mail := range m.Mails() {
		out = append(out, jsonMail{
			ID: mail.ID, To: strings.Join(mail.To, ", "), Subject: mail.Subject,
			Text: mail.Text, HTML: mail.HTML, ReceivedAt: mail.ReceivedAt,
		})
	}
	w.Header().Set("Content-Type", "application/json")
	e := json.NewEncoder(w)
	e.SetEscapeHTML(false)
	e.Encode(out) //nolint:errcheck // the reader went away
}

func serveStyle(w http.ResponseWriter, r *http.Request) {
	http.ServeFileFS(w, r, pageFiles, "mailbox.css")
}
