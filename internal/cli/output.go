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

// output says where and how the document is written.
type output struct {
	format, file string
	json         bool
	details      bool
	formats      []string // that the command has, the default first
}

// flags adds the flags to a command with text and JSON, or with these formats.
func (o *output) flags(cmd *fisk.CmdClause, formats ...string) {
	if o.formats = formats; len(formats) == 0 {
		o.formats = []string{"text", "json"}
	}
	cmd.Flag("format", "Output format: "+words.Or(append([]string{o.formats[0] + " (default)"}, o.formats[1:]...))).Default("text").PlaceHolder("FORMAT").HintOptions(o.formats...).StringVar(&o.format)
	cmd.Flag("json", "Produce JSON output, the same as --format json").Short('j').UnNegatableBoolVar(&o.json)
	cmd.Flag("outfile", "Save output to a file rather than STDOUT").PlaceHolder("FILE").Validator(notEmpty("outfile", "the path of a file")).StringVar(&o.file)
}

// detailsFlag adds the flag of commands whose text has more than fits on a screen.
func (o *output) detailsFlag(cmd *fisk.CmdClause) {
	cmd.Flag("details", "Write everything: evidence, what was ruled out, snippets, limits, DNS").UnNegatableBoolVar(&o.details)
}

func (o *output) validate() error {
	if o.json {
		o.format = "json"
	}
	if !slices.Contains(o.formats, o.format) {
		return fmt.Errorf("--format is %q: pass %s", o.format, words.Or(o.formats))
	}
	return checkOutfile(o.file)
}

func (o *output) write(h Host, doc *report.Document) error {
	write := func(w io.Writer) error { return report.Write(w, doc, o.format, o.style(h)) }
	switch report.OutputOf(o.format) {
	case report.Whole, report.Readable:
	case report.ToTheEnd:
		h.Context = context.WithoutCancel(h.Context) // see put
		return o.stream(h, write)
	case report.Piecewise:
		return o.stream(h, write)
	}
	var b bytes.Buffer
	if err := write(&b); err != nil {
		return err
	}
	return o.put(h, b.Bytes())
}

func (o *output) writeHotspots(h Host, doc *report.Hotspots) error {
	var b bytes.Buffer
	if err := report.WriteHotspots(&b, doc, o.format, o.style(h)); err != nil {
		return err
	}
	return o.put(h, b.Bytes())
}

func (o *output) style(h Host) report.Style {
	s := report.Style{Color: o.file == "" && colorful(h.Out), Scheme: h.Colors(), Details: o.details}
	if o.file == "" {
		s.Width = terminalWidth(h.Out)
	}
	return s
}

// put writes what is finished, after an interrupt too: what was done must be told.
func (o *output) put(h Host, data []byte) error {
	h.Context = context.WithoutCancel(h.Context)
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
		if report.OutputOf(o.format) == report.Readable {
			mode = readable
		}
		return writeOutfile(o.file, mode, whole)
	}
	return unwritable(0, buffered(h.Out, whole))
}

// unwritable says why stdout does not take the output; nil where it did.
func unwritable(_ int64, err error) error {
	if err == nil {
		return nil
	}
	return fmt.Errorf("the output can't be written: %w", withoutPath(err))
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
