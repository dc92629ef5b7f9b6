package report

import (
	"bytes"
	"io"
	"regexp"

	"github.com/go-json-experiment/json"
	"github.com/go-json-experiment/json/jsontext"
	jsonv1 "github.com/go-json-experiment/json/v1"

	"github.com/nats-balance/nats-balance/checks"
)

// JSON writes a document as one indented object with a final newline, as
// encoding/json would, and holds nothing of it: a document of many findings is
// larger than what it is made from.
func JSON(w io.Writer, doc any) error {
	err := json.MarshalWrite(w, doc, jsonv1.DefaultOptionsV1(), jsontext.WithIndent("  "),
		jsontext.EscapeForHTML(false)) // it is no HTML, and people read it too
	if err != nil {
		return err
	}
	_, err = io.WriteString(w, "\n")
	return err
}

// HotspotsJSON is [JSON] for hotspots. What is counted has its own name in the
// names of fields: subscriptions, min_subscriptions, too_few_subscriptions. In
// indented JSON a line begins with a name wherever there is one, and text has no
// line breaks.
func HotspotsJSON(w io.Writer, doc *Hotspots) error {
	if doc.measure.Noun == checks.ClientConnections().Noun {
		return JSON(w, doc)
	}
	var b bytes.Buffer
	if err := JSON(&b, doc); err != nil {
		return err
	}
	named := regexp.MustCompile(`(?m)^( +"(?:min_|too_few_)?)connections": `)
	_, err := w.Write(named.ReplaceAll(b.Bytes(), []byte(`${1}`+doc.measure.Noun+`s": `)))
	return err
}
