package web

import (
	"net/http"
	"strconv"

	"github.com/gin-gonic/gin"

	"latchkey/internal/edge"
	"latchkey/internal/fault"
	"latchkey/internal/mail"
)

// The gallery shows every screen and every mail with made-up data. It is of
// `dev` alone: without Options.Gallery there is no such route.

// galleryPage lists what there is to see, or shows one mail.
type galleryPage struct {
	frame
	Screens []screen
	Mails   []galleryMail
	Open    *galleryMail
}

// galleryMail is one mail as it would be sent.
type galleryMail struct {
	At, Kind      string
	Subject, Text string
}

// framedMail is the policy of a mail in a frame: nothing but its own inline
// styles; its scripts, forms and links stay dead.
const framedMail = "sandbox; default-src 'none'; img-src data:; style-src 'unsafe-inline'; frame-ancestors 'self'"

func (w *Web) galleryRoutes(r gin.IRouter) {
	for path, do := range map[string]func(*visit) error{
		"/dev/gallery": gallery, "/dev/gallery/screens/:at": galleryScreen,
		"/dev/gallery/mails/:at": galleryOpen, "/dev/gallery/mails/:at/html": galleryFrame,
	} {
		r.GET(path, func(c *gin.Context) {
			if err := do(&visit{Web: w, c: c}); err != nil {
				edge.Fail(c, err)
			}
		})
	}
}

func gallery(v *visit) error {
	p := &galleryPage{Screens: v.screens()}
	for i, k := range mail.Samples(v.o.DB.Now()) {
		m, err := v.o.Gallery.Render("Ada", k)
		if err != nil {
			return err
		}
		p.Mails = append(p.Mails, galleryMail{At: strconv.Itoa(i), Kind: k.Name(), Subject: m.Subject})
	}
	return v.draw("gallery", p)
}

func galleryScreen(v *visit) error {
	for _, s := range v.screens() {
		if s.At == v.c.Param("at") {
			return v.draw(s.page, s.data)
		}
	}
	return errNoSuch
}

func galleryOpen(v *visit) error {
	k, m, err := v.sample()
	if err != nil {
		return err
	}
	edge.AllowAlso(v.c, "frame-src 'self'")
	return v.draw("gallery", &galleryPage{Open: &galleryMail{At: v.c.Param("at"), Kind: k.Name(), Subject: m.Subject, Text: m.Text}})
}

func galleryFrame(v *visit) error {
	_, m, err := v.sample()
	if err != nil {
		return err
	}
	v.c.Header("Content-Security-Policy", framedMail)
	v.c.Data(http.StatusOK, "text/html; charset=utf-8", []byte(m.HTML))
	return nil
}

func (v *visit) sample() (mail.Kind, mail.Rendered, error) {
	all := mail.Samples(v.o.DB.Now())
	i, err := strconv.Atoi(v.c.Param("at"))
	if err != nil || i < 0 || i >= len(all) {
		return nil, mail.Rendered{}, fault.New(fault.NotFound, fault.Absent)
	}
	m, err := v.o.Gallery.Render("Ada", all[i])
	return all[i], m, err
}
