//go:build linux

package report

import (
	"fmt"
	"html"
	"io"
	"strings"

	"moonwire/cmd/moonbench/internal/series"
)

// The chart's measures in pixels.
const (
	chartWidth  = 1060
	labelWidth  = 410 // left of the bars
	valueWidth  = 200 // right of the longest bar
	barHeight   = 16
	barGap      = 3
	groupGap    = 16
	topMargin   = 64
	lowMargin   = 16
	textDrop    = 12 // from a bar's top to its text's base line
	longestBar  = chartWidth - labelWidth - valueWidth
	shortestBar = 1.0
)

// colour of a server by its place; the first one is the subject.
func colour(i int) string {
	c := [...]string{"#2f6fde", "#8a94a6", "#e08a1e", "#2e9e6b", "#b03a8c", "#6b5b3e"}
	return c[i%len(c)]
}

// SVG draws a bar for each server in each scenario that it ran: cost for each unit, or
// memory in the memory scenarios. Bars are to scale within a scenario, not
// between scenarios, whose costs differ by orders of magnitude.
func SVG(w io.Writer, rep *series.Report) error {
	var body strings.Builder
	y := topMargin
	for _, sc := range rep.Scenarios {
		if !ran(sc) {
			continue
		}
		y = drawScenario(&body, sc, y)
	}
	height := y + lowMargin
	var b strings.Builder
	title := "Server CPU for each unit (memory where stated); shorter is better"
	if len(rep.Targets) > 1 {
		title += "; ×: how many times " + rep.Targets[0] + " is better"
	}
	svgHead(&b, chartWidth, height, title)
	legend(&b, rep.Targets, func(int) bool { return true })
	b.WriteString(body.String())
	b.WriteString("</svg>\n")
	_, err := io.WriteString(w, b.String())
	return err
}

// svgHead begins a picture.
func svgHead(b *strings.Builder, width, height int, title string) {
	fmt.Fprintf(b, `<svg xmlns="http://www.w3.org/2000/svg" width="%[1]d" height="%[2]d" viewBox="0 0 %[1]d %[2]d" font-family="system-ui, sans-serif" font-size="12">`+"\n", width, height)
	b.WriteString(`<rect width="100%" height="100%" fill="#ffffff"/>` + "\n")
	textAt(b, 16, 24, "16", "start", title)
}

// legend names the servers that are drawn, below the title.
func legend(b *strings.Builder, names []string, drawn func(i int) bool) {
	x := 16
	for i, name := range names {
		if !drawn(i) {
			continue
		}
		fmt.Fprintf(b, `<rect x="%d" y="38" width="12" height="12" fill="%s"/>`+"\n", x, colour(i))
		textAt(b, x+18, 48, "12", "start", name)
		x += 18 + 8*len([]rune(name)) + 24
	}
}

// drawScenario draws the bars of one scenario from y on and returns where the
// next one begins.
func drawScenario(b *strings.Builder, sc *series.Scenario, y int) int {
	longest := 0.0
	for _, t := range sc.Targets {
		longest = max(longest, charted(sc, t))
	}
	textAt(b, labelWidth-10, y+textDrop, "12", "end", sc.Title)
	for i, t := range sc.Targets {
		if len(t.Rounds) == 0 {
			continue
		}
		v := charted(sc, t)
		width := shortestBar
		if longest > 0 {
			width = max(shortestBar, v/longest*longestBar)
		}
		fmt.Fprintf(b, `<rect x="%d" y="%d" width="%.1f" height="%d" fill="%s"/>`+"\n", labelWidth, y, width, barHeight, colour(i))
		textAt(b, labelWidth+int(width)+6, y+textDrop, "12", "start", chartLabel(sc, t))
		y += barHeight + barGap
	}
	return y + groupGap
}

// charted is the value that a bar stands for.
func charted(sc *series.Scenario, t *series.Target) float64 {
	if sc.Memory {
		return t.BytesEach.Median
	}
	return t.Cost.Median
}

func chartLabel(sc *series.Scenario, t *series.Target) string {
	label := number(t.Cost.Median) + " ns"
	if sc.Memory {
		label = sized(t.BytesEach)
	}
	if t.Ratios == nil {
		return label
	}
	r := t.Ratios.Cost
	if sc.Memory {
		r = t.Ratios.Memory
	}
	if r.N == 0 {
		return label
	}
	return fmt.Sprintf("%s · %s×", label, digits(r.Median))
}

func textAt(b *strings.Builder, x, y int, size, anchor, text string) {
	fmt.Fprintf(b, `<text x="%d" y="%d" font-size="%s" text-anchor="%s" fill="#1d2430">%s</text>`+"\n",
		x, y, size, anchor, html.EscapeString(text))
}
