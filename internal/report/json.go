package report

import (
	"encoding/json"
	"io"
)

// JSON writes the document as one indented object with a final newline.
func JSON(w io.Writer, doc *Document) error {
	e := json.NewEncoder(w)
	e.SetIndent("", "  ")
	return e.Encode(doc)
}
