package report

import (
	"bytes"
	"errors"
	"io"

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

// writeHotspotsJSON is [JSON] for hotspots. What is counted has its own name in the
// names of fields: subscriptions, min_subscriptions, too_few_subscriptions.
func writeHotspotsJSON(w io.Writer, doc *Hotspots) error {
	plain := checks.ClientConnections().Noun + "s"
	own := doc.measure.Noun + "s"
	if own == plain {
		return JSON(w, doc)
	}
	var b bytes.Buffer
	if err := JSON(&b, doc); err != nil {
		return err
	}
	names := map[string]string{plain: own, "min_" + plain: "min_" + own, "too_few_" + plain: "too_few_" + own}
	from := jsontext.NewDecoder(&b)
	to := jsontext.NewEncoder(w, jsontext.WithIndent("  "), jsontext.EscapeForHTML(false))
	for {
		within, length := from.StackIndex(from.StackDepth())
		token, err := from.ReadToken()
		if errors.Is(err, io.EOF) {
			return nil
		}
		if err != nil {
			return err
		}
		if within == jsontext.KindBeginObject && length%2 == 0 && token.Kind() == jsontext.KindString {
			if name, ok := names[token.String()]; ok {
				token = jsontext.String(name)
			}
		}
		if err := to.WriteToken(token); err != nil {
			return err
		}
	}
}
