package clienturl

import (
	"bufio"
	"bytes"
	"errors"
	"io"
	"strings"
)

// maxChunk is the most of one document, or of one object of a list.
const maxChunk = 8 << 20

// chunk is one document of a YAML text, or one object of a list in it.
type chunk struct {
	text []byte // valid until the next chunk
	line int    // that it starts on, from 1
	// large: it has more than maxChunk, and its text is only what may name it.
	large bool
}

// yamlChunks cuts a YAML text into its documents, and a list of Kubernetes
// objects, as kubectl writes it, into its objects: a dump of any size needs only
// the memory of its largest object.
type yamlChunks struct {
	r      *bufio.Reader
	text   []byte
	line   int // that was read last
	start  int
	large  bool
	object bool // the document has an apiVersion
	items  int  // the indentation of the list's entries, negative outside
	inList bool
}

func newYAMLChunks(r io.Reader) *yamlChunks {
	return &yamlChunks{r: bufio.NewReaderSize(r, 64<<10), start: 1, items: -1}
}

// each calls f with every chunk.
func (y *yamlChunks) each(f func(chunk) error) error {
	var line []byte
	for {
		part, err := y.r.ReadSlice('\n')
		if errors.Is(err, bufio.ErrBufferFull) { // the rest of the line follows
			if len(line)+len(part) <= maxChunk {
				line = append(line, part...)
			} else {
				y.large = true
			}
			continue
		}
		if err != nil && !errors.Is(err, io.EOF) {
			return err
		}
		ended := err != nil
		line = append(line, part...)
		if len(line) > 0 {
			y.line++
			if y.cuts(line) {
				large := y.large
				y.large = false
				if err := y.flush(f, large); err != nil {
					return err
				}
			}
			y.take(line)
			line = line[:0]
		}
		if ended {
			return y.flush(f, y.large)
		}
	}
}

// cuts reports whether a chunk ends before the line.
func (y *yamlChunks) cuts(line []byte) bool {
	if isMarker(line) {
		y.object, y.inList, y.items = false, false, -1
		return true
	}
	trimmed := bytes.TrimLeft(line, " ")
	indent := len(line) - len(trimmed)
	item := bytes.HasPrefix(trimmed, []byte("- ")) || bytes.Equal(bytes.TrimSpace(trimmed), []byte("-"))
	switch {
	case y.inList && y.items < 0 && item:
		y.items = indent
		return true
	case y.inList && item && indent == y.items:
		return true
	case y.inList && indent == 0 && len(bytes.TrimSpace(trimmed)) > 0 && trimmed[0] != '#' && !item:
		y.inList, y.items = false, -1
		return true
	case indent == 0 && bytes.HasPrefix(line, []byte("apiVersion:")):
		y.object = true
	}
	return false
}

func isMarker(line []byte) bool {
	for _, mark := range []string{"---", "..."} {
		if rest, ok := bytes.CutPrefix(line, []byte(mark)); ok && (len(rest) == 0 || bytes.IndexByte([]byte(" \t\r\n"), rest[0]) >= 0) {
			return true
		}
	}
	return false
}

// take adds a line to the chunk.
func (y *yamlChunks) take(line []byte) {
	if len(y.text) == 0 {
		y.start = y.line
	}
	if isMarker(line) {
		if len(bytes.TrimSpace(line)) == 3 {
			y.start++
			return
		}
	}
	if y.object && !y.inList && bytes.Equal(bytes.TrimRight(line, " \r\n"), []byte("items:")) {
		y.inList = true
	}
	if !y.large && len(y.text)+len(line) > maxChunk {
		y.large = true
		var named []byte
		for rest := range bytes.Lines(y.text) {
			named = appendNaming(named, rest)
		}
		y.text = append(y.text[:0], named...)
	}
	if y.large {
		y.text = appendNaming(y.text, line)
		return
	}
	y.text = append(y.text, line...)
}

// appendNaming appends a line that may name an object.
func appendNaming(text, line []byte) []byte {
	key := bytes.TrimLeft(line, " -")
	for _, name := range []string{"apiVersion:", "kind:", "metadata:", "name:", "namespace:"} {
		if bytes.HasPrefix(key, []byte(name)) && len(line)-len(key) <= 8 && len(line) <= 512 && len(text) < 64<<10 {
			return append(text, line...)
		}
	}
	return text
}

