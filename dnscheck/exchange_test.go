package dnscheck

import (
	"bytes"
	"encoding/binary"
	"fmt"
	"sync/atomic"
	"testing"
	"time"

	"github.com/miekg/dns"
)

var oneAddress = zone{"a.example. A": {"192.0.2.1"}}

// Each of these servers fails for both families: the result must say how.
func TestFailures(t *testing.T) {
	t.Parallel()
	rcode := func(code int) dns.HandlerFunc {
		return func(w dns.ResponseWriter, q *dns.Msg) { w.WriteMsg(new(dns.Msg).SetRcode(q, code)) }
	}
	with := func(change func(m *dns.Msg, q dns.Question, tcp bool)) dns.HandlerFunc {
		return func(w dns.ResponseWriter, q *dns.Msg) {
			m := new(dns.Msg).SetReply(q)
			change(m, q.Question[0], isTCP(w))
			w.WriteMsg(m)
		}
	}
	both := func(lines ...string) dns.HandlerFunc {
		return with(func(m *dns.Msg, _ dns.Question, _ bool) {
			for _, l := range lines {
				m.Answer = append(m.Answer, record(l))
			}
		})
	}
	for _, c := range []struct {
		name    string
		handler dns.HandlerFunc
		detail  string
	}{
		{"SERVFAIL", rcode(dns.RcodeServerFailure), "the resolver answered SERVFAIL"},
		{"REFUSED", rcode(dns.RcodeRefused), "the resolver answered REFUSED"},
		{"FORMERR, with and without EDNS", rcode(dns.RcodeFormatError), "the resolver answered FORMERR"},
		{"an rcode that nobody knows", rcode(13), "the unknown code 13"},
		{"truncated over TCP too", with(func(m *dns.Msg, _ dns.Question, _ bool) { m.Truncated = true }), "truncated, even over TCP"},
		{"truncated, then TCP closes", func(w dns.ResponseWriter, q *dns.Msg) {
			if isTCP(w) {
				w.Close()
				return
			}
			m := new(dns.Msg).SetReply(q)
			m.Truncated = true
			w.WriteMsg(m)
		}, "truncated, and over TCP the resolver closed the connection"},
		{"TCP answers another question", with(func(m *dns.Msg, _ dns.Question, tcp bool) {
			if m.Truncated = !tcp; tcp {
				m.Question[0].Name = "b.example."
			}
		}), "belongs to another question"},
		{"a loop", both("a.example. CNAME b.example.", "b.example. CNAME a.example."), "loop, back to a.example."},
		{"an alias of two names", both("a.example. CNAME b.example.", "a.example. CNAME c.example."), "malformed"},
		{"an alias of nothing", with(func(m *dns.Msg, _ dns.Question, _ bool) {
			m.Answer = append(m.Answer, &dns.RFC3597{Hdr: dns.RR_Header{Name: "a.example.", Rrtype: dns.TypeCNAME, Class: dns.ClassINET}})
		}), "malformed"},
		{"a chain without end", with(func(m *dns.Msg, q dns.Question, _ bool) {
			m.Answer = append(m.Answer, record(q.Name+" CNAME x"+fmt.Sprint(len(q.Name))+"."+q.Name))
		}), "more than 16 times (CNAME chain too long)"},
		{"a referral", with(func(m *dns.Msg, _ dns.Question, _ bool) {
			m.Ns = append(m.Ns, record("example. NS ns.example."))
		}), "a referral to other servers"},
		{"an address without one", with(func(m *dns.Msg, q dns.Question, _ bool) {
			m.Answer = append(m.Answer, &dns.RFC3597{Hdr: dns.RR_Header{Name: "a.example.", Rrtype: q.Qtype, Class: dns.ClassINET}})
		}), "an address record without an address"},
		{"an address of three bytes", with(func(m *dns.Msg, q dns.Question, _ bool) {
			m.Answer = append(m.Answer, &dns.RFC3597{Hdr: dns.RR_Header{Name: "a.example.", Rrtype: q.Qtype, Class: dns.ClassINET}, Rdata: "010203"})
		}), "a malformed answer came"},
	} {
		t.Run(c.name, func(t *testing.T) {
			t.Parallel()
			a := want(t, look(t, Config{Resolvers: []string{serve(t, c.handler)}}, "a.example"), Failed, "", c.detail)
			if a.Queries == 0 {
				t.Error("no query was counted")
			}
		})
	}
}

