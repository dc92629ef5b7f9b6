package lab

import (
	"fmt"

	"github.com/nats-io/nats-server/v2/server"
)

// linked returns an error while a running leaf has fewer leafnodes to its hub, by
// its own count or by the hubs', than it is configured with: that of the system
// account may be there before the others, and a leaf with a system account of
// its own shares none with the hub. One whose hub is stopped waits for nothing.
func (l *Lab) linked() error {
	want, have := make(map[string]int), make(map[string]int) // by the leaf's name, which leafs may share
	for _, s := range l.servers {
		srv := s.Embedded()
		if srv == nil {
			continue
		}
		own, err := srv.Leafz(&server.LeafzOptions{})
		if err != nil {
			return fmt.Errorf("server %s: leafnodes: %w", s.name, err)
		}
		out := 0
		for _, leaf := range own.Leafs {
			if leaf.IsSpoke {
				out++
			} else {
				have[leaf.Name]++
			}
		}
		if s.group.leaf == nil || !anyRunning(s.group.hub) {
			continue
		}
		v, err := srv.Varz(nil)
		if err != nil {
			return fmt.Errorf("server %s: %w", s.name, err)
		}
		remotes := len(v.LeafNode.Remotes)
		if want[s.name] += remotes; out < remotes {
			return fmt.Errorf("server %s has %d of %d leafnodes to its hub", s.name, out, remotes)
		}
	}
	for name, n := range want {
		if have[name] < n {
			return fmt.Errorf("hubs have %d of %d leafnodes of %s", have[name], n, name)
		}
	}
	return nil
}

func anyRunning(servers []*Server) bool {
	for _, s := range servers {
		if s.Running() {
			return true
		}
	}
	return false
}
