package cause

import (
	"strings"
	"testing"
)

// TestStem has names as they are in the wild, by what made them.
func TestStem(t *testing.T) {
	t.Parallel()
	for name, want := range map[string]string{
		// Plain names stay.
		"": "", "\x1b[31mRED\x07": "\x1b[31mRED\x07", "<v2>": "<v2>", "<gw-3>": "gw", "orders-api": "orders-api", "orders-worker": "orders-worker", "Payment Service": "Payment Service",
		"com.acme.orders.Api": "com.acme.orders.Api", "api-https": "api-https", "über-dienst": "über-dienst", "proxy": "proxy",
		"nginx": "nginx", "worker-nginx": "worker-nginx", "benthos": "benthos", "internationalization-service": "internationalization-service",
		// Logins of URLs go first: who prints a name knows them by their @.
		"nats://u:SeCrEt@h": "nats://h", "svc nats://u:SeCrEt@h.example": "svc nats://h.example", "app|nats://TOKEN@nats-hub": "app|nats://nats-hub",
		"orders@nats://u:SeCrEt@h": "orders", "nats://a:b@c@d": "nats://d",
		// Pods of deployments, stateful sets, jobs, daemon sets and cron jobs.
		"orders-api-7f9c6d5b8-x2x9q": "orders-api", "orders-api-5d4f8c7b9d-abcde": "orders-api-abcde",
		"orders-worker-6b8f9c7d5-zk4tp": "orders-worker", "shop/orders-api-7f9c6d5b8-x2x9q": "shop/orders-api",
		"web-1234567890-x2x9q": "web", "orders-0": "orders", "nats-consumer-12": "nats-consumer",
		"import-x2x9q": "import", "agent-vvwzk": "agent", "report-28391820-x2x9q": "report", "report-28391820": "report",
		// Counters.
		"gw-0": "gw", "gw-149": "gw", "worker_12": "worker", "worker 7": "worker", "worker#3": "worker", "web01": "web",
		"shard1-api-0": "shard1-api", "shard2-api-7f9c6d5b8-x2x9q": "shard2-api", "fraud7-engine_12": "fraud7-engine", "pay-eu1": "pay-eu1", "pay-eu1-3": "pay-eu1",
		"orders-dc2-7f9c6d5b8-x2x9q": "orders-dc2", "web01-api-3": "web-api", "worker3-7": "worker", "sensor17-temp": "sensor-temp", "sensor17-temp-550e8400-e29b-41d4-a716-446655440000": "sensor17-temp",
		"gw-3-eu": "gw-eu", "orders.12.consumer": "orders.consumer", "svc[4711]": "svc", "svc (4711)": "svc",
		// Versions are not instances.
		"orders-v2": "orders-v2", "etl/1.4.2": "etl/1.4.2", "etl-1.4.2-7": "etl-1.4.2", "orders-v2-3": "orders-v2",
		"nats.go-1.35": "nats.go-1.35", "oauth2-proxy": "oauth2-proxy", "oauth2": "oauth2", "s3": "s3", "x86": "x86",
		"NATS CLI Version 0.5.1": "NATS CLI", "NATS CLI Version development": "NATS CLI Version development",
		// UUIDs, long hexadecimal numbers, NUIDs, ULIDs.
		"orders-550e8400-e29b-41d4-a716-446655440000": "orders", "550e8400-e29b-41d4-a716-446655440000": "",
		"orders_3f2a9bc41d7e": "orders", "mosq-5XrnD2Qb6Nz8tK1a9L": "mosq", "orders-Xq3J0l0KmHyJ5oUSqCdvXJ": "orders",
		"01ARZ3NDEKTSV4RRFFQ69G5FAV": "", "mqttx_0bea1f2c": "mqttx",
		// Hosts, addresses, processes.
		"web-01.example:12345": "web.example", "orders:4711": "orders", "orders@web-01.example.com": "orders",
		"orders-10.1.2.3": "orders", "ip-10-1-2-3": "", "orders-ip-10-1-2-3": "orders",
		"ip-10-0-1-23.ec2.internal": "", "ip-10-0-1-23.eu-central-1.compute.internal": "", "orders-ip-10-0-1-23.ec2.internal": "orders",
		"i-0abc1234def567890": "", "i-12345678": "", "orders-i-0abc1234def567890": "orders", "i-orders": "i-orders", "ip-10-0-1-23.example.com": "example.com",
		"sensor-00:1A:2B:3C:4D:5E": "sensor",
		"orders-pid-4711":          "orders", "orders-pid4711": "orders",
		// MQTT client ids.
		"ESP32-A4CF12B9": "ESP32", "sensor_0042": "sensor", "paho1234567890": "paho",
	} {
		if got := Stem(name); got != want {
			t.Errorf("%q: %q, want %q", name, got, want)
		}
	}
}

// TestStemGroupsInstances has what is one service, and what is two.
func TestStemGroupsInstances(t *testing.T) {
	t.Parallel()
	stems := map[string]int{}
	for i := range 150 {
		stems[Stem("gw-"+strings.Repeat("0", i%2)+string(rune('0'+i%10)))]++
	}
	if len(stems) != 1 {
		t.Errorf("gw-0 to gw-149 are %v", stems)
	}
	if Stem("orders-api-0") == Stem("orders-worker-0") {
		t.Error("orders-api and orders-worker are one service")
	}
}

func FuzzStem(f *testing.F) {
	for _, seed := range []string{"", "-", "a-b-c", "orders-api-7f9c6d5b8-x2x9q", "1.2.3.4", "v1.2.3.4.5", "version 1", "@", "\xff-1", "--1--"} {
		f.Add(seed)
	}
	f.Fuzz(func(t *testing.T, name string) {
		stem := Stem(name)
		if len(stem) > len(name) {
			t.Errorf("%q has the longer stem %q", name, stem)
		}
	})
}
