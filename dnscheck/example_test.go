package dnscheck_test

import (
	"context"
	"fmt"
	"net"
	"time"

	"github.com/miekg/dns"

	"github.com/nats-balance/nats-balance/dnscheck"
)

// A resolver on loopback knows nats.example as an alias of a server that has
// one address.
func Example() {
	conn, err := net.ListenPacket("udp", "127.0.0.1:0")
	if err != nil {
		fmt.Println(err)
		return
	}
	server := &dns.Server{PacketConn: conn, Handler: dns.HandlerFunc(func(w dns.ResponseWriter, q *dns.Msg) {
		m := new(dns.Msg).SetReply(q)
		alias, _ := dns.NewRR("nats.example. 30 IN CNAME n1.example.")
		m.Answer = append(m.Answer, alias)
		if q.Question[0].Qtype == dns.TypeA {
			address, _ := dns.NewRR("n1.example. 60 IN A 192.0.2.1")
			m.Answer = append(m.Answer, address)
		}
		_ = w.WriteMsg(m)
	})}
	ended := make(chan error)
	started := make(chan struct{})
	server.NotifyStartedFunc = func() { close(started) }
	go func() { ended <- server.ActivateAndServe() }()
	<-started
	defer func() {
		_ = server.Shutdown()
		<-ended
	}()

	ctx, cancel := context.WithTimeout(context.Background(), 30*time.Second)
	defer cancel()
	resolver, err := dnscheck.Resolver(conn.LocalAddr().String())
	if err != nil {
		fmt.Println(err)
		return
	}
	result := dnscheck.Lookup(ctx, dnscheck.Config{Resolvers: []string{resolver}}, "nats.example")
	fmt.Println(result.Verdict, result.Complete)
	fmt.Println(result.Detail)
	for _, a := range result.Answers[0].Addresses {
		fmt.Println(a.IP, *a.TTL)
	}
	// Output:
	// single true
	// nats.example. has one address, as an alias (CNAME) of n1.example.
	// 192.0.2.1 60
}
