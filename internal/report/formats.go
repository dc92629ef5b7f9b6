package report

import (
	"io"
	"slices"
)

// format is what an audit can be written in.
type format struct {
	name string
	// everyAccount is that it has more than findings, and so takes every account.
	everyAccount bool
	output       Output
	concentrated func(io.Writer, *Document, Style) error
	hotspots     func(io.Writer, *Hotspots, Style) error // nil where it has none
}

// Output is what a format takes of whoever writes it.
type Output int

const (
	// Whole is written at once, when all of it is there.
	Whole Output = iota
	// Readable is [Whole], and a program of another user reads the file.
	Readable
	// Piecewise is every account on every server, which is more than is kept in memory.
	Piecewise
	// ToTheEnd is that too, and an interrupt does not cut it off: nothing reads a half.
	ToTheEnd
)

// formats are all, the default first. A new format adds its line here: tests find it
// there, and name its golden files after it.
func formats() []format {
	return []format{
		{"text", false, Whole, writeText, writeHotspotsText},
		{"json", false, ToTheEnd, unstyled(indented[Document]), unstyled(writeHotspotsJSON)},
		{"html", true, Whole, unstyled(writeHTML), unstyled(writeHotspotsHTML)},
		{"nagios", true, Whole, unstyled(writeNagios), unstyled(writeHotspotsNagios)},
		{"prometheus", true, Readable, unstyled(writePrometheus), unstyled(writeHotspotsPrometheus)},
		{"markdown", false, Whole, unstyled(writeMarkdown), unstyled(writeHotspotsMarkdown)},
		{"csv", true, Piecewise, unstyled(writeCSV), unstyled(writeHotspotsCSV)},
	}
}

func unstyled[D any](write func(io.Writer, *D) error) func(io.Writer, *D, Style) error {
	return func(w io.Writer, doc *D, _ Style) error { return write(w, doc) }
}

func indented[D any](w io.Writer, doc *D) error { return JSON(w, doc) }

// Formats returns the names of all formats of an audit, the default first.
func Formats() []string {
	var out []string
	for _, f := range formats() {
		out = append(out, f.name)
	}
	return out
}

// HotspotFormats is [Formats] for hotspots.
func HotspotFormats() []string {
	var out []string
	for _, f := range formats() {
		if f.hotspots != nil {
			out = append(out, f.name)
		}
	}
	return out
}

// EveryAccount reports whether a format has more than findings, and so takes
// every account.
func EveryAccount(name string) bool { return formatOf(name).everyAccount }

// OutputOf is what a format takes of whoever writes it.
func OutputOf(name string) Output { return formatOf(name).output }

// Write writes the document in a format; an unknown name is the default's.
func Write(w io.Writer, doc *Document, name string, style Style) error {
	return formatOf(name).concentrated(w, doc, style)
}

// WriteHotspots is [Write] for hotspots, in one of [HotspotFormats].
func WriteHotspots(w io.Writer, doc *Hotspots, name string, style Style) error {
	return formatOf(name).hotspots(w, doc, style)
}

func formatOf(name string) format {
	all := formats()
	return all[max(0, slices.IndexFunc(all, func(f format) bool { return f.name == name }))]
}
