package fleet

import (
	"bytes"
	"compress/gzip"
	"encoding/json"
	"strconv"

	"github.com/klauspost/compress/s2"
	"github.com/nats-io/nats-server/v2/server"
)

// accountStat is an AccountStat with the memory that its pointers point to, so
// that one of them serves for millions of rows.
type accountStat struct {
	server.AccountStat
	parts [6]server.MsgBytes
}

// newAccountStat returns a row whose pointers are set and stay so.
func newAccountStat() *accountStat {
	st := &accountStat{}
	st.Sent.Gateways, st.Sent.Routes, st.Sent.Leafs = &st.parts[0], &st.parts[1], &st.parts[2]
	st.Received.Gateways, st.Received.Routes, st.Received.Leafs = &st.parts[3], &st.parts[4], &st.parts[5]
	return st
}

// rowSubs is how many subscriptions a row reports: those of its connections
// and two for each leafnode.
func (m *model) rowSubs(srv int, r row) uint32 {
	base, extra := m.connSubs(srv, r)
	return r.conns*base + extra + 2*r.leafs
}

// connSubs is how many subscriptions every connection of a row has, and how
// many of the connections have one more.
func (m *model) connSubs(srv int, r row) (base, extra uint32) {
	if r.conns == 0 {
		return 0, 0
	}
	h := m.rowHash(srv, r.account)
	return 1 + uint32(h&7), uint32(h>>8&0xffff) % r.conns
}

// stat fills st with what server srv reports of an account. Three of ten
// accounts are idle, most have traffic of their clients and over routes, few
// over gateways and leafnodes: the zeros and digits that real servers have.
func (m *model) stat(st *accountStat, srv int, r row) {
	a := m.accounts[r.account]
	st.Account, st.Name = a.ID, a.Name
	st.Conns, st.LeafNodes, st.TotalConns = int(r.conns), int(r.leafs), int(r.conns+r.leafs)
	st.NumSubs = m.rowSubs(srv, r)
	st.Sent.MsgBytes, st.Received.MsgBytes = server.MsgBytes{}, server.MsgBytes{}
	st.parts = [6]server.MsgBytes{}
	st.SlowConsumers = 0
	h := mix(m.rowHash(srv, r.account))
	if r.conns+r.leafs == 0 || h%100 < 30 {
		return
	}
	scale := 6 + uint(h>>8)%22 // messages: up to 2^scale
	draw := func(shift uint) server.MsgBytes {
		h = mix(h)
		msgs := int64(h >> (64 - scale) >> shift)
		return server.MsgBytes{Msgs: msgs, Bytes: msgs*int64(24+h&511) + min(msgs, int64(h>>9&63))}
	}
	st.Sent.MsgBytes, st.Received.MsgBytes = draw(0), draw(0)
	if h>>40&3 != 0 {
		st.parts[1], st.parts[4] = draw(1), draw(1)
	}
	if h>>44&7 == 0 {
		st.parts[0], st.parts[3] = draw(3), draw(3)
	}
	if r.leafs > 0 {
		st.parts[2], st.parts[5] = draw(2), draw(2)
	}
	if h>>50&63 == 0 {
		st.SlowConsumers = int64(h >> 56 & 15)
	}
}

// appendAccountStat appends what json.Marshal makes of st, several times
// faster: a fleet encodes millions of these. A test holds the two equal.
func appendAccountStat(b []byte, st *server.AccountStat) []byte {
	b = append(b, `{"acc":`...)
	b = appendString(b, st.Account)
	b = append(b, `,"name":`...)
	b = appendString(b, st.Name)
	b = append(b, `,"conns":`...)
	b = strconv.AppendInt(b, int64(st.Conns), 10)
	b = append(b, `,"leafnodes":`...)
	b = strconv.AppendInt(b, int64(st.LeafNodes), 10)
	b = append(b, `,"total_conns":`...)
	b = strconv.AppendInt(b, int64(st.TotalConns), 10)
	b = append(b, `,"num_subscriptions":`...)
	b = strconv.AppendUint(b, uint64(st.NumSubs), 10)
	b = append(b, `,"sent":`...)
	b = appendDataStats(b, &st.Sent)
	b = append(b, `,"received":`...)
	b = appendDataStats(b, &st.Received)
	b = append(b, `,"slow_consumers":`...)
	b = strconv.AppendInt(b, st.SlowConsumers, 10)
	return append(b, '}')
}

