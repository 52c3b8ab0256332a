package web

import (
	"fmt"
	"math"
	"strconv"
)

// Grounds that the accent stands on, as in the stylesheet.
var (
	white      = rgb{255, 255, 255}
	black      = rgb{17, 19, 24}
	lightPaper = rgb{243, 244, 247} // the darkest of the light ones
	darkPaper  = rgb{38, 42, 52}    // the lightest of the dark ones
)

// readable is the contrast that WCAG 2.2 AA asks of text, and a little more.
const readable = 4.6

type rgb [3]float64

// brandStyle turns the brand's colour into a sheet of its own: the pages allow
// no inline style. Buttons have the very colour, with ink that can be read on
// it. For links and outlines it is moved towards black or white until it can be
// read on light and dark paper, so that no choice makes a page unreadable.
func brandStyle(color string) ([]byte, error) {
	n, err := strconv.ParseUint(color[1:], 16, 32)
	if err != nil || len(color) != 7 {
		return nil, fmt.Errorf("brand colour %q is not #rrggbb", color)
	}
	c := rgb{float64(n >> 16 & 255), float64(n >> 8 & 255), float64(n & 255)}
	light, dark, fill := until(c, lightPaper, rgb{}), until(c, darkPaper, white), filling(c)
	return fmt.Appendf(nil, ":root{--accent:%s;--on-accent:%s;--accent-text:%s}\n"+
		"@media (prefers-color-scheme:dark){:root{--accent:%s;--on-accent:%s;--accent-text:%s}}\n",
		fill, on(fill), light, fill, on(fill), dark), nil
}

// filling is the colour of a button: in the middle between black and white
// neither ink can be read well enough, so that it is darkened a little.
func filling(c rgb) rgb {
	if contrast(on(c), c) >= readable {
		return c
	}
	return until(c, white, rgb{})
}

// until moves a colour towards another until it can be read on the paper.
func until(c, paper, towards rgb) rgb {
	for step := 0.0; step < 1; step += 0.05 {
		m := rgb{}
		for i := range m {
			m[i] = math.Round(c[i] + (towards[i]-c[i])*step)
		}
		if contrast(m, paper) >= readable {
			return m
		}
	}
	return towards
}

// on is the ink for text on a colour.
func on(c rgb) rgb {
	if contrast(c, white) >= contrast(c, black) {
		return white
	}
	return black
}

func (c rgb) String() string { return fmt.Sprintf("#%02x%02x%02x", int(c[0]), int(c[1]), int(c[2])) }

// contrast and luminance as WCAG defines them.
func contrast(a, b rgb) float64 {
	x, y := a.luminance()+0.05, b.luminance()+0.05
	return max(x, y) / min(x, y)
}

func (c rgb) luminance() float64 {
	l := 0.0
	for i, weight := range []float64{0.2126, 0.7152, 0.0722} {
		s := c[i] / 255
		if s <= 0.04045 {
			s /= 12.92
		} else {
			s = math.Pow((s+0.055)/1.055, 2.4)
		}
		l += weight * s
	}
	return l
}
