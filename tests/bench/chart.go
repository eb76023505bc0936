// SPDX-License-Identifier: Apache-2.0

package main

import (
	"fmt"
	"html"
	"math"
	"slices"
	"strings"
)

// Measures of the chart, in SVG units.
const (
	chartWidth  = 900
	chartLeft   = 310 // where the scale begins
	chartRight  = 40
	chartTop    = 84
	chartBar    = 9  // height of a bar
	chartGap    = 10 // between cases
	chartBottom = 40
)

// The colours of the hosts but the native one, and of everything else, for a light page and for
// a dark one.
const chartStyle = `<style>
text { fill: #222 } .soft { fill: #666 } .ground { fill: #fff } .grid { stroke: #ddd } .native { stroke: #222 } .target { stroke: #c0392b }
.host1 { fill: #2f6fb2 } .host2 { fill: #e08a2c } .host3 { fill: #8a8f98 }
@media (prefers-color-scheme: dark) {
text { fill: #e6e6e6 } .soft { fill: #a0a0a0 } .ground { fill: #161b22 } .grid { stroke: #30363d } .native { stroke: #e6e6e6 } .target { stroke: #ff7b6b }
.host1 { fill: #5b9bd9 } .host2 { fill: #eda04f } .host3 { fill: #9aa0aa }
}
</style>
`

// The cases of the short chart, which README shows.
var chartedShort = []string{
	"put", "get", "request", "coroutines", "acks", "pubsub", "ordered", "keys-10000", "history-10000", "array-10000",
}

// chart is an SVG: for each case and host a bar that leaves the line of the native program, to the
// left where the host is faster and to the right where it is slower; and a mark at each target.
// The scale is logarithmic, so that half the time and twice the time are as far from the line.
// Names are those of the cases to show; nil is all that have a ratio of times.
func (r *report) chart(names []string) string {
	rows := r.charted(names)
	hosts := len(r.hosts) - 1
	step := float64(hosts*chartBar + chartGap)
	bottom := chartTop + step*float64(len(rows))
	scale := r.scale(rows)
	var svg strings.Builder
	fmt.Fprintf(&svg, `<svg xmlns="http://www.w3.org/2000/svg" viewBox="0 0 %d %.0f" font-family="Helvetica, Arial, sans-serif" font-size="12">`+"\n",
		chartWidth, bottom+chartBottom)
	svg.WriteString(chartStyle)
	fmt.Fprintf(&svg, `<rect width="100%%" height="100%%" class="ground"/>`+"\n")
	fmt.Fprintf(&svg, `<text x="20" y="28" font-size="17" font-weight="bold">Time in proportion to the same program in Go, on nats.go</text>`+"\n")
	r.legend(&svg)
	scale.axis(&svg, bottom)
	for i, w := range rows {
		r.bars(&svg, w, scale, chartTop+step*float64(i)+chartGap/2)
	}
	x := scale.x(1)
	fmt.Fprintf(&svg, `<line x1="%.1f" x2="%.1f" y1="%d" y2="%.1f" class="native" stroke-width="1.5"/>`+"\n", x, x, chartTop-4, bottom)
	svg.WriteString("</svg>\n")
	return svg.String()
}

// charted are the rows that have a ratio of times, not of memory.
func (r *report) charted(names []string) []*row {
	var rows []*row
	for _, w := range r.rows {
		if strings.HasPrefix(w.unit, "µs") && len(w.ratios(tclHost)) > 0 && (names == nil || slices.Contains(names, w.name)) {
			rows = append(rows, w)
		}
	}
	return rows
}

// scale reaches from half or less to twice or more: to the powers of two around all that is drawn.
func (r *report) scale(rows []*row) chartScale {
	scale := chartScale{least: -1, most: 1}
	for _, w := range rows {
		values := []float64{max(w.target.tcl, w.target.natsh, 1)}
		for host := range r.hosts {
			if ratios := w.ratios(host); len(ratios) > 0 {
				values = append(values, median(ratios))
			}
		}
		for _, value := range values {
			if value > 0 {
				scale.least = min(scale.least, math.Floor(math.Log2(value)))
				scale.most = max(scale.most, math.Ceil(math.Log2(value)))
			}
		}
	}
	return scale
}

func (r *report) legend(svg *strings.Builder) {
	x := 20
	for i, host := range r.hosts[nativeHost+1:] {
		fmt.Fprintf(svg, `<rect x="%d" y="44" width="14" height="10" class="host%d"/><text x="%d" y="53">%s</text>`+"\n",
			x, i+1, x+20, html.EscapeString(host))
		x += 40 + 8*len(host)
	}
	fmt.Fprintf(svg, `<line x1="%d" x2="%d" y1="42" y2="56" class="target" stroke-width="3"/><text x="%d" y="53">target, at most</text>`+"\n", x+6, x+6, x+16)
}

// A chartScale places ratios between the chart's edges, which are powers of two: its exponents.
type chartScale struct{ least, most float64 }

func (s chartScale) x(ratio float64) float64 {
	return chartLeft + (math.Log2(ratio)-s.least)/(s.most-s.least)*(chartWidth-chartLeft-chartRight)
}

// beside is where the number of a bar begins: behind the bar and the line, and behind a mark that
// it would stand on.
func (s chartScale) beside(value float64, marks ...float64) float64 {
	const space, width = 5, 24
	x := s.x(max(value, 1)) + space
	for _, mark := range marks {
		if mark <= 0 {
			continue
		}
		if at := s.x(mark); at > x-space && at < x+width {
			x = at + space
		}
	}
	return x
}

func (s chartScale) axis(svg *strings.Builder, bottom float64) {
	for exponent := s.least; exponent <= s.most; exponent++ {
		x := s.x(math.Exp2(exponent))
		fmt.Fprintf(svg, `<line x1="%.1f" x2="%.1f" y1="%d" y2="%.1f" class="grid"/>`+"\n", x, x, chartTop-4, bottom)
		for _, y := range []float64{chartTop - 10, bottom + 18} {
			fmt.Fprintf(svg, `<text x="%.1f" y="%.1f" text-anchor="middle" class="soft">%g</text>`+"\n", x, y, math.Exp2(exponent))
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
		from, to := scale.x(min(value, 1)), scale.x(max(value, 1))
		fmt.Fprintf(svg, `<rect x="%.1f" y="%.1f" width="%.1f" height="%d" class="host%d"/>`+"\n", from, y, to-from, chartBar-1, host)
		fmt.Fprintf(svg, `<text x="%.1f" y="%.1f" font-size="10" class="soft">%s</text>`+"\n",
			scale.beside(value, 1, r.most(w, host)), y+chartBar-1, ratio(value))
		if most := r.most(w, host); most > 0 {
			x := scale.x(most)
			fmt.Fprintf(svg, `<line x1="%.1f" x2="%.1f" y1="%.1f" y2="%.1f" class="target" stroke-width="3"/>`+"\n", x, x, y-1, y+chartBar)
		}
	}
}
