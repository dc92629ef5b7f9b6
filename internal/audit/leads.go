package audit

import (
	"context"
	"net"
	"net/netip"
	"sync"
)

// resolve looks up the names among the addresses that are not looked up yet.
func (c *routedCluster) resolve(ctx context.Context, leads map[string][]netip.Addr) {
	var done sync.WaitGroup
	var all sync.Mutex
	asked := map[string]bool{}
	for _, r := range c.routes[:min(len(c.routes), mostLooked)] {
		if _, known := leads[r.host]; known || asked[r.host] || r.ip.IsValid() {
			continue
		}
		asked[r.host] = true
	}
	for host := range asked {
		done.Go(func() {
			ips, err := net.DefaultResolver.LookupNetIP(ctx, "ip", host)
			if err != nil {
				return
			}
			for i := range ips {
				ips[i] = ips[i].Unmap()
			}
			all.Lock()
			defer all.Unlock()
			leads[host] = ips
		})
	}
	done.Wait()
}

// learn takes in what the names among the addresses lead to, also for addresses of the
// servers that they are named like. Nil is that none was looked up.
func (c *routedCluster) learn(leads map[string][]netip.Addr) {
	if leads == nil {
		return
	}
	for i := range c.routes {
		if r := &c.routes[i]; !r.ip.IsValid() {
			r.ips = leads[r.host]
		}
	}
	for i := range c.routes {
		r := &c.routes[i]
		if at := c.whose(r); at >= 0 && !c.forSeveral(r) && (c.members[at].port == 0 || c.members[at].port == r.port) {
			for _, ip := range r.ips {
				c.members[at].is[ip] = true
			}
			c.members[at].port = r.port
		}
	}
}
