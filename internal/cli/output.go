package cli

import (
	"bytes"
	"context"
	"fmt"
	"io"
	"slices"

	"github.com/choria-io/fisk"

	"github.com/nats-balance/nats-balance/internal/report"
	"github.com/nats-balance/nats-balance/internal/words"
)

// runbookFormats are what an audit can be written in beside text and JSON.
func runbookFormats() []string { return []string{"nagios", "prometheus", "markdown", "csv"} }

// output says where and how the document is written.
type output struct {
	format, file string
	json         bool
	more         []string // formats beside text and json
}

// flags adds the flags to a command; more are the formats that it has beside
// text and json.
func (o *output) flags(cmd *fisk.CmdClause, more ...string) {
	o.more = more
	cmd.Flag("format", "Output format: "+words.Or(append([]string{"text (default)"}, o.formats()[1:]...))).Default("text").PlaceHolder("FORMAT").HintOptions(o.formats()...).StringVar(&o.format)
	cmd.Flag("json", "Produce JSON output, the same as --format json").Short('j').UnNegatableBoolVar(&o.json)
	cmd.Flag("outfile", "Save output to a file rather than STDOUT").PlaceHolder("FILE").Validator(notEmpty("outfile", "the path of a file")).StringVar(&o.file)
}

func (o *output) formats() []string { return append([]string{"text", "json"}, o.more...) }

func (o *output) validate() error {
	if o.json {
		o.format = "json"
	}
	if !slices.Contains(o.formats(), o.format) {
		return fmt.Errorf("--format is %q: pass %s", o.format, words.Or(o.formats()))
	}
	return checkOutfile(o.file)
}

// everyAccount reports whether the format has more than findings, and so takes
// every account.
func (o *output) everyAccount() bool {
	return slices.Contains([]string{"nagios", "prometheus", "csv"}, o.format)
}

func (o *output) write(h Host, doc *report.Document) error {
	return written(o, h, doc, formats[report.Document]{
		text: report.Text, nagios: report.Nagios,
		prometheus: report.Prometheus, markdown: report.Markdown, csv: report.CSV,
	})
}

func (o *output) writeHotspots(h Host, doc *report.Hotspots) error {
	return written(o, h, doc, formats[report.Hotspots]{
		text: report.HotspotsText, nagios: report.HotspotsNagios,
		prometheus: report.HotspotsPrometheus, markdown: report.HotspotsMarkdown, csv: report.HotspotsCSV,
	})
}

// formats write a document.
type formats[D any] struct {
	text                              func(io.Writer, *D, report.Style) error
	nagios, prometheus, markdown, csv func(io.Writer, *D) error
}

// written writes a document in the format that was asked for, when it is
// finished.
func written[D any](o *output, h Host, doc *D, f formats[D]) error {
	var b bytes.Buffer
	var err error
	switch o.format {
	case "json":
		err = report.JSON(&b, doc)
	case "nagios":
		err = f.nagios(&b, doc)
	case "prometheus":
		err = f.prometheus(&b, doc)
	case "markdown":
		err = f.markdown(&b, doc)
	case "csv":
		// It has every account on every server: more than is kept in memory.
		return o.stream(h, func(w io.Writer) error { return f.csv(w, doc) })
	default:
		err = f.text(&b, doc, o.style(h))
	}
	if err != nil {
		return err
	}
	return o.put(h, b.Bytes())
}

func (o *output) style(h Host) report.Style {
	return report.Style{Color: o.file == "" && colorful(h.Out), Scheme: h.Colors()}
}

// put writes what is finished.
func (o *output) put(h Host, data []byte) error {
	return o.stream(h, func(w io.Writer) error {
		_, err := w.Write(data)
		return err
	})
}

// stream writes what is written piece by piece, until an interrupt.
func (o *output) stream(h Host, write func(io.Writer) error) error {
	whole := func(w io.Writer) error { return write(&untilInterrupted{h.Context, w}) }
	if o.file != "" {
		mode := private
		if o.format == "prometheus" {
			mode = readable
		}
		return writeOutfile(o.file, mode, whole)
	}
	if err := buffered(h.Out, whole); err != nil {
		return fmt.Errorf("writing the output: %w", err)
	}
	return nil
}

// untilInterrupted is a writer that fails once the context has ended.
type untilInterrupted struct {
	ctx context.Context //nolint:containedctx // io.Writer has none
	w   io.Writer
}

func (u *untilInterrupted) Write(p []byte) (int, error) {
	if err := u.ctx.Err(); err != nil {
		return 0, err
	}
	return u.w.Write(p)
}
