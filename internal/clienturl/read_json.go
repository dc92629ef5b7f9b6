package clienturl

import (
	"bytes"
	"encoding/json"
	"errors"
	"io"
)

var errJSON = errors.New("it is not valid JSON")

// jsonReader reads the values of a JSON text, one after the other, and of a
// list of Kubernetes objects each object, so that a dump of any size needs only
// the memory of its largest object.
type jsonReader struct {
	d     *json.Decoder
	lines *lineCounter
	left  int // nodes of the present value
}

func newJSONReader(r io.Reader) *jsonReader {
	lines := &lineCounter{r: r}
	d := json.NewDecoder(lines)
	d.UseNumber()
	return &jsonReader{d: d, lines: lines}
}

// lineCounter knows the line of each offset that is not yet far behind.
type lineCounter struct {
	r            io.Reader
	at           int64   // bytes read
	offsets      []int64 // of the line ends that are not yet passed
	passed, done int
}

// Read implements io.Reader.
func (l *lineCounter) Read(p []byte) (int, error) {
	n, err := l.r.Read(p)
	for i := 0; i < n; {
		end := bytes.IndexByte(p[i:n], '\n')
		if end < 0 {
			break
		}
		i += end + 1
		l.offsets = append(l.offsets, l.at+int64(i))
	}
	l.at += int64(n)
	return n, err
}

// line returns the line of an offset; offsets must ascend.
func (l *lineCounter) line(offset int64) int {
	for l.done < len(l.offsets) && l.offsets[l.done] <= offset {
		l.done++
	}
	if l.done > 4096 {
		l.passed += l.done
		l.offsets, l.done = append(l.offsets[:0], l.offsets[l.done:]...), 0
	}
	return 1 + l.passed + l.done
}

// each calls f with every value, or every object of a Kubernetes list. It stops
// at the first error.
func (j *jsonReader) each(f func(*node) error) error {
	for {
		t, err := j.d.Token()
		switch {
		case errors.Is(err, io.EOF):
			return nil
		case err != nil:
			return jsonError(err)
		}
		j.left = maxNodes
		if t == json.Delim('{') {
			if err := j.object(f); err != nil {
				return err
			}
			continue
		}
		n, err := j.value(t, 0)
		if err != nil {
			return err
		}
		if err := f(n); err != nil {
			return err
		}
	}
}

// object reads a value's object. Its items, where it is one of Kubernetes, are
// values of their own.
func (j *jsonReader) object(f func(*node) error) error {
	top := &node{kind: mapping, line: j.lines.line(j.d.InputOffset())}
	for j.d.More() {
		key, err := j.d.Token()
		if err != nil {
			return jsonError(err)
		}
		t, err := j.d.Token()
		if err != nil {
			return jsonError(err)
		}
		if key == "items" && t == json.Delim('[') && top.get("apiVersion") != nil {
			for j.d.More() {
				j.left = maxNodes
				t, err := j.d.Token()
				if err != nil {
					return jsonError(err)
				}
				n, err := j.value(t, 1)
				if err != nil {
					return err
				}
				if err := f(n); err != nil {
					return err
				}
			}
			if _, err := j.d.Token(); err != nil {
				return jsonError(err)
			}
			continue
		}
		n, err := j.value(t, 1)
		if err != nil {
			return err
		}
		name, _ := key.(string)
		top.keys, top.items = append(top.keys, name), append(top.items, n)
	}
	if _, err := j.d.Token(); err != nil {
		return jsonError(err)
	}
	return f(top)
}

// value reads a value whose first token was read.
func (j *jsonReader) value(t json.Token, depth int) (*node, error) {
	j.left--
	switch {
	case depth > maxNesting:
		return nil, errDeep
	case j.left < 0:
		return nil, errNodes
	}
	out := &node{line: j.lines.line(j.d.InputOffset() - 1)}
	switch v := t.(type) {
	case string:
		out.text = v
	case json.Number:
		out.text = v.String()
	case bool:
		out.text = map[bool]string{true: "true", false: "false"}[v]
	case json.Delim:
		out.kind = mapping
		if v == '[' {
			out.kind = sequence
		}
		for j.d.More() {
			if out.kind == mapping {
				key, err := j.d.Token()
				if err != nil {
					return nil, jsonError(err)
				}
				name, _ := key.(string)
				out.keys = append(out.keys, name)
			}
			t, err := j.d.Token()
			if err != nil {
				return nil, jsonError(err)
			}
			item, err := j.value(t, depth+1)
			if err != nil {
				return nil, err
			}
			out.items = append(out.items, item)
		}
		if _, err := j.d.Token(); err != nil {
			return nil, jsonError(err)
		}
	}
	return out, nil
}

// jsonError keeps errors of reading, and leaves out what the parser quotes.
func jsonError(err error) error {
	var syntax *json.SyntaxError
	if errors.As(err, &syntax) || errors.Is(err, io.ErrUnexpectedEOF) || errors.Is(err, io.EOF) {
		return errJSON
	}
	return err
}
