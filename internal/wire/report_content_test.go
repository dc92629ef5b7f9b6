package wire

import (
	"bytes"
	"compress/gzip"
	"context"
	"fmt"
	"math/rand/v2"
	"strings"
	"testing"
	"time"

	"github.com/klauspost/compress/s2"
	"github.com/nats-io/nats.go"

	"github.com/nats-balance/nats-balance/internal/source/sourcetest"
)

func snappyOf(s string) []byte {
	var b bytes.Buffer
	w := s2.NewWriter(&b, s2.WriterSnappyCompat())
	_, _ = w.Write([]byte(s)) // a buffer takes everything
	_ = w.Close()
	return b.Bytes()
}

func gzipOf(s string) []byte {
	var b bytes.Buffer
	w := gzip.NewWriter(&b)
	_, _ = w.Write([]byte(s)) // a buffer takes everything
	_ = w.Close()
	return b.Bytes()
}

func TestContentEncodings(t *testing.T) {
	t.Parallel()
	text := reply(full("X", 1, 2), full("Y", 3, 0))
	damaged := snappyOf(text)
	damaged[len(damaged)-1] ^= 1
	for _, c := range []struct {
		encoding string
		data     []byte
		err      string // "" for a reply that is read
	}{
		{"", []byte(text), ""},
		{"identity", []byte(text), ""},
		{"snappy", snappyOf(text), ""},
		{"s2", snappyOf(text), ""},
		{"gzip", gzipOf(text), ""},
		{"br", []byte(text), `content encoding "br" was not asked for`},
		{"snappy", []byte(text), "malformed"},
		{"snappy", gzipOf(text), "malformed"},
		{"snappy", damaged, "malformed"},
		{"gzip", []byte(text), "gzip"},
		{"gzip", gzipOf(text)[:40], "cut short"},
		{"", snappyOf(text), "malformed"},
		{"snappy", snappyOf(""), "it is empty"},
		{"gzip", gzipOf(""), "cut short"},
		{"snappy", append(snappyOf(text), snappyOf("{}")...), "more after its end"},
		{"gzip", append(gzipOf(text), gzipOf("{}")...), "more after its end"},
	} {
		got := read(NewDecoder(), &nats.Msg{Data: c.data, Header: nats.Header{"Content-Encoding": []string{c.encoding}}})
		if c.err != "" && !strings.Contains(got.err, c.err) || c.err == "" && (got.err != "" || len(got.lines) != 2) {
			t.Errorf("%q: %+v, want error %q", c.encoding, got, c.err)
		}
	}
}

// Where the end of a compressed reply is broken, its beginning says whose it is.
func TestBrokenCompressionIsNotAnonymous(t *testing.T) {
	t.Parallel()
	var rows []string
	rng := rand.New(rand.NewPCG(1, 2))
	for range 2000 {
		rows = append(rows, full(fmt.Sprintf("A%X", rng.Uint64()), 1, 0))
	}
	data := snappyOf(reply(rows...))
	got := read(NewDecoder(), &nats.Msg{Data: data[:len(data)*3/4], Header: nats.Header{"Content-Encoding": []string{"snappy"}}})
	if got.from.Name != "n" || !strings.Contains(got.err, "corrupt input") {
		t.Errorf("%+v", got)
	}
}

// endless is a text that never ends.
type endless string

func (e endless) Read(p []byte) (int, error) {
	for i := range p {
		p[i] = e[0]
	}
	for i := 1; i < len(p) && len(e) > 1; i += 2 {
		p[i] = e[1]
	}
	return max(1, len(p)/len(e)*len(e)), nil
}

func TestEndlessReplies(t *testing.T) {
	t.Parallel()
	for what, c := range map[string]struct {
		begin string
		then  endless
		want  string
	}{
		"spaces":      {head + `"data"`, " ", "larger than 1 MiB"},
		"a string":    {head + `"x":"`, "x", "larger than 1 MiB"},
		"a name":      {head + `"`, "x", "larger than 1 MiB"},
		"an id":       {head + `"data":{"account_statz":[{"acc":"`, "x", "larger than 1 MiB"},
		"a number":    {head + `"data":{"account_statz":[{"conns":`, "1", "larger than 1 MiB"},
		"as a number": {head + `"data":{"account_statz":[{"conns":[1`, ",1", "larger than 1 MiB"},
		"a list":      {head + `"x":[1`, ",1", "context deadline exceeded"},
	} {
		t.Run(what, func(t *testing.T) {
			patience := sourcetest.Long
			if c.want == context.DeadlineExceeded.Error() {
				patience = 200 * time.Millisecond
			}
			ctx, cancel := context.WithTimeout(sourcetest.Within(t), patience)
			defer cancel()
			d := NewDecoder()
			d.plain.WriteString(c.begin)
			r, err := d.slow(ctx, c.then, NewAccounts())
			if err == nil || !strings.Contains(err.Error(), c.want) || r.From.Name != "n" {
				t.Errorf("%+v, %v; want %s", r, err, c.want)
			}
		})
	}
}

// Not parallel, because it takes all of the machine for a while.
func TestLargeReplyIsReadAsStream(t *testing.T) {
	// Few rows that say much which is not used: it is the size that counts.
	const n, padding = 66, 512 << 10
	var b bytes.Buffer
	b.Grow(n*padding + 64<<10)
	b.WriteString(head + `"data":{"account_statz":[`)
	for i := range n {
		fmt.Fprintf(&b, `{"acc":"A%d","name":"A%d","conns":3,"leafnodes":1,"padding":"`, i, i)
		b.Write(bytes.Repeat([]byte("x"), padding))
		b.WriteString(`"},`)
	}
	b.Truncate(b.Len() - 1)
	b.WriteString("]}}")
	if b.Len() <= inMemory {
		t.Fatalf("%d bytes are not large", b.Len())
	}
	d, in := NewDecoder(), NewAccounts()
	snappy := &nats.Msg{Data: snappyOf(b.String()), Header: nats.Header{"Content-Encoding": []string{"snappy"}}}
	for _, m := range []*nats.Msg{snappy, {Data: b.Bytes()}} { // of the other nothing is copied
		if r, err := d.Report(t.Context(), m, NewAccounts()); err != nil || len(r.Usage) != n || d.plain.Cap() > 0 {
			t.Fatalf("%d rows of %d, %v; it holds %d bytes", len(r.Usage), n, err, d.plain.Cap())
		}
	}
	r, err := d.Report(t.Context(), snappy, in)
	if err != nil {
		t.Fatal(err)
	}
	for i, a := range in.All() {
		if u := r.Usage[i]; u.Connections != 3 || u.Leafnodes != 1 || a.ID != fmt.Sprintf("A%d", i) {
			t.Fatalf("row %d is %+v of %s", i, u, a.ID)
		}
	}
}
