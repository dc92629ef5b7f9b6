package fleet

import (
	"fmt"
	"time"

	"github.com/nats-io/nats-server/v2/server"

	"github.com/nats-balance/nats-balance/internal/lab"
)

// template is what the carrier, a real server, says of itself: defaults
// and build that the fleet's servers share, so that both are of one version.
type template struct {
	server.Varz
	imports []server.ExtImport // which every ordinary account has, of $G
	sublist *server.SublistStats
}

// newTemplate asks the carrier.
func newTemplate(carrier *server.Server) (*template, error) {
	v, err := carrier.Varz(nil)
	if err != nil {
		return nil, fmt.Errorf("fleet: the carrier's varz: %w", err)
	}
	t := &template{Varz: *v}
	a, err := carrier.Accountz(&server.AccountzOptions{Account: globalAccount})
	if err != nil {
		return nil, fmt.Errorf("fleet: the carrier's accountz: %w", err)
	}
	if a.Account != nil {
		t.imports, t.sublist = a.Account.Imports, a.Account.Sublist
	}
	return t, nil
}

// draw is a number that belongs to a server and a purpose and never changes.
func (m *model) draw(s *simServer, what uint64) uint64 {
	return mix(mix(uint64(m.size.Seed)+what<<32) + uint64(s.index))
}

// traffic is a plausible pair of counters, up to 2^scale messages.
func (m *model) traffic(s *simServer, what uint64, scale uint) server.DataStats {
	h := m.draw(s, what)
	msgs := int64(h >> (64 - scale))
	return server.DataStats{MsgBytes: server.MsgBytes{Msgs: msgs, Bytes: msgs * int64(40+h&255)}}
}

// subs is the number of subscriptions of a server.
func (m *model) subs(s *simServer) uint32 {
	n := uint32(0)
	for _, r := range s.rows {
		n += m.rowSubs(s.index, r)
	}
	return n
}

// serverStats is a server's answer to PING and STATSZ.
func (f *Fleet) serverStats(s *simServer) *server.ServerStatsMsg {
	m := f.model
	up := uint64(time.Since(s.start) / time.Second)
	msg := &server.ServerStatsMsg{Server: f.info(s), Stats: server.ServerStats{
		Start: s.start, Mem: int64(80<<20 + s.clients*(24<<10)), Cores: 8, MaxProcs: 8,
		CPU: float64(m.draw(s, 1)%9000) / 100, Connections: s.clients,
		TotalConnections: uint64(s.clients) + up/60, ActiveAccounts: len(s.rows), NumSubs: m.subs(s),
		Sent: m.traffic(s, 2, 40), SentToClients: m.traffic(s, 3, 39),
		Received: m.traffic(s, 4, 38), ReceivedFromClients: m.traffic(s, 5, 37),
		ActiveServers: len(m.servers) + 1 - f.faults.absentees(), // the carrier is one more
	}}
	// Servers hold three pooled routes to each peer and one for the system account.
	for _, p := range m.clusters[s.cluster].servers {
		if p == s.index || f.faults.absent(p) {
			continue
		}
		for i := range uint64(4) {
			msg.Stats.Routes = append(msg.Stats.Routes, &server.RouteStat{ID: uint64(p)*4 + i + 5,
				Name: m.servers[p].name, Sent: m.traffic(s, uint64(p)*16+i+100, 32),
				Received: m.traffic(s, uint64(p)*16+i+104, 32)})
		}
	}
	for k, c := range m.clusters {
		if k != s.cluster {
			msg.Stats.Gateways = append(msg.Stats.Gateways, &server.GatewayStat{ID: uint64(k) + 20_000, Name: c.name,
				Sent: m.traffic(s, uint64(k)+1<<20, 30), Received: m.traffic(s, uint64(k)+1<<21, 30),
				NumInbound: len(c.servers)})
		}
	}
	return msg
}

// heartbeat is the shortest form of what servers publish of themselves every
// ten seconds. The carrier needs it to count them; it forgets a server that it
// has not heard of for two and a half minutes.
func (f *Fleet) heartbeat(s *simServer) *server.ServerStatsMsg {
	return &server.ServerStatsMsg{Server: f.info(s), Stats: server.ServerStats{Start: s.start,
		Connections: s.clients, ActiveServers: len(f.model.servers) + 1 - f.faults.absentees()}}
}

