package gather

import "bytes"

// The rows of an account report are nearly all of it: 2,500 accounts make a
// megabyte, of which four numbers and names are used. Rows are cut out here
// where they stand exactly as nats-server writes them, and the rest of the
// reply is left to the JSON library. Anything else goes there as a whole. This
// takes a third of the time; decode_test.go proves that it reads the same.

var (
	listStart = []byte(`"account_statz":[`)
	rowStart  = []byte(`{"acc":"`)
	nameStart = []byte(`","name":"`)
	conns     = []byte(`","conns":`)
	leafnodes = []byte(`,"leafnodes":`)
	afterLeaf = []byte(`,"total_conns":`)
)

// cutRows takes all rows but the last out of a reply and returns what is left
// of it, in the buffer of the reply. ok is false where a row is not as
// expected; nothing is changed then.
//
// Of a row that is cut out, the counters after leafnodes are not looked at. No
// quote stands unescaped within a JSON string, so rowStart can only be an
// object, after a comma an element of a list, and without a bracket since the
// last row of no other list.
func (d *decoder) cutRows(reply []byte) (left []byte, ok bool) {
	start := bytes.Index(reply, listStart)
	if start < 0 {
		return reply, true
	}
	start += len(listStart)
	d.text, d.rows = d.text[:0], d.rows[:0]
	at := start
	for {
		next := bytes.Index(reply[min(at+1, len(reply)):], rowStart)
		if next < 0 {
			break
		}
		if reply[at+next] != ',' || !d.cutRow(reply[at:at+next]) {
			d.text, d.rows = d.text[:0], d.rows[:0]
			return reply, false
		}
		at += next + 1
	}
	return append(reply[:start], reply[at:]...), true
}

// cutRow reads one row, as nats-server writes an AccountStat.
func (d *decoder) cutRow(b []byte) bool {
	var r row
	start := len(d.text)
	rest, ok := bytes.CutPrefix(b, rowStart)
	id := plainString(rest)
	if !ok || id <= 0 {
		return false
	}
	d.text = append(d.text, rest[:id]...)
	r.idEnd = len(d.text)
	if rest, ok = bytes.CutPrefix(rest[id:], nameStart); !ok {
		return false
	}
	name := plainString(rest)
	if name < 0 {
		return false
	}
	d.text = append(d.text, rest[:name]...)
	r.nameEnd = len(d.text)
	if rest, ok = bytes.CutPrefix(rest[name:], conns); !ok {
		return false
	}
	if r.conns, rest, ok = plainNumber(rest); !ok {
		return false
	}
	if rest, ok = bytes.CutPrefix(rest, leafnodes); !ok {
		return false
	}
	if r.leafs, rest, ok = plainNumber(rest); !ok || !bytes.HasPrefix(rest, afterLeaf) {
		return false
	}
	if bytes.IndexByte(rest, '[') >= 0 || rest[len(rest)-1] != '}' {
		return false
	}
	if r.conns > 0 || r.leafs > 0 {
		d.rows = append(d.rows, r)
	} else {
		d.text = d.text[:start]
	}
	return true
}

// plainString is the length of a JSON string without escapes, up to its
// closing quote, or -1.
func plainString(b []byte) int {
	for i, c := range b {
		switch {
		case c == '"':
			return i
		case c == '\\' || c < ' ':
			return -1
		}
	}
	return -1
}

// plainNumber reads digits, as number does.
func plainNumber(b []byte) (n uint32, rest []byte, ok bool) {
	i := 0
	for ; i < len(b) && '0' <= b[i] && b[i] <= '9' && n <= most; i++ {
		n = n*10 + uint32(b[i]-'0')
	}
	leadingZero := i > 1 && b[0] == '0'
	return n, b[i:], i > 0 && n <= most && !leadingZero
}