func TestContradictions(t *testing.T) {
	t.Parallel()
	for name, code := range map[string]int{"SERVFAIL": dns.RcodeServerFailure, "NXDOMAIN": dns.RcodeNameError} {
		server := serve(t, func(w dns.ResponseWriter, q *dns.Msg) {
			if q.Question[0].Qtype == dns.TypeAAAA {
				w.WriteMsg(new(dns.Msg).SetRcode(q, code))
				return
			}
			oneAddress.answer(w, q)
		})
		detail := map[string]string{"SERVFAIL": "for AAAA records the resolver answered SERVFAIL", "NXDOMAIN": "contradict"}[name]
		want(t, look(t, Config{Resolvers: []string{server}}, "a.example"), Failed, "192.0.2.1", detail)
	}
	nameError := serve(t, func(w dns.ResponseWriter, q *dns.Msg) {
		m := oneAddress.reply(q)
		m.Rcode = dns.RcodeNameError
		w.WriteMsg(m)
	})
	want(t, look(t, Config{Resolvers: []string{nameError}}, "a.example"), Failed, "", "has addresses and says that there is no such name")
}

func TestAResolverThatFailsLater(t *testing.T) {
	t.Parallel()
	var count atomic.Int64
	server := serve(t, func(w dns.ResponseWriter, q *dns.Msg) {
		if count.Add(1) > 5 {
			w.WriteMsg(new(dns.Msg).SetRcode(q, dns.RcodeRefused))
			return
		}
		oneAddress.answer(w, q)
	})
	want(t, look(t, Config{Resolvers: []string{server}}, "a.example"), Failed, "192.0.2.1", "REFUSED")
}

func TestNoAnswer(t *testing.T) {
	t.Parallel()
	for _, c := range []struct {
		name, resolver, detail string
		queries                int
	}{
		{"a black hole", silent(t), "no answer came within 150ms (time-out)", 6},
		{"nobody listens", refused, "the network failed: ", 0},
		{"no port", "127.0.0.1", "the network failed: ", 0},
		{"shorter than a header", rawUDP(t, func(p []byte) [][]byte { return [][]byte{p[:5], {}} }), "only 2 packets", 6},
		{"the question itself comes back", rawUDP(t, func(p []byte) [][]byte { return [][]byte{p} }), "only 1 packets", 6},
		{"another id", rawUDP(t, func(p []byte) [][]byte {
			m := oneAddress.reply(parsed(t, p))
			m.Id++
			return [][]byte{packed(t, m)}
		}), "only 1 packets that answer another question", 6},
	} {
		t.Run(c.name, func(t *testing.T) {
			t.Parallel()
			cfg := Config{Resolvers: []string{c.resolver}, Timeout: brief, Attempts: 3}
			a := want(t, look(t, cfg, "a.example"), Failed, "", c.detail)
			if c.queries > 0 && a.Queries != c.queries {
				t.Errorf("%d queries, want %d", a.Queries, c.queries)
			}
		})
	}
}

func TestALostPacketIsSentAgain(t *testing.T) {
	t.Parallel()
	var count atomic.Int64
	server := rawUDP(t, func(p []byte) [][]byte {
		if count.Add(1) <= 2 {
			return nil
		}
		return [][]byte{packed(t, oneAddress.reply(parsed(t, p)))}
	})
	cfg := Config{Resolvers: []string{server}, Timeout: time.Second, Attempts: 10}
	if a := want(t, look(t, cfg, "a.example"), Single, "192.0.2.1", ""); a.Queries < 10 {
		t.Errorf("%d queries, want two more than the 8 that were answered", a.Queries)
	}
}

// What does not belong to the question comes before the answer: none of it may
// be taken.
func TestForgedPackets(t *testing.T) {
	t.Parallel()
	server := rawUDP(t, func(p []byte) [][]byte {
		q := parsed(t, p)
		forged := func(change func(m *dns.Msg)) []byte {
			m := new(dns.Msg).SetReply(q)
			m.Answer = append(m.Answer, record(q.Question[0].Name+" A 203.0.113.66"))
			change(m)
			return packed(t, m)
		}
		right := oneAddress.reply(q)
		right.Question[0].Name = "A.eXample."
		return [][]byte{
			{}, p[:7], p, bytes.Repeat([]byte{0xff}, 600),
			forged(func(m *dns.Msg) { m.Id++ }),
			forged(func(m *dns.Msg) { m.Question[0].Name = "b.example." }),
			forged(func(m *dns.Msg) { m.Question[0].Qtype = dns.TypeTXT }),
			forged(func(m *dns.Msg) { m.Question[0].Qclass = dns.ClassCHAOS }),
			forged(func(m *dns.Msg) { m.Question = nil }),
			forged(func(m *dns.Msg) { m.Question = append(m.Question, m.Question[0]) }),
			forged(func(m *dns.Msg) { m.Opcode = dns.OpcodeNotify }),
			packed(t, right),
		}
	})
	want(t, look(t, Config{Resolvers: []string{server}}, "a.example"), Single, "192.0.2.1", "")
}

