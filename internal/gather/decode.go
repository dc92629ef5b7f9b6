package gather

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

	"github.com/nats-balance/nats-balance/checks"
)

// identity is who a server says it is in a reply.
type identity struct {
	ID      string `json:"id"`
	Name    string `json:"name"`
	Host    string `json:"host"`
	Cluster string `json:"cluster"`
}

// report is one decoded reply to an account report request.
type report struct {
	from  identity
	usage []checks.Usage
}

// errorReply is a reply in which the server says why it has no data.
type errorReply struct {
	Code        int    `json:"code"`
	Description string `json:"description"`
}

func (e *errorReply) Error() string {
	return fmt.Sprintf("it answered with error %d: %s", e.Code, e.Description)
}

// decoder reads account reports. It keeps its buffers from one reply to the
// next, and they are bounded whatever a reply claims to be. Not for concurrent
// use.
type decoder struct {
	snappy *s2.Reader
	json   *jsontext.Decoder
	plain  bytes.Buffer // the reply without its content encoding
	name   []byte       // of the object's member at hand
	text   []byte       // ids and names of the rows, one after the other
	rows   []row
	cut    int64    // where rows were cut out of the reply, 0 if none were
	shape  [][]byte // of the counters of a row, see alike
	listed []uint32 // by account, the last reply that listed it
	reply  uint32   // the number of this one
}

// inMemory is the size up to which a reply is held in memory: that of some
// 75,000 accounts on a server. A larger one is read as a stream, slower.
const inMemory = 32 << 20

func newDecoder() *decoder {
	return &decoder{
		snappy: s2.NewReader(nil, s2.ReaderMaxBlockSize(4<<20)),
		json:   jsontext.NewDecoder(bytes.NewReader(nil)),
	}
}

// body undoes the content encoding that the reply names.
func (d *decoder) body(m *nats.Msg) (io.Reader, error) {
	switch encoding := m.Header.Get("Content-Encoding"); encoding {
	case "", "identity":
		return bytes.NewReader(m.Data), nil
	case "snappy", "s2":
		d.snappy.Reset(bytes.NewReader(m.Data))
		return d.snappy, nil
	case "gzip":
		return gzip.NewReader(bytes.NewReader(m.Data))
	default:
		return nil, fmt.Errorf("its content encoding %q was not asked for", encoding)
	}
}

// report decodes a reply to $SYS.REQ.ACCOUNT.PING.STATZ: a ServerAPIResponse
// of nats-server with AccountStatz as data. The identity is set as far as it
// could be read, also where err is not nil. It ends with the context.
func (d *decoder) report(ctx context.Context, m *nats.Msg, in *interner) (report, error) {
	if len(m.Data) == 0 {
		return report{}, errors.New("it is empty")
	}
	body, err := d.body(m)
	if err != nil {
		return report{}, err
	}
	d.plain.Reset()
	_, err = io.CopyN(&d.plain, body, inMemory)
	switch {
	case errors.Is(err, io.EOF):
		body = nil
		if r, err := d.fast(ctx, in); err == nil {
			return r, nil
		}
	case err != nil:
		body = failed{err} // what there is may say which server it is from
	}
	return d.slow(ctx, body, in)
}

// fast decodes the reply in d.plain without its rows, which it reads itself.
func (d *decoder) fast(ctx context.Context, in *interner) (report, error) {
	plain := d.plain.Bytes()
	from, to := d.cutRows(plain)
	if from == to {
		return report{}, errElsewhere
	}
	d.cut = int64(from)
	return d.decode(ctx, io.MultiReader(bytes.NewReader(plain[:from]), bytes.NewReader(plain[to:])), in)
}

// slow decodes the reply in d.plain, and what follows it, with the JSON library
// alone.
func (d *decoder) slow(ctx context.Context, follows io.Reader, in *interner) (report, error) {
	d.text, d.rows, d.cut = d.text[:0], d.rows[:0], 0
	var body io.Reader = bytes.NewReader(d.plain.Bytes())
	if follows != nil {
		body = io.MultiReader(body, follows)
	}
	return d.decode(ctx, body, in)
}

// errElsewhere: the list that rows were cut out of is not that of the report.
var errElsewhere = errors.New("its accounts are elsewhere")

