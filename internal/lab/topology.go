package lab

import (
	"errors"
	"fmt"
	"slices"
	"strings"

	"github.com/nats-io/nats-server/v2/server"
)

// SystemAccount is the name of the system account of every server of a lab.
// Its user is "sys"; an ordinary account's user has the account's name. Both
// have the password [Password].
const SystemAccount = "SYS"

// Password is the password of every user of a lab. It protects nothing: the
// servers listen on loopback only and live as long as the lab.
const Password = "pw"

const (
	systemUser = "sys"

	// maxPerGroup bounds servers in a cluster and clusters in a lab: with
	// Topology.DistinctAddresses both are bytes of an address.
	maxPerGroup = 250
)

// Topology describes a deployment. Its zero value has no server and is refused.
type Topology struct {
	// Clusters are the clusters with their servers. Two or more clusters with
	// a name are joined by gateways, each with each.
	Clusters []Cluster
	// Leafs are servers connected to a hub by leafnodes. A hub is listed
	// before its leafs; it may itself be a leaf.
	Leafs []Leaf
	// Accounts are the ordinary accounts that every server has. "$G" may be
	// listed to get a user in the global account.
	Accounts []string
	// DistinctAddresses puts each server on a loopback address of its own, and
	// all of them on the same ports for clients, so that one DNS name can stand
	// for several: server i of the k-th group (clusters first, then leafs, both
	// from 0) is on 127.0.<k+1>.<i+1>. Linux routes all of 127/8 to itself;
	// macOS has 127.0.0.1 only and Start fails there.
	DistinctAddresses bool
	// Networks is DistinctAddresses with a /24 for each server: server i of the
	// k-th group is on 127.<k+1>.<i+1>.1.
	Networks bool
	// Monitoring opens the HTTP monitoring port of every server.
	Monitoring bool
}

// Cluster is a set of servers joined by routes.
type Cluster struct {
	// Name is the cluster's name. Servers of a cluster without a name have no
	// routes and no gateways: each is on its own.
	Name string
	// Servers is their number, 1 to 250.
	Servers int
	// ServerNames are the names of the first servers; others, and empty ones,
	// are called <Name>-n1, <Name>-n2, … (n1, n2, … without a cluster name).
	// Names must differ among clusters joined by gateways, because a server
	// refuses a gateway connection from a name its own cluster has; a leaf may
	// repeat a name of its hub.
	ServerNames []string
	// Late are the indexes, from 0, of servers that Start leaves out: they
	// have their address already and start with [Server.Start].
	Late []int
	// MaxConnections is the limit of client connections of each server; 0 is
	// the server's default (65,536). It covers system clients too.
	MaxConnections int
	// NoAdvertise keeps clients from being told of the other servers.
	NoAdvertise bool
	// Tags are the placement tags by server index.
	Tags map[int][]string
	// WebSocket and MQTT open these listeners on every server. MQTT brings
	// JetStream with it, with its files in a folder that Stop removes, and a
	// start some seconds longer.
	WebSocket, MQTT bool
	// Configure, if not nil, may change the options of server i (from 0) each
	// time it starts, after everything else is set: remove an account or a
	// listener (o.MQTT.Port = 0), for example. It must leave the listen
	// addresses on loopback.
	Configure func(i int, o *server.Options)
}

// Leaf is a cluster, or with no Cluster.Name single servers, whose servers
// connect to a hub as leafnodes.
type Leaf struct {
	Cluster
	// Hub is the name of the cluster or of the server to connect to.
	Hub string
	// Accounts are the ordinary accounts bound to the hub's of the same name.
	// The system account is bound as well, so that both sides are one system.
	Accounts []string
	// OwnSystem leaves the system account unbound: the hub's system account
	// then has no trace of this server but its leafnode connections.
	OwnSystem bool
}

// group is a cluster or leaf as planned: who is in it, and where it hangs.
type group struct {
	Cluster
	leaf    *Leaf // nil for a cluster
	gateway bool  // joined to other clusters
	hub     []*Server
	isHub   bool
	servers []*Server
}

// plan checks a topology and lays out its groups and servers, without ports.
func plan(l *Lab, t Topology) ([]*group, error) {
	accounts := make(map[string]bool)
	for _, a := range t.Accounts {
		if a == "" || strings.ContainsAny(a, " \t\r\n") || a == SystemAccount || a == systemUser || accounts[a] {
			return nil, fmt.Errorf("account name %q is empty, reserved, used twice or has white space", a)
		}
		accounts[a] = true
	}
	named := 0
	for _, c := range t.Clusters {
		if c.Name != "" {
			named++
		}
	}
	p := &planner{lab: l}
	for _, c := range t.Clusters {
		g := &group{Cluster: c, gateway: c.Name != "" && named > 1}
		if err := p.add(g, 0); err != nil {
			return nil, err
		}
	}
	for _, leaf := range t.Leafs {
		for _, a := range leaf.Accounts {
			if !accounts[a] {
				return nil, fmt.Errorf("leaf %q: unknown account %q", leaf.Name, a)
			}
		}
		hub := p.resolve(leaf.Hub)
		if len(hub) == 0 {
			return nil, fmt.Errorf("leaf %q: hub %q is not a cluster or server listed before it, or several", leaf.Name, leaf.Hub)
		}
		for _, h := range hub {
			h.group.isHub = true
		}
		island := hub[0].island
		if leaf.OwnSystem {
			island = 0
		}
		if err := p.add(&group{Cluster: leaf.Cluster, leaf: &leaf, hub: hub}, island); err != nil {
			return nil, err
		}
	}
	if len(p.groups) == 0 {
		return nil, errors.New("a topology needs a cluster")
	}
	return p.groups, p.checkNames()
}

