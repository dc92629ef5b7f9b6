package dnscheck

import (
	"context"
	"fmt"
	"net/netip"
	"slices"
	"strings"
	"sync/atomic"
	"testing"
	"time"

	"github.com/miekg/dns"
)

func TestWhatAZoneSays(t *testing.T) {
	t.Parallel()
	z := zone{
		"one.example. A":       {"192.0.2.1"},
		"six.example. AAAA":    {"2001:db8::1"},
		"twice.example. A":     {"192.0.2.1", "192.0.2.1"},
		"both.example. A":      {"192.0.2.1"},
		"both.example. AAAA":   {"2001:db8::1"},
		"three.example. A":     {"192.0.2.3", "192.0.2.1", "192.0.2.2"},
		"mapped.example. A":    {"192.0.2.1"},
		"mapped.example. AAAA": {"::ffff:192.0.2.1"},
		"text.example. TXT":    {"hello"},
		"alias.example. CNAME": {"middle.example."},
		"middle.example. CNAME": {
			"One.Example.",
		},
		"dangling.example. CNAME": {"gone.example."},
		"empty.example. CNAME":    {"text.example."},
		"round.example. CNAME":    {"about.example."},
		"about.example. CNAME":    {"ROUND.example."},
		"self.example. CNAME":     {"self.example."},
		"odd.example. CNAME":      {`a\007\"b\255.example.`},
		`a\007\"b\255.example. A`: {"192.0.2.9"},
	}
	server := serve(t, z.answer)
	for _, c := range []struct {
		name      string
		verdict   Verdict
		addresses string
		detail    string
		cname     string
	}{
		{"one.example", Single, "192.0.2.1", "one.example. has one address", ""},
		{"ONE.example.", Single, "192.0.2.1", "one address", ""},
		{"six.example", Single, "2001:db8::1", "one address", ""},
		{"twice.example", Single, "192.0.2.1", "one address", ""},
		{"mapped.example", Single, "192.0.2.1", "one address", ""},
		{"both.example", Several, "192.0.2.1 2001:db8::1", "2 addresses, in the same order", ""},
		{"three.example", Several, "192.0.2.3 192.0.2.1 192.0.2.2", "3 addresses, in the same order", ""},
		{"text.example", NoData, "", "text.example. exists, but has neither", ""},
		{"gone.example", NXDomain, "", "there is no name gone.example.", ""},
		{"alias.example", Single, "192.0.2.1", "as an alias (CNAME) of One.Example.", "middle.example. One.Example."},
		{"dangling.example", NXDomain, "", "leads to gone.example., and there is no such name", "gone.example."},
		{"empty.example", NoData, "", "as an alias (CNAME) of text.example.", "text.example."},
		{"round.example", Failed, "", "loop, back to ROUND.example.", "about.example."},
		{"self.example", Failed, "", "loop", ""},
		{"odd.example", Single, "192.0.2.9", `a\007\"b\255.example.`, `a\007\"b\255.example.`},
	} {
		t.Run(c.name, func(t *testing.T) {
			t.Parallel()
			a := want(t, look(t, Config{Resolvers: []string{server}}, c.name), c.verdict, c.addresses, c.detail)
			if got := strings.Join(a.CNAME, " "); got != c.cname {
				t.Errorf("aliases %q, want %q", got, c.cname)
			}
			if asked := strings.TrimSuffix(c.name, ".") + "."; a.Asked != asked || a.Resolver != server {
				t.Errorf("asked %q of %q, want %q of %q", a.Asked, a.Resolver, asked, server)
			}
			for _, addr := range a.Addresses {
				if addr.TTL == nil || *addr.TTL != 60 {
					t.Errorf("the TTL of %s is %v, want 60", addr.IP, addr.TTL)
				}
			}
		})
	}
}

