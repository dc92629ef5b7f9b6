package clienturl

import (
	"errors"
	"strings"

	"github.com/pelletier/go-toml/v2/unstable"
)

var errTOML = errors.New("it is not valid TOML")

// parseTOML parses a TOML text.
func parseTOML(text []byte) (root *node, err error) {
	p := &unstable.Parser{}
	p.Reset(text)
	root = &node{kind: mapping, line: 1}
	table, left := root, maxNodes
	for p.NextExpression() {
		e := p.Expression()
		switch e.Kind {
		case unstable.KeyValue:
			err = tomlPair(p, table, e, 0, &left)
		case unstable.Table:
			table, err = root.descend(tomlKey(e.Key()), tomlLine(p, e), false, &left)
		case unstable.ArrayTable:
			table, err = root.descend(tomlKey(e.Key()), tomlLine(p, e), true, &left)
		default: // comments, and what is only inside of these
		}
		if err != nil {
			return nil, err
		}
	}
	if p.Error() != nil {
		return nil, errTOML
	}
	return root, nil
}

func tomlKey(it unstable.Iterator) []string {
	var out []string
	for it.Next() {
		out = append(out, string(it.Node().Data))
	}
	return out
}

// tomlLine is the line of a node, or of the first of its parts that has one.
func tomlLine(p *unstable.Parser, n *unstable.Node) int {
	if n.Raw.Length > 0 {
		return p.Shape(n.Raw).Start.Line
	}
	for it := n.Children(); it.Next(); {
		if at := it.Node(); at.Raw.Length > 0 {
			return p.Shape(at.Raw).Start.Line
		}
	}
	return 1
}

// tomlPair adds a key with its value.
func tomlPair(p *unstable.Parser, to *node, e *unstable.Node, depth int, left *int) error {
	keys := tomlKey(e.Key())
	if len(keys) == 0 {
		return errTOML
	}
	line := 1
	for it := e.Key(); it.Next(); {
		line = tomlLine(p, it.Node())
	}
	value, err := tomlValue(p, e.Value(), line, depth+1, left)
	if err != nil {
		return err
	}
	to, err = to.descend(keys[:len(keys)-1], line, false, left)
	if err == nil {
		to.keys, to.items = append(to.keys, keys[len(keys)-1]), append(to.items, value)
	}
	return err
}

func tomlValue(p *unstable.Parser, n *unstable.Node, line, depth int, left *int) (*node, error) {
	*left--
	switch {
	case depth > maxNesting:
		return nil, errDeep
	case *left < 0:
		return nil, errNodes
	}
	if n.Raw.Length > 0 {
		line = p.Shape(n.Raw).Start.Line
	}
	out := &node{line: line}
	switch n.Kind {
	case unstable.Array:
		out.kind = sequence
		for it := n.Children(); it.Next(); {
			if it.Node().Kind == unstable.Comment {
				continue
			}
			item, err := tomlValue(p, it.Node(), line, depth+1, left)
			if err != nil {
				return nil, err
			}
			out.items = append(out.items, item)
		}
	case unstable.InlineTable:
		out.kind = mapping
		for it := n.Children(); it.Next(); {
			if it.Node().Kind != unstable.KeyValue {
				continue
			}
			if err := tomlPair(p, out, it.Node(), depth+1, left); err != nil {
				return nil, err
			}
		}
	default:
		out.text = strings.TrimSpace(string(n.Data))
	}
	return out, nil
}

// descend returns the mapping under keys and makes what is missing. With more it
// is a new entry of a sequence.
func (n *node) descend(keys []string, line int, more bool, left *int) (*node, error) {
	if len(keys) > maxNesting {
		return nil, errDeep
	}
	for i, key := range keys {
		if *left--; *left < 0 {
			return nil, errNodes
		}
		var next *node
		for j := len(n.keys) - 1; j >= 0 && next == nil; j-- {
			if n.keys[j] == key {
				next = n.items[j]
			}
		}
		last := more && i == len(keys)-1
		if next == nil {
			next = &node{kind: mapping, line: line}
			if last {
				next.kind = sequence
			}
			n.keys, n.items = append(n.keys, key), append(n.items, next)
		}
		if last && next.kind == sequence {
			next.items = append(next.items, &node{kind: mapping, line: line})
		}
		if next.kind == sequence && len(next.items) > 0 {
			next = next.items[len(next.items)-1]
		}
		if next.kind != mapping {
			return nil, errTOML // a key that is already a value
		}
		n = next
	}
	return n, nil
}
