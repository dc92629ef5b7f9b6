package wire

import "time"

const (
	// What is kept of what a server says of itself.
	mostConnectURLs   = 1000
	longestConnectURL = 300 // a host name has 253 bytes at most, RFC 1035
	// What is kept of what its configuration names.
	mostRoutes, mostGateways = 1000, 1000
)

// Varz is what a server says of itself. What another version of it has in
// another kind of value counts as not reported.
type Varz struct {
	From Server
	// Version is that of nats-server; empty where not reported.
	Version string
	// System is the id of the system account.
	System string
	// Start, Now and Loaded, when it loaded its configuration last, are by the server's
	// clock; zero where not reported.
	Start, Now, Loaded time.Time
	// Connections are of clients of all accounts; nil where not reported.
	Connections, Leafnodes *int
	// MaxConnections is nil where the server has no limit.
	MaxConnections *int
	// Gateway reports whether the server has gateways.
	Gateway bool
	// Config is nil where not all of it can be read: what is not known must not
	// look like what is not there. So is Load.
	Config *Config
	Load   *Load
	// Links is what its configuration names of other servers; nil where that can't
	// be read.
	Links *ConfiguredLinks
}

// ConfiguredLinks are the routes and gateways that a server is configured with,
// whether or not somebody is at the other end.
type ConfiguredLinks struct {
	Host     string   // where it listens for routes; empty where that is not reported
	Port     int      // 0 where it does not
	Routes   []string // host:port of each, its own among them or not
	Clusters []string // names of the clusters of its gateways
}

// Config is how clients get to a server. A port is 0 where there is none.
type Config struct {
	Host                            string
	Port, WebSocket, MQTT, Leafnode int
	TLS                             bool // required
	Verify                          bool // clients must show a certificate
	Certificate                     bool // it says until when its certificate for clients is valid
	WebSocketPlain                  bool // without TLS
	ConnectURLs                     []string
	Tags                            []string
}

// Load is how a server does.
type Load struct {
	SlowConsumers int64
	CPU           float64 // percent of one processor
	Processors    int     // that it may use, 1 at least
}

// DecodeVarz reads a VARZ.
func DecodeVarz(body []byte) (Varz, error) {
	from, data, err := split(body)
	if err != nil {
		return Varz{From: from}, err
	}
	m, err := membersOf(data, "version", "system_account", "start", "now", "config_load_time", "connections", "leafnodes", "max_connections",
		"gateway", "server_name", "cluster", "host", "port", "tls_required", "tls_verify", "tls_cert_not_after", "connect_urls", "tags", "mqtt", "websocket", "leaf",
		"slow_consumers", "cpu", "cores", "gomaxprocs")
	if err != nil {
		return Varz{From: from}, asMalformed(err)
	}
	v := Varz{
		From: from, Version: value[string](m, "version"), System: value[string](m, "system_account"), Start: plausible(value[time.Time](m, "start")), Now: plausible(value[time.Time](m, "now")),
		Loaded:      plausible(value[time.Time](m, "config_load_time")),
		Connections: m.count("connections"), Leafnodes: m.count("leafnodes"),
		Config: configOf(m), Load: loadOf(m), Links: linksOf(m),
	}
	if limit := m.count("max_connections"); limit != nil && *limit > 0 {
		v.MaxConnections = limit
	}
	type named struct {
		Name string `json:"name"`
	}
	gateway := value[named](m, "gateway").Name
	v.Gateway = gateway != ""
	if !isPage(body, data) {
		return v, nil
	}
	v.From.Name, v.From.Host = value[string](m, "server_name"), value[string](m, "host")
	v.From.Cluster = value[named](m, "cluster").Name
	leaf := value[struct {
		Remotes []struct{} `json:"remotes"`
	}](m, "leaf")
	switch {
	case gateway != "":
		v.From.Cluster = gateway
	case v.From.Cluster == "" && len(leaf.Remotes) > 0:
		// Elsewhere nats-server names the cluster of such a leaf as the leaf.
		v.From.Cluster = v.From.Name
	}
	return v, nil
}

func configOf(m members) *Config {
	type listener struct {
		Port  int  `json:"port"`
		NoTLS bool `json:"no_tls"`
	}
	var (
		host                      string
		own                       int
		tls                       bool
		urls, tags                []string
		mqtt, websocket, leafnode listener
	)
	if !m.read("host", &host) || !m.read("port", &own) || !m.read("tls_required", &tls) || !m.read("connect_urls", &urls) || !m.read("tags", &tags) ||
		!m.read("mqtt", &mqtt) || !m.read("websocket", &websocket) || !m.read("leaf", &leafnode) {
		return nil
	}
	c := &Config{
		Port: port(own), WebSocket: port(websocket.Port), MQTT: port(mqtt.Port), Leafnode: port(leafnode.Port),
		TLS: tls, Verify: value[bool](m, "tls_verify"), Certificate: !value[time.Time](m, "tls_cert_not_after").IsZero(), WebSocketPlain: websocket.NoTLS,
		ConnectURLs: fitting(urls, mostConnectURLs, longestConnectURL), Tags: fitting(tags, mostTags, longestText),
	}
	if len(host) <= longestConnectURL {
		c.Host = host
	}
	return c
}

func linksOf(m members) *ConfiguredLinks {
	var cluster struct {
		Host string   `json:"addr"`
		Port int      `json:"cluster_port"`
		URLs []string `json:"urls"`
	}
	var gateway struct {
		Gateways []struct {
			Name string `json:"name"`
		} `json:"gateways"`
	}
	if !m.read("cluster", &cluster) || !m.read("gateway", &gateway) {
		return nil
	}
	l := &ConfiguredLinks{Port: port(cluster.Port), Routes: fitting(cluster.URLs, mostRoutes, longestConnectURL)}
	if len(cluster.Host) <= longestConnectURL {
		l.Host = cluster.Host
	}
	for _, g := range gateway.Gateways {
		l.Clusters = append(l.Clusters, g.Name)
	}
	l.Clusters = once(fitting(l.Clusters, mostGateways, longestConnectURL))
	return l
}

// port is 0 where it is none.
func port(n int) int {
	if n < 0 || n > 65535 {
		return 0
	}
	return n
}

func loadOf(m members) *Load {
	var l Load
	var cores, procs int
	if !m.read("slow_consumers", &l.SlowConsumers) || !m.read("cpu", &l.CPU) || !m.read("cores", &cores) || !m.read("gomaxprocs", &procs) {
		return nil
	}
	l.Processors = max(1, cores)
	if procs > 0 {
		l.Processors = procs
	}
	return &l
}
