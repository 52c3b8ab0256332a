package factor

import (
	"bytes"
	"fmt"
	"image"
	"image/color"
	"image/png"
	"net/url"
	"strings"
	"unicode"

	"github.com/boombuler/barcode/qr"
)

const (
	// quietModules is the light border a QR code must have on every side
	// (ISO/IEC 18004 §6.3.8): without it a dark page makes it unreadable.
	quietModules = 4

	// modulePixels is the width of one module in the picture.
	modulePixels = 4
)

// OtpauthURL is the address that enrols an app, in the form that Google
// Authenticator laid down and all others read:
//
//	otpauth://totp/ISSUER:ACCOUNT?secret=S&issuer=ISSUER&algorithm=SHA1&digits=6&period=30
//
// It is built here because the library leaves "&" and "=" in the issuer as they
// are, by which a brand name could bring its own secret. Spaces become %20:
// several apps show a "+". A ":" in issuer or account would move the border
// between them and becomes a space, as do control characters.
func OtpauthURL(issuer, account, secret string) string {
	issuer, account = label(issuer), label(account)
	return "otpauth://totp/" + escape(issuer) + ":" + escape(account) +
		"?secret=" + escape(secret) +
		"&issuer=" + escape(issuer) +
		"&algorithm=SHA1&digits=6&period=30"
}

// label makes s fit as one half of an otpauth label: valid UTF-8 on one line,
// without ":".
func label(s string) string {
	s = strings.Map(func(r rune) rune {
		if r == ':' || unicode.IsControl(r) {
			return ' '
		}
		return r
	}, strings.ToValidUTF8(s, "\uFFFD"))
	return strings.Join(strings.Fields(s), " ")
}

func escape(s string) string {
	return strings.ReplaceAll(url.QueryEscape(s), "+", "%20")
}

// QR draws url as a PNG in black and white: error correction level M, four
// pixels a module, inside the quiet zone of four modules. It fails when url is
// longer than a QR code can hold, about 2.3 kB.
//
// It is drawn here because the library's scaling leaves as border whatever is
// over, down to nothing.
func QR(url string) ([]byte, error) {
	code, err := qr.Encode(url, qr.M, qr.Auto)
	if err != nil {
		return nil, fmt.Errorf("encode qr code: %w", err)
	}
	var (
		n    = code.Bounds().Dx()
		side = (n + 2*quietModules) * modulePixels
		img  = image.NewPaletted(image.Rect(0, 0, side, side), color.Palette{color.White, color.Black})
	)
	for y := range side {
		for x := range side {
			mx, my := x/modulePixels-quietModules, y/modulePixels-quietModules
			if mx < 0 || my < 0 || mx >= n || my >= n {
				continue // the quiet zone; index 0 is white
			}
			if l, _, _, _ := code.At(mx, my).RGBA(); l == 0 {
				img.SetColorIndex(x, y, 1)
			}
		}
	}
	var b bytes.Buffer
	if err := png.Encode(&b, img); err != nil {
		return nil, fmt.Errorf("draw qr code: %w", err)
	}
	return b.Bytes(), nil
}
