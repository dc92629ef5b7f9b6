package clienturl

import "strings"

// nodeKind is what a node of a document is.
type nodeKind int

const (
	scalar nodeKind = iota
	sequence
	mapping
)

const (
	maxNesting = 100     // levels of a document
	maxNodes   = 500_000 // of one document, with what aliases repeat
)

// node is a value of a parsed document, whatever its format, with the line that
// it starts on.
type node struct {
	kind nodeKind
	line int      // from 1
	text string   // of a scalar
	keys []string // of a mapping, in order
	// items are the values of a mapping, or the entries of a sequence.
	items []*node
}

// get returns what is under a chain of keys, nil where there is nothing.
func (n *node) get(keys ...string) *node {
	for _, key := range keys {
		if n == nil || n.kind != mapping {
			return nil
		}
		var next *node
		for i, k := range n.keys {
			if k == key {
				next = n.items[i]
			}
		}
		n = next
	}
	return n
}

// str returns the scalar under a chain of keys, empty where there is none.
func (n *node) str(keys ...string) string {
	if at := n.get(keys...); at != nil && at.kind == scalar {
		return at.text
	}
	return ""
}

// list returns the entries of the sequence under a chain of keys.
func (n *node) list(keys ...string) []*node {
	if at := n.get(keys...); at != nil && at.kind == sequence {
		return at.items
	}
	return nil
}

// scalars returns the texts of a sequence of nothing but scalars; ok is false
// for any other node.
func (n *node) scalars() (texts []string, ok bool) {
	if n.kind != sequence || len(n.items) == 0 {
		return nil, false
	}
	for _, item := range n.items {
		if item.kind != scalar {
			return nil, false
		}
		texts = append(texts, item.text)
	}
	return texts, true
}

// firstLine is the line of the first text in a node.
func (n *node) firstLine() int {
	if n.kind == sequence && len(n.items) > 0 {
		return n.items[0].line
	}
	return n.line
}

// words splits a key into its words, in lower case: natsServerURLs and
// NATS_SERVER_URLS both have nats, server and urls.
func words(key string) []string {
	key = acronyms.Replace(key)
	var out []string
	var word strings.Builder
	end := func() {
		if word.Len() > 0 {
			out = append(out, splitWord(word.String())...)
			word.Reset()
		}
	}
	lower := false // the letter before
	for _, r := range key[:min(len(key), 256)] {
		switch {
		case !isAlnum(r):
			end()
			lower = false
			continue
		case 'A' <= r && r <= 'Z':
			if lower {
				end()
			}
			lower = false
			r |= 0x20
		default:
			lower = true
		}
		word.WriteRune(r)
	}
	end()
	return out
}

var acronyms = strings.NewReplacer("URLs", "Urls", "URIs", "Uris", "IPs", "Ips", "NATSU", "NatsU", "NATSS", "NatsS", "NATSH", "NatsH", "NATSC", "NatsC", "URL", "Url", "JWT", "Jwt") //nolint:gochecknoglobals // it never changes, and is slow to build for each key

// splitWord takes apart what is written as one word: natsurl, natsservers.
func splitWord(word string) []string {
	rest, found := strings.CutPrefix(word, "nats")
	if found && (isServerWord(rest) || rest == "user" || rest == "creds" || rest == "port" || rest == "uri" || rest == "connection" || rest == "client") {
		return []string{"nats", rest}
	}
	if strings.TrimLeft(word, "0123456789") == "" {
		return []string{word}
	}
	if base := strings.TrimRight(word, "0123456789"); len(base) < len(word) && isServerWord(base) { // SERVER1
		return []string{base, word[len(base):]}
	}
	return []string{word}
}

// isServerWord reports whether a key with this word last has addresses of
// servers.
func isServerWord(word string) bool {
	switch word {
	case "server", "servers", "url", "urls", "uri", "uris", "host", "hosts", "hostname", "hostnames", "addr", "addrs",
		"address", "addresses", "endpoint", "endpoints", "broker", "brokers", "machines", "nodes", "seeds", "bootstrap", "dsn":
		return true
	}
	return false
}
