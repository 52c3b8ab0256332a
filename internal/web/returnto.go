package web

import (
	"net/url"
	"regexp"
	"strings"
)

// ourPath is what a page of ours can be called, and nothing that a browser
// could read as another site's: no scheme, no host, no user, no backslash, no
// escape. It is a list of what is allowed; every trick that is known (//e, /\e,
// /%5ce, https:e, @e, javascript:) fails on it, and so does the next one.
var ourPath = regexp.MustCompile(`^/([a-z0-9][a-z0-9_-]*(/[a-z0-9][a-z0-9._-]*)*)?(\?[a-z0-9_]+=[a-z0-9_-]+(&[a-z0-9_]+=[a-z0-9_-]+)*)?$`)

const longestReturn = 200

// safeReturn gives a path to go on to, or "" for anything that is not surely
// one of ours.
func safeReturn(s string) string {
	if len(s) > longestReturn || !ourPath.MatchString(s) {
		return ""
	}
	return s
}

// returning is the query that carries a way back; none when there is nothing
// to go back to.
func returning(path string) string {
	if path = safeReturn(path); path == "" || path == "/" || path == "/account" {
		return ""
	}
	return "?return_to=" + strings.ReplaceAll(url.QueryEscape(path), "%2F", "/")
}

// returnTo is where this visit wants to go on to, from form or query.
func (v *visit) returnTo() string {
	if s := v.form("return_to"); s != "" {
		return safeReturn(s)
	}
	return safeReturn(v.c.Query("return_to"))
}

// orElse goes on to where the visit came for, or to a page of its own.
func (v *visit) orElse(page string) string {
	if to := v.returnTo(); to != "" {
		return to
	}
	return page
}
