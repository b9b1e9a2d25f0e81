package main

import (
	_ "embed"
	"fmt"
	"math"
	"os"
	"strings"
	"text/template"
)

// The picture's room for lines, in pixels.
const (
	plotLeft, plotRight = 70, 560
	plotTop, plotBottom = 40, 340
)

//go:embed picture.svg.tmpl
var pictureText string

var pictureTemplate = template.Must(template.New("picture").Parse(pictureText))

// picture is what the template draws.
type picture struct {
	Left, Right, Top, Bottom int
	Loads, Latencies         []tick
	Lines                    []line
}

// tick is a line of the grid, and what is written beside it.
type tick struct {
	At    float64
	Label string
}

// line is one percentile of one contestant.
type line struct {
	Class, Label string
	Points       string // "x,y x,y"
	X, Y         float64
	Dots         [][2]float64
}

// axis is a logarithmic one.
type axis struct {
	low, high   float64 // values at its ends
	start, stop float64 // pixels
}

func (a axis) at(value float64) float64 {
	share := math.Log(value/a.low) / math.Log(a.high/a.low)
	return math.Round(10*(a.start+share*(a.stop-a.start))) / 10
}

// decades are the powers of ten within the axis.
func (a axis) decades(label func(float64) string) []tick {
	var all []tick
	for value := math.Pow(10, math.Ceil(math.Log10(a.low)-1e-9)); value <= a.high*(1+1e-9); value *= 10 {
		all = append(all, tick{a.at(value), label(value)})
	}
	return all
}

// writePicture draws latency against load, if that was measured.
func (b *bench) writePicture(path string) error {
	if len(b.curves) == 0 {
		return nil
	}
	var text strings.Builder
	if err := pictureTemplate.Execute(&text, draw(b.curves)); err != nil {
		return fmt.Errorf("draw the picture: %w", err)
	}
	fmt.Println("Latency against load:     " + path)
	return os.WriteFile(path, []byte(text.String()), 0o644)
}

// draw works out where everything goes.
func draw(curves []curve) picture {
	x, y := axes(curves)
	p := picture{Left: plotLeft, Right: plotRight, Top: plotTop, Bottom: plotBottom}
	p.Loads = x.decades(func(v float64) string { return thousands(int(v)) })
	p.Latencies = y.decades(latencyLabel)
	for _, c := range curves {
		p.Lines = append(p.Lines,
			newLine(c, "p50", x, y, func(at *point) float64 { return at.p50.median() }),
			newLine(c, "p99", x, y, func(at *point) float64 { return at.p99.median() }))
	}
	apart(p.Lines)
	return p
}

// axes have room for every point: whole decades of latency.
func axes(curves []curve) (x, y axis) {
	x = axis{low: math.Inf(1), start: plotLeft, stop: plotRight}
	y = axis{low: math.Inf(1), start: plotBottom, stop: plotTop}
	for _, c := range curves {
		for _, at := range c.points {
			x.low, x.high = min(x.low, at.rate), max(x.high, at.rate)
			y.low, y.high = min(y.low, at.p50.median()), max(y.high, at.p99.median())
		}
	}
	y.low, y.high = math.Pow(10, math.Floor(math.Log10(y.low))), math.Pow(10, math.Ceil(math.Log10(y.high)))
	x.high = max(x.high, 10*x.low)
	return x, y
}

func newLine(c curve, name string, x, y axis, of func(*point) float64) line {
	l := line{Class: c.name + " " + name, Label: c.name + " " + name}
	var points []string
	for _, at := range c.points {
		l.X, l.Y = x.at(at.rate), y.at(of(at))
		points = append(points, fmt.Sprintf("%g,%g", l.X, l.Y))
		l.Dots = append(l.Dots, [2]float64{l.X, l.Y})
	}
	l.Points = strings.Join(points, " ")
	return l
}

// apart moves labels that would lie on one another.
func apart(lines []line) {
	const height = 14
	for i := range lines {
		for j := range i {
			if math.Abs(lines[i].X-lines[j].X) < 80 && math.Abs(lines[i].Y-lines[j].Y) < height {
				lines[i].Y = lines[j].Y - height
			}
		}
	}
}

// latencyLabel writes milliseconds as people do.
func latencyLabel(ms float64) string {
	if ms >= 1000 {
		return fmt.Sprintf("%g s", math.Round(ms/1000))
	}
	return fmt.Sprintf("%.3g ms", ms)
}
