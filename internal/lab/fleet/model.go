package fleet

import (
	"errors"
	"fmt"
	"math/rand/v2"
	"slices"
	"sort"
	"sync/atomic"
	"time"

	"github.com/nats-io/jwt/v2"
	"github.com/nats-io/nats-server/v2/server"
	"github.com/nats-io/nkeys"

	"github.com/nats-balance/nats-balance/internal/lab"
)

const (
	// globalAccount exists on every server, with no connection in a fleet.
	globalAccount = "$G"
	// maxClusters is how many clusters one account lives in at most: "one or a few".
	maxClusters = 8
	// skewedMin is how many connections a concentrated account has at least.
	skewedMin = 12
)

// model is what the fleet's servers have. It never changes once built and
// follows from Size alone, but for the times, which are relative to now.
type model struct {
	size     Size
	now      time.Time
	accounts []Account // the last two are the system account and $G
	byID     map[string]int32
	clusters []cluster
	servers  []*simServer
	skewed   []Skew
}

// cluster is one cluster: its servers and the accounts that its servers know.
type cluster struct {
	name     string
	servers  []int
	accounts []int32 // ascending; the system account and $G included
}

// simServer is one simulated server.
type simServer struct {
	index      int
	id, name   string
	host       string
	port       int
	cluster    int
	tags       jwt.TagList
	start      time.Time
	maxConn    int
	rows       []row // ascending by account
	clients    int   // client connections, the system account's included
	leafs      int
	step, back uint64 // connection number → slot and slot → connection number, see slot
	seq        atomic.Uint64
	body       []byte // snappy chunks of all rows, without the stream's first chunk
	plain      int    // bytes of the same rows before compression
}

// row is what one server has of one account. Everything else about the
// pair follows from a hash, so that millions of rows fit in memory.
type row struct {
	account int32
	conns   uint32
	leafs   uint32
	first   uint32 // number of the row's first slot: connections, then leafnodes
}

// system and global are the numbers of the two accounts every server has.
func (m *model) system() int32 { return int32(m.size.Accounts) }
func (m *model) global() int32 { return int32(m.size.Accounts) + 1 }

// mix is splitmix64: a cheap hash whose every output bit depends on every
// input bit. All that is not stored is derived from it.
func mix(x uint64) uint64 {
	x += 0x9e3779b97f4a7c15
	x = (x ^ (x >> 30)) * 0xbf58476d1ce4e5b9
	x = (x ^ (x >> 27)) * 0x94d049bb133111eb
	return x ^ (x >> 31)
}

// rowHash identifies the pair of a server and an account.
func (m *model) rowHash(server int, account int32) uint64 {
	return mix(mix(uint64(m.size.Seed)^uint64(server)<<32) + uint64(account))
}

// stride returns a number coprime to n and its inverse modulo n, so that
// i*step%n visits every number below n once, in an order that looks random.
func stride(n, h uint64) (step, inverse uint64) {
	if n < 2 {
		return 0, 0
	}
	for step = 1 + h%(n-1); ; step = step%(n-1) + 1 {
		// Extended Euclid: t ends as the inverse when the divisor is 1.
		r0, r1, t0, t1 := int64(n), int64(step), int64(0), int64(1)
		for r1 != 0 {
			q := r0 / r1
			r0, r1, t0, t1 = r1, r0-q*r1, t1, t0-q*t1
		}
		if r0 == 1 {
			if t0 < 0 {
				t0 += int64(n)
			}
			return step, uint64(t0)
		}
	}
}

// check says what is wrong with a size.
func (z Size) check() error {
	switch {
	case z.Servers < 1 || z.Clusters < 1 || z.Accounts < 1 || z.Connections < 0 || z.Skewed < 0:
		return errors.New("fleet: servers, clusters and accounts must be 1 or more, connections and skewed 0 or more")
	case z.Lines < 0 || z.MaxPending != 0 && z.MaxPending < server.MAX_PENDING_SIZE:
		return errors.New("fleet: lines must be 0 or more, max pending 0 or at least 64 MiB, which replies may take")
	case z.Clusters > z.Servers:
		return fmt.Errorf("fleet: %d clusters need as many servers, there are %d", z.Clusters, z.Servers)
	case z.Skewed > z.Accounts:
		return fmt.Errorf("fleet: %d of %d accounts can't be skewed", z.Skewed, z.Accounts)
	case z.Servers > 60_000 || z.Accounts > 10_000_000 || int64(z.Connections) > 1<<31:
		return errors.New("fleet: more than 60,000 servers, 10 million accounts or 2^31 connections")
	}
	return nil
}

