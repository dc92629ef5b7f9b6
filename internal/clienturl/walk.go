package clienturl

import (
	"regexp"
	"slices"
	"strings"

	"github.com/nats-balance/nats-balance/checks"
)

var (
	// indexedKey is a key with an index at its end: a[0], a__0.
	indexedKey = regexp.MustCompile(`^(.*?)(?:\[|__|:)(\d{1,4})\]?$`)
	envPair    = regexp.MustCompile(`^([A-Za-z_][\w.]*)=([\s\S]*)$`)
)

// walker finds lists in the tree of a document.
type walker struct {
	origin  func(path []string, st setting) string
	warn    func(st setting, text string)
	account func(reference string) string
	// file reads the text of a file that stands in a value, from a line on.
	file             func(name, text string, line int) []checks.URLList
	workload, unused string
	out              []checks.URLList
}

// walk finds the lists in a node under a heading.
func (w *walker) walk(n *node, h heading, outer []setting) {
	switch n.kind {
	case mapping:
		w.mapping(n, h, outer)
	case sequence:
		if settings, ok := environment(n); ok {
			w.scope(w.withoutEmbedded(settings, h), h, outer)
			return
		}
		if st, ok := serverObjects(n, lastKey(h)); ok && h.natsAbove(3) {
			parent := h
			parent.path = h.path[:max(0, len(h.path)-1)]
			w.scope([]setting{st}, parent, outer)
			return
		}
		for _, item := range n.items {
			if item.kind != scalar {
				w.walk(item, h, outer)
			}
		}
		if texts, ok := n.scalars(); ok && len(h.path) == 0 {
			w.scope([]setting{{values: texts, line: n.firstLine(), list: true}}, h, outer)
		}
	case scalar:
		w.scope([]setting{{values: []string{n.text}, line: n.line}}, h, outer)
	}
}

func lastKey(h heading) string {
	if len(h.path) == 0 {
		return ""
	}
	return h.path[len(h.path)-1]
}

// mapping finds the lists among the entries of a mapping, and below.
func (w *walker) mapping(n *node, h heading, outer []setting) {
	var settings, beside []setting
	var below []int
	for i, key := range n.keys {
		item := n.items[i]
		texts, plain := item.scalars()
		switch {
		case item.kind == scalar && isEmbedded(key, item.text):
			w.embedded(key, item, h)
		case item.kind == scalar && isCommand(key):
			w.command([]string{item.text}, item.line, h, outer)
		case item.kind == scalar:
			settings = append(settings, setting{key: key, values: []string{item.text}, line: item.line})
		case plain && (isCommand(key) || hasFlags(texts)):
			w.command(texts, item.firstLine(), h, outer)
		case plain && isEnvironment(texts):
			below = append(below, i)
		case plain:
			settings = append(settings, setting{key: key, values: texts, line: item.firstLine(), list: true})
		default:
			below = append(below, i)
			if item.kind == mapping && isOptions(key) {
				for j, k := range item.keys {
					if at := item.items[j]; at.kind == scalar {
						beside = append(beside, setting{key: k, values: []string{at.text}, line: at.line})
					}
				}
			}
		}
	}
	s := w.scope(settings, h, slices.Concat(outer, beside))
	hold := s.inherited()
	if len(hold) > 64 {
		hold = hold[:64]
	}
	for _, i := range below {
		next := h.under(n.keys[i])
		next.nats, next.mqtt = s.nats && len(h.path) < 16, s.mqtt
		if w.workload == "" && len(h.path) == 1 && h.path[0] == "services" { // of a compose file
			w.workload, w.unused = n.keys[i], unusedService(n.items[i])
			w.walk(n.items[i], next, hold)
			w.workload, w.unused = "", ""
			continue
		}
		w.walk(n.items[i], next, hold)
	}
}

// unusedService says why nobody runs a service of a compose file.
func unusedService(n *node) string {
	if n.str("scale") == "0" || n.str("deploy", "replicas") == "0" {
		return noReplicas
	}
	return ""
}

// scope finds the lists among settings.
func (w *walker) scope(settings []setting, h heading, outer []setting) *scope {
	s := &scope{heading: h, settings: settings, outer: outer, warn: w.warn, account: w.account, workload: w.workload, unused: w.unused,
		origin: func(st setting) string { return w.origin(h.path, st) }}
	w.out = append(w.out, s.lists()...)
	return s
}

// embedded reads a value of several lines as the file that it is.
func (w *walker) embedded(key string, item *node, h heading) {
	if w.file != nil && !h.notAClient(key) {
		w.out = append(w.out, w.file(key, item.text, item.line)...)
	}
}

// withoutEmbedded reads those of the settings that are files, and returns the
// others.
func (w *walker) withoutEmbedded(settings []setting, h heading) []setting {
	return slices.DeleteFunc(settings, func(st setting) bool {
		embedded := len(st.values) == 1 && isEmbedded(st.key, st.values[0])
		if embedded {
			w.embedded(st.key, &node{text: st.values[0], line: st.line}, h)
		}
		return embedded
	})
}

// flowStart is the start of a mapping in one line: {"nats":, {nats: and
// nats: {servers:.
var flowStart = regexp.MustCompile(`^\[?\{\s*["']?[A-Za-z_][\w.-]*["']?\s*:|^["']?[A-Za-z_][\w.-]*["']?:\s+[{\[]`)

