package wire

import (
	"bytes"
	"context"
	"errors"
	"fmt"
	"io"

	"github.com/nats-io/nats.go"

	"github.com/nats-balance/nats-balance/checks"
)

// Report is what a server has of each account that has anything there.
type Report struct {
	From  Server
	Usage []checks.Usage
	// Listed is how many accounts it lists, those with nothing there included.
	Listed int
}

// Row is what a server has of an account that it knows.
type Row struct {
	ID, Name               string // Name is empty where it has none but the id
	Connections, Leafnodes uint32
}

// reportBuffers hold an account report that is being read.
type reportBuffers struct {
	text    []byte // ids and names of the rows, one after the other
	rows    []row
	hashes  []uint64  // of the ids of the rows
	listing int       // how many rows there were, those not kept included
	unused  bool      // rows with nothing in them are kept, too
	cut     int64     // where rows were cut out of the report, 0 if none were
	shape   []literal // of the counters of a row, see alike
	listed  []uint32  // by account, the last report that listed it
	number  uint32    // of this one
}

// Report decodes an account report: a STATZ. From is set as far as it could be
// read, also where err is not nil. It ends with the context.
func (d *Decoder) Report(ctx context.Context, m *nats.Msg, in *Accounts) (Report, error) {
	if len(m.Data) == 0 {
		return Report{}, errors.New("it is empty")
	}
	d.report.unused = false
	defer d.report.shrink()
	if isPlain(m) {
		buffer := d.plain
		defer func() { d.plain = buffer }()
		d.plain = *bytes.NewBuffer(m.Data[:len(m.Data):len(m.Data)]) // which is in memory as it is
	}
	var body io.Reader
	err := io.EOF // all of it is there
	if !isPlain(m) && (!isSnappy(m) || !d.unsnappy(m.Data, inMemory)) {
		if body, err = d.Open(m); err != nil {
			return Report{}, err
		}
		if d.plain.Reset(); !isSnappy(m) { // which has more, or is not as servers write it
			_, err = io.CopyN(&d.plain, body, inMemory)
		}
	}
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

// ReportPage is [Decoder.Report] of a stream, which is not held in memory.
func (d *Decoder) ReportPage(ctx context.Context, body io.Reader, in *Accounts) (Report, error) {
	d.report.unused = false
	d.plain.Reset()
	return d.slow(ctx, body, in)
}

// Rows decodes an account report for the accounts that the server knows, those
// with nothing on it included.
func (d *Decoder) Rows(ctx context.Context, body io.Reader) (Server, []Row, error) {
	d.report.unused = true
	d.plain.Reset()
	from, err := d.rows(ctx, body)
	if err != nil {
		return from, nil, err
	}
	out, at := make([]Row, 0, len(d.report.rows)), 0
	for _, r := range d.report.rows {
		out = append(out, Row{string(d.report.text[at:r.idEnd]), string(d.report.text[r.idEnd:r.nameEnd]), r.conns, r.leafs})
		at = r.nameEnd
	}
	return from, out, nil
}

// fast decodes the report in d.plain without its rows, which it reads itself.
func (d *Decoder) fast(ctx context.Context, in *Accounts) (Report, error) {
	plain := d.plain.Bytes()
	from, to := d.cutRows(plain)
	if from == to {
		return Report{}, errElsewhere
	}
	d.report.cut = int64(from)
	return d.usage(ctx, io.MultiReader(bytes.NewReader(plain[:from]), bytes.NewReader(plain[to:])), in)
}

// slow decodes the report in d.plain, and what follows it, with the JSON library
// alone.
func (d *Decoder) slow(ctx context.Context, follows io.Reader, in *Accounts) (Report, error) {
	d.report.reset()
	return d.usage(ctx, d.whole(follows), in)
}

// whole is what is in d.plain, and what follows it.
func (d *Decoder) whole(follows io.Reader) io.Reader {
	switch {
	case follows == nil:
		return bytes.NewReader(d.plain.Bytes())
	case d.plain.Len() == 0:
		return follows
	}
	return io.MultiReader(bytes.NewReader(d.plain.Bytes()), follows)
}

// rows decodes a report of which nothing was read yet.
func (d *Decoder) rows(ctx context.Context, body io.Reader) (Server, error) {
	d.report.reset()
	return d.decode(ctx, body)
}

// usage decodes a report and numbers its accounts.
func (d *Decoder) usage(ctx context.Context, body io.Reader, in *Accounts) (Report, error) {
	from, err := d.decode(ctx, body)
	if err != nil {
		return Report{From: from}, err
	}
	r := Report{From: from, Listed: d.report.listing}
	r.Usage, d.report.hashes, err = in.add(d.report.text, d.report.rows, d.report.hashes)
	if err != nil {
		return r, err
	}
	return r, d.report.onlyOnce(r.Usage)
}

// errElsewhere: the list that rows were cut out of is not that of the report.
var errElsewhere = errors.New("its accounts are elsewhere")

// decode reads the JSON of a report. Rows that were cut out of it at d.report.cut
// are in d.report.rows, and so are the others then.
func (d *Decoder) decode(ctx context.Context, body io.Reader) (from Server, _ error) {
	d.Begin(ctx, body)
	var shape form
	listed := false
	var refused *Error
	accounts := func() error {
		if listed {
			return errors.New("it has two lists of accounts")
		}
		listed = true
		return d.accounts()
	}
	err := d.Members(func(name []byte) error {
		switch string(name) {
		case "server":
			if err := shape.reply(); err != nil {
				return err
			}
			return d.server(&from)
		case "data":
			if err := shape.reply(); err != nil {
				return err
			}
			return d.Members(func(name []byte) error {
				if string(name) != "account_statz" {
					return d.Skip()
				}
				return accounts()
			})
		case "error":
			refused = &Error{}
			return d.refusal(refused)
		case "server_id":
			if shape.page() {
				return d.String(&from.ID)
			}
		case "account_statz":
			if shape.page() {
				return accounts()
			}
		}
		return d.Skip()
	})
	if err == nil {
		err = d.End()
	}
	bad := from.check()
	switch {
	case bad != nil:
		return from, bad
	case err != nil:
		return from, asMalformed(CutShort(err))
	case refused != nil:
		return from, refused
	case from.ID == "":
		return from, errors.New("it does not say which server it is from")
	case !listed:
		return from, errors.New("it has neither accounts nor an error")
	}
	return from, nil
}

// failed is a reader of which no more than the error is left.
type failed struct{ err error }

func (f failed) Read([]byte) (int, error) { return 0, f.err }

// onlyOnce makes sure that no account is counted twice.
func (b *reportBuffers) onlyOnce(usage []checks.Usage) error {
	b.number++
	for _, u := range usage {
		if int(u.Account) >= len(b.listed) {
			b.listed = append(b.listed, make([]uint32, int(u.Account)+1-len(b.listed)+len(usage))...)
		}
		if b.listed[u.Account] == b.number {
			return errors.New("it lists an account twice")
		}
		b.listed[u.Account] = b.number
	}
	return nil
}

func (d *Decoder) accounts() error {
	t, err := d.json.ReadToken()
	if err != nil {
		return err
	}
	if t.Kind() != '[' {
		return fmt.Errorf("it has %s where the list of accounts belongs", t.Kind())
	}
	if d.report.cut != 0 && d.json.InputOffset() != d.report.cut {
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

// account reads one AccountStat. The server writes acc before name; a report
// with another order is read all the same. One that says a thing twice, or no
// count of connections, is not.
func (d *Decoder) account() error {
	var r row
	var early []byte // a name that came before the id
	var id, named, counted, leafed bool
	b := &d.report
	start := len(b.text)
	err := d.Members(func(name []byte) (err error) {
		once := func(given *bool) error {
			if *given {
				return fmt.Errorf("an account has its %s twice", name)
			}
			*given = true
			return nil
		}
		switch string(name) {
		case "acc":
			if err = once(&id); err == nil {
				b.text, err = d.appendString(b.text)
				r.idEnd, r.nameEnd = len(b.text), len(b.text)
			}
		case "name":
			switch err = once(&named); {
			case err != nil:
			case !id:
				early, err = d.appendString(nil)
			default:
				b.text, err = d.appendString(b.text)
				r.nameEnd = len(b.text)
			}
		case "conns":
			if err = once(&counted); err == nil {
				err = d.number(&r.conns)
			}
		case "leafnodes":
			if err = once(&leafed); err == nil {
				err = d.number(&r.leafs)
			}
		default:
			err = d.Skip()
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
		b.text = append(b.text, early...)
		r.nameEnd = len(b.text)
	}
	switch {
	case r.idEnd-start > longestAccount || r.nameEnd-r.idEnd > longestAccount:
		return errors.New("it has the name of an account that is longer than 4 KiB")
	case len(b.rows) == mostRows || len(b.text) > mostText:
		return errors.New("it lists more accounts than there can be")
	}
	b.keep(r, start)
	return nil
}

// keep takes in a row whose text begins at start, unless there is nothing in it.
func (b *reportBuffers) keep(r row, start int) {
	b.listing++
	if r.conns > 0 || r.leafs > 0 || b.unused {
		b.rows = append(b.rows, r)
	} else {
		b.text = b.text[:start]
	}
}

// mostKept is how much text is held from one report to the next.
const mostKept = 8 << 20

// shrink gives back what a large report took: there is a decoder for each processor.
func (b *reportBuffers) shrink() {
	if cap(b.text) > mostKept {
		b.text, b.rows, b.hashes = nil, nil, nil
	}
}

// reset makes ready for another report.
func (b *reportBuffers) reset() { b.text, b.rows, b.listing, b.cut = b.text[:0], b.rows[:0], 0, 0 }