// Records of other names, types and classes are no answer.
func TestForeignRecordsAreLeftOut(t *testing.T) {
	t.Parallel()
	server := serve(t, func(w dns.ResponseWriter, q *dns.Msg) {
		m := oneAddress.reply(q)
		chaos := record("a.example. A 203.0.113.1")
		chaos.Header().Class = dns.ClassCHAOS
		m.Answer = append(m.Answer, chaos, record("b.example. A 203.0.113.2"), record("b.example. CNAME c.example."))
		m.Extra = append(m.Extra, record("a.example. A 203.0.113.3"))
		w.WriteMsg(m)
	})
	want(t, look(t, Config{Resolvers: []string{server}}, "a.example"), Single, "192.0.2.1", "")
}

// The header announces two records, one is there: the other may be another
// address.
func TestAnAnswerThatEndsEarly(t *testing.T) {
	t.Parallel()
	server := rawUDP(t, func(p []byte) [][]byte {
		q := parsed(t, p)
		m := new(dns.Msg).SetReply(q)
		m.Answer = append(m.Answer, record("a.example. A 192.0.2.1"))
		out := packed(t, m)
		binary.BigEndian.PutUint16(out[6:], 2)
		return [][]byte{out}
	})
	want(t, look(t, Config{Resolvers: []string{server}}, "a.example"), Failed, "", "it has fewer records than it says")
}

func TestTruncatedAnswersComeOverTCP(t *testing.T) {
	t.Parallel()
	many := zone{}
	for i := range 200 {
		many["a.example. A"] = append(many["a.example. A"], fmt.Sprintf("192.0.2.%d", i))
	}
	server := serve(t, func(w dns.ResponseWriter, q *dns.Msg) {
		m := many.reply(q)
		if !isTCP(w) {
			m.Truncate(512)
		}
		w.WriteMsg(m)
	})
	res := look(t, Config{Resolvers: []string{server}}, "a.example")
	if a := res.Answers[0]; res.Verdict != Several || len(a.Addresses) != 200 || a.Queries != 12 {
		t.Errorf("%s, %d addresses, %d queries; want several, 200, and each of four truncated answers asked again", res.Verdict, len(a.Addresses), a.Queries)
	}

	// A cut in the middle of a record.
	cut := serve(t, func(w dns.ResponseWriter, q *dns.Msg) {
		m := oneAddress.reply(q)
		if isTCP(w) || len(m.Answer) == 0 {
			w.WriteMsg(m)
			return
		}
		m.Truncated = true
		p := packed(t, m)
		w.Write(p[:len(p)-2])
	})
	want(t, look(t, Config{Resolvers: []string{cut}}, "a.example"), Single, "192.0.2.1", "")
}

func TestEDNS(t *testing.T) {
	t.Parallel()
	for _, code := range []int{dns.RcodeFormatError, dns.RcodeNotImplemented, dns.RcodeBadVers} {
		var offered atomic.Int64
		server := serve(t, func(w dns.ResponseWriter, q *dns.Msg) {
			opt := q.IsEdns0()
			if opt == nil {
				oneAddress.answer(w, q)
				return
			}
			if offered.Add(1); opt.UDPSize() != 1232 {
				t.Errorf("a UDP size of %d is offered, want 1232", opt.UDPSize())
			}
			m := new(dns.Msg).SetRcode(q, code)
			if code == dns.RcodeBadVers {
				m.SetEdns0(1232, false)
			} else {
				m.Question = nil // as some old servers do
			}
			w.WriteMsg(m)
		})
		want(t, look(t, Config{Resolvers: []string{server}}, "a.example"), Single, "192.0.2.1", "")
		if offered.Load() != 2 {
			t.Errorf("%s: EDNS was offered %d times, want once for each family", dns.RcodeToString[code], offered.Load())
		}
	}
}

