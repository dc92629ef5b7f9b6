package fleet

import (
	"bytes"
	"encoding/json"
	"sync"
	"time"
)

// Kind is a kind of request, or several of them or-ed together.
type Kind uint8

// The kinds of requests that a fleet answers.
const (
	Ping   Kind = 1 << iota // $SYS.REQ.SERVER.PING and $SYS.REQ.SERVER.PING.STATSZ
	Statsz                  // $SYS.REQ.SERVER.<id>.STATSZ
	Statz                   // $SYS.REQ.ACCOUNT.PING.STATZ and $SYS.REQ.ACCOUNT.<acc>.STATZ
	Varz                    // $SYS.REQ.SERVER.PING.VARZ and $SYS.REQ.SERVER.<id>.VARZ
	Connz                   // CONNZ of all servers, of one, of an account
	Info                    // $SYS.REQ.ACCOUNT.<acc>.INFO
	Routez                  // $SYS.REQ.SERVER.<id>.ROUTEZ
	kinds       = 7
	All    Kind = 1<<kinds - 1
)

// Garble is what is wrong with a reply.
type Garble uint8

// What Garble makes of replies. "In the request's encoding" means: compressed
// and labelled as the request asked for, as an intact reply would be.
const (
	GarbleNone            Garble = iota // back to intact replies
	GarbleNotJSON                       // some text, in the request's encoding
	GarbleTruncatedJSON                 // the first half of the JSON, in the request's encoding
	GarbleTruncatedSnappy               // labelled snappy, the first half of the compressed bytes
	GarbleWrongEncoding                 // labelled snappy, but plain JSON
	GarbleUnknownEncoding               // labelled br, but plain JSON
	GarbleError                         // {"server":{…},"error":{"code":400,…}}: an error reply, server block intact
	GarbleEmpty                         // no payload
	GarbleNoServer                      // intact but for the server block, which is missing, in the request's encoding
	GarbleEmptyServer                   // intact but for the server block, which is {}, in the request's encoding
	GarbleGiant                         // 24 MiB of valid JSON that say nothing, not compressed
	GarbleBomb                          // labelled snappy, about 12 MiB that decompress to 256 MiB of spaces
)

// giant is the size of a giant reply in bytes.
const giant = 24 << 20

// fault is what is wrong with one server.
type fault struct {
	silent, twice Kind
	absent        bool
	appear        Kind // the kind whose first request makes an absent server appear
	delay         [kinds]time.Duration
	garble        [kinds]Garble
}

// faults holds the faults of a fleet. They can be set while it runs.
type faults struct {
	mu      sync.RWMutex
	by      map[int]*fault
	foreign Kind
}

// of returns a copy of a server's faults, and whether it has any.
func (ff *faults) of(i int) (fault, bool) {
	ff.mu.RLock()
	defer ff.mu.RUnlock()
	if p := ff.by[i]; p != nil {
		return *p, true
	}
	return fault{}, false
}

// absent says whether a server is not there at all.
func (ff *faults) absent(i int) bool {
	p, ok := ff.of(i)
	return ok && p.absent
}

// absentees is how many servers are not there.
func (ff *faults) absentees() int {
	ff.mu.RLock()
	defer ff.mu.RUnlock()
	n := 0
	for _, p := range ff.by {
		if p.absent {
			n++
		}
	}
	return n
}

// set changes the faults of server i. An index out of range is stored and
// never looked up.
func (ff *faults) set(i int, change func(*fault)) {
	ff.mu.Lock()
	defer ff.mu.Unlock()
	if ff.by == nil {
		ff.by = make(map[int]*fault)
	}
	if ff.by[i] == nil {
		ff.by[i] = &fault{}
	}
	change(ff.by[i])
}

// each calls do with the number of every kind in on.
func (on Kind) each(do func(k int)) {
	for k := range kinds {
		if on&(1<<k) != 0 {
			do(k)
		}
	}
}

// index is the number of a single kind.
func (on Kind) index() int {
	k := 0
	on.each(func(i int) { k = i })
	return k
}

