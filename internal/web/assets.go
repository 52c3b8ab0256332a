package web

import (
	"crypto/sha256"
	"encoding/hex"
	"fmt"
	"io/fs"
	"net/http"
	"os"
	"path"
	"strings"

	"github.com/gin-gonic/gin"
)

// assets are the files that every page asks for. Their names hold a digest of
// what is in them, so that they may be kept for a year and a new release is
// seen at once.
type assets struct {
	Style, BrandStyle, Script, Logo string // addresses; empty: none

	files map[string]asset
}

type asset struct {
	kind string
	body []byte
}

var kinds = map[string]string{
	".css": "text/css; charset=utf-8", ".js": "text/javascript; charset=utf-8",
	".svg": "image/svg+xml", ".png": "image/png", ".webp": "image/webp",
}

func loadAssets(static fs.FS, b Brand) (assets, error) {
	a := assets{files: map[string]asset{}}
	style, err := fs.ReadFile(static, "static/latchkey.css")
	if err != nil {
		return a, err
	}
	desk, err := fs.ReadFile(static, "static/admin.css")
	if err != nil {
		return a, err
	}
	style = append(style, desk...)
	script, err := fs.ReadFile(static, "static/latchkey.js")
	if err != nil {
		return a, err
	}
	a.Style, a.Script = a.keep("latchkey.css", style), a.keep("latchkey.js", script)
	if b.Color != "" {
		sheet, err := brandStyle(b.Color)
		if err != nil {
			return a, err
		}
		a.BrandStyle = a.keep("brand.css", sheet)
	}
	if b.LogoFile != "" {
		logo, err := os.ReadFile(b.LogoFile)
		if err != nil {
			return a, fmt.Errorf("read logo: %w", err)
		}
		a.Logo = a.keep("logo"+strings.ToLower(path.Ext(b.LogoFile)), logo)
	}
	return a, nil
}

// keep gives a file its name with its digest in it.
func (a *assets) keep(name string, body []byte) string {
	sum, ext := sha256.Sum256(body), path.Ext(name)
	at := "/static/" + strings.TrimSuffix(name, ext) + "-" + hex.EncodeToString(sum[:6]) + ext
	a.files[at] = asset{kinds[ext], body}
	return at
}

func (a *assets) routes(r gin.IRouter) {
	for at, file := range a.files {
		r.GET(at, func(c *gin.Context) {
			c.Header("Cache-Control", "public, max-age=31536000, immutable")
			c.Data(http.StatusOK, file.kind, file.body)
		})
	}
}
