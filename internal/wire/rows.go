package wire

import (
	"bytes"
	"encoding/binary"
	"math/bits"
	"strings"
)

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
	if !ok || id <= 0 || id > longestAccount {
		return r, 0
	}
	d.report.text = append(d.report.text, rest[:id]...)
	r.idEnd = len(d.report.text)
	if rest, ok = after(rest[id:], nameStart); !ok {
		return r, 0
	}
	name := plainString(rest)
	if name < 0 || name > longestAccount {
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

// The same byte in all eight of a word, which are looked at together.
const (
	each1  = 0x0101010101010101
	each80 = 0x80 * each1 // the highest bits
)

// plainString is the length of a JSON string without escapes, up to its
// closing quote, or -1.
func plainString(b []byte) int {
	i := 0
	for ; i+8 <= len(b); i += 8 {
		// Of the bytes that are marked, the lowest is one of these for sure.
		x := binary.LittleEndian.Uint64(b[i:])
		quote, backslash := x^('"'*each1), x^('\\'*each1)
		if m := ((x-' '*each1)&^x | (quote-each1)&^quote | (backslash-each1)&^backslash) & each80; m != 0 {
			i += bits.TrailingZeros64(m) / 8
			break
		}
	}
	for ; i < len(b); i++ {
		switch c := b[i]; {
		case c == '"':
			return i
		case c == '\\' || c < ' ':
			return -1
		}
	}
	return -1
}

// notDigits marks the bytes of a word that are not 0 to 9.
func notDigits(x uint64) uint64 { return (x&^each80 + (0x80-10)*each1 | x) & each80 }

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
		d.report.shape = shapeOf(string(b[:n]))
	}
	return n
}

// literal is text between two numbers, in words of eight bytes.
type literal struct {
	words  []uint64
	last   uint64 // what is left, with the bytes that count
	mask   uint64
	length int
}

// shapeOf is the text of a row but for the numbers.
func shapeOf(row string) []literal {
	var out []literal
	for _, text := range strings.FieldsFunc(row, func(r rune) bool { return '0' <= r && r <= '9' }) {
		l := literal{length: len(text)}
		for ; len(text) > 8; text = text[8:] {
			l.words = append(l.words, binary.LittleEndian.Uint64([]byte(text)))
		}
		l.last = binary.LittleEndian.Uint64(append([]byte(text), make([]byte, 8)...))
		l.mask = ^uint64(0) >> (64 - 8*len(text))
		out = append(out, l)
	}
	return out
}

// alike is the length of what b begins with if it is of this shape; 0 if it is
// not, has a number of more than 15 digits, or stands so near the end of b that
// words would reach beyond it.
//
// How long a number is, no processor foresees: there is no branch by it.
func alike(b []byte, shape []literal) int {
	i, wrong := 0, uint64(0) // the highest bit is set where a number is wrong
	for k := range shape {
		if k > 0 {
			if i+16 > len(b) {
				return 0
			}
			x := binary.LittleEndian.Uint64(b[i:]) ^ '0'*each1 // 0 to 9 where it is a digit
			y := binary.LittleEndian.Uint64(b[i+8:]) ^ '0'*each1
			n := uint64(bits.TrailingZeros64(notDigits(x))) / 8           //nolint:gosec // 0 to 8
			n += n / 8 * (uint64(bits.TrailingZeros64(notDigits(y))) / 8) //nolint:gosec // 0 to 8
			leadingZero := (x&0xff - 1) & (1 - n)
			wrong |= leadingZero | (n - 1) | (15 - n)
			i += int(n) //nolint:gosec // 16 at most
		}
		l := &shape[k]
		if i+l.length+8 > len(b) {
			return 0
		}
		at, differ := i, uint64(0)
		for _, word := range l.words {
			differ |= binary.LittleEndian.Uint64(b[at:]) ^ word
			at += 8
		}
		if differ|(binary.LittleEndian.Uint64(b[at:])^l.last)&l.mask != 0 {
			return 0
		}
		i += l.length
	}
	if wrong>>63 != 0 {
		return 0
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
