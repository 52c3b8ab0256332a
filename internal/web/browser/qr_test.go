package browser_test

import (
	"bytes"
	"image/png"
	"net/url"

	"github.com/chromedp/chromedp"
	"github.com/makiuchi-d/gozxing"
	"github.com/makiuchi-d/gozxing/qrcode"
)

// scanned is what an authenticator app takes from a QR code.
type scanned struct{ label, secret, issuer string }

// scan photographs an element, as it is drawn on the screen, and reads it.
func (b *tab) scan(selector string) scanned {
	b.t.Helper()
	photo, err := chromedp.Run(b.ctx, chromedp.Screenshot(chromedp.CSS(selector)))
	b.must(photo, err)
	img, err := png.Decode(bytes.NewReader(photo))
	b.must(img, err)
	bits, err := gozxing.NewBinaryBitmapFromImage(img)
	b.must(bits, err)
	// This reader misses one picture of twenty, as a phone's camera does not:
	// it may look twice.
	found, err := qrcode.NewQRCodeReader().Decode(bits, nil)
	if err != nil {
		found, err = qrcode.NewQRCodeReader().Decode(bits, map[gozxing.DecodeHintType]any{
			gozxing.DecodeHintType_PURE_BARCODE: true, gozxing.DecodeHintType_TRY_HARDER: true,
		})
	}
	if err != nil {
		b.t.Fatalf("the QR code on %s can't be read: %v", b.where(), err)
	}
	u, err := url.Parse(found.GetText())
	b.must(u, err)
	if u.Scheme != "otpauth" || u.Host != "totp" {
		b.t.Fatalf("the QR code says %s://%s", u.Scheme, u.Host)
	}
	return scanned{label: u.Path, secret: u.Query().Get("secret"), issuer: u.Query().Get("issuer")}
}
