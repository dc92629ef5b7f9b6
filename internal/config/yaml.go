package config

import (
	"bytes"
	"errors"
	"fmt"
	"io"
	"slices"
	"strings"

	"go.yaml.in/yaml/v4"

	"github.com/nats-balance/nats-balance/internal/words"
)

// yamlFile reads a YAML file strictly: every key must be known, every value of
// its type, and what is wrong is said with the line that it is on.
type yamlFile struct{ name string }

// fields are the keys of a mapping, each with what reads its value.
type fields map[string]func(*yaml.Node) error

// fail says what is wrong on the line of a node.
func (y yamlFile) fail(n *yaml.Node, format string, args ...any) error {
	return y.failAt(n.Line, format, args...)
}

func (y yamlFile) failAt(line int, format string, args ...any) error {
	return fmt.Errorf("%s:%d: %w", y.name, max(line, 1), fmt.Errorf(format, args...))
}

// document parses the one document of a file.
func (y yamlFile) document(text []byte) (*yaml.Node, error) {
	d := yaml.NewDecoder(bytes.NewReader(text))
	var doc yaml.Node
	switch err := d.Decode(&doc); {
	case errors.Is(err, io.EOF):
		return nil, y.failAt(1, "the file is empty: it must have version: 1")
	case err != nil:
		return nil, y.syntaxError(err)
	}
	switch err := d.Decode(&yaml.Node{}); {
	case err == nil:
		return nil, y.failAt(1, "the file has several documents: leave one, without ---")
	case !errors.Is(err, io.EOF):
		return nil, y.syntaxError(err)
	}
	if doc.Kind != yaml.DocumentNode || len(doc.Content) != 1 {
		return nil, y.failAt(1, "the file is empty: it must have version: 1")
	}
	return doc.Content[0], nil
}

// syntaxError says what the parser does not understand, and where.
func (y yamlFile) syntaxError(err error) error {
	var load *yaml.LoadError
	if errors.As(err, &load) {
		return y.failAt(load.Mark.Line, "it is not YAML: %s", load.Message)
	}
	return y.failAt(1, "it is not YAML: %w", err)
}

// mapping reads a mapping: known keys only, each once, the required ones all.
func (y yamlFile) mapping(n *yaml.Node, what string, of fields, required ...string) error {
	known := func() string {
		var names []string
		for name := range of {
			names = append(names, name)
		}
		slices.Sort(names)
		return strings.Join(names, ", ")
	}
	if err := y.plain(n, what); err != nil {
		return err
	}
	if n.Kind != yaml.MappingNode || n.Tag != "!!map" {
		return y.fail(n, "%s is not a mapping: pass KEY: VALUE of %s", what, known())
	}
	seen := map[string]bool{}
	for i := 0; i+1 < len(n.Content); i += 2 {
		key, value := n.Content[i], n.Content[i+1]
		if err := y.plain(key, "a key of "+what); err != nil {
			return err
		}
		name := key.Value
		read, ok := of[name]
		switch {
		case key.Kind != yaml.ScalarNode || !ok:
			return y.fail(key, "%s has no key %q: pass one of %s", what, brief(name), known())
		case seen[name]:
			return y.fail(key, "%s is there twice: leave one", name)
		}
		seen[name] = true
		if err := read(value); err != nil {
			return err
		}
	}
	for _, name := range required {
		if !seen[name] {
			return y.fail(n, "%s has no %s: add it", what, name)
		}
	}
	return nil
}

// mostEntries bounds the entries of a list.
const mostEntries = 1000

func (y yamlFile) list(n *yaml.Node, what string, each func(*yaml.Node) error) error {
	if err := y.plain(n, what); err != nil {
		return err
	}
	switch {
	case n.Kind != yaml.SequenceNode || n.Tag != "!!seq":
		return y.fail(n, "%s is not a list: pass lines that begin with a dash, or [A, B]", what)
	case len(n.Content) > mostEntries:
		return y.fail(n, "%s has %s entries: pass at most %s", what, words.Count(len(n.Content)), words.Count(mostEntries))
	}
	for _, entry := range n.Content {
		if err := each(entry); err != nil {
			return err
		}
	}
	return nil
}

// text reads a string that is not empty. What YAML takes for a number, a date
// or a truth must be in quotes, but for the tags that are allowed too.
func (y yamlFile) text(n *yaml.Node, what string, to *string, allowed ...string) error {
	if err := y.plain(n, what); err != nil {
		return err
	}
	switch {
	case n.Kind != yaml.ScalarNode || n.Tag == "!!null":
		return y.fail(n, "%s is not text: pass one", what)
	case n.Tag != "!!str" && !slices.Contains(allowed, n.Tag):
		return y.fail(n, "%s is not text, but %s: put it in quotes", what, brief(n.Value))
	case strings.TrimSpace(n.Value) == "":
		return y.fail(n, "%s is empty: pass one", what)
	}
	*to = n.Value
	return nil
}

// number reads a whole number in plain digits.
func (y yamlFile) number(n *yaml.Node, what string, to *int) error {
	if err := y.plain(n, what); err != nil {
		return err
	}
	digits := n.Kind == yaml.ScalarNode && n.Tag == "!!int" && n.Value != "" && strings.Trim(n.Value, "0123456789") == "" &&
		len(n.Value) < 10 && (n.Value[0] != '0' || n.Value == "0")
	if !digits || n.Style&(yaml.SingleQuotedStyle|yaml.DoubleQuotedStyle) != 0 {
		return y.fail(n, "%s is not a whole number: pass one such as 70, without quotes", what)
	}
	_, err := fmt.Sscan(n.Value, to)
	return err
}

// plain refuses what stands for something that is elsewhere.
func (y yamlFile) plain(n *yaml.Node, what string) error {
	if n.Kind == yaml.AliasNode || n.Anchor != "" {
		return y.fail(n, "%s has an anchor or an alias: write it out", what)
	}
	return nil
}

// brief cuts a value for a message.
func brief(s string) string {
	const most = 40
	if r := []rune(s); len(r) > most {
		return string(r[:most]) + "…"
	}
	return s
}
