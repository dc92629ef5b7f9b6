package checks

import (
	"testing"
)

// TestEmptyServers: one with less than a quarter of the average, where that is no
// chance and no missing server decides it.
func TestEmptyServers(t *testing.T) {
	t.Parallel()
	bound := 5
	for _, c := range []struct {
		name    string
		counts  []uint32
		missing []Missing
		details map[int]*Details
		spoken  map[string]int
		want    int
	}{
		{name: "it joined", counts: []uint32{82, 82, 82, 0}, want: 1},
		{name: "a few", counts: []uint32{82, 82, 20}, want: 0},
		{name: "less than a quarter", counts: []uint32{82, 82, 14}, want: 1},
		{name: "exactly a quarter", counts: []uint32{11, 11, 2}, want: 0},
		{name: "too few to tell", counts: []uint32{5, 6, 0}, want: 0},
		{name: "enough to tell", counts: []uint32{6, 6, 0}, want: 1},
		{name: "nobody", counts: []uint32{0, 0, 0}, want: 0},
		{name: "a missing server of the cluster only raises the average", counts: []uint32{82, 82, 0}, missing: []Missing{{Cluster: "C1", ClusterKnown: true}}, want: 1},
		{name: "missing servers that may lower it", counts: []uint32{20, 20, 2}, missing: []Missing{{Bound: &bound}, {Bound: &bound}, {Bound: &bound}}, want: 0},
		{name: "no listener for MQTT, which all others have", counts: []uint32{82, 82, 0}, details: map[int]*Details{0: {MQTT: 1883}, 1: {MQTT: 1883}, 2: {}}, want: 0},
		{name: "and half of the clients need none", counts: []uint32{82, 82, 0}, details: map[int]*Details{0: {MQTT: 1883}, 1: {MQTT: 1883}, 2: {}}, spoken: map[string]int{"mqtt": 82, "nats": 82}, want: 1},
		{name: "and few of the clients need none", counts: []uint32{82, 82, 5}, details: map[int]*Details{0: {MQTT: 1883}, 1: {MQTT: 1883}, 2: {}}, spoken: map[string]int{"mqtt": 109, "nats": 60}, want: 0},
		{name: "and the clients need another that it lacks", counts: []uint32{82, 82, 0}, details: map[int]*Details{0: {MQTT: 1883, WebSocket: 80}, 1: {MQTT: 1883}, 2: {}}, spoken: map[string]int{"mqtt": 82, "websocket": 82}, want: 0},
		{name: "a tag", counts: []uint32{82, 82, 0}, details: map[int]*Details{2: {Tags: []string{"Maintenance"}}}, want: 0},
		{name: "a zone", counts: []uint32{82, 82, 0}, details: map[int]*Details{2: {Tags: []string{"az:c"}}}, want: 1},
	} {
		d := &Deployment{Accounts: []Account{{ID: "A", Name: "A"}}, Missing: c.missing}
		for i, n := range c.counts {
			d.Servers = append(d.Servers, Server{ID: string(rune('1' + i)), Name: "n" + string(rune('1'+i)), Cluster: "C1", Usage: []Usage{{Connections: n}}, Details: c.details[i]})
		}
		got := EmptyServers(d, ClientConnections().Defaults(), Spoken{"C1": c.spoken})
		if len(got) != c.want {
			t.Errorf("%s: %+v, want %d", c.name, got, c.want)
		}
		if len(got) == 1 && (got[0].Server.ID != string(rune('0'+len(c.counts))) || got[0].Cluster != "C1") {
			t.Errorf("%s: %+v", c.name, got)
		}
	}
}