// varz is a server's VARZ.
func (f *Fleet) varz(s *simServer) *server.Varz {
	m := f.model
	c := m.clusters[s.cluster]
	v := f.template.Varz
	now := time.Now().UTC()
	v.ID, v.Name, v.Host, v.IP, v.Port = s.id, s.name, s.host, "", s.port
	v.AuthRequired, v.MaxConn = true, s.maxConn
	v.ClientConnectURLs = nil
	for _, p := range c.servers {
		if p != s.index && f.faults.absent(p) {
			continue
		}
		v.ClientConnectURLs = append(v.ClientConnectURLs, fmt.Sprintf("%s:%d", m.servers[p].host, m.servers[p].port))
	}
	v.MaxPayload = server.MAX_PAYLOAD_SIZE // the carrier's is raised
	v.Cluster = server.ClusterOptsVarz{Name: c.name, Host: "0.0.0.0", Port: 6222, AuthTimeout: 2, TLSTimeout: 2,
		PoolSize: server.DEFAULT_ROUTE_POOL_SIZE, WriteTimeout: v.WriteTimeout}
	for _, p := range c.servers {
		if p != s.index {
			v.Cluster.URLs = append(v.Cluster.URLs, m.servers[p].host+":6222")
		}
	}
	v.Remotes, v.Routes = len(c.servers)-1, 4*(len(c.servers)-1)
	if len(m.clusters) > 1 {
		v.Gateway = server.GatewayOptsVarz{Name: c.name, Host: "0.0.0.0", Port: 7222, AuthTimeout: 2, TLSTimeout: 2,
			WriteTimeout: v.WriteTimeout}
		for _, other := range m.clusters {
			g := server.RemoteGatewayOptsVarz{Name: other.name}
			for _, p := range other.servers {
				g.URLs = append(g.URLs, m.servers[p].host+":7222")
			}
			v.Gateway.Gateways = append(v.Gateway.Gateways, g)
		}
	}
	v.Start, v.ConfigLoadTime, v.Now, v.Uptime = s.start, s.start, now, uptime(now.Sub(s.start))
	st := f.serverStats(s).Stats
	v.Mem, v.Cores, v.MaxProcs, v.CPU = st.Mem, st.Cores, st.MaxProcs, st.CPU
	v.Connections, v.TotalConnections, v.Leafs = s.clients, st.TotalConnections, s.leafs
	v.InMsgs, v.InBytes, v.OutMsgs, v.OutBytes = st.Received.Msgs, st.Received.Bytes, st.Sent.Msgs, st.Sent.Bytes
	v.InClientMsgs, v.InClientBytes = st.ReceivedFromClients.Msgs, st.ReceivedFromClients.Bytes
	v.OutClientMsgs, v.OutClientBytes = st.SentToClients.Msgs, st.SentToClients.Bytes
	v.SlowConsumers, v.StaleConnections, v.StalledClients, v.Subscriptions = 0, 0, 0, st.NumSubs
	v.Tags = s.tags
	return &v
}

// routez is a server's ROUTEZ: three pooled routes to each peer and one for the
// system account, as in serverStats.
func (f *Fleet) routez(s *simServer) *server.Routez {
	now := time.Now().UTC()
	out := &server.Routez{ID: s.id, Name: s.name, Now: now, Routes: []*server.RouteInfo{}}
	for _, p := range f.model.clusters[s.cluster].servers {
		if p == s.index || f.faults.absent(p) {
			continue
		}
		peer := f.model.servers[p]
		start := s.start
		if peer.start.After(start) {
			start = peer.start
		}
		for i := range uint64(4) {
			r := &server.RouteInfo{Rid: uint64(p)*4 + i + 5, RemoteID: peer.id, RemoteName: peer.name, DidSolicit: p > s.index,
				IsConfigured: true, IP: peer.host, Port: 6222, Start: start, LastActivity: now, RTT: "412µs",
				Uptime: uptime(now.Sub(start)), Idle: "0s", Compression: "s2_uncompressed"}
			if i == 3 {
				r.Account = lab.SystemAccount
			}
			out.Routes = append(out.Routes, r)
		}
	}
	out.NumRoutes = len(out.Routes)
	return out
}

// accountInfo is what a server says of an account, an error for one that it
// has never heard of.
func (f *Fleet) accountInfo(s *simServer, id string) (*server.AccountInfo, error) {
	a, ok := f.model.knows(s, id)
	if !ok {
		return nil, fmt.Errorf("Account %s does not exist", id) //nolint:staticcheck // the server's words
	}
	r := s.row(a)
	return &server.AccountInfo{AccountName: id, LastUpdate: s.start, IsSystem: a == f.model.system(), Complete: true,
		LeafCnt: int(r.leafs), ClientCnt: int(r.conns), SubCnt: f.model.rowSubs(s.index, r),
		Mappings: server.ExtMap{}, Imports: f.template.imports, NameTag: f.model.accounts[a].Name,
		Sublist: f.template.sublist, Responses: map[string]server.ExtImport{}}, nil
}

// uptime writes a duration as the server's monitoring does.
func uptime(d time.Duration) string {
	return string(appendUptime(nil, d))
}