// appendDataStats appends a DataStats whose three parts are all there, as the
// server's statz always has them.
func appendDataStats(b []byte, d *server.DataStats) []byte {
	b = append(b, '{')
	b = appendMsgBytes(b, &d.MsgBytes)
	b = append(b, `,"gateways":{`...)
	b = appendMsgBytes(b, d.Gateways)
	b = append(b, `},"routes":{`...)
	b = appendMsgBytes(b, d.Routes)
	b = append(b, `},"leafs":{`...)
	b = appendMsgBytes(b, d.Leafs)
	return append(b, '}', '}')
}

func appendMsgBytes(b []byte, v *server.MsgBytes) []byte {
	b = append(b, `"msgs":`...)
	b = strconv.AppendInt(b, v.Msgs, 10)
	b = append(b, `,"bytes":`...)
	return strconv.AppendInt(b, v.Bytes, 10)
}

// appendString appends s as json.Marshal would.
func appendString(b []byte, s string) []byte {
	for i := range len(s) {
		if c := s[i]; c < ' ' || c > '~' || c == '"' || c == '\\' || c == '<' || c == '>' || c == '&' {
			q, _ := json.Marshal(s) // a string always marshals
			return append(b, q...)
		}
	}
	b = append(b, '"')
	b = append(b, s...)
	return append(b, '"')
}

// Encodings as the server's Content-Encoding header names them.
const (
	encodingPlain    = ""
	encodingSnappy   = "snappy"
	encodingGzip     = "gzip"
	encodingIdentity = "identity"
)

// streamID opens every snappy stream.
const streamID = "\xff\x06\x00\x00sNaPpY"

// packer compresses as the server does and keeps its memory between calls.
type packer struct {
	buf bytes.Buffer
	zw  *s2.Writer
}

// snappy returns b compressed. The result is valid until the next call.
func (p *packer) snappy(b []byte) []byte {
	p.buf.Reset()
	if p.zw == nil {
		// One goroutine is enough: blocks are independent, the bytes are the same.
		p.zw = s2.NewWriter(&p.buf, s2.WriterSnappyCompat(), s2.WriterConcurrency(1))
	} else {
		p.zw.Reset(&p.buf)
	}
	_, _ = p.zw.Write(b) // a bytes.Buffer takes everything
	_ = p.zw.Close()
	return p.buf.Bytes()
}

// pack returns b in an encoding. The result is valid until the next call.
func (p *packer) pack(b []byte, encoding string) []byte {
	switch encoding {
	case encodingSnappy:
		return p.snappy(b)
	case encodingGzip:
		p.buf.Reset()
		zw := gzip.NewWriter(&p.buf)
		_, _ = zw.Write(b)
		_ = zw.Close()
		return p.buf.Bytes()
	}
	return b
}

// appendRows appends the rows of a server as a STATZ reply has them from its
// first row to its end, in an order that differs from server to server: the
// real one ranges over a map.
func (m *model) appendRows(b []byte, st *accountStat, s *simServer) []byte {
	n := uint64(len(s.rows))
	step, _ := stride(n, mix(uint64(s.index)))
	for i, at := uint64(0), uint64(0); i < n; i, at = i+1, at+step {
		if i > 0 {
			b = append(b, ',')
		}
		m.stat(st, s.index, s.rows[at%n])
		b = appendAccountStat(b, &st.AccountStat)
	}
	return append(b, rowsEnd...)
}

// rowsEnd closes the list of rows or connections, the data and the reply.
const rowsEnd = "]}}"

// encode keeps the compressed rows of a server. The plain ones are dropped.
func (m *model) encode(s *simServer, p *packer, st *accountStat, scratch []byte) []byte {
	scratch = m.appendRows(scratch[:0], st, s)
	s.plain = len(scratch)
	s.body = bytes.Clone(p.snappy(scratch)[len(streamID):])
	return scratch
}
