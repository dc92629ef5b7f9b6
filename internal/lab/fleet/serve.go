package fleet

import (
	"encoding/json"
	"errors"
	"net/http"
	"strings"
	"time"

	"github.com/nats-io/nats-server/v2/server"
	"github.com/nats-io/nats.go"
)

// conn is one connection to the carrier that answers for a part of the
// servers, one request after the other as a server does.
type conn struct {
	f       *Fleet
	nc      *nats.Conn
	in      chan *nats.Msg
	late    chan delayed
	servers []*simServer
	byID    map[string]*simServer
	first   bool // answers for the stranger too
	packer  packer
	buf     []byte
	stat    *accountStat
}

// delayed is a reply whose delay is over.
type delayed struct {
	s   *simServer
	req *request
	flt fault
}

// request is one decoded request. The options are those of its kind.
type request struct {
	kind     Kind
	reply    string
	encoding string
	server   string // id, or "" for all
	account  string // of the subject, or ""
	bad      error  // why the body could not be read
	filter   *server.EventFilterOptions
	statz    server.AccountStatzEventOptions
	connz    server.ConnzEventOptions
}

// errSkip is a server's decision not to answer.
var errSkip = errors.New("nothing to report")

// run answers until the fleet stops.
func (c *conn) run() {
	for {
		select {
		case msg := <-c.in:
			c.handle(msg)
		case l := <-c.late:
			c.send(l.s, l.req, l.flt)
		case <-c.f.done:
			return
		}
	}
}

// subjects are all that the connection listens to, a server's own included.
func (c *conn) subjects() []string {
	list := []string{"$SYS.REQ.SERVER.PING", "$SYS.REQ.SERVER.PING.STATSZ", "$SYS.REQ.SERVER.PING.VARZ",
		"$SYS.REQ.SERVER.PING.CONNZ", "$SYS.REQ.ACCOUNT.*.STATZ", "$SYS.REQ.ACCOUNT.*.CONNZ", "$SYS.REQ.ACCOUNT.*.INFO"}
	for _, s := range c.servers {
		for _, kind := range []string{"STATSZ", "VARZ", "CONNZ", "ROUTEZ"} {
			list = append(list, "$SYS.REQ.SERVER."+s.id+"."+kind)
		}
	}
	return list
}

// handle answers one request for every server of the connection.
func (c *conn) handle(msg *nats.Msg) {
	req := parseRequest(msg)
	if req == nil {
		return
	}
	if req.server != "" {
		if s := c.byID[req.server]; s != nil {
			c.answer(s, req)
		}
		return
	}
	for _, s := range c.servers {
		c.answer(s, req)
	}
	if c.first {
		c.f.faults.mu.RLock()
		foreign := c.f.faults.foreign&req.kind != 0
		c.f.faults.mu.RUnlock()
		if foreign {
			c.send(c.f.stranger, req, fault{})
		}
	}
}

// answer replies for one server, now or later, unless it is at fault.
func (c *conn) answer(s *simServer, req *request) {
	flt, faulty := c.f.faults.of(s.index)
	if faulty && flt.absent {
		if flt.appear&req.kind == 0 {
			return
		}
		c.f.Appear(s.index)
	}
	if flt.silent&req.kind != 0 {
		return
	}
	if d := flt.delay[req.kind.index()]; d > 0 {
		c.f.wg.Go(func() {
			t := time.NewTimer(d)
			defer t.Stop()
			select {
			case <-t.C:
			case <-c.f.done:
				return
			}
			select {
			case c.late <- delayed{s, req, flt}:
			case <-c.f.done:
			}
		})
		return
	}
	c.send(s, req, flt)
}

// send publishes a server's reply, once or twice, intact or not.
func (c *conn) send(s *simServer, req *request, flt fault) {
	times := 1
	if flt.twice&req.kind != 0 {
		times = 2
	}
	how := flt.garble[req.kind.index()]
	for range times {
		payload, encoding, err := c.compose(s, req, how)
		if err != nil || c.publish(req.reply, payload, encoding) != nil {
			return // filtered, or the connection is gone: the fleet is stopping
		}
	}
}

// publish sends one reply with the header that a server sets.
func (c *conn) publish(subject string, payload []byte, encoding string) error {
	m := &nats.Msg{Subject: subject, Data: payload}
	if encoding != encodingPlain {
		m.Header = nats.Header{"Content-Encoding": []string{encoding}}
	}
	return c.nc.PublishMsg(m)
}

// compose makes a server's reply to a request. The payload is valid until the
// next call.
func (c *conn) compose(s *simServer, req *request, how Garble) ([]byte, string, error) {
	if req.bad == nil && req.filter != nil && c.f.model.filtered(s, req.filter) {
		return nil, "", errSkip
	}
	if req.bad == nil && how == GarbleNone && req.kind == Statz && req.encoding == encodingSnappy && req.wholeStatz() {
		b, err := c.packedStatz(s)
		return b, encodingSnappy, err
	}
	encoding := req.encoding
	err := req.bad
	if how == GarbleError {
		err = errors.New("simulated failure")
	}
	if err == nil {
		c.buf, err = c.body(s, req, c.buf[:0])
	}
	switch {
	case errors.Is(err, errSkip):
		return nil, "", err
	case err != nil:
		si := c.f.info(s)
		r := &server.ServerAPIResponse{Server: &si,
			Error: &server.ApiError{Code: http.StatusBadRequest, Description: err.Error()}}
		if req.bad == nil && how != GarbleError {
			// A server that fails while it composes a reply says "data":null too.
			r.Error.Code, r.Data = http.StatusInternalServerError, (*server.Connz)(nil)
		}
		encoding = encodingPlain // errors are never compressed
		b, _ := json.Marshal(r)
		c.buf = append(c.buf[:0], b...)
	}
	b, encoding := garble(how, c.buf, encoding, &c.packer)
	return b, encoding, nil
}

