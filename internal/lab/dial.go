package lab

import (
	"context"
	"fmt"
	"math/rand/v2"
	"net"
	"sync"
	"syscall"

	"github.com/nats-io/nats.go"
)

// dialWorkers is how many connections are being made at a time: enough to hide
// the round trips, few enough for the backlog of one listener.
const dialWorkers = 32

// dialer connects to loopback addresses, and to nothing else. It implements
// nats.CustomDialer, and so serves reconnects too.
type dialer struct {
	life     context.Context // no connection is made after its end
	source   string          // local address, "" for the system's choice
	resolver *net.Resolver   // for names, nil for the system's
	ordered  bool            // takes the addresses of a name in the resolver's order
	// blocked, if not nil, says which addresses, host:port, are refused.
	blocked func(address string) bool
}

// Dialer returns what nats.go connects with to loopback addresses, and to
// nothing else; after the life's end to none.
func Dialer(life context.Context) nats.CustomDialer { return dialer{life: life} }

// Dial implements nats.CustomDialer.
func (d dialer) Dial(network, address string) (net.Conn, error) {
	return d.dial(d.life, network, address)
}

func (d dialer) dial(ctx context.Context, network, address string) (net.Conn, error) {
	ctx, cancel := context.WithTimeout(ctx, patience)
	defer cancel()
	host, port, err := net.SplitHostPort(address)
	if err != nil {
		return nil, err
	}
	hosts := []string{host}
	if net.ParseIP(host) == nil {
		if hosts, err = d.lookup(ctx, host); err != nil {
			return nil, err
		}
	}
	nd := net.Dialer{Control: onlyLoopback}
	if d.source != "" {
		nd.LocalAddr = &net.TCPAddr{IP: net.ParseIP(d.source)}
	}
	var conn net.Conn
	for _, h := range hosts {
		to := net.JoinHostPort(h, port)
		if d.blocked != nil && d.blocked(to) {
			err = fmt.Errorf("%s: %w", to, syscall.ECONNREFUSED)
		} else if conn, err = nd.DialContext(ctx, network, to); err == nil {
			return conn, nil
		}
	}
	return nil, err
}

// lookup resolves a name as nats.go does by itself: all addresses, shuffled.
func (d dialer) lookup(ctx context.Context, host string) ([]string, error) {
	r := d.resolver
	if r == nil {
		r = net.DefaultResolver
	}
	hosts, err := r.LookupHost(ctx, host)
	if err != nil {
		return nil, err
	}
	if len(hosts) == 0 {
		return nil, fmt.Errorf("name %s has no address", host)
	}
	if !d.ordered {
		rand.Shuffle(len(hosts), func(i, j int) { hosts[i], hosts[j] = hosts[j], hosts[i] })
	}
	return hosts, nil
}

// onlyLoopback is a net.Dialer.Control: it runs with the address about to be
// connected to, after every name has been resolved.
func onlyLoopback(_, address string, _ syscall.RawConn) error {
	host, _, err := net.SplitHostPort(address)
	if err != nil {
		return err
	}
	if ip := net.ParseIP(host); ip == nil || !ip.IsLoopback() {
		return fmt.Errorf("address %s is not loopback", address)
	}
	return nil
}

// each calls f for 0 to n-1 from dialWorkers goroutines and returns the first
// error, after which, as after the context's end, no further call starts.
func each(ctx context.Context, n int, f func(ctx context.Context, i int) error) error {
	ctx, cancel := context.WithCancelCause(ctx)
	defer cancel(nil)
	work := make(chan int)
	var wg sync.WaitGroup
	for range min(n, dialWorkers) {
		wg.Go(func() {
			for i := range work {
				if err := f(ctx, i); err != nil {
					cancel(err)
				}
			}
		})
	}
	for i := 0; i < n && ctx.Err() == nil; i++ {
		select {
		case work <- i:
		case <-ctx.Done():
		}
	}
	close(work)
	wg.Wait()
	return context.Cause(ctx)
}
