package report

import (
	"encoding/json"
	"io"
)

// JSON writes a document as one indented object with a final newline.
func JSON(w io.Writer, doc any) error {
	e := json.NewEncoder(w)
	e.SetIndent("", "  ")
	e.SetEscapeHTML(false) // it is no HTML, and people read it too
	return e.Encode(doc)
}