// isEmbedded reports whether the value of a key is a text that has a format of its
// own: what several lines hold unless they are a list, and a mapping in one line.
func isEmbedded(key, text string) bool {
	text = strings.TrimSpace(text)
	if strings.Contains(text, "\n") {
		return !isList(key, text)
	}
	return flowStart.MatchString(text)
}

// hasFlags reports whether texts are the words of a command.
func hasFlags(texts []string) bool {
	return slices.ContainsFunc(texts, func(t string) bool { return strings.HasPrefix(t, "-") && len(t) > 2 })
}

// isList reports whether a text of several lines is only a list: of URLs, or of
// hosts under a key that is of servers.
func isList(key, text string) bool {
	found := entriesOf([]string{text})
	sure, _ := holdsServers(key)
	return !found.text && (found.schemed() || sure && found.plain())
}

// isOptions reports whether a mapping under this key has options of the client
// whose servers stand beside it.
func isOptions(key string) bool {
	switch lastOf(words(key)) {
	case "auth", "authentication", "authorization", "credentials", "creds", "login", "security", "options", "opts", "client":
		return true
	}
	return false
}

func isCommand(key string) bool {
	switch strings.ToLower(key) {
	case "args", "command", "entrypoint", "cmd", "arguments", "execstart":
		return true
	}
	return false
}

// isEnvironment reports whether texts are NAME=VALUE, some perhaps without.
func isEnvironment(texts []string) bool {
	n := 0
	for _, text := range texts {
		if envPair.MatchString(text) {
			n++
		}
	}
	return n > 0 && 2*n >= len(texts)
}

// environment reads sequences of NAME=VALUE and of mappings with a name and a
// value.
func environment(n *node) (settings []setting, ok bool) {
	if len(n.items) == 0 {
		return nil, false
	}
	for _, item := range n.items {
		switch item.kind {
		case scalar:
			m := envPair.FindStringSubmatch(item.text)
			if m == nil {
				continue
			}
			settings = append(settings, setting{key: m[1], values: []string{unquote(m[2])}, line: item.line})
		case mapping:
			name, value := item.get("name"), item.get("value")
			if name == nil || name.kind != scalar {
				return nil, false
			}
			if value == nil || value.kind != scalar {
				if item.get("valueFrom") == nil && item.get("secretKeyRef") == nil {
					return nil, false
				}
				continue
			}
			settings = append(settings, setting{key: name.text, values: []string{value.text}, line: value.line})
		default:
			return nil, false
		}
	}
	return settings, len(settings) > 0
}

// serverObjects reads a sequence of mappings, each of which is one server.
func serverObjects(n *node, key string) (st setting, ok bool) {
	if sure, _ := holdsServers(key); !sure || len(n.items) == 0 {
		return st, false
	}
	st = setting{key: key, line: n.firstLine(), list: true}
	for _, item := range n.items {
		if item.kind != mapping {
			return st, false
		}
		url, host, port := item.str("url"), "", item.str("port")
		for _, k := range []string{"host", "hostname", "address", "addr"} {
			if host = item.str(k); host != "" {
				break
			}
		}
		switch {
		case url != "":
			st.values = append(st.values, url)
		case host != "" && port != "":
			st.values = append(st.values, host+":"+port)
		case host != "":
			st.values = append(st.values, host)
		default:
			return st, false
		}
	}
	return st, true
}

// command finds lists among the words of a command.
func (w *walker) command(parts []string, line int, h heading, outer []setting) {
	w.scope(commandSettings(parts, line), h, outer)
}

// commandSettings makes settings of a command's flags, and of URLs beside them.
func commandSettings(parts []string, line int) []setting {
	var tokens []string
	for _, part := range parts {
		if len(tokens) > maxEntries {
			break
		}
		if strings.ContainsAny(part, " \t\n") {
			tokens = append(tokens, shellWords(part)...)
		} else {
			tokens = append(tokens, part)
		}
	}
	var out []setting
	flag := ""
	for _, t := range tokens {
		switch {
		case strings.HasPrefix(t, "-"):
			name, value, found := strings.Cut(t, "=")
			if flag = name; found {
				out = append(out, setting{key: name, values: []string{unquote(value)}, line: line})
				flag = ""
			}
		case flag == "" && envPair.MatchString(t):
			m := envPair.FindStringSubmatch(t)
			out = append(out, setting{key: m[1], values: []string{unquote(m[2])}, line: line})
		default:
			out = append(out, setting{key: flag, values: []string{t}, line: line})
			flag = ""
		}
	}
	return out
}

// shellWords splits a command line at spaces outside of quotes, and where it goes on in
// the next line. Another backslash stays: what it escapes may be the @ after a token.
func shellWords(text string) []string {
	var out []string
	var word strings.Builder
	var open rune
	for at, r := range text {
		switch {
		case open != 0 && r == open:
			open = 0
		case open == 0 && (r == '"' || r == '\''):
			open = r
		case open == 0 && (r == ' ' || r == '\t' || r == '\n' || r == '\\' && strings.TrimLeft(text[at+1:min(len(text), at+2)], " \t\r\n") == ""):
			if word.Len() > 0 {
				out = append(out, word.String())
				word.Reset()
			}
		default:
			word.WriteRune(r)
		}
	}
	if word.Len() > 0 {
		out = append(out, word.String())
	}
	return out
}
