package clienturl

import (
	"bytes"
	"context"
	"fmt"
	"io"
	"path/filepath"
	"slices"
	"strings"
)

// source is one file, a pipe, or standard input.
type source struct {
	name  string // tells the format
	shown string // in origins
	size  int64  // a hint
	open  func() (io.ReadCloser, error)
}

// file reads one source. What is larger than maxFile is read in parts where its
// format has some.
func (s *scan) file(ctx context.Context, in source) result {
	r := result{path: in.shown}
	p := newPump(ctx, in.size, s.seen, in.open)
	defer p.Close()
	s.files.Add(1)
	head := bytes.NewBuffer(make([]byte, 0, min(in.size+bytes.MinRead, maxFile)))
	n, err := head.ReadFrom(io.LimitReader(p, maxFile+1))
	if err != nil {
		r.err = err
		return r
	}
	text := head.Bytes()
	if bytes.IndexByte(text[:min(len(text), 8<<10)], 0) >= 0 {
		r.err = errBinary
		return r
	}
	f := &fileReader{scan: s, result: &r, folder: filepath.Dir(in.name)}
	switch form := formatOf(in.name, text[:min(len(text), 64<<10)]); {
	case form == isYAML:
		err = f.yaml(io.MultiReader(head, p))
	case n <= maxFile:
		f.text(in.name, text)
	case form == isJSON:
		err = f.json(io.MultiReader(head, p))
	default:
		r.err = fmt.Errorf("it is larger than %d MiB", maxFile>>20)
	}
	if err != nil {
		r.err = err
	}
	return r
}

// fileReader reads the parts of one source.
type fileReader struct {
	scan   *scan
	result *result
	folder string
}

// account is the account of credentials, by their text or a path beside the
// file.
func (f *fileReader) account(reference string) string {
	if found := credsAccount([]byte(reference)); found != "" || len(reference) > 4096 || strings.ContainsAny(reference, "\n\x00") {
		return found
	}
	return fileAccount(f.folder, strings.TrimPrefix(reference, "file://"))
}

func (f *fileReader) reader(line int) *textReader {
	return &textReader{path: f.result.path, line: line, account: f.account, object: f.object}
}

// text reads a text that is whole.
func (f *fileReader) text(name string, text []byte) {
	long := blankLongLines(text)
	if long && speaksOfNATS(text) {
		f.result.warnings = append(f.result.warnings, fmt.Sprintf("%s has a line of more than %d MiB, which was not read", f.result.path, maxLine>>20))
	}
	if !speaksOfNATS(text) && !bytes.Contains(text, []byte("apiVersion")) {
		return
	}
	r := f.reader(0)
	f.take(r, name, text)
	if r.servers > 0 && len(f.result.lists) == 0 && r.patterns == 0 {
		f.result.err = errServer
	}
}

func (f *fileReader) take(r *textReader, name string, text []byte) {
	lists, warnings := r.read(name, text)
	if left := maxLists + 1 - len(f.result.lists); len(lists) > left {
		lists = lists[:max(left, 0)]
	}
	f.result.lists = append(f.result.lists, lists...)
	left := maxWarnings + 1 - len(f.result.warnings)
	f.result.warnings = append(f.result.warnings, warnings[:min(len(warnings), max(left, 0))]...)
}

// yaml reads the documents of a YAML text one after the other.
func (f *fileReader) yaml(r io.Reader) error {
	return newYAMLChunks(r).each(func(c chunk) error {
		if c.large {
			f.passed(c, unreadLarge)
			f.result.warnings = append(f.result.warnings, fmt.Sprintf("%s: the document was not read: it is larger than %d MiB", placeOf(f.result.path, c.line), maxChunk>>20))
			return nil
		}
		if !wantsChunk(c.text) && f.passed(c, whyUnread(c.text)) {
			return nil
		}
		text := c.text
		long := false
		if speaksOfNATS(text) && kindOf(text) == "" {
			text = slices.Clone(text)
			long = blankLongLines(text)
		}
		if long {
			f.result.warnings = append(f.result.warnings, fmt.Sprintf("%s has a line of more than %d MiB, which was not read", f.result.path, maxLine>>20))
		}
		f.take(f.reader(c.line-1), "a.yaml", text)
		return nil
	})
}

// json reads a JSON text that is too large to be kept.
func (f *fileReader) json(r io.Reader) error {
	return newJSONReader(r).each(func(n *node) error {
		reader := f.reader(0)
		f.result.lists = append(f.result.lists, reader.tree(n)...)
		f.result.warnings = append(f.result.warnings, reader.warnings...)
		return nil
	})
}

// object takes over an object of Kubernetes; it is false for one that is read as
// any other document.
func (f *fileReader) object(n *node) bool {
	o, ok := kubeObject(n, f.result.path)
	if !ok {
		return false
	}
	f.result.objects++
	if o.pod != nil {
		if f.scan.runs.Add(int64(o.size())) > maxWorkloads {
			f.result.lost++
			return true
		}
		f.result.workloads = append(f.result.workloads, o)
		return true
	}
	st, size, ok := storeOf(n, o)
	if !ok {
		return false
	}
	f.store(st, size)
	return true
}

// store keeps a ConfigMap or a Secret. Where there is no room for its data, its
// name is kept, and where there is none for that, nothing.
func (f *fileReader) store(s *store, size int) {
	all := f.scan.stored.Add(int64(size))
	if all > maxStored && s.unread == "" {
		f.result.full = true
		f.scan.stored.Add(int64(stubSize - size))
		s = stubOf(s.object, unreadFull)
	}
	if all > maxStored+maxStored/4 {
		f.result.full = true
		return
	}
	f.result.stores = append(f.result.stores, s)
}

// passed counts an object that is not parsed, and keeps the name of a ConfigMap
// or a Secret. It reports false where the name can be had by parsing only.
func (f *fileReader) passed(c chunk, why string) bool {
	o := headOf(c.text)
	if o.kind == "" {
		return true
	}
	if isStore(o.kind) {
		if o.name == "" && !c.large {
			return false
		}
		o.file, o.line = f.result.path, c.line
		f.store(stubOf(o, why), stubSize)
	}
	f.result.objects++
	return true
}

// speaksOfNATS rules most files out without looking closer.
func speaksOfNATS(text []byte) bool {
	for _, word := range []string{"nats", "NATS", "Nats"} {
		if bytes.Contains(text, []byte(word)) {
			return true
		}
	}
	return false
}

func blankLongLines(text []byte) bool {
	found := false
	for from := 0; from < len(text); {
		end := bytes.IndexByte(text[from:], '\n')
		if end < 0 {
			end = len(text) - from
		}
		if end > maxLine {
			blank(text[from : from+end])
			found = true
		}
		from += end + 1
	}
	return found
}
