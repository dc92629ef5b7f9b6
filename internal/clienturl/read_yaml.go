package clienturl

import (
	"bytes"
	"errors"
	"io"

	"go.yaml.in/yaml/v4"
)

var (
	errDeep  = errors.New("it is nested too deeply")
	errNodes = errors.New("it has too many values, or aliases that repeat them")
	errYAML  = errors.New("it is not valid YAML") // the parser's words may quote secrets
)

// parseYAML parses the documents of a text that starts on a line of its file.
func parseYAML(text []byte, line int) ([]*node, error) {
	d := yaml.NewDecoder(bytes.NewReader(text))
	var out []*node
	left := maxNodes
	for {
		var doc yaml.Node
		switch err := d.Decode(&doc); {
		case errors.Is(err, io.EOF):
			return out, nil
		case err != nil:
			return nil, errYAML
		}
		c := yamlTree{line: line - 1, left: left}
		root, err := c.convert(&doc, 0)
		if err != nil {
			return nil, err
		}
		left = c.left
		if root != nil {
			out = append(out, root)
		}
	}
}

// yamlTree converts the nodes of a YAML document. An alias is what it stands
// for, as often as it is used, within limits.
type yamlTree struct {
	line, left int
}

func (c *yamlTree) convert(n *yaml.Node, depth int) (*node, error) {
	c.left--
	switch {
	case depth > maxNesting:
		return nil, errDeep
	case c.left < 0:
		return nil, errNodes
	}
	out := &node{line: n.Line + c.line}
	switch n.Kind {
	case yaml.DocumentNode:
		if len(n.Content) == 0 {
			return nil, nil
		}
		return c.convert(n.Content[0], depth+1)
	case yaml.AliasNode:
		if n.Alias == nil {
			return out, nil
		}
		at, err := c.convert(n.Alias, depth+1)
		if at != nil {
			at.line = out.line
		}
		return at, err
	case yaml.ScalarNode:
		out.text = n.Value
		if n.Tag == "!!null" {
			out.text = ""
		}
		if n.Style&(yaml.LiteralStyle|yaml.FoldedStyle) != 0 {
			out.line++ // the text starts below its key
		}
	case yaml.SequenceNode:
		out.kind = sequence
		for _, item := range n.Content {
			at, err := c.convert(item, depth+1)
			if err != nil {
				return nil, err
			}
			out.items = append(out.items, at)
		}
	case yaml.MappingNode:
		out.kind = mapping
		for i := 0; i+1 < len(n.Content); i += 2 {
			at, err := c.convert(n.Content[i+1], depth+1)
			if err != nil {
				return nil, err
			}
			if n.Content[i].Value == "<<" { // what is merged in yields to what is there
				out.merge(at)
				continue
			}
			out.keys, out.items = append(out.keys, n.Content[i].Value), append(out.items, at)
		}
	default: // a document has no other kind; it would be an empty text
	}
	return out, nil
}

// merge puts the entries of a merge key in front.
func (n *node) merge(from *node) {
	switch from.kind {
	case mapping:
		n.keys, n.items = append(append([]string{}, from.keys...), n.keys...), append(append([]*node{}, from.items...), n.items...)
	case sequence:
		for _, one := range from.items {
			if one.kind == mapping {
				n.merge(one)
			}
		}
	case scalar: // has no entries
	}
}