// body appends the JSON of a server's reply.
func (c *conn) body(s *simServer, req *request, b []byte) ([]byte, error) {
	switch req.kind {
	case Ping, Statsz:
		return appendJSON(b, c.f.serverStats(s))
	case Statz:
		return c.appendStatz(b, s, req)
	case Varz:
		si := c.f.info(s)
		return appendJSON(b, &server.ServerAPIResponse{Server: &si, Data: c.f.varz(s)})
	case Routez:
		si := c.f.info(s)
		return appendJSON(b, &server.ServerAPIResponse{Server: &si, Data: c.f.routez(s)})
	case Connz:
		return c.appendConnz(b, s, &req.connz.ConnzOptions)
	case Info:
		data, err := c.f.accountInfo(s, req.account)
		if err != nil {
			return b, err
		}
		si := c.f.info(s)
		return appendJSON(b, &server.ServerAPIResponse{Server: &si, Data: data})
	default:
		return b, errSkip
	}
}

// appendJSON appends what v marshals to.
func appendJSON(b []byte, v any) ([]byte, error) {
	j, err := json.Marshal(v)
	return append(b, j...), err
}

// info is the server block of a reply, with the next sequence number.
func (f *Fleet) info(s *simServer) server.ServerInfo {
	return server.ServerInfo{Name: s.name, Host: s.host, ID: s.id, Cluster: f.model.clusters[s.cluster].name,
		Version: server.VERSION, Tags: s.tags, FeatureFlags: f.template.FeatureFlags,
		Seq: s.seq.Add(1), Time: time.Now().UTC()}
}

// filtered says whether a request is not for this server, exactly as
// nats-server's filterRequest decides it.
func (m *model) filtered(s *simServer, o *server.EventFilterOptions) bool {
	match := strings.Contains
	if o.ExactMatch {
		match = func(have, want string) bool { return have == want }
	}
	if o.Name != "" && !match(s.name, o.Name) || o.Host != "" && !match(s.host, o.Host) ||
		o.Cluster != "" && !match(m.clusters[s.cluster].name, o.Cluster) {
		return true
	}
	tags := s.tags
	for _, t := range o.Tags {
		if !tags.Contains(t) {
			return true
		}
	}
	return o.Domain != "" // no server of the fleet is in a JetStream domain
}

// parseRequest reads subject, header and body of a request, or returns
// nil for one that servers leave alone.
func parseRequest(msg *nats.Msg) *request {
	tok := strings.Split(msg.Subject, ".")
	if len(tok) < 4 || msg.Reply == "" {
		return nil
	}
	req := &request{reply: msg.Reply}
	name := "STATSZ" // of the short $SYS.REQ.SERVER.PING
	if len(tok) > 4 {
		name = tok[4]
	}
	var opts any
	var varz server.VarzEventOptions
	var other server.StatszEventOptions
	switch scope := tok[2]; {
	case name == "STATSZ" && tok[3] == "PING":
		req.kind, opts, req.filter = Ping, &other, &other.EventFilterOptions
	case name == "STATSZ":
		req.kind, opts, req.filter = Statsz, &other, &other.EventFilterOptions
	case name == "STATZ":
		req.kind, opts, req.filter = Statz, &req.statz, &req.statz.EventFilterOptions
	case name == "VARZ":
		req.kind, opts, req.filter = Varz, &varz, &varz.EventFilterOptions
	case name == "ROUTEZ":
		req.kind, opts, req.filter = Routez, &other, &other.EventFilterOptions
	case name == "CONNZ":
		req.kind, opts, req.filter = Connz, &req.connz, &req.connz.EventFilterOptions
	case name == "INFO" && scope == "ACCOUNT":
		req.kind, opts, req.filter = Info, &other, &other.EventFilterOptions
	default:
		return nil
	}
	switch {
	case tok[2] == "ACCOUNT":
		req.account = tok[3]
	case tok[3] != "PING":
		req.server = tok[3]
	}
	if len(msg.Data) == 0 {
		req.filter = nil
	} else {
		req.bad = json.Unmarshal(msg.Data, opts)
	}
	if req.kind != Ping && req.kind != Statsz { // which servers never compress
		req.encoding = encodingOf(msg.Header.Get("Accept-Encoding"))
	}
	// The subject's account overrides the body's.
	if req.account != "" && req.kind == Connz {
		req.connz.Account = req.account
	}
	if req.account != "" && req.account != "PING" && req.kind == Statz {
		req.statz.Accounts = []string{req.account}
	}
	return req
}

// encodingOf picks the encoding of a reply as nats-server does.
func encodingOf(accept string) string {
	accept = strings.ToLower(accept)
	switch {
	case accept == "":
		return encodingPlain
	case strings.Contains(accept, "snappy") || strings.Contains(accept, "s2"):
		return encodingSnappy
	case strings.Contains(accept, "gzip"):
		return encodingGzip
	}
	return encodingIdentity
}
