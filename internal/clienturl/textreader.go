package clienturl

import (
	"bytes"
	"path/filepath"
	"regexp"
	"slices"
	"strings"

	"github.com/nats-balance/nats-balance/checks"
)

// format is how a text is read.
type format int

const (
	byPattern format = iota
	isYAML
	isJSON
	isTOML
	isDotenv
	isProperties
	isINI
	ofServer // the configuration of a nats-server, which has no client's list
)

// formatOf tells the format of a text by its name, and where that says nothing
// by its start.
func formatOf(name string, head []byte) format {
	if f, ok := formatByName(name); ok {
		return f
	}
	return sniff(head)
}

// formatByName tells the format of a text by its name; ok is false where that
// says nothing.
func formatByName(name string) (f format, ok bool) {
	base := strings.ToLower(filepath.Base(name))
	ext := filepath.Ext(base)
	switch {
	case isCode(ext):
		return byPattern, true
	case strings.HasPrefix(base, ".env"):
		return isDotenv, true
	}
	switch ext {
	case ".yaml", ".yml":
		return isYAML, true
	case ".json":
		return isJSON, true
	case ".toml":
		return isTOML, true
	case ".env":
		return isDotenv, true
	case ".properties":
		return isProperties, true
	case ".ini", ".cfg", ".service":
		return isINI, true
	case ".xml", ".tf", ".tfvars", ".tpl", ".sh", ".bash", ".hcl", ".dockerfile", ".md":
		return byPattern, true
	}
	if base == "dockerfile" || strings.HasPrefix(base, "dockerfile.") || base == "procfile" {
		return byPattern, true
	}
	return byPattern, false
}

var (
	// template is a template's expression where YAML has a value or a line: what
	// stands there only looks like YAML.
	template   = regexp.MustCompile(`(?m)(?:^|: |- )[ \t]*\{\{`)
	yamlLine   = regexp.MustCompile(`(?m)^(?:- )?["']?[\w./-]+["']?:(?:[ \t]|\r?$)`)
	assignment = regexp.MustCompile(`(?m)^(?:export )?[\w.-]+ *= *\S`)
	iniHead    = regexp.MustCompile(`(?m)^[ \t]*\[[\w .:/"-]+\][ \t]*\r?$`)
	tomlTables = regexp.MustCompile(`(?m)^[ \t]*\[\[[\w .:/"-]+\]\][ \t]*(?:#.*)?\r?$`)
	serverKey1 = regexp.MustCompile(`(?m)(?:^|[{};,\s])["']?(cluster|leafnodes?|gateway|jetstream|accounts|authorization|websocket|mqtt|resolver|operator|system_account|server_name|http_port|monitor_port|max_payload|pid_file|listen|port|include|lame_duck_duration)["']?\s*(?:[:={]|\s[\w"'./$])`)
)

func isTemplate(text []byte) bool { return bytes.Contains(text, []byte("{{")) && template.Match(text) }

// sniff tells the format of a text without a telling name.
func sniff(head []byte) format {
	trimmed := bytes.TrimSpace(head)
	switch {
	case len(trimmed) == 0:
		return byPattern
	case bytes.Contains(head, []byte("apiVersion")) && bytes.Contains(head, []byte("kind")):
		if trimmed[0] == '{' || trimmed[0] == '[' {
			return isJSON
		}
		return isYAML
	case isServerConfig(head):
		return ofServer
	case trimmed[0] == '{' || bytes.HasPrefix(trimmed, []byte("[{")):
		return isJSON
	case tomlTables.Match(head):
		return isTOML
	case iniHead.Match(head):
		if bytes.Contains(head, []byte(" = ")) && bytes.Contains(head, []byte(`"`)) {
			return isTOML
		}
		return isINI
	}
	lines := bytes.Count(trimmed, []byte("\n")) + 1
	y, a := len(yamlLine.FindAllIndex(head, 200)), len(assignment.FindAllIndex(head, 200))
	switch {
	case bytes.HasPrefix(trimmed, []byte("---")), y > a && y*4 >= min(lines, 200):
		return isYAML
	case a > 0 && a*2 >= min(lines, 200):
		return isProperties
	}
	return byPattern
}

// isServerConfig reports whether a text is the configuration of a nats-server:
// blocks in curly brackets, with keys of which two are its own.
func isServerConfig(text []byte) bool {
	if bytes.IndexByte(text, '{') < 0 {
		return false
	}
	own := map[string]bool{}
	strong := false
	for _, m := range serverKey1.FindAllSubmatchIndex(text, 200) {
		key := string(text[m[2]:m[3]])
		own[key] = true
		rest := bytes.TrimLeft(text[m[3]:], "\"' \t\r\n:=")
		strong = strong || len(rest) > 0 && rest[0] == '{' && (key == "cluster" || key == "gateway" || strings.HasPrefix(key, "leafnode") || key == "jetstream" || key == "accounts")
	}
	return strong && (len(own) > 1 || bytes.Contains(text, []byte("routes")) || bytes.Contains(text, []byte("remotes")) || bytes.Contains(text, []byte("gateways")))
}

// textReader reads one text: by the parser of its format, and by patterns where
// it has none or is not valid.
type textReader struct {
	path     string // for origins
	line     int    // of the file that the text starts after
	account  func(reference string) string
	workload string
	// object takes over an object of Kubernetes; nil: there are none.
	object func(n *node) bool
	depth  int
	// patterns counts texts that were read by patterns, servers those that are
	// configuration of a server.
	patterns, servers int
	warnings          []string
}