type planner struct {
	lab     *Lab
	groups  []*group
	islands int
	// joined is the island of the clusters that gateways join, 0 until there is one.
	joined int
}

// add appends a group. Its servers belong to the given island; 0 means to find
// one: an island is a set of servers that share a system account and are
// connected, so that each is to know each.
func (p *planner) add(g *group, island int) error {
	what := fmt.Sprintf("cluster %q", g.Name)
	if g.Servers < 1 || g.Servers > maxPerGroup || len(p.groups) >= maxPerGroup {
		return fmt.Errorf("%s: %d servers, or too many clusters: 1 to %d of each", what, g.Servers, maxPerGroup)
	}
	if strings.ContainsAny(g.Name, " \t\r\n") || g.MaxConnections < 0 || len(g.ServerNames) > g.Servers {
		return fmt.Errorf("%s: white space in the name, a negative limit, or more names than servers", what)
	}
	for _, i := range g.Late {
		if i < 0 || i >= g.Servers {
			return fmt.Errorf("%s: late server %d does not exist", what, i)
		}
	}
	for _, other := range p.groups {
		if g.Name != "" && g.Name == other.Name {
			return fmt.Errorf("%s: listed twice", what)
		}
	}
	k := len(p.groups)
	p.groups = append(p.groups, g)
	if island == 0 && g.Name != "" {
		if g.leaf != nil || p.joined == 0 {
			p.islands++
			island = p.islands
		} else {
			island = p.joined
		}
		if g.leaf == nil {
			p.joined = island
		}
	}
	for i := range g.Servers {
		s := &Server{lab: p.lab, group: g, index: i, name: defaultName(g, i), host: loopback, island: island}
		if island == 0 {
			p.islands++
			s.island = p.islands
		}
		if p.lab.topology.DistinctAddresses {
			s.host = fmt.Sprintf("127.0.%d.%d", k+1, i+1)
		}
		if p.lab.topology.Networks {
			s.host = fmt.Sprintf("127.%d.%d.1", k+1, i+1)
		}
		g.servers = append(g.servers, s)
	}
	return nil
}

func defaultName(g *group, i int) string {
	if i < len(g.ServerNames) && g.ServerNames[i] != "" {
		return g.ServerNames[i]
	}
	if g.Name == "" {
		return fmt.Sprintf("n%d", i+1)
	}
	return fmt.Sprintf("%s-n%d", g.Name, i+1)
}

// resolve finds the servers of the cluster called name, or the one server.
func (p *planner) resolve(name string) []*Server {
	if name == "" {
		return nil
	}
	var found []*Server
	for _, g := range p.groups {
		if g.Name == name {
			return g.servers
		}
		for _, s := range g.servers {
			if s.name == name {
				found = append(found, s)
			}
		}
	}
	if len(found) != 1 {
		return nil
	}
	return found
}

// checkNames refuses what the servers themselves would refuse later, with no
// more than a line in a log: equal names within a cluster or across gateways.
func (p *planner) checkNames() error {
	joined := make(map[string]bool)
	for _, g := range p.groups {
		own := joined
		if !g.gateway {
			own = make(map[string]bool)
		}
		for _, s := range g.servers {
			if strings.ContainsAny(s.name, " \t\r\n/") {
				return fmt.Errorf("server name %q: white space or a slash", s.name)
			}
			if own[s.name] {
				return fmt.Errorf("server name %q: twice in a cluster, or in clusters joined by gateways", s.name)
			}
			own[s.name] = true
		}
	}
	return nil
}

const loopback = "127.0.0.1"

// choosePorts gives ports to servers that need one before they start: those for
// clients to all with distinct addresses (the same for all), and else to late ones,
// whose address clients may be given before; a route port with JetStream, which
// wants its peers' routes from the first server on. All other listeners have one
// when they start.
func choosePorts(servers []*Server, same bool) error {
	hosts := make([]string, len(servers))
	for i, s := range servers {
		hosts[i] = s.host
	}
	if same {
		port, err := Port(hosts...)
		if err != nil {
			return fmt.Errorf("distinct addresses: %w", err)
		}
		mqtt, err := Port(hosts...)
		if err != nil {
			return fmt.Errorf("distinct addresses: %w", err)
		}
		for _, s := range servers {
			s.ports.client, s.ports.mqtt = port, mqtt
		}
	}
	for _, s := range servers {
		var err error
		if s.ports.client == 0 && slices.Contains(s.group.Late, s.index) {
			s.ports.client, err = Port(s.host)
		}
		if err == nil && s.group.Name != "" && s.group.MQTT {
			s.ports.route, err = Port(s.host)
		}
		if err != nil {
			return err
		}
	}
	return nil
}
