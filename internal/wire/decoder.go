package wire

import (
	"bytes"
	"compress/gzip"
	"context"
	"errors"
	"fmt"
	"io"
	"math"

	"github.com/go-json-experiment/json/jsontext"
	"github.com/klauspost/compress/s2"
	"github.com/nats-io/nats.go"
)

const (
	// LongestAnswer is the size in bytes from which on what a server says of
	// itself is not read.
	LongestAnswer = 16 << 20
	// LongestValue bounds what the JSON library holds of a message that is read
	// as a stream: names, counts and the space between them.
	LongestValue = 1 << 20
	// longestStream is the size from which on a message that is read as a stream
	// is a bomb: 2.5 million accounts on a server.
	longestStream = 1 << 30
	// inMemory is the size up to which an account report is held in memory: that
	// of some 75,000 accounts on a server. A larger one is read as a stream,
	// slower.
	inMemory = 32 << 20
	// mostCount is the largest count that is believed: no server holds as many
	// connections, and sums of counts stay far from overflow.
	mostCount = 100_000_000
	// MostServers is the largest number of servers that is believed: beyond it,
	// a list of the missing would be the denial of service.
	MostServers = 100_000
)

// Decoder reads messages that may be large. It keeps its buffers from one to the
// next, and they are bounded whatever a message claims to be. Not for concurrent
// use.
type Decoder struct {
	snappy *s2.Reader // nil until it is needed
	json   *jsontext.Decoder
	plain  bytes.Buffer // a message without its content encoding
	name   []byte       // of the object's member at hand

	report reportBuffers
}

// NewDecoder returns a decoder.
func NewDecoder() *Decoder {
	return &Decoder{json: jsontext.NewDecoder(bytes.NewReader(nil))}
}

// Open undoes the content encoding that a reply names. What it returns is good
// until the decoder reads the next message.
func (d *Decoder) Open(m *nats.Msg) (io.Reader, error) {
	switch encoding := m.Header.Get("Content-Encoding"); encoding {
	case "", "identity":
		return bytes.NewReader(m.Data), nil
	case "snappy", "s2":
		if d.snappy == nil {
			// Servers write blocks of 64 KiB at first; there is a decoder for each
			// reply that is read at a time, and most replies are small.
			d.snappy = s2.NewReader(nil, s2.ReaderMaxBlockSize(4<<20), s2.ReaderAllocBlock(64<<10))
		}
		d.snappy.Reset(bytes.NewReader(m.Data))
		return d.snappy, nil
	case "gzip":
		return gzip.NewReader(bytes.NewReader(m.Data))
	default:
		return nil, fmt.Errorf("its content encoding %q was not asked for", encoding)
	}
}

// isPlain reports whether a reply has no content encoding.
func isPlain(m *nats.Msg) bool {
	encoding := m.Header.Get("Content-Encoding")
	return encoding == "" || encoding == "identity"
}

// isSnappy reports whether a reply says that it is compressed as the decoder asks
// for.
func isSnappy(m *nats.Msg) bool { return m.Header.Get("Content-Encoding") == "snappy" }

// Reply is a reply without its content encoding, unless it is too long. It is
// good until the decoder reads the next message.
func (d *Decoder) Reply(m *nats.Msg) ([]byte, error) {
	if isSnappy(m) && d.unsnappy(m.Data, LongestAnswer) {
		return d.plain.Bytes(), nil
	}
	body, err := d.Open(m)
	if err != nil {
		return nil, err
	}
	return d.Page(body)
}

// Page is the whole of a page, unless it is too long. It is good until the
// decoder reads the next message.
func (d *Decoder) Page(body io.Reader) ([]byte, error) {
	d.plain.Reset()
	switch n, err := d.plain.ReadFrom(io.LimitReader(body, LongestAnswer+1)); {
	case err != nil:
		return nil, err
	case n > LongestAnswer:
		return nil, errTooLong
	}
	return d.plain.Bytes(), nil
}

// Begin makes the decoder read JSON as a stream, by [Decoder.Members] and what
// is named there. Reading ends with the context.
func (d *Decoder) Begin(ctx context.Context, body io.Reader) {
	d.json.Reset(&bounded{ctx: ctx, r: body, json: d.json}, jsontext.AllowDuplicateNames(true), jsontext.AllowInvalidUTF8(true))
}

// bounded is a message on its way into the JSON library.
type bounded struct {
	ctx  context.Context
	r    io.Reader
	json *jsontext.Decoder
	read int64
}

