package wire

import (
	"bytes"
	"unicode/utf8"
)

// CountReader reads the events by which servers say what an account has on them. Each
// server sends one for each account every 30 seconds: 78,000 a second in a fleet of
// 1,000 servers with 100,000 accounts, and four fifths of reading one as JSON would go
// into what its server says of itself each time. So a reader keeps what servers said, and
// reads an event where it stands if it is as nats-server writes it. FuzzCountReader holds
// that it reads the same as the JSON library. It is for one goroutine.
type CountReader struct {
	heads map[string]Server // of the part of an event that ends before its number
	shape []literal         // of what follows the counts
	tail  []byte            // one, with room behind it
}

const (
	// mostHeads and longestHead bound what is kept of servers: more is no fleet.
	mostHeads, longestHead = 10_000, 4 << 10

	// eventNumber is the name of the number of an event in its server.
	eventNumber = `"seq":`
)

// AccountConns reads an account's SERVER.CONNS event. From is set as far as it could be
// read, also with an error.
func (c *CountReader) AccountConns(body []byte) (AccountConns, error) {
	head, rest, ok := cutHead(body)
	if ok {
		if from, known := c.heads[string(head)]; known {
			if e, ok := c.plain(rest); ok {
				e.From = from
				return e, nil
			}
		}
	}
	e, err := decodeAccountConns(body)
	if ok && err == nil {
		c.learn(head, e.From)
	}
	return e, err
}

// learn keeps what a server says of itself, if that is whole but for the end.
func (c *CountReader) learn(head []byte, from Server) {
	var s eventServer
	if whole := append(bytes.Clone(head), "0}"...); unmarshal(whole, &s) != nil || s.Server != from {
		return
	}
	if c.heads == nil || len(c.heads) >= mostHeads {
		c.heads = map[string]Server{}
	}
	c.heads[string(head)] = from
}

// cutHead cuts an event behind the name of its server's number.
func cutHead(b []byte) (head, rest []byte, ok bool) {
	for _, before := range []string{`{"type":"`, `","id":"`, `","timestamp":"`} {
		if b, ok = after(b, before); !ok {
			return nil, nil, false
		}
		n := plainString(b)
		if n < 0 {
			return nil, nil, false
		}
		b = b[n:]
	}
	if b, ok = after(b, `","server":`); !ok {
		return nil, nil, false
	}
	// No text has this in it: a quote in one has a backslash before it.
	n := bytes.Index(b[:min(len(b), longestHead)], []byte(eventNumber))
	if n < 0 {
		return nil, nil, false
	}
	n += len(eventNumber)
	return b[:n], b[n:], true
}

// plain reads what follows a head, as nats-server writes it.
func (c *CountReader) plain(b []byte) (e AccountConns, ok bool) {
	digits := 0
	for ; digits < min(len(b), 18) && '0' <= b[digits] && b[digits] <= '9'; digits++ {
		e.Stamp.Seq = e.Stamp.Seq*10 + uint64(b[digits]-'0')
	}
	if digits == 0 || digits > 1 && b[0] == '0' {
		return e, false
	}
	var at, id, name []byte
	if at, b, ok = textAfter(b[digits:], `,"time":"`); !ok || e.Stamp.Time.UnmarshalText(at) != nil {
		return e, false
	}
	if id, b, ok = textAfter(b, `"},"acc":"`); !ok || len(id) == 0 {
		return e, false
	}
	if name, b, ok = textAfter(b, nameStart); !ok {
		return e, false
	}
	if b, ok = after(b, conns); !ok {
		return e, false
	}
	if e.Clients, b, ok = plainCount(b); !ok {
		return e, false
	}
	if b, ok = after(b, leafnodes); !ok {
		return e, false
	}
	if e.Leafnodes, b, ok = plainCount(b); !ok || !c.counters(b) {
		return e, false
	}
	e.Account = string(id)
	if !bytes.Equal(name, id) {
		e.Name = string(name)
	}
	return e, true
}

// textAfter is a text of ASCII behind a prefix, of an account's length at most, and what
// follows it from the closing quote on.
func textAfter(b []byte, prefix string) (text, rest []byte, ok bool) {
	if b, ok = after(b, prefix); !ok {
		return nil, nil, false
	}
	n := plainString(b)
	if n < 0 || n > longestName {
		return nil, nil, false
	}
	for _, c := range b[:n] {
		if c >= utf8.RuneSelf { // what is no UTF-8 is read as something else
			return nil, nil, false
		}
	}
	return b[:n], b[n:], true
}

// counters reports whether the rest of an event has nothing but counters.
func (c *CountReader) counters(b []byte) bool {
	c.tail = append(append(c.tail[:0], b...), make([]byte, 16)...) // so much is looked at beyond it
	if alike(c.tail, c.shape) == len(b) && len(b) > 0 {
		return true
	}
	if plainCounters(b) != len(b) || len(b) == 0 || bytes.Contains(b, []byte(`"server"`)) {
		return false
	}
	c.shape = shapeOf(string(b))
	return true
}
