package wire

import (
	"encoding/json"
	"time"
)

const (
	// What is kept of what a server says of itself.
	mostConnectURLs   = 1000
	longestConnectURL = 300 // a host name has 253 bytes at most, RFC 1035
)

// Varz is what a server says of itself. What another version of it has in
// another kind of value counts as not reported.
type Varz struct {
	From Server
	// System is the id of the system account.
	System string
	// Start and Now are by the server's clock; zero where not reported.
	Start, Now time.Time
	// Connections are of clients of all accounts; nil where not reported.
	Connections, Leafnodes *int
	// MaxConnections is nil where the server has no limit.
	MaxConnections *int
	// Gateway is whether the server has gateways.
	Gateway bool
	// Config is nil where not all of it can be read: what is not known must not
	// look like what is not there. So is Load.
	Config *Config
	Load   *Load
}

// Config is how clients get to a server. A port is 0 where there is none.
type Config struct {
	Host                            string
	Port, WebSocket, MQTT, Leafnode int
	TLS                             bool // required
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
	var m members
	if err := json.Unmarshal(data, &m); err != nil {
		return Varz{From: from}, Malformed(err)
	}
	v := Varz{
		From: from, System: value[string](m, "system_account"), Start: value[time.Time](m, "start"), Now: value[time.Time](m, "now"),
		Connections: m.count("connections"), Leafnodes: m.count("leafnodes"),
		Config: configOf(data), Load: loadOf(data),
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

func configOf(data []byte) *Config {
	type listener struct {
		Port  int  `json:"port"`
		NoTLS bool `json:"no_tls"`
	}
	var v struct {
		Host        string   `json:"host"`
		Port        int      `json:"port"`
		TLS         bool     `json:"tls_required"`
		ConnectURLs []string `json:"connect_urls"`
		Tags        []string `json:"tags"`
		MQTT        listener `json:"mqtt"`
		WebSocket   listener `json:"websocket"`
		Leafnode    listener `json:"leaf"`
	}
	if json.Unmarshal(data, &v) != nil {
		return nil
	}
	c := &Config{
		Port: port(v.Port), WebSocket: port(v.WebSocket.Port), MQTT: port(v.MQTT.Port), Leafnode: port(v.Leafnode.Port),
		TLS: v.TLS, WebSocketPlain: v.WebSocket.NoTLS,
		ConnectURLs: fitting(v.ConnectURLs, mostConnectURLs, longestConnectURL), Tags: fitting(v.Tags, mostTags, longestText),
	}
	if len(v.Host) <= longestConnectURL {
		c.Host = v.Host
	}
	return c
}

// port is 0 where it is none.
func port(n int) int {
	if n < 0 || n > 65535 {
		return 0
	}
	return n
}

func loadOf(data []byte) *Load {
	var v struct {
		Slow  int64   `json:"slow_consumers"`
		CPU   float64 `json:"cpu"`
		Cores int     `json:"cores"`
		Procs int     `json:"gomaxprocs"`
	}
	if json.Unmarshal(data, &v) != nil {
		return nil
	}
	l := &Load{SlowConsumers: v.Slow, CPU: v.CPU, Processors: max(1, v.Cores)}
	if v.Procs > 0 {
		l.Processors = v.Procs
	}
	return l
}
