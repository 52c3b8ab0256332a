package factor

import (
	"bytes"
	"image"
	"image/png"
	"net/url"
	"strings"
	"testing"
	"unicode"

	"github.com/makiuchi-d/gozxing"
	"github.com/makiuchi-d/gozxing/qrcode"
	"github.com/pquerna/otp"
)

func TestOtpauthURLIsWhatAppsRead(t *testing.T) {
	t.Parallel()
	const s = "JBSWY3DPEHPK3PXPJBSWY3DPEHPK3PXP"
	for _, c := range []struct{ issuer, account, label, issuerParam string }{
		{"Latchkey", "ada@example.org", "Latchkey:ada%40example.org", "Latchkey"},
		{"Acme & Söhne", "a+b@example.org", "Acme%20%26%20S%C3%B6hne:a%2Bb%40example.org", "Acme%20%26%20S%C3%B6hne"},
		{"Acme: 50%+ #1", "ada:eve", "Acme%2050%25%2B%20%231:ada%20eve", "Acme%2050%25%2B%20%231"},
		{"X&secret=EVIL", "a?secret=EVIL", "X%26secret%3DEVIL:a%3Fsecret%3DEVIL", "X%26secret%3DEVIL"},
		{"a/../b", "x\r\ny", "a%2F..%2Fb:x%20y", "a%2F..%2Fb"},
	} {
		want := "otpauth://totp/" + c.label + "?secret=" + s + "&issuer=" + c.issuerParam + "&algorithm=SHA1&digits=6&period=30"
		if got := OtpauthURL(c.issuer, c.account, s); got != want {
			t.Errorf("got  %s\nwant %s", got, want)
		}
	}
}

// Whatever brand and account are called, a reader gets back one issuer, one
// account and the one secret.
func FuzzOtpauthURL(f *testing.F) {
	for _, s := range []string{"Latchkey", "Acme & Söhne: 50%+ #1", "&secret=EVIL", "a:b", "%3A", "\xff", "/", "?", "\u2028", ""} {
		f.Add(s, s)
	}
	f.Fuzz(func(t *testing.T, issuer, account string) {
		raw := OtpauthURL(issuer, account, rfcSecret)
		u, err := url.Parse(raw)
		if err != nil {
			t.Fatalf("%q does not parse: %v", raw, err)
		}
		q := u.Query()
		if len(q) != 5 || len(q["secret"]) != 1 || q.Get("secret") != rfcSecret || len(q["issuer"]) != 1 {
			t.Errorf("%q has the parameters %v", raw, q)
		}
		i, a, ok := strings.Cut(strings.TrimPrefix(u.Path, "/"), ":")
		if !ok || strings.Contains(a, ":") || i != q.Get("issuer") || i != label(issuer) || a != label(account) {
			t.Errorf("%q has issuer %q and account %q", raw, i, a)
		}
		for _, r := range i + a {
			if unicode.IsControl(r) {
				t.Errorf("%q carries %q", raw, r)
			}
		}
		key, err := otp.NewKeyFromURL(raw)
		if err != nil || key.Secret() != rfcSecret || key.Period() != 30 || key.Digits() != otp.DigitsSix {
			t.Errorf("%q reads as %v, %v", raw, key, err)
		}
	})
}

func TestQRIsReadByAScanner(t *testing.T) {
	t.Parallel()
	const secret = "JBSWY3DPEHPK3PXPJBSWY3DPEHPK3PXP" // always this: nobody knows which picture this reader misses
	for _, want := range []string{
		OtpauthURL("Latchkey", "ada@example.org", secret),
		OtpauthURL("Bücher & Söhne, Köln", "ada.lovelace+portal@xn--bcher-kva.example", secret),
		OtpauthURL(strings.Repeat("Ü", 100), strings.Repeat("a", 64)+"@example.org", secret),
	} {
		img := drawn(t, want)
		bmp, err := gozxing.NewBinaryBitmapFromImage(img)
		if err != nil {
			t.Fatal(err)
		}
		// A picture without perspective or blur: without these hints this reader
		// misses one of twenty, as a phone's camera does not.
		got, err := qrcode.NewQRCodeReader().Decode(bmp, map[gozxing.DecodeHintType]any{
			gozxing.DecodeHintType_PURE_BARCODE: true, gozxing.DecodeHintType_TRY_HARDER: true,
		})
		if err != nil || got.GetText() != want {
			t.Errorf("%s reads as %v, %v", want, got, err)
		}
	}
	if _, err := QR(strings.Repeat("a", 3000)); err == nil {
		t.Error("3000 characters fit in a QR code")
	}
}

func TestQRHasItsQuietZoneAndTwoColours(t *testing.T) {
	t.Parallel()
	img := drawn(t, OtpauthURL("Latchkey", "ada@example.org", NewAppSecret()))
	p, ok := img.(*image.Paletted)
	if !ok || len(p.Palette) != 2 {
		t.Fatalf("the picture is a %T", img)
	}
	side := p.Bounds().Dx()
	if side != p.Bounds().Dy() || side%4 != 0 || (side/4-8-17)%4 != 0 {
		t.Errorf("%v is not a QR code of whole modules", p.Bounds())
	}
	dark := image.Rectangle{}
	for y := range side {
		for x := range side {
			if r, _, _, _ := p.At(x, y).RGBA(); r == 0 {
				dark = dark.Union(image.Rect(x, y, x+1, y+1))
			}
		}
	}
	if want := image.Rect(16, 16, side-16, side-16); dark != want {
		t.Errorf("dark modules fill %v of %v, want %v", dark, p.Bounds(), want)
	}
}

func drawn(t *testing.T, url string) image.Image {
	t.Helper()
	b, err := QR(url)
	if err != nil {
		t.Fatal(err)
	}
	img, err := png.Decode(bytes.NewReader(b))
	if err != nil {
		t.Fatal(err)
	}
	return img
}
