package wire

import (
	"fmt"
	"io"
	"math/rand/v2"
	"reflect"
	"strings"
	"testing"

	"github.com/nats-io/nats.go"
)

// anyReply writes a reply that may be anything from right to rubbish.
type anyReply struct {
	*rand.Rand
	b strings.Builder
}

func (a *anyReply) or(n int, rare, usual func()) {
	if a.IntN(n) == 0 {
		rare()
	} else {
		usual()
	}
}

func (a *anyReply) pick(of ...string) { a.b.WriteString(of[a.IntN(len(of))]) }

func (a *anyReply) space() {
	if a.IntN(40) == 0 {
		a.pick(" ", "\n", "\t ", "")
	}
}

func (a *anyReply) text() {
	a.or(6, func() {
		a.pick(`""`, `"a\"b"`, `"\u0041"`, `"é"`, `"{\"acc\":\""`, `",{"`, "\"\xff\"", `"]"`, `null`, `5`)
	},
		func() { fmt.Fprintf(&a.b, `"A%d"`, a.IntN(1000)) })
}

func (a *anyReply) number() {
	a.or(25, func() {
		a.pick(`-1`, `01`, `1.5`, `1e2`, `100000001`, `null`, `"1"`, `[1,2]`, `{}`, ``, `{"acc":"Q","conns":1}`)
	},
		func() { fmt.Fprint(&a.b, a.IntN(3)*a.IntN(1000)) })
}

func (a *anyReply) member(name string, value func()) {
	a.space()
	fmt.Fprintf(&a.b, `%q`, name)
	a.space()
	a.b.WriteByte(':')
	a.space()
	value()
	a.space()
}

func (a *anyReply) object(members ...func()) {
	if a.IntN(30) == 0 {
		a.Shuffle(len(members), func(i, j int) { members[i], members[j] = members[j], members[i] })
	}
	if len(members) > 0 && a.IntN(60) == 0 {
		members = append(members, members[a.IntN(len(members))])
	}
	if len(members) > 0 && a.IntN(60) == 0 {
		members = members[1:]
	}
	a.b.WriteByte('{')
	for i, m := range members {
		if i > 0 {
			a.b.WriteByte(',')
		}
		m()
	}
	a.b.WriteByte('}')
}

func (a *anyReply) counters(depth int) {
	a.object(func() { a.member("msgs", a.number) },
		func() {
			a.member("bytes", func() { a.or(4, func() { a.rest(depth + 1) }, a.number) })
		})
}

func (a *anyReply) rest(depth int) {
	if depth > 3 {
		a.number()
		return
	}
	a.or(15, func() { a.rows("account_statz", a.IntN(3)) }, func() { a.counters(depth) })
}

func (a *anyReply) row() {
	a.object(func() { a.member("acc", a.text) }, func() { a.member("name", a.text) },
		func() { a.member("conns", a.number) }, func() { a.member("leafnodes", a.number) },
		func() { a.member("total_conns", a.number) }, func() { a.member("sent", func() { a.rest(1) }) },
		func() { a.or(10, func() { a.member("name", a.text) }, func() { a.member("slow_consumers", a.number) }) })
}

// rows writes a list, or as often as not an object with a list of that name.
func (a *anyReply) rows(name string, n int) {
	list := func() {
		a.b.WriteByte('[')
		for i := range n {
			if i > 0 {
				a.b.WriteByte(',')
			}
			a.or(50, func() { a.pick(`null`, `1`, `"x"`, `[]`, ``, `{}`) }, a.row)
		}
		a.b.WriteByte(']')
	}
	a.or(2, list, func() { a.object(func() { a.member(name, list) }) })
}

func (a *anyReply) reply() string {
	a.b.Reset()
	data := func() {
		a.member("data", func() { a.object(func() { a.member("account_statz", func() { a.listOf(a.IntN(6)) }) }) })
	}
	server := func() {
		a.member("server", func() { a.object(func() { a.member("id", a.text) }, func() { a.member("name", a.text) }) })
	}
	other := func() { a.member("other", func() { a.rows("account_statz", a.IntN(4)) }) }
	switch a.IntN(4) {
	case 0:
		a.object(server, other, data)
	case 1:
		a.object(server, data, other)
	default:
		a.object(server, data)
	}
	s := a.b.String()
	if a.IntN(20) == 0 {
		at := a.IntN(len(s))
		s = s[:at] + s[at+a.IntN(min(3, len(s)-at)):]
	}
	return s
}