// decode reads the JSON of a reply. Rows that were cut out of it at d.cut are
// in d.rows.
func (d *decoder) decode(ctx context.Context, body io.Reader, in *interner) (report, error) {
	var r report
	d.json.Reset(&bounded{ctx: ctx, r: body, json: d.json}, jsontext.AllowDuplicateNames(true), jsontext.AllowInvalidUTF8(true))
	answered := false
	var refused *errorReply
	err := d.object(func(name string) error {
		switch name {
		case "server":
			return d.server(&r.from)
		case "data":
			return d.object(func(name string) error {
				if name != "account_statz" {
					return d.json.SkipValue()
				}
				if answered {
					return errors.New("it has two lists of accounts")
				}
				answered = true
				return d.accounts()
			})
		case "error":
			refused = &errorReply{}
			return d.refusal(refused)
		default:
			return d.json.SkipValue()
		}
	})
	if err == nil {
		err = d.end()
	}
	switch {
	case err != nil:
		return r, fmt.Errorf("it is malformed: %w", err)
	case refused != nil:
		return r, refused
	case r.from.ID == "":
		return r, errors.New("it does not say which server it is from")
	case !answered:
		return r, errors.New("it has neither accounts nor an error")
	}
	r.usage = in.add(d.text, d.rows)
	return r, d.onlyOnce(r.usage)
}

// failed is a reader of which no more than the error is left.
type failed struct{ err error }

func (f failed) Read([]byte) (int, error) { return 0, f.err }

const (
	// longestReply is the size from which on a reply is a bomb: 2.5 million
	// accounts on a server.
	longestReply = 1 << 30
	// longestValue bounds what the JSON library holds: names, counts and the
	// space between them.
	longestValue = 1 << 20
)

// bounded is a reply on its way into the JSON library.
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
	case b.read > longestReply:
		return 0, errors.New("it is larger than 1 GiB")
	case b.read-b.json.InputOffset() > longestValue:
		return 0, errors.New("it has a value larger than 1 MiB")
	}
	n, err := b.r.Read(p)
	b.read += int64(n)
	return n, err
}

// onlyOnce makes sure that no account is counted twice.
func (d *decoder) onlyOnce(usage []checks.Usage) error {
	d.reply++
	for _, u := range usage {
		if int(u.Account) >= len(d.listed) {
			d.listed = append(d.listed, make([]uint32, int(u.Account)+1-len(d.listed)+len(usage))...)
		}
		if d.listed[u.Account] == d.reply {
			return errors.New("it lists an account twice")
		}
		d.listed[u.Account] = d.reply
	}
	return nil
}

// end makes sure that the reply has nothing after its object.
func (d *decoder) end() error {
	_, err := d.json.ReadToken()
	switch {
	case errors.Is(err, io.EOF):
		return nil
	case err != nil:
		return cutShort(err)
	}
	return errors.New("there is more after its end")
}

// object reads an object, calling member for each of its names; member reads
// the value.
func (d *decoder) object(member func(name string) error) error {
	t, err := d.json.ReadToken()
	if err != nil {
		return cutShort(err)
	}
	if t.Kind() != '{' {
		return fmt.Errorf("it has %s where an object belongs", t.Kind())
	}
	for {
		if d.json.PeekKind() == '}' {
			_, err := d.json.ReadToken()
			return cutShort(err)
		}
		d.name, err = d.appendString(d.name[:0])
		if err != nil {
			return cutShort(err)
		}
		if err := member(known(d.name)); err != nil {
			return cutShort(err)
		}
	}
}

// known maps an object name to a constant, so that no name is allocated; it is
// empty for one that is not used.
func known(name []byte) string {
	switch string(name) {
	case "server":
		return "server"
	case "data":
		return "data"
	case "account_statz":
		return "account_statz"
	case "error":
		return "error"
	case "acc":
		return "acc"
	case "name":
		return "name"
	case "conns":
		return "conns"
	case "leafnodes":
		return "leafnodes"
	case "id":
		return "id"
	case "host":
		return "host"
	case "cluster":
		return "cluster"
	case "code":
		return "code"
	case "description":
		return "description"
	}
	return ""
}