func TestEachQuestionIsPutAsOftenAsConfigured(t *testing.T) {
	t.Parallel()
	z := zone{"one.example. A": {"192.0.2.1"}}
	var questions atomic.Int64
	server := serve(t, func(w dns.ResponseWriter, q *dns.Msg) {
		questions.Add(1)
		z.answer(w, q)
	})
	for repeat, expected := range map[int]int{0: 8, 1: 2, 3: 6} {
		questions.Store(0)
		a := want(t, look(t, Config{Resolvers: []string{server}, Repeat: repeat}, "one.example"), Single, "192.0.2.1", "")
		if a.Queries != expected || questions.Load() != int64(expected) {
			t.Errorf("Repeat %d: %d queries counted, %d came, want %d", repeat, a.Queries, questions.Load(), expected)
		}
	}
}

func TestRotatingAnswers(t *testing.T) {
	t.Parallel()
	pool := []string{"192.0.2.1", "192.0.2.2", "192.0.2.3"}
	for _, c := range []struct {
		name      string
		addresses string // none: any
		pick      func(n int) []string
	}{
		{"the order turns", "192.0.2.1 192.0.2.2 192.0.2.3", func(n int) []string { return append(slices.Clone(pool[n%3:]), pool[:n%3]...) }},
		{"one of them in turn", "192.0.2.1 192.0.2.2 192.0.2.3", func(n int) []string { return pool[n%3 : n%3+1] }},
		{"one is there every other time", "192.0.2.1", func(n int) []string { return pool[:(n+1)%2] }},
	} {
		t.Run(c.name, func(t *testing.T) {
			t.Parallel()
			var count atomic.Int64
			server := serve(t, func(w dns.ResponseWriter, q *dns.Msg) {
				m := new(dns.Msg).SetReply(q)
				if q.Question[0].Qtype == dns.TypeA {
					for _, ip := range c.pick(int(count.Add(1) - 1)) {
						m.Answer = append(m.Answer, record(q.Question[0].Name+" A "+ip))
					}
				}
				w.WriteMsg(m)
			})
			want(t, look(t, Config{Resolvers: []string{server}}, "pool.example"), Rotating, c.addresses, "")
		})
	}
}

// A server that turns with every question gives the A question, if it is always
// every other one, the same of two addresses each time. Whichever of the first
// two questions comes first, the others must not keep to that.
func TestRotationByQuestionIsSeen(t *testing.T) {
	t.Parallel()
	for _, size := range []int{2, 3, 4, 5, 8} {
		for _, ahead := range []uint16{dns.TypeA, dns.TypeAAAA} {
			var count atomic.Int64
			first := make(chan struct{})
			server := serve(t, func(w dns.ResponseWriter, q *dns.Msg) {
				if q.Question[0].Qtype != ahead {
					<-first
				}
				n := int(count.Add(1))
				if n == 1 {
					close(first)
				}
				m := new(dns.Msg).SetReply(q)
				if q.Question[0].Qtype == dns.TypeA {
					m.Answer = append(m.Answer, record(fmt.Sprintf("pool.example. A 192.0.2.%d", n%size)))
				}
				w.WriteMsg(m)
			})
			if res := look(t, Config{Resolvers: []string{server}}, "pool.example"); res.Verdict != Rotating {
				t.Errorf("one of %d addresses in turn, %s first: %s, want rotating", size, dns.TypeToString[ahead], res.Verdict)
			}
		}
	}
}