func (b *bounded) Read(p []byte) (int, error) {
	switch {
	case b.ctx.Err() != nil:
		return 0, b.ctx.Err()
	case b.read > longestStream:
		return 0, errors.New("it is larger than 1 GiB")
	case b.read-b.json.InputOffset() > LongestValue:
		return 0, errors.New("it has a value larger than 1 MiB")
	}
	n, err := b.r.Read(p)
	b.read += int64(n)
	return n, err
}

// End makes sure that there is nothing after the object that was read.
func (d *Decoder) End() error {
	_, err := d.json.ReadToken()
	switch {
	case errors.Is(err, io.EOF):
		return nil
	case err != nil:
		return err
	}
	return errors.New("there is more after its end")
}

// Members reads an object, calling member for each of its names, which is only
// good until member reads the value: with Members or [Decoder.Items], as a
// string, or by skipping it.
func (d *Decoder) Members(member func(name []byte) error) error {
	t, err := d.json.ReadToken()
	if err != nil {
		return err
	}
	if t.Kind() != '{' {
		return fmt.Errorf("it has %s where an object belongs", t.Kind())
	}
	for d.json.PeekKind() != '}' {
		if d.name, err = d.appendString(d.name[:0]); err != nil {
			return err
		}
		if err := member(d.name); err != nil {
			return err
		}
	}
	_, err = d.json.ReadToken()
	return err
}

// Items reads an array, calling item to read each of its values.
func (d *Decoder) Items(item func() error) error {
	t, err := d.json.ReadToken()
	if err != nil {
		return err
	}
	if t.Kind() != '[' {
		return fmt.Errorf("it has %s where a list belongs", t.Kind())
	}
	for d.json.PeekKind() != ']' {
		if err := item(); err != nil {
			return err
		}
	}
	_, err = d.json.ReadToken()
	return err
}

// Skip skips a value.
func (d *Decoder) Skip() error { return d.json.SkipValue() }

// String reads a string.
func (d *Decoder) String(to *string) error {
	b, err := d.appendString(nil)
	*to = string(b)
	return err
}

func (d *Decoder) appendString(to []byte) ([]byte, error) {
	v, err := d.json.ReadValue()
	if err != nil {
		return to, err
	}
	if v.Kind() != '"' {
		return to, fmt.Errorf("it has %s where a string belongs", v.Kind())
	}
	if bytes.IndexByte(v, '\\') < 0 {
		return append(to, v[1:len(v)-1]...), nil
	}
	return jsontext.AppendUnquote(to, v)
}

// number reads a count: a whole number from 0 to 100,000,000.
func (d *Decoder) number(to *uint32) error {
	v, err := d.json.ReadValue()
	if err != nil {
		return err
	}
	n := uint64(0)
	for _, c := range v {
		if c < '0' || c > '9' || n > mostCount {
			n = math.MaxUint64
			break
		}
		n = n*10 + uint64(c-'0')
	}
	if n > mostCount {
		return errors.New("it has a count that is not a whole number from 0 to 100,000,000")
	}
	*to = uint32(n)
	return nil
}

// server reads who a reply is from.
func (d *Decoder) server(s *Server) error {
	return d.Members(func(name []byte) error {
		switch string(name) {
		case "id":
			return d.String(&s.ID)
		case "name":
			return d.String(&s.Name)
		case "host":
			return d.String(&s.Host)
		case "cluster":
			return d.String(&s.Cluster)
		}
		return d.Skip()
	})
}

// refusal reads the error of a reply.
func (d *Decoder) refusal(e *Error) error {
	return d.Members(func(name []byte) error {
		switch string(name) {
		case "description":
			return d.String(&e.Description)
		case "code":
			var code uint32
			err := d.number(&code)
			e.Code = int(code)
			return err
		}
		return d.Skip()
	})
}

// CutShort says in few words what is wrong with JSON that was read as a stream.
// The JSON library adds where, which is of no use without the message and wrong
// where rows were cut out of it.
func CutShort(err error) error {
	if errors.Is(err, io.EOF) || errors.Is(err, io.ErrUnexpectedEOF) {
		return errors.New("it is cut short")
	}
	var syntax *jsontext.SyntacticError
	if errors.As(err, &syntax) && syntax.Err != nil {
		return syntax.Err
	}
	return err
}

// form reports whether a message is a reply or a page. It is what its first member
// that tells says; members of the other form are not what they seem after that.
type form int

const (
	formUnknown form = iota
	formReply
	formPage
)

// reply takes in a member of replies.
func (f *form) reply() error {
	if *f == formPage {
		return errors.New("it is half a page and half a reply")
	}
	*f = formReply
	return nil
}

// page takes in a member of pages, and reports whether it is one.
func (f *form) page() bool {
	if *f == formUnknown {
		*f = formPage
	}
	return *f == formPage
}
