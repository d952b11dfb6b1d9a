//go:build linux

package report

import (
	"fmt"
	"io"
	"math"
	"slices"
	"strings"

	"moonwire/cmd/moonbench/internal/series"
)

// The growth chart's measures in pixels.
const (
	panelWidth  = 430 // between the axes' ends
	panelHeight = 300
	panelLeft   = 80 // for the figures on the vertical axis
	panelRight  = 20
	panelTop    = 100
	panelLow    = 60 // for the figures on the horizontal axis, and its name
	panelInset  = 16 // between the vertical axis and the first point
	dotRadius   = 3.5
	axisTicks   = 5 // about as many on the vertical axis
)

// row is one panel: the same load among more and more of something.
type row struct {
	what      string
	scenarios []*series.Scenario
}

// has reports whether a server has a point in the panel.
func (r row) has(target int) bool {
	return slices.ContainsFunc(r.scenarios, func(sc *series.Scenario) bool { return sc.Targets[target].Cost.N > 0 })
}

// rows finds the panels in the order in which they were measured. A single
// point is no row.
func rows(rep *series.Report) []row {
	var all []row
	for _, sc := range rep.Scenarios {
		if sc.Growth == nil || !ran(sc) {
			continue
		}
		if last := len(all) - 1; last >= 0 && all[last].what == sc.Growth.Of {
			all[last].scenarios = append(all[last].scenarios, sc)
			continue
		}
		all = append(all, row{what: sc.Growth.Of, scenarios: []*series.Scenario{sc}})
	}
	var out []row
	for _, r := range all {
		if len(r.scenarios) > 1 {
			out = append(out, r)
		}
	}
	return out
}

// Growth draws what a message costs against the number of subscriptions, and of
// connections, that the server holds beside it: a panel each, a line for each
// server, a bar from the smallest to the largest figure at each point.
func Growth(w io.Writer, rep *series.Report) error {
	panels := rows(rep)
	width := max(1, len(panels)) * (panelLeft + panelWidth + panelRight)
	height := panelTop + panelHeight + panelLow
	var b strings.Builder
	svgHead(&b, width, height, "Server CPU for a delivered message, ns; lower is better")
	legend(&b, rep.Targets, func(i int) bool {
		return slices.ContainsFunc(panels, func(r row) bool { return r.has(i) })
	})
	for i, r := range panels {
		p := newPanel(r, i*(panelLeft+panelWidth+panelRight)+panelLeft)
		p.axes(&b)
		for t := range rep.Targets {
			p.line(&b, t)
		}
	}
	if len(panels) == 0 {
		textAt(&b, 16, panelTop, "12", "start", "nothing that grows was measured")
	}
	b.WriteString("</svg>\n")
	_, err := io.WriteString(w, b.String())
	return err
}

// panel maps a row's figures to pixels: the horizontal axis is logarithmic, the
// vertical one begins at 0.
type panel struct {
	row
	left      float64
	low, high float64 // logarithms of the numbers at the axis' ends
	step, top float64 // between ticks, and at the upper end
}

func newPanel(r row, left int) *panel {
	p := &panel{row: r, left: float64(left)}
	p.low = math.Log10(float64(r.scenarios[0].Growth.N))
	p.high = math.Log10(float64(r.scenarios[len(r.scenarios)-1].Growth.N))
	most := 0.0
	for _, sc := range r.scenarios {
		for _, t := range sc.Targets {
			most = max(most, t.Cost.Max)
		}
	}
	p.step = roundStep(most / axisTicks)
	p.top = p.step * max(1, math.Ceil(most/p.step))
	return p
}

// roundStep is the next of 1, 2, 5, 10, 20 … that is not below v.
func roundStep(v float64) float64 {
	if v <= 0 {
		return 1
	}
	unit := math.Pow(10, math.Floor(math.Log10(v)))
	for _, f := range []float64{1, 2, 5} {
		if f*unit >= v {
			return f * unit
		}
	}
	return 10 * unit
}

func (p *panel) x(n int) float64 {
	if p.high == p.low {
		return p.left + panelWidth/2
	}
	return p.left + panelInset + (panelWidth-2*panelInset)*(math.Log10(float64(n))-p.low)/(p.high-p.low)
}

func (p *panel) y(cost float64) float64 { return panelTop + panelHeight*(1-cost/p.top) }

func (p *panel) axes(b *strings.Builder) {
	for v := 0.0; v <= p.top+p.step/2; v += p.step {
		y := p.y(v)
		fmt.Fprintf(b, `<line x1="%.1f" y1="%.1f" x2="%.1f" y2="%.1f" stroke="#e3e6eb"/>`+"\n", p.left, y, p.left+panelWidth, y)
		textAt(b, int(p.left)-8, int(y)+4, "12", "end", axisNumber(v))
	}
	bottom := float64(panelTop + panelHeight)
	for _, sc := range p.scenarios {
		x := p.x(sc.Growth.N)
		fmt.Fprintf(b, `<line x1="%.1f" y1="%.1f" x2="%.1f" y2="%.1f" stroke="#1d2430"/>`+"\n", x, bottom, x, bottom+5)
		textAt(b, int(x), int(bottom)+20, "12", "middle", count(sc.Growth.N))
	}
	fmt.Fprintf(b, `<path d="M%.1f %d V%.1f H%.1f" fill="none" stroke="#1d2430"/>`+"\n", p.left, panelTop, bottom, p.left+panelWidth)
	textAt(b, int(p.left)+panelWidth/2, int(bottom)+44, "12", "middle", "idle "+p.what+" beside the load")
	textAt(b, int(p.left), panelTop-14, "12", "start", "ns for each "+p.scenarios[0].Unit)
}

// axisNumber prints a round cost: 500, 1500, 10k.
func axisNumber(v float64) string {
	if v >= 1e4 {
		return fmt.Sprintf("%gk", v/1e3)
	}
	return fmt.Sprintf("%g", v)
}

// count prints a number of things: 100, 1k, 1M.
func count(n int) string {
	switch {
	case n >= 1e6:
		return fmt.Sprintf("%gM", float64(n)/1e6)
	case n >= 1e3:
		return fmt.Sprintf("%gk", float64(n)/1e3)
	}
	return fmt.Sprint(n)
}

// line draws one server's points.
func (p *panel) line(b *strings.Builder, target int) {
	var path, marks strings.Builder
	for _, sc := range p.scenarios {
		t := sc.Targets[target]
		if t.Cost.N == 0 {
			continue
		}
		x, y := p.x(sc.Growth.N), p.y(t.Cost.Median)
		verb := "L"
		if path.Len() == 0 {
			verb = "M"
		}
		fmt.Fprintf(&path, "%s%.1f %.1f ", verb, x, y)
		fmt.Fprintf(&marks, `<line x1="%.1f" y1="%.1f" x2="%.1f" y2="%.1f" stroke="%s" stroke-opacity="0.45" stroke-width="4"/>`+"\n",
			x, p.y(t.Cost.Min), x, p.y(t.Cost.Max), colour(target))
		fmt.Fprintf(&marks, `<circle cx="%.1f" cy="%.1f" r="%.1f" fill="%s"/>`+"\n", x, y, dotRadius, colour(target))
	}
	if path.Len() == 0 {
		return
	}
	fmt.Fprintf(b, `<path d="%s" fill="none" stroke="%s" stroke-width="2"/>`+"\n%s", strings.TrimSpace(path.String()), colour(target), marks.String())
}