func (a *anyReply) listOf(n int) {
	a.b.WriteByte('[')
	for i := range n {
		if i > 0 {
			a.b.WriteByte(',')
		}
		a.or(100, func() { a.pick(`null`, `1`, `"x"`, `[]`, ``, `{}`) }, a.row)
	}
	a.b.WriteByte(']')
}

func TestBothPathsReadTheSame(t *testing.T) {
	t.Parallel()
	d := NewDecoder()
	a := &anyReply{Rand: rand.New(rand.NewPCG(7, 7))}
	right, n := 0, 2000
	for range n {
		data := a.reply()
		got := readBoth(t, d, data)
		agrees(t, data, got)
		if got.err == "" {
			right++
		}
		if t.Failed() {
			return
		}
	}
	if right < n/10 || right > n*9/10 {
		t.Errorf("%d of %d replies are well-formed: neither kind may be rare", right, n)
	}
}

func BenchmarkReport(b *testing.B) {
	var rows []string
	for i := range 2500 {
		rows = append(rows, full(fmt.Sprintf("ADCCBHBBIUGTJRWDPWGQIT4JSUX5BDWVNVRLYBS56XUCLEAZZU%06d", i), i%9+1, 0))
	}
	plain := []byte(reply(rows...))
	in := NewAccounts()
	for what, m := range map[string]*nats.Msg{
		"plain":  {Data: plain},
		"snappy": {Data: snappyOf(string(plain)), Header: nats.Header{"Content-Encoding": []string{"snappy"}}},
	} {
		b.Run(what, func(b *testing.B) {
			d := NewDecoder()
			b.SetBytes(int64(len(plain)))
			for b.Loop() {
				if r, err := d.Report(b.Context(), m, in); err != nil || len(r.Usage) != len(rows) {
					b.Fatal(len(r.Usage), err)
				}
			}
		})
	}
	b.Run("plain without the fast path", func(b *testing.B) {
		d := NewDecoder()
		d.plain.Write(plain)
		b.SetBytes(int64(len(plain)))
		for b.Loop() {
			if r, err := d.slow(b.Context(), nil, in); err != nil || len(r.Usage) != len(rows) {
				b.Fatal(len(r.Usage), err)
			}
		}
	})
}

func FuzzReport(f *testing.F) {
	for _, m := range realReplies(f) {
		f.Add([]byte(plainOf(f, m)))
	}
	for _, c := range replies {
		f.Add([]byte(c.data))
	}
	for _, c := range malformed {
		f.Add([]byte(c.data))
	}
	a := &anyReply{Rand: rand.New(rand.NewPCG(1, 1))}
	for range 50 {
		f.Add([]byte(a.reply()))
	}
	d := NewDecoder()
	f.Fuzz(func(t *testing.T, data []byte) {
		fresh := readBoth(t, NewDecoder(), string(data))
		agrees(t, string(data), fresh)
		// Nor does it matter what was read before.
		if again := readBoth(t, d, string(data)); !same(fresh, again) {
			t.Errorf("%q is read as %+v, and after others as %+v", data, fresh, again)
		}
	})
}

func FuzzEncoding(f *testing.F) {
	for _, m := range realReplies(f) {
		f.Add(m.Data, m.Header.Get("Content-Encoding"))
	}
	text := reply(full("X", 1, 2), full("Y", 3, 0))
	f.Add(append(snappyOf(text), snappyOf("{}")...), "snappy")
	f.Add(gzipOf(text), "gzip")
	f.Add([]byte(text), "br")
	d := NewDecoder()
	f.Fuzz(func(t *testing.T, data []byte, encoding string) {
		m := &nats.Msg{Data: data, Header: nats.Header{"Content-Encoding": []string{encoding}}}
		got := read(d, m)
		if got.err != "" {
			return
		}
		if got.from.ID == "" {
			t.Errorf("nobody says %+v", got)
		}
		// What was read is what it says without the encoding.
		body, err := NewDecoder().Open(m)
		if err != nil {
			t.Fatal(err)
		}
		plain, err := io.ReadAll(body)
		if err != nil {
			t.Fatalf("a broken %s reply was read: %v", encoding, err)
		}
		if again := readBoth(t, NewDecoder(), string(plain)); !reflect.DeepEqual(got, again) {
			t.Errorf("%+v, but plain %+v", got, again)
		}
	})
}
