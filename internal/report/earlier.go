package report

import (
	"errors"
	"fmt"
	"io"

	"github.com/go-json-experiment/json"
	"github.com/go-json-experiment/json/jsontext"

	"github.com/nats-balance/nats-balance/internal/words"
)

const (
	// largestBaseline bounds what is read of an earlier document, in bytes.
	largestBaseline = 256 << 20
	// longestText bounds a string or a number of it, in bytes.
	longestText = 1 << 20
	// mostRead bounds how many servers, accounts, services and shares of it are read.
	mostRead = 1_000_000
)

// Errors of [earlier], in clauses that say what to pass.
var (
	errLargeDocument = fmt.Errorf("it has more than %d MiB: pass what audit concentration --json wrote, without --all", largestBaseline>>20)
	errLongText      = fmt.Errorf("it has a text of more than %d MiB: pass what --json wrote", longestText>>20)
	errManyRead      = fmt.Errorf("it has more than %s servers, accounts, services and shares: pass what --json wrote, without --all", words.Count(mostRead))
)

// earlier reads an earlier document as a stream. The file may have come from anywhere:
// none of it makes a reader keep more than what is compared.
type earlier struct {
	*jsontext.Decoder
	text *briefText
	left int // of what is counted
}

func newEarlier(r io.Reader, most int64, values int) *earlier {
	text := &briefText{r: r, left: most}
	// To find names that an object has twice the decoder would keep them all.
	return &earlier{Decoder: jsontext.NewDecoder(text, jsontext.AllowDuplicateNames(true)), text: text, left: values}
}

// why is the error of a bound where one was met, and otherwise the given one.
func (e *earlier) why(err error) error {
	switch {
	case err == nil:
		return nil
	case e.text.err != nil:
		return e.text.err
	case e.left < 0:
		return errManyRead
	}
	return err
}

// counted has each T counted that is read with these options.
func counted[T any](e *earlier) *json.Unmarshalers {
	return json.UnmarshalFromFunc(func(*jsontext.Decoder, *T) error {
		if e.left--; e.left < 0 {
			return errManyRead
		}
		return errors.ErrUnsupported // as it is read without
	})
}

// briefText is a JSON text without most of its white space, up to a size and without
// texts that are too long: the decoder would keep all of either.
type briefText struct {
	r               io.Reader
	left            int64 // bytes
	quoted, escaped bool
	space           bool // the last byte was one
	length          int  // of the string or number that it is in
	err             error
}

func (b *briefText) Read(p []byte) (int, error) {
	for b.err == nil {
		n, err := b.r.Read(p)
		if b.left -= int64(n); b.left < 0 {
			b.err = errLargeDocument
			break
		}
		kept := p[:0]
		for _, c := range p[:n] {
			if b.keeps(c) {
				kept = append(kept, c)
			}
			if b.length > longestText {
				b.err = errLongText
				return 0, b.err
			}
		}
		if len(kept) > 0 || err != nil || n == 0 {
			return len(kept), err
		}
	}
	return 0, b.err
}

// keeps follows where in the text it is, and reports whether the byte matters.
func (b *briefText) keeps(c byte) bool {
	b.length++
	if b.quoted {
		switch {
		case b.escaped:
			b.escaped = false
		case c == '\\':
			b.escaped = true
		case c == '"':
			b.quoted, b.length = false, 0
		}
		return true
	}
	again := b.space
	b.space = false
	switch c {
	case '"':
		b.quoted, b.length = true, 0
	case '{', '}', '[', ']', ':', ',':
		b.length = 0
	case ' ', '\t', '\r', '\n':
		b.space, b.length = true, 0
		return !again // one stays: what it parts must not become one
	}
	return true
}
