package templates

import "embed"

// Web holds web/layout/*.html, web/partials/*.html and one file for each page,
// web/pages/<name>.html, which defines "title" and "main".
//
//go:embed web
var Web embed.FS

// Static holds the stylesheet and the script of the pages.
//
//go:embed static
var Static embed.FS