// newModel deals accounts and connections to servers.
func newModel(z Size, now time.Time) (*model, error) {
	if err := z.check(); err != nil {
		return nil, err
	}
	m := &model{size: z, now: now.UTC()}
	rng := rand.New(rand.NewPCG(uint64(z.Seed), 0x666c656574)) //nolint:gosec // a lab's data, not a secret
	if err := m.makeServers(rng); err != nil {
		return nil, err
	}
	if err := m.makeAccounts(rng); err != nil {
		return nil, err
	}
	if err := m.deal(rng); err != nil {
		return nil, err
	}
	for k := range m.clusters {
		// Exporters and the like are connected to the system account of one server.
		s := m.servers[m.clusters[k].servers[0]]
		s.rows = append(s.rows, row{account: m.system(), conns: 1})
		m.clusters[k].accounts = append(m.clusters[k].accounts, m.system(), m.global())
	}
	for _, s := range m.servers {
		m.finish(s)
	}
	return m, nil
}

// finish numbers the slots of a server and adds up its connections.
func (m *model) finish(s *simServer) {
	n := uint32(0)
	for i := range s.rows {
		r := &s.rows[i]
		r.first = n
		n += r.conns + r.leafs
		s.clients += int(r.conns)
		s.leafs += int(r.leafs)
	}
	s.step, s.back = stride(uint64(n), mix(uint64(m.size.Seed)+uint64(s.index)))
	// Limits are the operators' choice, one a cluster; never below what is there.
	s.maxConn = []int{65536, 65536, 10000, 4096}[s.cluster%4]
	for s.maxConn < s.clients+s.clients/4 {
		s.maxConn *= 2
	}
}

// makeServers names servers and clusters; clusters differ by one server at most.
func (m *model) makeServers(rng *rand.Rand) error {
	regions := []string{"us-east", "eu-west", "ap-south", "us-west", "eu-north", "sa-east"}
	z := m.size
	m.servers = make([]*simServer, 0, z.Servers)
	for k := range z.Clusters {
		n := z.Servers / z.Clusters
		if k < z.Servers%z.Clusters {
			n++
		}
		region := regions[k%len(regions)]
		c := cluster{name: fmt.Sprintf("%s-%02d", region, k/len(regions)+1)}
		booted := m.now.Add(-time.Duration(rng.Int64N(int64(60*24*time.Hour))) - 26*time.Hour)
		for i := range n {
			id, err := newKey(rng, nkeys.PrefixByteServer)
			if err != nil {
				return err
			}
			g := len(m.servers)
			c.servers = append(c.servers, g)
			m.servers = append(m.servers, &simServer{
				index: g, id: id, name: fmt.Sprintf("%s-n%02d", c.name, i+1),
				// Auditors may dial what is advertised: all of it is loopback.
				host: fmt.Sprintf("127.%d.%d.%d", 100+k%100, g/250, 1+g%250), port: 4222,
				cluster: k,
				tags:    jwt.TagList{"region:" + region, "az:" + string(rune('a'+i%3))},
				// Rolling restarts: minutes apart.
				start: booted.Add(time.Duration(i) * (2*time.Minute + time.Duration(rng.Int64N(int64(time.Minute))))),
			})
		}
		m.clusters = append(m.clusters, c)
	}
	return nil
}

// makeAccounts names accounts as operator mode does: nkey and a name tag.
func (m *model) makeAccounts(rng *rand.Rand) error {
	what := []string{"orders", "payments", "inventory", "telemetry", "checkout", "billing", "edge-ingest", "search",
		"notifications", "fleet-tracking", "ml-features", "audit-log"}
	env := []string{"prod", "staging", "dev", "prod-eu", "prod-us"}
	m.accounts = make([]Account, 0, m.size.Accounts+2)
	m.byID = make(map[string]int32, m.size.Accounts+2)
	for i := range m.size.Accounts {
		id, err := newKey(rng, nkeys.PrefixByteAccount)
		if err != nil {
			return err
		}
		m.accounts = append(m.accounts, Account{ID: id,
			Name: fmt.Sprintf("%s-%s-%05d", what[rng.IntN(len(what))], env[rng.IntN(len(env))], i)})
	}
	m.accounts = append(m.accounts, Account{lab.SystemAccount, lab.SystemAccount},
		Account{globalAccount, globalAccount})
	for i, a := range m.accounts {
		m.byID[a.ID] = int32(i)
	}
	return nil
}

// newKey is a public nkey of a kind: 56 characters, checksum right, owned by nobody.
func newKey(rng *rand.Rand, kind nkeys.PrefixByte) (string, error) {
	var raw [32]byte
	for i := range raw {
		raw[i] = byte(rng.Uint32())
	}
	b, err := nkeys.Encode(kind, raw[:])
	return string(b), err
}

// deal spreads the connections: skewed accounts first, the rest by weight.
func (m *model) deal(rng *rand.Rand) error {
	z := m.size
	conns := make([]int, z.Accounts)
	left := z.Connections
	order := rng.Perm(z.Accounts) // skewed accounts are anywhere in the list
	for _, a := range order[:z.Skewed] {
		conns[a] = skewedMin + rng.IntN(40)
		left -= conns[a]
	}
	if left < 0 {
		return fmt.Errorf("fleet: %d connections are too few for %d skewed accounts: allow %d each",
			z.Connections, z.Skewed, skewedMin+40)
	}
	m.weigh(rng, conns, order[z.Skewed:], left)
	skewed := make([]bool, z.Accounts)
	for _, a := range order[:z.Skewed] {
		skewed[a] = true
	}
	for a := range conns { // ascending, so that the rows are too
		if skewed[a] {
			m.dealSkewed(rng, int32(a), conns[a])
		} else {
			m.dealEvenly(rng, int32(a), conns[a])
		}
	}
	return nil
}

