package probe

import (
	"context"
	"net/netip"
	"time"

	"github.com/nats-balance/nats-balance/checks"
)

// Beside connects to an address of a server for clients once, in each way that it may
// be greeted, where there is no time for one after the other: a server that greets
// does so in the first way soon, so that the others come a sixth of the time later. All
// have heard nothing when about three quarters of it are over, as far as this machine
// is quick, which has the rest. It hangs only if it is silent in all of them.
func (p Prober) Beside(ctx context.Context, host string, addr netip.AddrPort, within time.Duration) checks.Contact {
	plain := make(chan checks.Contact, 1)
	go func() { plain <- p.only(listenerNATS, within*3/4).Contact(ctx, "nats", host, addr) }()
	select {
	case c := <-plain:
		if !c.Hangs && c.Outcome != checks.ContactClosed {
			return c
		}
		plain <- c
	case <-time.After(within / 6):
	}
	other := make(chan checks.Contact)
	ways := []string{listenerTLSFirst, listenerProxy}
	for _, way := range ways {
		go func() { other <- p.only(way, within*3/5).Contact(ctx, "nats", host, addr) }()
	}
	said := <-plain
	for range ways {
		switch c := <-other; {
		case said.Outcome == checks.ContactServer:
		case c.Outcome == checks.ContactServer, said.Hangs && !c.Hangs:
			said = c
		}
	}
	return said
}

// only is a prober for one way, that waits so long for a greeting.
func (p Prober) only(listener string, quiet time.Duration) Prober {
	p.Only, p.Timeout = listener, 3*quiet
	return p
}
