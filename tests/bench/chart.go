// SPDX-License-Identifier: Apache-2.0

package main

import (
	"fmt"
	"html"
	"math"
	"strings"
)

// Measures of the chart, in SVG units.
const (
	chartWidth  = 900
	chartLeft   = 310 // where the bars begin
	chartRight  = 70  // room for a number behind a bar
	chartTop    = 84
	chartBar    = 9  // height of a bar
	chartGap    = 10 // between cases
	chartBottom = 40
)

// One colour for each host but the native one.
var chartColors = []string{"#2f6fb2", "#e08a2c", "#5a9e4b"}

// chart is an SVG: a bar for the ratio of each case and host, a line where native is, a mark
// at each target.
func (r *report) chart() string {
	rows := r.charted()
	hosts := len(r.hosts) - 1
	step := float64(hosts*chartBar + chartGap)
	bottom := chartTop + step*float64(len(rows))
	highest := r.highest(rows)
	scale := chartScale{most: min(math.Ceil(highest*2)/2, 4)}
	var svg strings.Builder
	fmt.Fprintf(&svg, `<svg xmlns="http://www.w3.org/2000/svg" viewBox="0 0 %d %.0f" font-family="Helvetica, Arial, sans-serif" font-size="12" fill="#222">`+"\n",
		chartWidth, bottom+chartBottom)
	fmt.Fprintf(&svg, `<rect width="100%%" height="100%%" fill="#fff"/>`+"\n")
	fmt.Fprintf(&svg, `<text x="20" y="28" font-size="17" font-weight="bold">Time in proportion to native nats.go</text>`+"\n")
	r.legend(&svg)
	if highest > scale.most {
		fmt.Fprintf(&svg, `<text x="%d" y="53" text-anchor="end" fill="#666">bars beyond %g are cut</text>`+"\n", chartWidth-chartRight, scale.most)
	}
	scale.axis(&svg, bottom)
	for i, w := range rows {
		r.bars(&svg, w, scale, chartTop+step*float64(i)+chartGap/2)
	}
	x := scale.x(1)
	fmt.Fprintf(&svg, `<line x1="%.1f" x2="%.1f" y1="%d" y2="%.1f" stroke="#222" stroke-width="1.5"/>`+"\n", x, x, chartTop-4, bottom)
	svg.WriteString("</svg>\n")
	return svg.String()
}

// charted are the rows that have a ratio of times, not of memory.
func (r *report) charted() []*row {
	var rows []*row
	for _, w := range r.rows {
		if strings.HasPrefix(w.unit, "µs") && len(w.ratios(tclHost)) > 0 {
			rows = append(rows, w)
		}
	}
	return rows
}

// highest is the highest ratio or target.
func (r *report) highest(rows []*row) float64 {
	highest := 1.5
	for _, w := range rows {
		highest = max(highest, w.target)
		for host := range r.hosts {
			if ratios := w.ratios(host); len(ratios) > 0 {
				highest = max(highest, median(ratios))
			}
		}
	}
	return highest
}

func (r *report) legend(svg *strings.Builder) {
	x := 20
	for i, host := range r.hosts[nativeHost+1:] {
		fmt.Fprintf(svg, `<rect x="%d" y="44" width="14" height="10" fill="%s"/><text x="%d" y="53">%s</text>`+"\n",
			x, chartColors[i], x+20, html.EscapeString(host))
		x += 90
	}
	fmt.Fprintf(svg, `<line x1="%d" x2="%d" y1="42" y2="56" stroke="#c0392b" stroke-width="3"/><text x="%d" y="53">target, at most</text>`+"\n", x+6, x+6, x+16)
}

// A chartScale places ratios from 0 to most between the chart's edges.
type chartScale struct{ most float64 }

func (s chartScale) x(ratio float64) float64 {
	return chartLeft + min(ratio, s.most)/s.most*(chartWidth-chartLeft-chartRight)
}

// beside is where the number of a bar begins: behind the bar, and behind a mark that it would
// stand on.
func (s chartScale) beside(value float64, marks ...float64) float64 {
	const space, width = 5, 24
	x := s.x(value) + space
	for _, mark := range marks {
		if at := s.x(mark); mark > 0 && at > x-space && at < x+width {
			x = at + space
		}
	}
	return x
}

func (s chartScale) axis(svg *strings.Builder, bottom float64) {
	for at := 0.0; at <= s.most; at += 0.5 {
		x := s.x(at)
		fmt.Fprintf(svg, `<line x1="%.1f" x2="%.1f" y1="%d" y2="%.1f" stroke="#ddd"/>`+"\n", x, x, chartTop-4, bottom)
		for _, y := range []float64{chartTop - 10, bottom + 18} {
			fmt.Fprintf(svg, `<text x="%.1f" y="%.1f" text-anchor="middle" fill="#666">%g</text>`+"\n", x, y, at)
		}
	}
}

func (r *report) bars(svg *strings.Builder, w *row, scale chartScale, top float64) {
	height := float64((len(r.hosts) - 1) * chartBar)
	fmt.Fprintf(svg, `<text x="%d" y="%.1f" text-anchor="end">%s</text>`+"\n", chartLeft-8, top+height/2+4, html.EscapeString(w.title()))
	for host := nativeHost + 1; host < len(r.hosts); host++ {
		ratios := w.ratios(host)
		if len(ratios) == 0 {
			continue
		}
		value := median(ratios)
		y := top + float64((host-1)*chartBar)
		fmt.Fprintf(svg, `<rect x="%d" y="%.1f" width="%.1f" height="%d" fill="%s"/>`+"\n",
			chartLeft, y, scale.x(value)-chartLeft, chartBar-1, chartColors[host-1])
		fmt.Fprintf(svg, `<text x="%.1f" y="%.1f" font-size="10" fill="#444">%s</text>`+"\n",
			scale.beside(value, 1, w.target), y+chartBar-1, ratio(value))
	}
	if w.target > 0 && !w.absolute {
		x := scale.x(w.target)
		fmt.Fprintf(svg, `<line x1="%.1f" x2="%.1f" y1="%.1f" y2="%.1f" stroke="#c0392b" stroke-width="3"/>`+"\n", x, x, top-2, top+height+1)
	}
}