func TestLongChains(t *testing.T) {
	t.Parallel()
	chain := func(length int, whole bool) string {
		z := zone{fmt.Sprintf("n%d.example. A", length): {"192.0.2.1"}}
		for i := range length {
			z[fmt.Sprintf("n%d.example. CNAME", i)] = []string{fmt.Sprintf("n%d.example.", i+1)}
		}
		return serve(t, func(w dns.ResponseWriter, q *dns.Msg) {
			m := z.reply(q)
			for i := range length {
				if whole && i > 0 {
					m.Answer = append(m.Answer, record(fmt.Sprintf("n%d.example. CNAME n%d.example.", i, i+1)))
				}
			}
			if whole && q.Question[0].Qtype == dns.TypeA {
				m.Answer = append(m.Answer, record(fmt.Sprintf("n%d.example. A 192.0.2.1", length)))
			}
			w.WriteMsg(m)
		})
	}
	for _, whole := range []bool{true, false} {
		a := want(t, look(t, Config{Resolvers: []string{chain(16, whole)}}, "n0.example"), Single, "192.0.2.1", "as an alias")
		if len(a.CNAME) != 16 || a.CNAME[15] != "n16.example." {
			t.Errorf("aliases %q, want all 16", a.CNAME)
		}
		want(t, look(t, Config{Resolvers: []string{chain(17, whole)}}, "n0.example"), Failed, "", "more than 16 times")
	}
}

// FuzzAnswer sends arbitrary bytes behind a header and a question that fit.
func FuzzAnswer(f *testing.F) {
	query := new(dns.Msg).SetQuestion("a.example.", dns.TypeA)
	reply := oneAddress.reply(query)
	reply.Answer = append(reply.Answer, record("b.example. CNAME c.example."))
	good := packed(f, reply)
	start := len(packed(f, new(dns.Msg).SetReply(query)))
	f.Add(uint16(0x8000), uint16(2), good[start:])
	f.Add(uint16(0x8000), uint16(1), good[start:])
	f.Add(uint16(0x8200), uint16(1), good[start:start+5])
	f.Add(uint16(0x8003), uint16(0), []byte{})
	f.Add(uint16(0x8000), uint16(1), []byte{0xc0, 0x0c, 0, 1, 0, 1, 0, 0, 0, 9, 0, 0})
	f.Add(uint16(0x8000), uint16(1), []byte{0xc0, 0x1b, 0, 5, 0, 1, 0, 0, 0, 9, 0, 2, 0xc0, 0x1b})
	f.Fuzz(func(t *testing.T, flags, answers uint16, rest []byte) {
		p := bytes.Clone(good[:start])
		binary.BigEndian.PutUint16(p[2:], flags)
		binary.BigEndian.PutUint16(p[6:], answers)
		m, ours, err := decode(append(p, rest...), query)
		if !ours || err != nil {
			return
		}
		if !m.Truncated && len(m.Answer) != int(answers) {
			t.Fatalf("%d answers of %d were taken without an error", len(m.Answer), answers)
		}
		var o outcome
		end, err := o.follow(m, "a.example.", "a.example.", dns.TypeA)
		if err != nil {
			return
		}
		for _, a := range o.addresses {
			if !a.IP.Is4() || a.TTL == nil {
				t.Fatalf("the address %+v is not of an A record", a)
			}
		}
		if len(o.cname) > maxChain || len(o.cname) > 0 && o.cname[len(o.cname)-1] != end {
			t.Fatalf("the chain %q ends at %q", o.cname, end)
		}
	})
}

// FuzzReply answers every question over the network with arbitrary bytes, in
// which only the id is put right.
func FuzzReply(f *testing.F) {
	query := new(dns.Msg).SetQuestion("a.example.", dns.TypeA)
	f.Add(packed(f, oneAddress.reply(query)))
	f.Add([]byte("short"))
	f.Add(bytes.Repeat([]byte{0xff}, 600))
	f.Add(packed(f, new(dns.Msg).SetRcode(query, dns.RcodeNameError)))
	f.Fuzz(func(t *testing.T, p []byte) {
		server := rawUDP(t, func(q []byte) [][]byte {
			out := bytes.Clone(p)
			copy(out, q[:2])
			return [][]byte{out}
		})
		// A packet's question fits A or AAAA, never both: one family fails.
		cfg := Config{Resolvers: []string{server}, Timeout: 5 * time.Millisecond, Attempts: 1, Repeat: 2}
		res := look(t, cfg, "a.example")
		if res.Verdict != Failed {
			t.Fatalf("garbage came to %+v, want failed", res)
		}
	})
}