// cutShort says in few words what is wrong. The JSON library adds where, which
// is of no use without the reply and wrong where its rows were cut out.
func cutShort(err error) error {
	if errors.Is(err, io.EOF) || errors.Is(err, io.ErrUnexpectedEOF) {
		return errors.New("it is cut short")
	}
	var syntax *jsontext.SyntacticError
	if errors.As(err, &syntax) && syntax.Err != nil {
		return syntax.Err
	}
	return err
}

func (d *decoder) server(id *identity) error {
	return d.object(func(name string) error {
		switch name {
		case "id":
			return d.string(&id.ID)
		case "name":
			return d.string(&id.Name)
		case "host":
			return d.string(&id.Host)
		case "cluster":
			return d.string(&id.Cluster)
		}
		return d.json.SkipValue()
	})
}

func (d *decoder) refusal(e *errorReply) error {
	return d.object(func(name string) error {
		switch name {
		case "description":
			return d.string(&e.Description)
		case "code":
			var code uint32
			err := d.number(&code)
			e.Code = int(code)
			return err
		}
		return d.json.SkipValue()
	})
}

func (d *decoder) accounts() error {
	t, err := d.json.ReadToken()
	if err != nil {
		return err
	}
	if t.Kind() != '[' {
		return fmt.Errorf("it has %s where the list of accounts belongs", t.Kind())
	}
	if d.cut != 0 && d.json.InputOffset() != d.cut {
		return errElsewhere
	}
	for d.json.PeekKind() != ']' {
		if err := d.account(); err != nil {
			return err
		}
	}
	_, err = d.json.ReadToken()
	return err
}

// account reads one AccountStat. The server writes acc before name; a reply
// with another order is read all the same. One that says a thing twice, or no
// count of connections, is not.
func (d *decoder) account() error {
	var r row
	var early []byte // a name that came before the id
	var id, named, counted, leafed bool
	start := len(d.text)
	err := d.object(func(name string) (err error) {
		once := func(given *bool) {
			if *given {
				err = fmt.Errorf("an account has its %s twice", name)
			}
			*given = true
		}
		switch name {
		case "acc":
			if once(&id); err == nil {
				d.text, err = d.appendString(d.text)
				r.idEnd, r.nameEnd = len(d.text), len(d.text)
			}
		case "name":
			switch once(&named); {
			case err != nil:
			case !id:
				early, err = d.appendString(nil)
			default:
				d.text, err = d.appendString(d.text)
				r.nameEnd = len(d.text)
			}
		case "conns":
			if once(&counted); err == nil {
				err = d.number(&r.conns)
			}
		case "leafnodes":
			if once(&leafed); err == nil {
				err = d.number(&r.leafs)
			}
		default:
			err = d.json.SkipValue()
		}
		return err
	})
	switch {
	case err != nil:
		return err
	case r.idEnd <= start:
		return errors.New("an account has no id")
	case !counted:
		return errors.New("an account has no count of connections")
	}
	if len(early) > 0 {
		d.text = append(d.text, early...)
		r.nameEnd = len(d.text)
	}
	d.keep(r, start)
	return nil
}

// keep takes in a row whose text begins at start, unless there is nothing in it.
func (d *decoder) keep(r row, start int) {
	if r.conns > 0 || r.leafs > 0 {
		d.rows = append(d.rows, r)
	} else {
		d.text = d.text[:start]
	}
}

func (d *decoder) string(to *string) error {
	b, err := d.appendString(nil)
	*to = string(b)
	return err
}

func (d *decoder) appendString(to []byte) ([]byte, error) {
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

// most is the largest count that is believed: no server holds as many
// connections, and sums of counts stay far from overflow.
const most = 100_000_000

// number reads a count: a whole number from 0 to 100,000,000.
func (d *decoder) number(to *uint32) error {
	v, err := d.json.ReadValue()
	if err != nil {
		return err
	}
	n := uint64(0)
	for _, c := range v {
		if c < '0' || c > '9' || n > most {
			n = math.MaxUint64
			break
		}
		n = n*10 + uint64(c-'0')
	}
	if n > most {
		return errors.New("it has a count that is no whole number from 0 to 100,000,000")
	}
	*to = uint32(n)
	return nil
}