func TestResolversAreCompared(t *testing.T) {
	t.Parallel()
	serving := func(records ...string) string {
		z := zone{}
		if len(records) > 0 {
			z["a.example. A"] = records
		}
		return serve(t, z.answer)
	}
	one, same, other := serving("192.0.2.1"), serving("192.0.2.1"), serving("192.0.2.2")
	two, turned, none := serving("192.0.2.1", "192.0.2.2"), serving("192.0.2.2", "192.0.2.1"), serving()
	dead := refused
	for _, c := range []struct {
		name      string
		resolvers []string
		verdict   Verdict
		complete  bool
		detail    string
	}{
		{"agree on one", []string{one, same}, Single, true, "all 2 resolvers agree"},
		{"agree on several in another order", []string{two, turned}, Several, true, "all 2 resolvers agree"},
		{"another address", []string{one, other}, Differs, true, "the resolvers disagree: " + one},
		{"more addresses", []string{one, same, two}, Differs, true, "disagree"},
		{"no such name", []string{one, none}, Differs, true, "there is no name a.example."},
		{"none has it", []string{none, none}, NXDomain, true, "all 2 resolvers agree"},
		{"one is dead", []string{one, dead}, Failed, false, "of 2 resolvers 1 failed: " + dead},
		{"one is dead, the others disagree", []string{dead, one, other}, Differs, false, "disagree"},
	} {
		t.Run(c.name, func(t *testing.T) {
			t.Parallel()
			res := look(t, Config{Resolvers: c.resolvers, Timeout: 5 * time.Second}, "a.example")
			if res.Verdict != c.verdict || res.Complete != c.complete || !strings.Contains(res.Detail, c.detail) {
				t.Errorf("%s, complete %v, %q; want %s, %v, %q", res.Verdict, res.Complete, res.Detail, c.verdict, c.complete, c.detail)
			}
			if len(res.Answers) != len(c.resolvers) {
				t.Fatalf("%d answers, want %d", len(res.Answers), len(c.resolvers))
			}
			for i, a := range res.Answers {
				if a.Resolver != c.resolvers[i] {
					t.Errorf("answer %d is of %s, want %s", i, a.Resolver, c.resolvers[i])
				}
			}
		})
	}
}

func TestFallback(t *testing.T) {
	t.Parallel()
	good := serve(t, zone{"a.example. A": {"192.0.2.1"}}.answer)
	empty := serve(t, zone{}.answer)
	ill := serve(t, func(w dns.ResponseWriter, q *dns.Msg) { w.WriteMsg(new(dns.Msg).SetRcode(q, dns.RcodeServerFailure)) })
	half := serve(t, func(w dns.ResponseWriter, q *dns.Msg) {
		if q.Question[0].Qtype == dns.TypeAAAA {
			w.WriteMsg(new(dns.Msg).SetRcode(q, dns.RcodeServerFailure))
			return
		}
		zone{"a.example. A": {"192.0.2.2"}}.answer(w, q)
	})
	ask := func(resolvers ...string) Result {
		return look(t, Config{Resolvers: resolvers, Fallback: true}, "a.example")
	}
	if a := want(t, ask(good, empty), Single, "192.0.2.1", "one address"); a.Resolver != good {
		t.Errorf("answered by %s, want the first", a.Resolver)
	}
	want(t, ask(empty, good), NXDomain, "", "no name")
	if a := want(t, ask(ill, good), Single, "192.0.2.1", "failed: "+ill); a.Resolver != good {
		t.Errorf("answered by %s, want the second", a.Resolver)
	}
	if a := want(t, ask(ill, half, ill), Failed, "192.0.2.2", "no resolver could be used: "+ill); a.Resolver != half {
		t.Errorf("answered by %s, want the one with addresses", a.Resolver)
	}
}

