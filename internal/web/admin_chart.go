package web

import (
	"fmt"
	"strings"
	"time"

	"latchkey/internal/admin"
)

// chart is coverage over time. The picture is stretched to the page, so it
// holds lines only; words and figures stand around it as text, which stays
// readable on a phone.
type chart struct {
	Lines    []chartLine
	Top, Mid int // figures of the upright axis
	From, To time.Time
	Days     []admin.Day // newest first, for the table
	Single   bool        // one day alone is no line yet
}

type chartLine struct {
	Name, Class string
	Points      string
	Last        int
}

// Size of the drawing's own units.
const (
	chartWidth  = 1000
	chartHeight = 240
)

func (v *visit) coverageChart(days []admin.Day) chart {
	if len(days) == 0 {
		return chart{}
	}
	top := 1
	for _, d := range days {
		top = max(top, d.Users)
	}
	top = roundUp(top)
	out := chart{Top: top, Mid: top / 2, From: days[0].Day, To: days[len(days)-1].Day, Single: len(days) == 1}
	for _, l := range []struct {
		name, class string
		of          func(admin.Share) int
	}{
		{v.o.Words.T("web.admin.chart.users", nil), "users", func(s admin.Share) int { return s.Users }},
		{v.o.Words.T("web.admin.chart.covered", nil), "covered", func(s admin.Share) int { return s.Covered }},
		{v.o.Words.T("web.way.app", nil), "app", func(s admin.Share) int { return s.App }},
		{v.o.Words.T("web.way.email", nil), "email", func(s admin.Share) int { return s.Email }},
	} {
		line := chartLine{Name: l.name, Class: l.class, Last: l.of(days[len(days)-1].Share)}
		line.Points = points(days, top, l.of)
		out.Lines = append(out.Lines, line)
	}
	for i := len(days) - 1; i >= 0; i-- {
		out.Days = append(out.Days, days[i])
	}
	return out
}

// points places each day by its date, so that days when nothing was counted
// leave a longer line and not a false slope.
func points(days []admin.Day, top int, of func(admin.Share) int) string {
	span := days[len(days)-1].Day.Sub(days[0].Day)
	at := func(d admin.Day) float64 {
		if span == 0 {
			return chartWidth
		}
		return chartWidth * float64(d.Day.Sub(days[0].Day)) / float64(span)
	}
	var b strings.Builder
	for _, d := range days {
		y := chartHeight - chartHeight*float64(of(d.Share))/float64(top)
		if span == 0 {
			fmt.Fprintf(&b, "0,%.1f ", y)
		}
		fmt.Fprintf(&b, "%.1f,%.1f ", at(d), y)
	}
	return strings.TrimSpace(b.String())
}

// roundUp gives an even figure of one or two digits and noughts.
func roundUp(n int) int {
	step := 2
	for n > step*10 {
		step *= 10
		if n <= step*5/2 {
			break
		}
	}
	return (n + step - 1) / step * step
}
