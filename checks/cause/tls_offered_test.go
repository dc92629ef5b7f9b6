package cause

import (
	"testing"

	"github.com/nats-balance/nats-balance/checks"
)

func TestServersThatOfferNoTLS(t *testing.T) {
	offer := func(answer checks.Answer) func(*checks.Server) {
		return func(s *checks.Server) { s.Details.OffersTLS = answer }
	}
	asks := func(s *checks.Server) { s.Details.OffersTLS, s.Details.TLS = checks.Yes, true }
	tls := func(x checks.Service) checks.Service { x.TLS = checks.Yes; return x }
	first := on(offer(checks.Yes), 1)
	without := on(offer(checks.No), 2, 3)
	all := withServices(tls(serviceOf("orders", 24, 0, 0)))
	secure, mixed := list("tls://10.0.0.1:4222", "tls://10.0.0.2:4222", "tls://10.0.0.3:4222"), list("tls://10.0.0.1:4222", "nats://10.0.0.2:4222")
	judgeRows(t, ListenerGap, []row{
		{"they ask for it, and no other offers it", with(all, first, without), Confirmed, ListenerGap},
		{"the same, and their URLs lead to all", with(all, first, without, secure), Confirmed, ListenerGap},
		{"the server asks for it, and so do their URLs", with(all, on(asks, 1), without, secure), Confirmed, ListenerGap},

		{"the server asks for it", with(all, on(asks, 1), without), Possible, "none"},
		{"the server asks for it, and one URL does not", with(all, on(asks, 1), without, mixed), Possible, ""},
		{"one of the others does not say", with(all, first, on(offer(checks.No), 2), on(offer(checks.Unknown), 3)), Possible, "none"},
		{"one of the others offers it", with(all, first, on(offer(checks.No), 2), on(offer(checks.Yes), 3)), Possible, "none"},
		{"nobody says", with(all, on(offer(checks.Unknown), 1, 2, 3)), NotTested, "none"},
		{"all offer it", with(all, on(offer(checks.Yes), 1, 2, 3)), NotTested, "none"},
		{"one is missing", with(all, first, without, missing("n4")), NotTested, "none"},
		{"it is not known whether they use it", with(withServices(serviceOf("orders", 24, 0, 0)), first, without), NotTested, "none"},
		{"few of them use it", with(withServices(serviceOf("orders", 24, 0, 0), tls(serviceOf("web", 3, 0, 0))), first, without), Possible, "none"},
		{"some are elsewhere", with(withServices(tls(serviceOf("orders", 24, 1, 1))), first, without), RuledOut, "none"},
		{"they use the TLS of WebSocket", with(withServices(tls(serviceOf("orders", 24, 0, 0))), profile(func(p *checks.Profile) { p.Services[0].Protocol = "websocket" }), first, without), NotTested, "none"},
	})
}