// Silence makes server i (an index of Truth().Servers) never answer requests
// of the kinds, while the others still count it in active_servers: a known
// server that is missing. Faults hold for requests that arrive afterwards, add
// up, and an index out of range has no effect.
func (f *Fleet) Silence(i int, on Kind) {
	f.faults.set(i, func(p *fault) { p.silent |= on })
}

// AnswerTwice makes server i answer every request of the kinds two times. The
// second reply differs in the sequence number and time of the server block.
func (f *Fleet) AnswerTwice(i int, on Kind) {
	f.faults.set(i, func(p *fault) { p.twice |= on })
}

// Delay makes server i answer requests of the kinds d later than it would.
func (f *Fleet) Delay(i int, on Kind, d time.Duration) {
	f.faults.set(i, func(p *fault) { on.each(func(k int) { p.delay[k] = d }) })
}

// Garble makes every reply of server i to the kinds wrong in one way.
func (f *Fleet) Garble(i int, on Kind, how Garble) {
	f.faults.set(i, func(p *fault) { on.each(func(k int) { p.garble[k] = how }) })
}

// Foreign adds a reply to every broadcast request of the kinds: of a server in
// the first cluster that no server counts in active_servers and Truth does not
// have, with 1,000 connections of the first account. Its name is "stranger".
func (f *Fleet) Foreign(on Kind) {
	f.faults.mu.Lock()
	defer f.faults.mu.Unlock()
	f.faults.foreign = on
}

// AppearLate takes server i away: it answers nothing, and nobody counts it in
// active_servers. It appears with the first request of one of the kinds, which
// it answers; with no kind, when Appear is called. As a server that has just
// started does, it comes too late for a roster taken before.
func (f *Fleet) AppearLate(i int, on Kind) {
	f.faults.set(i, func(p *fault) { p.absent, p.appear = true, on })
	f.announce(i)
}

// Appear brings back a server that AppearLate took away.
func (f *Fleet) Appear(i int) {
	f.faults.set(i, func(p *fault) { p.absent, p.appear = false, 0 })
	f.announce(i)
}

// ClearFaults makes all servers answer as they should.
func (f *Fleet) ClearFaults() {
	f.faults.mu.Lock()
	var gone []int
	for i, p := range f.faults.by {
		if p.absent {
			gone = append(gone, i)
		}
	}
	f.faults.by, f.faults.foreign = nil, 0
	f.faults.mu.Unlock()
	for _, i := range gone {
		f.announce(i)
	}
}

// garble spoils a reply: plain is the intact JSON and encoding what the request
// asked for. It returns the payload and the content encoding to claim.
func garble(how Garble, plain []byte, encoding string, p *packer) ([]byte, string) {
	switch how {
	case GarbleNotJSON:
		return p.pack([]byte("upstream connect error or disconnect/reset before headers"), encoding), encoding
	case GarbleTruncatedJSON:
		return p.pack(plain[:len(plain)/2], encoding), encoding
	case GarbleTruncatedSnappy:
		b := p.snappy(plain)
		return b[:len(b)/2], encodingSnappy
	case GarbleWrongEncoding:
		return plain, encodingSnappy
	case GarbleUnknownEncoding:
		return plain, "br"
	case GarbleEmpty:
		return nil, encodingPlain
	case GarbleNoServer, GarbleEmptyServer:
		var doc map[string]json.RawMessage
		if json.Unmarshal(plain, &doc) == nil {
			delete(doc, "server")
			if how == GarbleEmptyServer {
				doc["server"] = json.RawMessage("{}")
			}
			plain, _ = json.Marshal(doc) // it was JSON before
		}
		return p.pack(plain, encoding), encoding
	case GarbleGiant:
		return append(append([]byte(`{"padding":"`), bytes.Repeat([]byte("x"), giant)...), `"}`...), encodingPlain
	case GarbleBomb:
		// One block thousands of times: no need to compress it again.
		stream := p.snappy(bytes.Repeat([]byte(" "), 64<<10-8))
		block := bytes.Clone(stream[len(streamID):])
		return append([]byte(streamID), bytes.Repeat(block, 256<<20/(64<<10-8))...), encodingSnappy
	default:
		return p.pack(plain, encoding), encoding
	}
}
