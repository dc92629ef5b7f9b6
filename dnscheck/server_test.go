package dnscheck

import (
	"context"
	"net"
	"net/netip"
	"slices"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/miekg/dns"
)

// patience is for what must come: long, as the machine may be busy.
const patience = 30 * time.Second

// brief is the time-out of questions that are not to be answered.
const brief = 150 * time.Millisecond

// serve starts a DNS server on loopback, over UDP and TCP at the same port, and
// returns its address.
func serve(t testing.TB, handler dns.HandlerFunc) string {
	t.Helper()
	var packets net.PacketConn
	var listener net.Listener
	for try := 0; ; try++ {
		var err error
		if packets, err = net.ListenPacket("udp", "127.0.0.1:0"); err != nil {
			t.Fatal(err)
		}
		if listener, err = net.Listen("tcp", packets.LocalAddr().String()); err == nil {
			break
		}
		packets.Close()
		if try == 20 {
			t.Fatal(err)
		}
	}
	for _, s := range []*dns.Server{{PacketConn: packets, Handler: handler}, {Listener: listener, Handler: handler}} {
		started, ended := make(chan struct{}), make(chan error, 1)
		s.NotifyStartedFunc = func() { close(started) }
		go func() { ended <- s.ActivateAndServe() }()
		<-started
		t.Cleanup(func() {
			s.Shutdown()
			if err := <-ended; err != nil {
				t.Errorf("the DNS server ended: %v", err)
			}
		})
	}
	return packets.LocalAddr().String()
}

// zone is records by "name. TYPE". A name of which some type is there exists;
// all others are NXDOMAIN. Aliases are answered for every type, alone.
type zone map[string][]string

func (z zone) answer(w dns.ResponseWriter, q *dns.Msg) { w.WriteMsg(z.reply(q)) }

func (z zone) reply(q *dns.Msg) *dns.Msg {
	m := new(dns.Msg).SetReply(q)
	name := strings.ToLower(q.Question[0].Name)
	exists := false
	for key, lines := range z {
		owner, kind, _ := strings.Cut(key, " ")
		if owner != name {
			continue
		}
		exists = true
		if kind == dns.TypeToString[q.Question[0].Qtype] || kind == "CNAME" {
			for _, line := range lines {
				m.Answer = append(m.Answer, record(key+" "+line))
			}
		}
	}
	if !exists {
		m.Rcode = dns.RcodeNameError
	}
	return m
}

// record reads "name TYPE data" with a TTL of 60 seconds.
func record(s string) dns.RR {
	name, rest, _ := strings.Cut(s, " ")
	rr, err := dns.NewRR(name + " 60 IN " + rest)
	if err != nil || rr == nil {
		panic("bad record " + s)
	}
	return rr
}

// silent is a UDP socket that never answers.
func silent(t testing.TB) string {
	t.Helper()
	return rawUDP(t, func([]byte) [][]byte { return nil })
}

// rawUDP answers each packet with the packets that reply makes of it.
func rawUDP(t testing.TB, reply func(query []byte) [][]byte) string {
	t.Helper()
	conn, err := net.ListenPacket("udp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	var loop sync.WaitGroup
	loop.Go(func() {
		buf := make([]byte, 65535)
		for {
			n, from, err := conn.ReadFrom(buf)
			if err != nil {
				return
			}
			for _, p := range reply(slices.Clone(buf[:n])) {
				conn.WriteTo(p, from)
			}
		}
	})
	t.Cleanup(func() {
		conn.Close()
		loop.Wait()
	})
	return conn.LocalAddr().String()
}

// refused is an address where nobody listens: a port that no other test is
// given, as one that was just closed might be.
const refused = "127.0.0.1:1"

// look looks a name up, with patience where the configuration has no time-out.
func look(t testing.TB, cfg Config, name string) Result {
	t.Helper()
	ctx, cancel := context.WithTimeout(t.Context(), patience)
	defer cancel()
	if cfg.Timeout == 0 {
		cfg.Timeout = patience
	}
	res := lookup(ctx, cfg, name, noSystem, failing{})
	checkHarmless(t, res)
	return res
}

// noSystem stands for a machine that is to play no part in a test.
func noSystem() (Config, error) { return Config{}, nil }

type failing struct{}

func (failing) LookupNetIP(context.Context, string, string) ([]netip.Addr, error) {
	return nil, &net.DNSError{Err: "the machine's resolver is not to be asked in this test"}
}

// checkHarmless checks what holds of every result.
func checkHarmless(t testing.TB, res Result) {
	t.Helper()
	details := []string{res.Detail}
	for _, a := range res.Answers {
		details = append(append(details, a.Detail), a.CNAME...)
		if a.Verdict == Single && a.Resolver != SystemResolver && (!a.Complete || len(a.Addresses) != 1) {
			t.Errorf("single from an answer that is not complete or has not one address: %+v", a)
		}
		if a.Verdict == Failed && a.Complete {
			t.Errorf("failed and complete: %+v", a)
		}
	}
	for _, d := range details {
		if d == "" || strings.ContainsFunc(d, func(r rune) bool { return r < ' ' || r > '~' }) {
			t.Errorf("the text is empty or not harmless: %q", d)
		}
	}
}

// listed are the addresses of an answer, in order.
func listed(a Answer) string {
	var out []string
	for _, addr := range a.Addresses {
		out = append(out, addr.IP.String())
	}
	return strings.Join(out, " ")
}

// want checks a result with one answer.
func want(t testing.TB, res Result, v Verdict, addresses string, detail string) Answer {
	t.Helper()
	if len(res.Answers) != 1 {
		t.Fatalf("%d answers, want one: %+v", len(res.Answers), res)
	}
	a := res.Answers[0]
	if res.Verdict != v || a.Verdict != v || listed(a) != addresses || !strings.Contains(a.Detail, detail) {
		t.Errorf("verdict %s (%s), addresses %q, detail %q;\nwant %s, %q, a detail with %q",
			res.Verdict, a.Verdict, listed(a), a.Detail, v, addresses, detail)
	}
	if complete := v != Failed && v != Unknown; res.Complete != complete || a.Complete != complete {
		t.Errorf("complete: %v (%v), want %v", res.Complete, a.Complete, complete)
	}
	return a
}

// packed is a message on the wire.
func packed(t testing.TB, m *dns.Msg) []byte {
	t.Helper()
	p, err := m.Pack()
	if err != nil {
		t.Fatal(err)
	}
	return p
}

// parsed is the query in a packet.
func parsed(t testing.TB, p []byte) *dns.Msg {
	t.Helper()
	m := new(dns.Msg)
	if err := m.Unpack(p); err != nil {
		t.Fatal(err)
	}
	return m
}

// isTCP reports whether a question came over TCP.
func isTCP(w dns.ResponseWriter) bool {
	_, ok := w.RemoteAddr().(*net.TCPAddr)
	return ok
}
