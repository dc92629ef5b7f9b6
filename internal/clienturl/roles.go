package clienturl

import (
	"slices"
	"strings"
)

// heading is where settings stand: the keys above them, the outermost first, and
// what they say of themselves.
type heading struct {
	path []string
	// nats: a setting beside them says that they are of NATS, as "type: nats".
	// mqtt: the same for MQTT.
	nats, mqtt bool
}

// under returns the heading of what is under one more key.
func (h heading) under(key string) heading {
	return heading{path: append(slices.Clone(h.path), key)}
}

// otherSystem reports whether a word is of what is not NATS: what is under it is
// another system's, whatever stands above.
func otherSystem(word string) bool {
	switch word {
	case "redis", "kafka", "postgres", "postgresql", "mysql", "mariadb", "mongo", "mongodb", "rabbitmq", "amqp", "http", "https", "grpc",
		"elasticsearch", "opensearch", "cassandra", "etcd", "consul", "vault", "smtp", "ldap", "sentry", "otel", "otlp", "jaeger",
		"zipkin", "influx", "influxdb", "clickhouse", "memcached", "zookeeper", "pulsar", "s3", "minio", "database", "db", "proxy":
		return true
	}
	return false
}

// notAClient reports whether the keys, the nearest first, are of addresses that
// no client connects to: links between servers, monitoring, listeners.
func notAClient(keys []string) bool {
	for i, key := range keys {
		w := words(key)
		for _, word := range w {
			switch word {
			case "monitor", "monitoring", "metrics", "exporter", "varz", "healthz", "prometheus", "health", "probe":
				if i == 0 || len(w) == 1 {
					return true
				}
			case "route", "routes", "leafnode", "leafnodes":
				// A service may be called routes: only what is just below it counts.
				return true
			case "listen", "listener", "bind", "advertise":
				if i == 0 {
					return true
				}
			}
		}
		if slices.Contains(w, "remotes") || slices.Contains(w, "gateways") || slices.Contains(w, "leaf") && slices.Contains(w, "remote") {
			return true
		}
		flag, isFlag := strings.CutPrefix(strings.ToLower(key), "-")
		if flag = strings.TrimPrefix(flag, "-"); isFlag && (flag == "cluster" || flag == "cluster_listen" || flag == "cluster_advertise") {
			return true // of nats-server
		}
		switch flag {
		case "", "url", "urls", "name", "account", "credentials", "tls", "value":
		default:
			if i > 0 || len(w) != 1 || !isServerWord(w[0]) {
				return false
			}
		}
	}
	return false
}

// saysNATS reports whether a key has the word nats.
func saysNATS(key string) bool {
	w := words(key)
	return slices.Contains(w, "nats") || slices.Contains(w, "jetstream")
}

func saysMQTT(key string) bool { return slices.Contains(words(key), "mqtt") }

// natsAbove reports whether the keys above say that this is of NATS. Three
// levels count, and none above another system's name.
func (h heading) natsAbove(levels int) bool {
	if h.nats {
		return true
	}
	for i := len(h.path) - 1; i >= 0 && len(h.path)-i <= levels; i-- {
		if saysNATS(h.path[i]) {
			return true
		}
		if slices.ContainsFunc(words(h.path[i]), otherSystem) {
			return false
		}
	}
	return false
}

// isNATS reports whether a setting is one of NATS, by its key or what is above.
func (h heading) isNATS(key string, levels int) bool {
	if saysNATS(key) {
		return true
	}
	return !slices.ContainsFunc(words(key), otherSystem) && h.natsAbove(levels)
}

func (h heading) isMQTT(key string) bool {
	return h.mqtt || saysMQTT(key) || slices.ContainsFunc(h.path[max(0, len(h.path)-2):], saysMQTT)
}

// notAClient reports whether the setting is one of servers among themselves.
func (h heading) notAClient(key string) bool {
	keys := []string{key}
	for i := len(h.path) - 1; i >= 0; i-- {
		keys = append(keys, h.path[i])
	}
	return notAClient(keys)
}

// stem is a key's words without those that say what kind of value it has.
func stem(key string) []string {
	if flag, found := strings.CutPrefix(key, "-"); found && len(flag) == 1 {
		return nil // as -s of `nats`
	}
	w := words(key)
	for len(w) > 0 && (isServerWord(w[len(w)-1]) || isDetail(w[len(w)-1])) {
		w = w[:len(w)-1]
	}
	return w
}

// isDetail reports whether a word at a key's end says what kind of value it has.
func isDetail(word string) bool {
	switch word {
	case "port", "user", "username", "login", "creds", "credentials", "credential", "file", "path", "jwt", "name", "client", "id", "list",
		"no", "dont", "randomize", "norandomize", "connection", "conn", "ip", "ips", "scheme", "protocol", "token", "auth":
		return true
	}
	return strings.TrimLeft(word, "0123456789") == ""
}

// holdsServers reports whether a key is of server addresses: sure where its last
// word says so, and otherwise where any does.
func holdsServers(key string) (sure, perhaps bool) {
	w := words(key)
	for len(w) > 1 && (w[len(w)-1] == "list" || strings.TrimLeft(w[len(w)-1], "0123456789") == "") {
		w = w[:len(w)-1]
	}
	if len(w) == 0 {
		return false, false
	}
	last := w[len(w)-1]
	return isServerWord(last) || last == "ip" || last == "ips", slices.ContainsFunc(w, isServerWord)
}

// keepsOrderKey reports whether a key is that of the option that switches
// randomizing off, in the spelling of any client.
func keepsOrderKey(key string) bool {
	flat := strings.Join(words(key), "")
	return strings.Contains(flat, "norandomize") || strings.Contains(flat, "dontrandomize") || strings.Contains(flat, "retainserversorder")
}

func isYes(value string) bool {
	switch strings.ToLower(strings.TrimSpace(value)) {
	case "true", "yes", "on", "1", "y", "t":
		return true
	}
	return false
}

func isNo(value string) bool {
	switch strings.ToLower(strings.TrimSpace(value)) {
	case "false", "no", "off", "0", "n", "f":
		return true
	}
	return false
}