// read finds the lists of a text; name tells its format. It changes the text.
func (r *textReader) read(name string, text []byte) ([]checks.URLList, []string) {
	lists := r.lists(name, text)
	return lists, r.warnings
}

func (r *textReader) warn(line int, text string) {
	r.warnings = append(r.warnings, r.place(line)+": "+text)
}

func (r *textReader) place(line int) string { return placeOf(r.path, r.line+line) }

func (r *textReader) lists(name string, text []byte) []checks.URLList {
	f := formatOf(name, text[:min(len(text), 64<<10)])
	if f == byPattern && isServerConfig(text) && !isCode(strings.ToLower(filepath.Ext(name))) {
		f = ofServer
	}
	switch f {
	case ofServer:
		r.servers++
		return nil
	case isYAML:
		if roots, err := parseYAML(text, r.line+1); err == nil && !isTemplate(text) {
			r.line = 0 // objects outlive this text, and so their lines are the file's
			return r.trees(roots)
		}
	case isJSON:
		var out []checks.URLList
		j := newJSONReader(bytes.NewReader(text))
		if err := j.each(func(n *node) error {
			out = append(out, r.tree(n)...)
			return nil
		}); err == nil {
			return out
		}
		if _, named := formatByName(name); !named { // YAML may start with a bracket too
			if roots, err := parseYAML(text, r.line+1); err == nil && !isTemplate(text) {
				r.line = 0
				return r.trees(roots)
			}
		}
	case isTOML:
		if root, err := parseTOML(slices.Clone(text)); err == nil {
			return r.tree(root)
		}
	case isDotenv, isProperties, isINI:
		style := map[format]lineStyle{isDotenv: dotenvStyle(), isProperties: propertiesStyle(), isINI: iniStyle()}[f]
		if sections, ok := parseLines(text, style); ok {
			return r.sections(sections)
		}
	case byPattern: // as is what its parser can't read
	}
	return r.pattern(name, text)
}

// pattern reads a text that has no parser.
func (r *textReader) pattern(name string, text []byte) []checks.URLList {
	if !speaksOfNATS(text) {
		return nil
	}
	r.patterns++
	lists, notes := extract(name, text, r.place, r.account)
	for _, n := range notes {
		r.warn(n.line+1, n.text)
	}
	for i := range lists {
		lists[i].ByPattern, lists[i].Workload = true, r.workload
	}
	return lists
}

func (r *textReader) trees(roots []*node) []checks.URLList {
	var out []checks.URLList
	for _, root := range roots {
		out = append(out, r.tree(root)...)
	}
	return out
}

// tree finds the lists in a parsed document.
func (r *textReader) tree(root *node) []checks.URLList {
	if root.kind == mapping && r.object != nil {
		if items := root.list("items"); items != nil && strings.HasSuffix(root.str("kind"), "List") {
			return r.trees(items)
		}
		if r.object(root) {
			return nil
		}
	}
	if root.kind == sequence && r.object != nil && slices.ContainsFunc(root.items, func(n *node) bool { return n.str("apiVersion") != "" }) {
		return r.trees(root.items)
	}
	prefix := ""
	if o, ok := kubeObject(root, r.path); ok { // one of another kind
		prefix = o.String() + ", "
		root = without(root, "metadata", "status")
	}
	w := r.walker()
	if prefix != "" {
		w.origin = func(path []string, st setting) string {
			return prefix + strings.Join(append(slices.Clone(path), st.key), ".") + " (" + r.place(st.line) + ")"
		}
	}
	w.walk(root, heading{}, nil)
	return dedupe(w.out)
}

func without(n *node, keys ...string) *node {
	out := &node{kind: mapping, line: n.line}
	for i, key := range n.keys {
		if !slices.Contains(keys, key) {
			out.keys, out.items = append(out.keys, key), append(out.items, n.items[i])
		}
	}
	return out
}

func (r *textReader) walker() *walker {
	return &walker{
		origin:   func(_ []string, st setting) string { return r.place(st.line) },
		warn:     func(st setting, text string) { r.warn(st.line, text) },
		account:  r.account,
		workload: r.workload,
		file: func(name, text string, line int) []checks.URLList {
			if r.depth > 2 {
				return nil
			}
			inner := textReader{path: r.path, line: r.line + line - 1, account: r.account, workload: r.workload, depth: r.depth + 1}
			lists := inner.lists(name, []byte(text))
			r.warnings = append(r.warnings, inner.warnings...)
			r.patterns, r.servers = r.patterns+inner.patterns, r.servers+inner.servers
			return lists
		},
	}
}

// sections finds the lists in a flat configuration.
func (r *textReader) sections(all []section) []checks.URLList {
	w := r.walker()
	for _, s := range all {
		var h heading
		if s.name != "" {
			h.path = []string{s.name}
		}
		var settings []setting
		for _, st := range s.settings {
			switch {
			case st.key == "Environment": // of systemd
				for _, word := range shellWords(st.values[0]) {
					if m := envPair.FindStringSubmatch(word); m != nil {
						settings = append(settings, setting{key: m[1], values: []string{m[2]}, line: st.line})
					}
				}
			case isCommand(st.key):
				settings = append(settings, commandSettings(st.values, st.line)...)
			default:
				settings = append(settings, st)
			}
		}
		w.scope(settings, h, nil)
	}
	return w.out
}
