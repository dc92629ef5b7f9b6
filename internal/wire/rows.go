package wire

import "bytes"

// The rows of an account report are nearly all of it: 2,500 accounts make a
// megabyte, of which four numbers and names are used. Rows are cut out here
// where they stand as nats-server writes them, and the rest of the reply is
// left to the JSON library, with the first row that stands otherwise and all
// after it. This takes a quarter of the time; FuzzReport holds that it reads the
// same.

const (
	listStart = `"account_statz":[`
	rowStart  = `{"acc":"`
	nameStart = `","name":"`
	conns     = `","conns":`
	leafnodes = `,"leafnodes":`
)

// after is what follows a prefix of b.
func after(b []byte, prefix string) (rest []byte, ok bool) {
	if len(b) < len(prefix) || string(b[:len(prefix)]) != prefix {
		return b, false
	}
	return b[len(prefix):], true
}

// cutRows reads rows of a reply into d.report.rows and returns where in the reply they
// are: without reply[from:to] it is the same JSON but for those rows. That the
// list is the one that counts is for the caller to check.
func (d *Decoder) cutRows(reply []byte) (from, to int) {
	d.report.reset()
	at := bytes.Index(reply, []byte(listStart))
	if at < 0 {
		return 0, 0
	}
	from = at + len(listStart)
	for to = from; ; {
		text := len(d.report.text)
		r, n := d.plainRow(reply[to:])
		_, more := after(reply[to+n:], ",{")
		_, last := after(reply[to+n:], "]")
		if n == 0 || !more && !last {
			d.report.text = d.report.text[:text]
			return from, to
		}
		d.report.keep(r, text)
		to += n
		if last {
			return from, to
		}
		to++ // the comma
	}
}

// plainRow reads a row that begins b as nats-server writes an AccountStat:
// without white space or escapes, acc, name, conns and leafnodes first. It
// returns its length, 0 where it is not so.
func (d *Decoder) plainRow(b []byte) (r row, n int) {
	rest, ok := after(b, rowStart)
	id := plainString(rest)
	if !ok || id <= 0 {
		return r, 0
	}
	d.report.text = append(d.report.text, rest[:id]...)
	r.idEnd = len(d.report.text)
	if rest, ok = after(rest[id:], nameStart); !ok {
		return r, 0
	}
	name := plainString(rest)
	if name < 0 {
		return r, 0
	}
	d.report.text = append(d.report.text, rest[:name]...)
	r.nameEnd = len(d.report.text)
	if rest, ok = after(rest[name:], conns); !ok {
		return r, 0
	}
	if r.conns, rest, ok = plainCount(rest); !ok {
		return r, 0
	}
	if rest, ok = after(rest, leafnodes); !ok {
		return r, 0
	}
	if r.leafs, rest, ok = plainCount(rest); !ok {
		return r, 0
	}
	end := d.counters(rest)
	if end == 0 {
		return r, 0
	}
	return r, len(b) - len(rest) + end
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

// plainCount reads digits, as number does.
func plainCount(b []byte) (n uint32, rest []byte, ok bool) {
	i := 0
	for ; i < len(b) && '0' <= b[i] && b[i] <= '9' && n <= mostCount; i++ {
		n = n*10 + uint32(b[i]-'0')
	}
	leadingZero := i > 1 && b[0] == '0'
	return n, b[i:], i > 0 && n <= mostCount && !leadingZero
}

// counters is plainCounters, faster: a server writes all its rows alike but for
// the numbers.
func (d *Decoder) counters(b []byte) int {
	if n := alike(b, d.report.shape); n > 0 {
		return n
	}
	n := plainCounters(b)
	if n > 0 {
		isDigit := func(r rune) bool { return '0' <= r && r <= '9' }
		d.report.shape = bytes.FieldsFunc(bytes.Clone(b[:n]), isDigit)
	}
	return n
}

// alike is the length of what b begins with if it is of this shape, the text
// between the numbers; 0 if it is not.
func alike(b []byte, shape [][]byte) int {
	i := 0
	for k, text := range shape {
		if k > 0 {
			number := i
			for i < len(b) && '0' <= b[i] && b[i] <= '9' {
				i++
			}
			if i == number || i > number+1 && b[number] == '0' {
				return 0
			}
		}
		if !bytes.HasPrefix(b[i:], text) {
			return 0
		}
		i += len(text)
	}
	return i
}

// plainCounters is the length of the rest of an object, up to its end, that
// has nothing but counters and objects of such, none of them named as a field
// of a row that is used; 0 where it has something else.
func plainCounters(b []byte) int {
	if len(b) == 0 || b[0] != ',' {
		return 0
	}
	for i, depth := 1, 1; i < len(b) && b[i] == '"'; {
		name := i + 1
		for i++; i < len(b) && '_' <= b[i] && b[i] <= 'z'; {
			i++
		}
		if i+2 >= len(b) || b[i] != '"' || b[i+1] != ':' || depth == 1 && usedOfARow(b[name:i]) {
			return 0
		}
		i += 2
		if b[i] == '{' {
			depth++
			i++
			continue // with the first name in it
		}
		number := i
		for i < len(b) && '0' <= b[i] && b[i] <= '9' {
			i++
		}
		if i == number || i > number+1 && b[number] == '0' {
			return 0
		}
		for i < len(b) && b[i] == '}' {
			i++
			if depth--; depth == 0 {
				return i
			}
		}
		if i >= len(b) || b[i] != ',' {
			return 0
		}
		i++
	}
	return 0
}

// usedOfARow reports whether a member of a row is one that is used.
func usedOfARow(name []byte) bool {
	switch string(name) {
	case "acc", "name", "conns", "leafnodes":
		return true
	}
	return false
}
