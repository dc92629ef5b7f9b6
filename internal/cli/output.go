package cli

import (
	"bytes"
	"fmt"
	"slices"

	"github.com/choria-io/fisk"

	"github.com/nats-balance/nats-balance/internal/report"
	"github.com/nats-balance/nats-balance/internal/words"
)

// output says where and how the document is written.
type output struct {
	format, file string
	json         bool
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
	var b bytes.Buffer
	if err := report.Write(&b, doc, o.format, o.style(h)); err != nil {
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
	return report.Style{Color: o.file == "" && colorful(h.Out), Scheme: h.Colors()}
}

// put writes what is finished.
func (o *output) put(h Host, data []byte) error {
	if o.file != "" {
		return writeOutfile(o.file, data)
	}
	if _, err := h.Out.Write(data); err != nil {
		return fmt.Errorf("writing the output: %w", err)
	}
	return nil
}