// headOf reads the kind and the name of an object in YAML without parsing it:
// what kubectl writes, one key a line. Elsewhere it may miss the name.
func headOf(text []byte) (o object) {
	base, names := -1, -1 // the indentation of keys, and of those below metadata
	inMetadata := false
	for line := range bytes.Lines(text) {
		rest := bytes.TrimLeft(line, " ")
		if entry, ok := bytes.CutPrefix(rest, []byte("- ")); ok && base < 0 {
			rest = bytes.TrimLeft(entry, " ")
		}
		indent := len(line) - len(rest)
		key, value, ok := bytes.Cut(rest, []byte(":"))
		if len(bytes.TrimSpace(rest)) == 0 || rest[0] == '#' || isMarker(line) {
			continue
		}
		if base < 0 {
			base = indent
		}
		if indent == base {
			inMetadata, names = string(key) == "metadata", -1
		}
		if !ok {
			continue
		}
		text := string(bytes.Trim(value, " \"'\r\n"))
		switch {
		case indent == base && string(key) == "kind" && o.kind == "":
			o.kind = text
		case inMetadata && indent > base:
			if names < 0 || indent < names { // those before were below a key that was left out
				names, o.name, o.namespace = indent, "", ""
			}
			switch {
			case indent == names && string(key) == "name" && o.name == "":
				o.name = text
			case indent == names && string(key) == "namespace" && o.namespace == "":
				o.namespace = text
			}
		}
	}
	return o
}

func (y *yamlChunks) flush(f func(chunk) error, large bool) error {
	c := chunk{text: y.text, line: y.start, large: large}
	y.text = y.text[:0]
	if !large && len(bytes.TrimSpace(c.text)) == 0 {
		return nil
	}
	return f(c)
}

// kindOf is the kind of an object in YAML, empty where there is none. It looks
// at lines and not for a pattern, as it is called for all of a dump.
func kindOf(text []byte) string {
	for rest := text; len(rest) > 0; {
		at := bytes.Index(rest, []byte("kind:"))
		if at < 0 {
			return ""
		}
		start := bytes.LastIndexByte(rest[:at], '\n') + 1
		value := rest[at+len("kind:"):]
		switch string(rest[start:at]) {
		case "", "  ", "- ", "    ":
			if end := bytes.IndexByte(value, '\n'); end >= 0 {
				value = value[:end]
			}
			return string(bytes.Trim(value, " \"'\r"))
		}
		rest = value
	}
	return ""
}

// mostPlain is the most of a ConfigMap without a word of NATS that is parsed.
const mostPlain = 256 << 10

// whyUnread says why a chunk that is not wanted is not.
func whyUnread(text []byte) string {
	if len(text) > mostPlain {
		return unreadLarge
	}
	return unreadPlain
}

// wantsChunk reports whether a chunk may have lists, or what lists refer to. It
// keeps most of a large dump from being parsed.
func wantsChunk(text []byte) bool {
	if speaksOfNATS(text) {
		return true
	}
	switch kind := kindOf(text); kind {
	case "Secret":
		// The type stands at the end, where kubectl writes it.
		end := text[max(0, len(text)-4<<10):]
		return !containsAny(end, "type: helm.sh/release", "type: kubernetes.io/tls")
	case "ConfigMap":
		return len(text) <= mostPlain && containsAny(text, "://", ":4", "host", "HOST", "server", "SERVER", "url", "URL", ".svc")
	case "List":
		return true
	default:
		// Without the word, only what it refers to can have a list.
		return wantsKind(kind) && containsAny(text, "valueFrom", "envFrom", "configMap", "secret", "projected")
	}
}

func containsAny(text []byte, parts ...string) bool {
	for _, part := range parts {
		if bytes.Contains(text, []byte(part)) {
			return true
		}
	}
	return false
}

// wantsKind reports whether an object of this kind may have lists without a word
// of NATS in it: in base64, or by reference.
func wantsKind(kind string) bool {
	switch kind {
	case "Deployment", "StatefulSet", "DaemonSet", "ReplicaSet", "Job", "CronJob", "Pod", "ConfigMap", "Secret", "List", "Rollout", "DeploymentConfig":
		return true
	}
	return strings.HasSuffix(kind, "List")
}