func TestSearchList(t *testing.T) {
	t.Parallel()
	z := zone{
		"nats.prod.example. A":   {"192.0.2.1"},
		"nats.example. A":        {"192.0.2.2"},
		"a.b. A":                 {"192.0.2.3"},
		"a.b.prod.example. A":    {"192.0.2.4"},
		"top. A":                 {"192.0.2.5"},
		"text.prod.example. TXT": {"x"},
		"text.example. A":        {"192.0.2.6"},
		"only.prod.example. TXT": {"x"},
		"x.y. TXT":               {"x"},
		"second.example. A":      {"192.0.2.7"},
		"broken.example. A":      {"192.0.2.8"},
	}
	server := serve(t, func(w dns.ResponseWriter, q *dns.Msg) {
		if strings.HasPrefix(q.Question[0].Name, "broken.prod") {
			w.WriteMsg(new(dns.Msg).SetRcode(q, dns.RcodeServerFailure))
			return
		}
		z.answer(w, q)
	})
	search := []string{"prod.example", "example."}
	for _, c := range []struct {
		name      string
		ndots     int
		verdict   Verdict
		asked     string
		addresses string
	}{
		{"nats", 1, Single, "nats.prod.example.", "192.0.2.1"},
		{"nats.", 1, NXDomain, "nats.", ""},
		{"second", 1, Single, "second.example.", "192.0.2.7"},
		{"a.b", 1, Single, "a.b.", "192.0.2.3"},
		{"a.b", 2, Single, "a.b.prod.example.", "192.0.2.4"},
		{"nats.prod", 1, Single, "nats.prod.example.", "192.0.2.1"},
		{"nats.example", 5, Single, "nats.example.", "192.0.2.2"},
		{"top", 1, Single, "top.", "192.0.2.5"},
		{"text", 1, Single, "text.example.", "192.0.2.6"},
		{"only", 1, NoData, "only.prod.example.", ""},
		{"x.y", 1, NoData, "x.y.", ""},
		{"no.where", 1, NXDomain, "no.where.", ""},
		{"nowhere", 1, NXDomain, "nowhere.", ""},
		{"broken", 1, Failed, "broken.prod.example.", ""},
	} {
		t.Run(fmt.Sprintf("%s ndots %d", c.name, c.ndots), func(t *testing.T) {
			t.Parallel()
			cfg := Config{Resolvers: []string{server}, Search: search, Ndots: c.ndots}
			if a := want(t, look(t, cfg, c.name), c.verdict, c.addresses, ""); a.Asked != c.asked {
				t.Errorf("asked for %s, want %s", a.Asked, c.asked)
			}
		})
	}
}

func TestContextEnds(t *testing.T) {
	t.Parallel()
	ended, end := context.WithCancel(t.Context())
	end()
	if res := Lookup(ended, Config{Resolvers: []string{silent(t)}}, "a.example"); res.Verdict != Unknown || res.Complete {
		t.Errorf("with an ended context: %+v, want unknown", res)
	}

	// The time-outs are far beyond what a test may take: only the context ends it.
	ctx, cancel := context.WithCancel(t.Context())
	defer cancel()
	server := rawUDP(t, func([]byte) [][]byte {
		cancel()
		return nil
	})
	slow := Config{Resolvers: []string{server}, Timeout: time.Hour, Attempts: 5}
	if a := want(t, Lookup(ctx, slow, "a.example"), Failed, "", "context canceled"); a.Queries > 2 {
		t.Errorf("%d queries after the context ended, want no second attempt", a.Queries)
	}

	soon, done := context.WithTimeout(t.Context(), brief)
	defer done()
	slow.Resolvers = []string{silent(t), silent(t)}
	slow.Fallback = true
	want(t, Lookup(soon, slow, "a.example"), Failed, "", "before the time was up (time-out)")
}

func TestSystemIsTakenWhereNoResolverIsGiven(t *testing.T) {
	t.Parallel()
	server := serve(t, zone{"nats.example. A": {"192.0.2.1"}}.answer)
	system := func() (Config, error) {
		return Config{Resolvers: []string{server}, Fallback: true, Search: []string{"example"}, Ndots: 1}, nil
	}
	res := lookup(t.Context(), Config{Timeout: patience}, "nats", system, failing{})
	if a := want(t, res, Single, "192.0.2.1", ""); a.Asked != "nats.example." {
		t.Errorf("asked for %q, want the name with the system's domain", a.Asked)
	}
	if netip.MustParseAddr("192.0.2.1") != res.Answers[0].Addresses[0].IP {
		t.Errorf("addresses %v", res.Answers[0].Addresses)
	}
}