// weigh shares out left connections: most accounts are alike, a few are big.
func (m *model) weigh(rng *rand.Rand, conns []int, accounts []int, left int) {
	if len(accounts) == 0 {
		return
	}
	w, sum := make([]float64, len(accounts)), 0.0
	for i := range w {
		switch p := rng.Float64(); {
		case p < 0.90:
			w[i] = 0.6 + 0.6*rng.Float64()
		case p < 0.995:
			w[i] = 1.2 + 1.5*rng.Float64()
		default:
			w[i] = 4 + 8*rng.Float64()
		}
		sum += w[i]
	}
	rest := left
	for i, a := range accounts {
		conns[a] = int(float64(left) * w[i] / sum)
		rest -= conns[a]
	}
	for i := 0; rest > 0; i++ {
		conns[accounts[i%len(accounts)]]++
		rest--
	}
}

// dealEvenly puts an account into as many clusters as it takes to have few
// connections a server, and spreads it so that no server has over 70% by chance.
func (m *model) dealEvenly(rng *rand.Rand, a int32, conns int) {
	per := len(m.servers) / len(m.clusters)
	k := (conns + per - 1) / per
	if k > 1 && rng.IntN(100) < 30 {
		k-- // some are denser
	}
	k = max(1, min(k, maxClusters, len(m.clusters)))
	var list []int
	for _, c := range m.pickClusters(rng, k) {
		list = append(list, m.clusters[c].servers...)
		m.clusters[c].accounts = append(m.clusters[c].accounts, a)
	}
	n := len(list)
	rows := make([]row, n)
	for i := range rows {
		rows[i] = row{account: a, conns: uint32(conns / n)}
	}
	step, _ := stride(uint64(n), rng.Uint64())
	at := rng.Uint64() % uint64(n)
	for range conns % n {
		rows[at].conns++
		at = (at + step) % uint64(n)
	}
	for i := 0; i+1 < n; i += 2 { // a third at most moves to a neighbour: still far from 70%
		d := uint32(rng.IntN(conns/n/3 + 1))
		rows[i].conns -= d
		rows[i+1].conns += d
	}
	if rng.IntN(100) < 8 {
		for range 1 + rng.IntN(3) {
			rows[rng.IntN(n)].leafs++
		}
	}
	m.add(list, rows)
}

// dealSkewed puts an account into one cluster with over 70% on one server.
func (m *model) dealSkewed(rng *rand.Rand, a int32, conns int) {
	c := rng.IntN(len(m.clusters))
	for i := 0; i < len(m.clusters) && len(m.clusters[c].servers) < 3; i++ {
		c = (c + 1) % len(m.clusters) // a finding takes 3 servers; small fleets may have none
	}
	list := m.clusters[c].servers
	m.clusters[c].accounts = append(m.clusters[c].accounts, a)
	rows := make([]row, len(list))
	for i := range rows {
		rows[i].account = a
	}
	on := max(conns*(75+rng.IntN(25))/100, conns*7/10+1)
	hot := rng.IntN(len(list))
	rows[hot].conns = uint32(on)
	for i := range conns - on {
		others := max(1, len(list)-1)
		rows[(hot+1+i%others)%len(list)].conns++
	}
	m.add(list, rows)
	m.skewed = append(m.skewed, Skew{Account: m.accounts[a].ID, Cluster: m.clusters[c].name,
		Server: m.servers[list[hot]].id, Connections: conns, OnServer: int(rows[hot].conns)})
}

// pickClusters returns k different clusters, ascending.
func (m *model) pickClusters(rng *rand.Rand, k int) []int {
	var picked []int
	for len(picked) < k {
		if c := rng.IntN(len(m.clusters)); !slices.Contains(picked, c) {
			picked = append(picked, c)
		}
	}
	sort.Ints(picked)
	return picked
}

// add gives each server its row, unless there is nothing on it.
func (m *model) add(list []int, rows []row) {
	for i, s := range list {
		if rows[i].conns+rows[i].leafs > 0 {
			m.servers[s].rows = append(m.servers[s].rows, rows[i])
		}
	}
}

// newStranger is the server of Foreign, encoded.
func (m *model) newStranger() (*simServer, error) {
	like := m.servers[0]
	rng := rand.New(rand.NewPCG(uint64(m.size.Seed), 0x7374)) //nolint:gosec // a lab's data, not a secret
	id, err := newKey(rng, nkeys.PrefixByteServer)
	if err != nil {
		return nil, err
	}
	s := &simServer{index: len(m.servers), id: id, name: "stranger", host: "127.99.0.1", port: like.port,
		cluster: like.cluster, tags: like.tags, start: like.start, rows: []row{{account: 0, conns: 1000}}}
	m.finish(s)
	m.encode(s, &packer{}, newAccountStat(), nil)
	return s, nil
}
